//! For how long a stall has lasted, as the kernel's own detectors say.

use std::ops::RangeInclusive;

/// The seconds for which a stall has lasted when a report of it claims so: `stuck for 22s!`, `blocked for more than 120 seconds`,
/// `page allocation stalls for 10016ms`. Of a soft lockup, about: it began between two ticks of its watchdog.
pub fn claimed_s(report: &str) -> Option<f64> {
    /// Half of the default period of 4 s.
    const HALF_PERIOD_S: f64 = 2.0;
    let printed_s = printed_s(report)?;
    let tick_s = if report.contains(SOFT_LOCKUP) { (printed_s * PERIOD / 2.0).min(HALF_PERIOD_S) } else { 0.0 };
    Some(printed_s - tick_s)
}

/// The seconds for which a stall has lasted at least and at most when a report of it claims some. `None` where a report claims
/// nothing.
///
/// khungtaskd counts from the check that first met the task blocked, and checks once a timeout or more often, so that up to as much
/// may have passed before (`kernel/hung_task.c`, `task_is_hung()`, `watchdog()`). A CPU touches its watchdog in every period, and
/// may have gone on for as long after that. Both print whole seconds.
pub fn claimed_range_s(report: &str) -> Option<RangeInclusive<f64>> {
    let printed_s = printed_s(report)?;
    if report.contains(SOFT_LOCKUP) {
        return Some((printed_s - WATCHDOG_S) * (1.0 - PERIOD)..=printed_s + WATCHDOG_S);
    }
    let before_s = if report.contains(" for more than ") { printed_s } else { 0.0 };
    Some(printed_s..=printed_s + before_s + 1.0)
}

const SOFT_LOCKUP: &str = "soft lockup";

/// The watchdog of soft lockups counts in 2^30 ns (`kernel/watchdog.c`, `get_timestamp()`).
const WATCHDOG_S: f64 = (1_u64 << 30) as f64 / 1e9;

/// The period of that watchdog, of its threshold (`kernel/watchdog.c`, `set_sample_period()`).
const PERIOD: f64 = 0.2;

/// What a report prints, in seconds.
fn printed_s(report: &str) -> Option<f64> {
    const MARKS: [&str; 4] =
        ["stuck for ", "for more than ", "page allocation stalls for ", "page allocation stall for "];
    let after = MARKS.iter().find_map(|mark| Some(report.split_once(mark)?.1))?;
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    let count: f64 = after[..digits].parse().ok().filter(|count| *count > 0.0)?;
    Some(match &after[digits..] {
        unit if unit.starts_with("ms") => count / 1e3,
        _ if report.contains(SOFT_LOCKUP) => count * WATCHDOG_S,
        _ => count,
    })
}

/// The age of a stalled RCU grace period, which the kernel prints in jiffies (`kernel/rcu/tree_stall.h`).
#[derive(Debug, Clone, PartialEq)]
pub struct StallAge {
    /// Jiffies since the grace period began.
    pub jiffies: u32,
    /// Its number as printed: the reports of one stall bear the same.
    pub period: Option<String>,
}

/// `(t=5250 jiffies g=-163 q=151 ncpus=2)`, `(detected by 0, t=2102 jiffies, g=57, c=56, q=9)`, of an expedited one
/// `{ 0-... } 5252 jiffies s: 57 root: 0x1/.`; mostly a few lines behind the report's first one, in old kernels in it.
pub fn stall_age(text: &str) -> Option<StallAge> {
    let (before, after) = text.split_once(" jiffies")?;
    let mark = before.trim_end_matches(|c: char| c.is_ascii_digit());
    let jiffies = before[mark.len()..].parse().ok()?;
    // Not how long a kthread starved: it may have been so before.
    let period = if mark.ends_with("t=") {
        after.split_once("g=")
    } else if mark.ends_with("} ") {
        after.split_once("s: ")
    } else {
        return None;
    };
    let number = |text: &str| {
        let end = text.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(text.len());
        text[..end].to_owned()
    };
    Some(StallAge { jiffies, period: period.map(|(_, text)| number(text)) })
}

/// Jiffies per second, out of what a booting kernel prints of its clock source of that name: half of the time, less a margin
/// of 11 %, in which 32 bits of jiffies overflow (`kernel/time/clocksource.c`, `clocks_calc_max_nsecs()`).
pub fn jiffies_per_s(text: &str) -> Option<f64> {
    /// Other widths of the counter would need another sum; no kernel has one.
    const KNOWN: &str = "clocksource: jiffies: mask: 0xffffffff max_cycles: 0xffffffff, max_idle_ns: ";
    /// `CONFIG_HZ` is between 24 (alpha's emulators have 32) and 1200.
    const SANE: std::ops::RangeInclusive<f64> = 24.0..=1200.0;
    let max_idle_ns: u64 = text.strip_prefix(KNOWN)?.split(' ').next()?.parse().ok()?;
    let per_s = f64::from(u32::MAX) * 0.89 / 2.0 * 1e9 / max_idle_ns as f64;
    Some(per_s.round()).filter(|per_s| SANE.contains(per_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_say_how_long_it_has_lasted() {
        for (report, seconds) in [
            ("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]", Some(22.0 * 1.073_741_824 - 2.0)),
            ("hog: page allocation stalls for 10016ms, order:0", Some(10.016)),
            ("hog: page allocation stall for 20 secs: order:3, mode:0xcc0(GFP_KERNEL)", Some(20.0)),
            ("INFO: task sh:17 blocked for more than 120 seconds.", Some(120.0)),
            ("BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!", Some(30.0)),
            ("INFO: task sh:17 blocked for more than 0 seconds.", None),
            ("Watchdog detected hard LOCKUP on cpu 0", None),
        ] {
            assert_eq!(claimed_s(report), seconds, "{report}");
        }
    }

    #[test]
    fn claims_bound_the_beginning() {
        for (report, min_s, max_s) in [
            // Blocked right before a check, or right behind the one before.
            ("INFO: task sh:17 blocked for more than 10 seconds.", 10.0, 21.0),
            ("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]", 18.0, 24.7),
            ("BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!", 30.0, 31.0),
        ] {
            let range = claimed_range_s(report).unwrap();
            assert!((range.start() - min_s).abs() < 0.1 && (range.end() - max_s).abs() < 0.1, "{report}: {range:?}");
        }
        assert_eq!(claimed_range_s("Watchdog detected hard LOCKUP on cpu 0"), None);
    }

    #[test]
    fn stalls_of_rcu_have_an_age_in_jiffies() {
        for (text, age) in [
            ("\t(t=760 jiffies g=-163 q=151 ncpus=2)", Some((760, Some("-163")))),
            ("\t(detected by 0, t=3373 jiffies, g=-171, q=550 ncpus=2)", Some((3373, Some("-171")))),
            (
                "INFO: rcu_sched self-detected stall on CPU { 1}  (t=2100 jiffies g=57 c=56 q=9)",
                Some((2100, Some("57"))),
            ),
            ("INFO: rcu_sched_state detected stall on CPU 0 (t=15000 jiffies)", Some((15000, None))),
            (
                "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 0-... } 5252 jiffies s: 57 root: 0x1/.",
                Some((5252, Some("57"))),
            ),
            ("rcu: rcu_sched kthread starved for 5250 jiffies! g57 f0x0 RCU_GP_WAIT_FQS(5)", None),
            ("rcu: \t0-....: (588 ticks this GP) idle=4794/1/0x4000000000000002 softirq=574/574 fqs=317", None),
            ("t=99999999999 jiffies", None),
        ] {
            let expected =
                age.map(|(jiffies, period)| StallAge { jiffies, period: period.map(|period: &str| period.to_owned()) });
            assert_eq!(stall_age(text), expected, "{text}");
        }
    }

    #[test]
    fn jiffies_are_read_from_the_boot_log() {
        let line = "clocksource: jiffies: mask: 0xffffffff max_cycles: 0xffffffff, max_idle_ns: ";
        for (max_idle_ns, per_s) in [
            ("19112604462750000 ns", Some(100.0)),
            ("7645041785100000 ns", Some(250.0)),
            ("6370867519511994 ns", Some(300.0)),
            ("1911260446275000 ns", Some(1000.0)),
            ("0 ns", None),
            ("many ns", None),
        ] {
            assert_eq!(jiffies_per_s(&format!("{line}{max_idle_ns}")), per_s, "{max_idle_ns}");
        }
        assert_eq!(
            jiffies_per_s("clocksource: tsc: mask: 0xffffffffffffffff max_cycles: 0x1, max_idle_ns: 1 ns"),
            None
        );
    }
}
