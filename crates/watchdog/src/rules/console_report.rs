//! The kernel reported a failure on its console.

use super::Judgement;
use crate::console_hit::ConsoleHit;
use crate::observations::Observations;
use crate::probe_log::ANSWER_TIMEOUT_S;
use crate::task_evidence;
use kmsg::signature::FailureReport;
use model::{Caveat, Kind, Outcome, Probe, RuleId, Verdict};

/// Granted seconds in which more may still come: the oops after a warning, the panic after an oops.
const SETTLE_S: f64 = 3.0;

/// Granted seconds after which a beat of the agent cannot have been under way when the line was printed.
const MIN_ALIVE_S: f64 = 2.0;

/// The first report decides: later ones are mostly its consequence. A panic is believed when the machine shows it: user space can write such a
/// line too.
pub(super) fn judge(observed: &Observations) -> Judgement {
    let Some(first) = observed.failures.iter().find(|hit| !is_doubted(observed, hit)) else {
        return Judgement::NotApplicable;
    };
    let passed = observed.now().granted_since(first.at);
    if !observed.ended() && passed < SETTLE_S {
        return Judgement::defer(observed, SETTLE_S, passed);
    }
    if let Some(judgement) = look_at_panic(observed, first) {
        return judgement;
    }
    let kind = kind(observed, first);
    let mut verdict = Verdict::new(kind, RuleId::ConsoleReport, summary(kind, first));
    verdict.onset = Some(first.onset());
    verdict.task = first.what.task.clone();
    verdict.evidence = task_evidence::since(observed, first.at);
    verdict.victim = observed.oom_kills.victim().map(|kill| kill.what.clone());
    verdict.lines = observed.failures.iter().map(|hit| hit.line.clone()).collect();
    let share = observed.clock.share();
    if kind.outcome() == Outcome::Hang && share < 0.5 {
        verdict.confidence = 0.7;
        verdict.caveats.push(Caveat::CpuShare { share });
    }
    Judgement::verdict(verdict)
}

/// Lines that report a panic although the machine keeps running.
pub(crate) fn doubted(observed: &Observations) -> impl Iterator<Item = Caveat> {
    let lines = observed.failures.iter().filter(|hit| is_doubted(observed, hit)).map(|hit| hit.line.clone());
    lines.map(|line| Caveat::DoubtedPanic { line })
}

/// The end of the kernel: it does nothing more after that.
fn is_panic(hit: &ConsoleHit<FailureReport>) -> bool {
    let kind = Kind::from(hit.what.kind);
    kind.outcome() != Outcome::Hang && kind != Kind::Oops
}

/// Whether the machine shows that there was no panic: `panic_cpu` is set before the line is printed, and what is printed after it is
/// suppressed (`kernel/panic.c`, `panic()`).
fn is_doubted(observed: &Observations, hit: &ConsoleHit<FailureReport>) -> bool {
    // A kernel that panicked does not say that it restarts or stops the machine.
    if is_panic(hit) && observed.ended() && observed.is_restart_announced && !observed.is_panic_reported {
        return true;
    }
    let is_shown = observed.ended() || observed.is_panic_reported;
    let look = observed.probes.counters.last.as_ref().filter(|look| look.at.granted_since(hit.at) >= SETTLE_S);
    is_panic(hit)
        && !is_shown
        && match look.and_then(|look| look.counters.panicked) {
            Some(panicked) => !panicked,
            // Heartbeats show whether an agent still runs; kernels before 5.0 answer sysrq in `panic()`.
            None if observed.agent_up.is_some() => {
                observed.beat.is_some_and(|(at, _)| at.granted_since(hit.at) >= MIN_ALIVE_S)
            }
            None => observed.probes.sysrq_ack.is_some_and(|ack| ack.granted_since(hit.at) >= SETTLE_S),
        }
}

/// Checks a machine that should have panicked: by `panic_cpu`, else by sysrq.
fn look_at_panic(observed: &Observations, hit: &ConsoleHit<FailureReport>) -> Option<Judgement> {
    if !is_panic(hit) || observed.ended() || observed.is_panic_reported {
        return None;
    }
    let counters = &observed.probes.counters;
    let seen = counters.last.as_ref().filter(|look| look.at.granted_since(hit.at) >= SETTLE_S);
    if seen.is_some_and(|look| look.counters.panicked == Some(true)) {
        return None;
    }
    if counters.is_pending(observed.now()) {
        return Some(Judgement::defer(observed, ANSWER_TIMEOUT_S, 0.0));
    }
    if seen.is_none() && counters.is_open() {
        return Some(Judgement::Probe(Probe::Counters));
    }
    if observed.agent_up.is_some() {
        return None;
    }
    if observed.probes.count_since(Probe::Sysrq('m'), hit.at) == 0 {
        return Some(Judgement::Probe(Probe::Sysrq('m')));
    }
    let is_due = observed.probes.are_answers_due(observed.now(), ANSWER_TIMEOUT_S);
    (!is_due).then(|| Judgement::defer(observed, ANSWER_TIMEOUT_S, 0.0))
}

/// Before the agent is up, every crash is a failure to boot.
fn kind(observed: &Observations, first: &ConsoleHit<FailureReport>) -> Kind {
    let booting = observed.setup.agent && observed.agent_up.is_none();
    let said = Kind::from(first.what.kind);
    if booting && said.outcome() == Outcome::Crash { Kind::BootPanic } else { said }
}

fn summary(kind: Kind, first: &ConsoleHit<FailureReport>) -> String {
    let title = &first.what.title;
    match kind.outcome() {
        Outcome::Hang => format!("the kernel reported: {title}"),
        Outcome::BootFailed => format!("the kernel died while booting: {title}"),
        Outcome::Crash if kind == Kind::Oops => format!("the kernel oopsed: {title}"),
        // A report of the kernel has no other outcome.
        Outcome::Crash | Outcome::Pass | Outcome::Fail | Outcome::Inconclusive | Outcome::LabError => {
            format!("the kernel panicked: {title}")
        }
    }
}
