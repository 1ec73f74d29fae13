//! The name of what went wrong: the same from boot to boot, so that two nights can be compared.

use super::also;
use super::setup::AGENT_COMM;
use kmsg::functions::Subsystem;
use kmsg::signature::{Classification, Message, Reader, ReportKind};
use model::{AlsoKind, Event, Kind, Outcome, Profile, Subtest, Verdict};

/// Failed subtests that a title or a summary names.
pub(super) const MAX_NAMED: usize = 3;

/// Reads a trial's console, and keeps what names its problem.
#[derive(Debug, Clone, Default)]
pub(super) struct Namer {
    reader: Reader,
    lines: u64,
    profile: Option<Profile>,
}

impl Namer {
    /// Takes the next event, and passes on the messages of a console line. Reports that begin in one are `provoked` if they may be
    /// the lab's doing.
    pub fn observe(&mut self, event: &Event, provoked: bool, on_message: impl FnMut(Message<'_>)) {
        self.reader.set_provoked(provoked);
        if let Event::Line { text } = event {
            self.lines += 1;
            return self.reader.push(self.lines, text, on_message);
        }
        // A console continues a started report immediately.
        self.reader.flush(on_message);
        if let Event::Profile { profile } = event {
            self.profile.get_or_insert_with(|| profile.clone());
        }
    }

    /// The title of a trial with this verdict: that of the kernel's own report where there is one, else the kind and the
    /// function or task that names the problem. `None` where nothing went wrong with the guest's kernel. `fail_on` are the reports that
    /// make a pass a failure.
    pub fn title(&self, verdict: &Verdict, fail_on: &[AlsoKind], subtests: &[Subtest]) -> Option<String> {
        if verdict.kind == Kind::TestFailed {
            return Some(Self::test(subtests));
        }
        if !matches!(verdict.outcome(), Outcome::Hang | Outcome::Crash | Outcome::BootFailed) {
            return None;
        }
        if verdict.kind == Kind::Warned {
            return also::first(&self.classification(), fail_on).map(|report| report.title.clone());
        }
        let found = self.classification().reports;
        let reported = reports_of(verdict.kind).iter().find_map(|kind| {
            let report = &found.iter().find(|known| known.report.kind == *kind)?.report;
            Some(report.title.clone()).filter(|title| !title.is_empty())
        });
        Some(reported.unwrap_or_else(|| self.own(verdict)))
    }

    /// What is wrong by the kernel's own reports so far.
    pub fn classification(&self) -> Classification {
        self.reader.clone().finish()
    }

    /// Which subtests failed: by them failures of a test are told apart.
    fn test(subtests: &[Subtest]) -> String {
        let names: Vec<&str> = Subtest::failed(subtests).take(MAX_NAMED).map(|subtest| subtest.name.as_str()).collect();
        if names.is_empty() {
            Kind::TestFailed.to_string()
        } else {
            format!("{}: {}", Kind::TestFailed, names.join(", "))
        }
    }

    /// What the lab itself found out.
    fn own(&self, verdict: &Verdict) -> String {
        let kind = verdict.kind;
        let function = match (kind, &self.profile) {
            (Kind::Spin | Kind::AgentLost, Some(profile)) => profile.spots.first().map(|spot| spot.symbol.clone()),
            // Which function of it a sample hits is chance, and their names change from version to version.
            (_, Some(profile)) => {
                let allocates = |symbol: &str| Subsystem::of(symbol) == Some(Subsystem::Allocator);
                let observed = profile.callers.iter().chain(&profile.spots).any(|spot| allocates(&spot.symbol));
                observed.then(|| "alloc_pages".to_owned())
            }
            _ => None,
        };
        // The lab's own processes only wait as everybody does.
        let task = verdict.task.as_ref().filter(|task| task.comm != AGENT_COMM);
        match (function, task) {
            (Some(function), _) => format!("{kind} in {function}"),
            (None, Some(task)) => format!("{kind} of {}", task.comm),
            (None, None) => kind.to_string(),
        }
    }
}

/// The kernel's reports that a verdict of this kind is about, the one that names it best first.
const fn reports_of(kind: Kind) -> &'static [ReportKind] {
    match kind {
        Kind::HungTask => &[ReportKind::HungTask],
        Kind::SoftLockup => &[ReportKind::SoftLockup],
        Kind::HardLockup => &[ReportKind::HardLockup],
        Kind::RcuStall => &[ReportKind::RcuStall],
        Kind::WorkqueueLockup => &[ReportKind::WorkqueueLockup],
        Kind::PanicDeadlockedOnMemory => &[ReportKind::OomNoKillable, ReportKind::Panic],
        Kind::PanicOnOom => &[ReportKind::PanicOnOom, ReportKind::Panic],
        Kind::Oops => &[ReportKind::Sanitizer, ReportKind::Oops],
        Kind::Panic | Kind::InitKilled => &[ReportKind::Sanitizer, ReportKind::Oops, ReportKind::Panic],
        Kind::BootPanic => &[ReportKind::BootFailure, ReportKind::Oops, ReportKind::Panic],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{RuleId, Spot};

    fn title(kind: Kind, lines: &[&str], profile: Option<Profile>) -> Option<String> {
        let mut namer = Namer::default();
        lines.iter().for_each(|text| namer.observe(&Event::Line { text: (*text).to_owned() }, false, |_| {}));
        profile.into_iter().for_each(|profile| namer.observe(&Event::Profile { profile }, false, |_| {}));
        namer.title(&Verdict::new(kind, RuleId::ConsoleReport, "summary"), &[], &[])
    }

    fn profile(spot: &str, caller: &str) -> Profile {
        let spots = |name: &str| vec![Spot { symbol: name.to_owned(), samples: 9 }];
        Profile { spots: spots(spot), callers: spots(caller), ..Profile::default() }
    }

    #[test]
    fn title_prefers_the_kernel_report() {
        let oops = [
            "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000010",
            "[    1.000001] RIP: 0010:tipc_sk_lookup+0x131/0xfa0",
            "[    1.000002] ---[ end trace 0000000000000000 ]---",
            "[    1.000003] Kernel panic - not syncing: Fatal exception",
        ];
        for kind in [Kind::Oops, Kind::Panic] {
            assert_eq!(title(kind, &oops, None).unwrap(), "kernel NULL pointer dereference in tipc_sk_lookup");
        }
        let panic = ["[    1.000000] Kernel panic - not syncing: sysrq triggered crash"];
        assert_eq!(title(Kind::Panic, &panic, None).unwrap(), "panic: sysrq triggered crash");
    }

    #[test]
    fn title_by_report_kind() {
        for (kind, line, expected) in [
            (Kind::HungTask, "INFO: task hog:26 blocked for more than 120 seconds.", "task hung of hog"),
            (Kind::SoftLockup, "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]", "soft lockup of hog"),
            (Kind::HardLockup, "NMI watchdog: Watchdog detected hard LOCKUP on cpu 0", "hard lockup"),
            (Kind::RcuStall, "rcu: INFO: rcu_sched self-detected stall on CPU", "rcu stall"),
            (
                Kind::WorkqueueLockup,
                "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!",
                "workqueue lockup",
            ),
            (
                Kind::PanicDeadlockedOnMemory,
                "Kernel panic - not syncing: System is deadlocked on memory",
                "out of memory and no killable processes",
            ),
            (
                Kind::PanicOnOom,
                "Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled",
                "panic_on_oom",
            ),
            (
                Kind::BootPanic,
                "VFS: Cannot open root device \"sda1\" or unknown-block(0,0)",
                "boot failure: no root file system",
            ),
        ] {
            let line = format!("[    1.000000] {line}");
            let other = "[    1.000000] BUG: sleeping function called from invalid context at mm/mempool.c:384";
            assert_eq!(title(kind, &[other, &line], None).as_deref(), Some(expected), "{kind}");
        }
    }

    #[test]
    fn title_uses_the_first_report_and_profile() {
        let line = |comm: &str| format!("[    1.000000] INFO: task {comm}:26 blocked for more than 120 seconds.");
        let lines = [line("first"), "[    1.000001] Showing all locks held in the system:".to_owned(), line("second")];
        let lines = lines.each_ref().map(String::as_str);
        assert_eq!(title(Kind::HungTask, &lines, None).unwrap(), "task hung of first");
        let mut namer = Namer::default();
        for spot in ["first", "second"] {
            namer.observe(&Event::Profile { profile: profile(spot, "main") }, false, |_| {});
        }
        assert_eq!(
            namer.title(&Verdict::new(Kind::Spin, RuleId::ConsoleReport, "summary"), &[], &[]).unwrap(),
            "spin in first"
        );
    }

    #[test]
    fn title_of_hang_names_the_function() {
        for allocator in ["__alloc_pages", "__alloc_pages_noprof", "__alloc_frozen_pages_noprof"] {
            let profile = profile("shrink_slab", allocator);
            assert_eq!(title(Kind::OomLivelock, &[], Some(profile)).unwrap(), "oom-livelock in alloc_pages");
        }
        assert_eq!(title(Kind::Spin, &[], Some(profile("spin_here", "main"))).unwrap(), "spin in spin_here");
        assert_eq!(title(Kind::Deadlock, &[], None).unwrap(), "deadlock");
        assert_eq!(title(Kind::BootSilent, &[], None).unwrap(), "boot-silent");
    }

    #[test]
    fn title_only_for_kernel_failures() {
        for kind in [Kind::Finished, Kind::HostOverloaded, Kind::QemuDied] {
            assert_eq!(title(kind, &["[    1.000000] Kernel panic - not syncing: x"], None), None);
        }
    }
}
