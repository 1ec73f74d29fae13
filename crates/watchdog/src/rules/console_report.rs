//! The kernel reported a failure on its console.

use super::Judgement;
use crate::observations::{ConsoleHit, Observations};
use kmsg::signature::FailureReport;
use model::{Caveat, Kind, Outcome, RuleId, Verdict};

/// Granted seconds in which more may still come: the oops after a warning, the panic after an oops.
const SETTLE_S: f64 = 3.0;

/// The first report decides: later ones are mostly its consequence.
pub(super) fn judge(observed: &Observations) -> Judgement {
    let Some(first) = observed.failures.first() else { return Judgement::NotApplicable };
    let passed = observed.now().granted_since(first.at);
    if !observed.ended() && passed < SETTLE_S {
        return Judgement::defer(observed, SETTLE_S, passed);
    }
    let kind = kind(observed, first);
    let mut verdict = Verdict::new(kind, RuleId::ConsoleReport, summary(kind, first));
    verdict.onset = Some(first.onset());
    verdict.task = first.what.task.clone();
    verdict.victim = observed.oom_kill.as_ref().map(|kill| kill.what.clone());
    verdict.lines = observed.failures.iter().map(|hit| hit.line.clone()).collect();
    let share = observed.clock.share();
    if kind.outcome() == Outcome::Hang && share < 0.5 {
        verdict.confidence = 0.7;
        verdict.caveats.push(Caveat::CpuShare { share });
    }
    Judgement::verdict(verdict)
}

/// Before the agent's hello, every crash is a failure to boot.
fn kind(observed: &Observations, first: &ConsoleHit<FailureReport>) -> Kind {
    let booting = observed.setup.agent && observed.hello.is_none();
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
        Outcome::Crash | Outcome::Pass | Outcome::Inconclusive | Outcome::LabError => {
            format!("the kernel panicked: {title}")
        }
    }
}
