//! A guest without the agent: the kernel's own counters are its canary, independent of the console.
//!
//! The lab reads them once a period. Pages that leave the free lists are progress, and so are the timer's ticks. Where the counters cannot
//! be read, the console's silence takes their place: that proves less, and takes longer.

mod allocations;
mod silence;
mod ticks;

use super::Judgement;
use crate::observations::Observations;
use model::{Caveat, Kind, Probe, RuleId, Verdict};

/// What a boot loader or a firmware says when it finds nothing to start: SeaBIOS (`src/boot.c`), edk2
/// (`MdeModulePkg/Library/UefiBootManagerLib`, `ShellPkg`).
const NOTHING_TO_START: [&str; 5] = [
    "No bootable device",
    "not a bootable disk",
    "No bootable option or device was found",
    "failed to load Boot",
    "Shell>",
];

/// The last that a boot loader or a firmware says before a kernel takes over: SeaBIOS (`src/boot.c`, whose line does not end), OpenSBI
/// (`lib/sbi/sbi_init.c`), edk2 (`UefiBootManagerLib`), U-Boot (`boot/bootm_os.c`), Linux's EFI stub, GRUB's menu entries of distributions.
const HANDOVER: [&str; 9] = [
    "SeaBIOS (version",
    "Booting from ",
    "Boot HART ",
    "BdsDxe: starting Boot",
    "Starting kernel ...",
    "EFI stub: ",
    "Booting `",
    "Loading Linux ",
    "Loading initial ramdisk",
];

pub(super) fn judge(observed: &Observations) -> Judgement {
    if observed.setup.agent {
        return Judgement::NotApplicable;
    }
    if observed.is_until_seen {
        let until = observed.setup.expects.until.as_deref().unwrap_or_default();
        return Judgement::verdict(Verdict::new(
            Kind::Finished,
            RuleId::NoAgent,
            format!("the console said \"{until}\""),
        ));
    }
    let (counters, period_s) = (&observed.probes.counters, observed.stuck_s());
    if counters.is_due(observed.now(), period_s) {
        return Judgement::Probe(Probe::Counters);
    }
    let next = counters.due_in(observed.now(), period_s);
    let mut next = next.map_or(Judgement::NotApplicable, |due_s| Judgement::recheck(observed, due_s, 0.0));
    let silence = if counters.allocations().is_some() { Judgement::NotApplicable } else { silence::judge(observed) };
    for judgement in [ticks::judge(observed), allocations::judge(observed), silence, deadlines(observed)] {
        next = match (next, judgement) {
            (Judgement::RecheckAt(a), Judgement::RecheckAt(b)) => Judgement::RecheckAt(a.min(b)),
            (next, Judgement::NotApplicable) => next,
            (_, other @ Judgement::RecheckAt(_)) => other,
            (_, decided) => return decided,
        };
    }
    next
}

/// What the time limits say.
fn deadlines(observed: &Observations) -> Judgement {
    let (timeouts, passed) = (&observed.setup.timeouts, observed.now().granted_s);
    let is_silent = observed.console_activity.is_none() && !observed.setup.expects.silence;
    if is_silent && passed < timeouts.boot_s {
        return Judgement::recheck(observed, timeouts.boot_s, passed);
    }
    let is_unheard = || !observed.setup.expects.silence && ends_with(observed, &HANDOVER);
    if is_silent || (passed >= timeouts.boot_s && (ends_with(observed, &NOTHING_TO_START) || is_unheard())) {
        return Judgement::verdict(not_booted(observed));
    }
    let limit = timeouts.boot_s + timeouts.load_s;
    if passed < limit {
        return Judgement::recheck(observed, limit.min(next_boot_check(observed)), passed);
    }
    Judgement::verdict(time_is_up(observed, limit))
}

fn next_boot_check(observed: &Observations) -> f64 {
    let boot_s = observed.setup.timeouts.boot_s;
    if observed.now().granted_s < boot_s { boot_s } else { f64::INFINITY }
}

/// Whether no kernel was heard, and the last line has one of these texts.
fn ends_with(observed: &Observations, texts: &[&str]) -> bool {
    !observed.is_kernel_heard() && texts.iter().any(|text| observed.last_line.contains(text))
}

fn not_booted(observed: &Observations) -> Verdict {
    let boot_s = observed.setup.timeouts.boot_s;
    if ends_with(observed, &NOTHING_TO_START) {
        let summary = format!("no kernel was started within {boot_s:.0} s: {}", observed.last_line);
        let mut verdict = Verdict::new(Kind::BootTimeout, RuleId::NoAgent, summary);
        verdict.lines = vec![observed.last_line.clone()];
        return verdict;
    }
    let summary = match observed.console_activity {
        None => format!("the console stayed empty for {boot_s:.0} s"),
        Some(_) => format!("the kernel printed nothing within {boot_s:.0} s; before it: {}", observed.last_line),
    };
    let mut verdict = Verdict::new(Kind::BootSilent, RuleId::NoAgent, summary);
    verdict.lines = observed.console_activity.map(|_| observed.last_line.clone()).into_iter().collect();
    let ticks = observed.probes.counters.ticks();
    if ticks.is_some_and(|ticks| ticks.looks == 0 && ticks.since.granted_s > 0.0) {
        verdict.caveats.push(Caveat::KernelRuns);
    }
    verdict
}

/// The verdict on a guest that has reached its time limit without ending.
fn time_is_up(observed: &Observations, limit: f64) -> Verdict {
    let silent = observed.now().granted_since(observed.console_activity.unwrap_or_default());
    let heard = format!("its console was last heard {silent:.0} s ago");
    let counters = &observed.probes.counters;
    let is_alive = counters.ticks().is_some_and(|ticks| ticks.looks == 0)
        && counters.allocations().is_some_and(|still| still.looks == 0 || counters.is_memory_free() == Some(true));
    if is_alive && observed.setup.expects.until.is_none() {
        let summary =
            format!("no sign of trouble in {limit:.0} s: the kernel ticks, and memory can be allocated; {heard}");
        return Verdict::new(Kind::NoTrouble, RuleId::NoAgent, summary);
    }
    let mut verdict = Verdict::new(
        Kind::LoadTimeout,
        RuleId::NoAgent,
        format!("the guest was still running after {limit:.0} s; {heard}"),
    );
    verdict.caveats.extend(counters.failure.clone().map(|why| Caveat::CountersUnknown { why }));
    verdict.lines = vec![observed.last_line.clone()];
    verdict
}
