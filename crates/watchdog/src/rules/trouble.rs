//! The kernel itself said that something is wrong.

use super::{Judgement, Rule};
use crate::seen::{Noted, Seen};
use kmsg::signature::FailureReport;
use model::{Kind, Outcome, Verdict};

/// Fair seconds in which more of the story may still come: the oops behind a warning, the panic behind an oops.
const SETTLE_S: f64 = 3.0;

pub(super) const RULE: Rule = Rule { name: "console", judge };

/// The first report decides: what comes after it is mostly its consequence.
fn judge(seen: &Seen) -> Judgement {
    let Some(first) = seen.troubles.first() else { return Judgement::No };
    let passed = seen.now().fair_since(first.at);
    if !seen.ended() && passed < SETTLE_S {
        return Judgement::hold(seen, SETTLE_S, passed);
    }
    let kind = kind(seen, first);
    let mut verdict = Verdict::new(kind, "", summary(kind, first));
    verdict.onset = Some(first.onset());
    verdict.task = first.what.task.clone();
    verdict.victim = seen.kill.as_ref().map(|kill| kill.what.clone());
    verdict.lines = seen.troubles.iter().map(|noted| noted.line.clone()).collect();
    if kind.outcome() == Outcome::Hang && seen.clock.share() < 0.5 {
        verdict.confidence = 0.7;
        verdict.against.push("the host gave the guest less than half of the CPU time that it wanted".to_owned());
    }
    Judgement::is(verdict)
}

/// Before the agent's hello, whatever the kernel dies of is a failure to boot.
fn kind(seen: &Seen, first: &Noted<FailureReport>) -> Kind {
    let booting = seen.setup.agent && seen.hello.is_none();
    let said = Kind::from(first.what.kind);
    if booting && said.outcome() == Outcome::Crash { Kind::BootPanic } else { said }
}

fn summary(kind: Kind, first: &Noted<FailureReport>) -> String {
    let title = &first.what.title;
    match kind.outcome() {
        Outcome::Hang => format!("the kernel reported: {title}"),
        Outcome::BootFailed => format!("the kernel died while booting: {title}"),
        _ if kind == Kind::Oops => format!("the kernel oopsed: {title}"),
        _ => format!("the kernel panicked: {title}"),
    }
}
