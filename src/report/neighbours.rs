//! Why a verdict is not one of the kinds next to it: one clause each, out of what the verdict itself says.

use model::{Kind, Outcome, TrialRecord, Verdict};

/// A kind or an outcome that a reader may think of, and what speaks against it.
pub(super) type Clause = (&'static str, String);

/// The clauses; none where the verdict says nothing that would tell it from its neighbours.
pub(super) fn clauses(trial: &TrialRecord) -> Vec<Clause> {
    let verdict = &trial.verdict;
    if verdict.is_the_labs_own() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut not = |kind: Kind, clause: Option<String>| found.extend(clause.map(|clause| (kind.as_str(), clause)));
    let said = |start: &str| verdict.grounds.iter().find(|ground| ground.starts_with(start)).cloned();
    // What the watchdog's rules write into the grounds; `tests/explanations.rs` holds both together.
    let wanted = || said("the guest wanted ");
    let beats = || said("the beat goes on");
    let unanswered = || said("the kernel did not answer");
    let up = trial.boot_s.map(|seconds| format!("the agent was up after {seconds:.1} s"));
    match verdict.kind {
        Kind::OomLivelock => {
            not(Kind::SilentStall, killer(verdict));
            not(Kind::ReclaimDeadlock, wanted());
            not(Kind::AgentLost, beats());
        }
        Kind::SilentStall | Kind::ReclaimLivelock => {
            let nobody = verdict.victim.is_none() && trial.oom_kills == 0;
            not(Kind::OomLivelock, nobody.then(|| "no OOM kill was printed or counted".to_owned()));
            not(Kind::ReclaimDeadlock, wanted());
            not(Kind::AgentLost, beats());
        }
        Kind::ReclaimDeadlock | Kind::LockDeadlock => {
            not(Kind::OomLivelock, wanted());
            let sleeps = verdict.task.as_ref().and_then(|task| said(&format!("pid {} ", task.pid)));
            let other = if verdict.kind == Kind::LockDeadlock { Kind::ReclaimDeadlock } else { Kind::LockDeadlock };
            not(other, sleeps);
            not(Kind::AgentLost, beats());
        }
        Kind::Spin => {
            not(Kind::AgentLost, unanswered());
            not(Kind::Deadlock, wanted());
            not(Kind::Unresponsive, said("interrupts were off"));
        }
        Kind::Deadlock => {
            not(Kind::AgentLost, unanswered());
            not(Kind::Spin, wanted());
        }
        Kind::Unresponsive => not(Kind::AgentLost, unanswered()),
        Kind::AgentLost => {
            not(Kind::Spin, said("the kernel answered"));
            not(Kind::Deadlock, said("the kernel answered"));
        }
        Kind::Panic | Kind::PanicDeadlockedOnMemory | Kind::PanicOnOom | Kind::InitKilled | Kind::Oops => {
            not(Kind::BootPanic, up);
        }
        Kind::BootPanic => {
            let down = trial.boot_s.is_none().then(|| "the agent had not come up".to_owned());
            not(Kind::Panic, down);
        }
        Kind::BootTimeout => not(Kind::BootSilent, verdict.onset.map(|_| "the console did say something".to_owned())),
        Kind::RebootLoop => not(Kind::BootPowerOff, Some("the guest reset itself".to_owned())),
        Kind::BootPowerOff => not(Kind::RebootLoop, Some("the guest powered off".to_owned())),
        Kind::EarlyPowerOff => not(Kind::BootPowerOff, up),
        _ => {}
    }
    found.extend(outcomes(verdict));
    found
}

/// What the OOM killer is known to have done.
fn killer(verdict: &Verdict) -> Option<String> {
    let invoked = verdict.lines.iter().any(|line| line.contains(" invoked oom-killer: "));
    match &verdict.victim {
        Some(victim) => Some(format!("the OOM killer killed pid {} ({})", victim.pid, victim.comm)),
        None => invoked.then(|| "the OOM killer was started".to_owned()),
    }
}

/// What follows from the order of the rules: those before the one that fired had nothing to say.
fn outcomes(verdict: &Verdict) -> Vec<Clause> {
    let (hang, crash) = (Outcome::Hang.as_str(), Outcome::Crash.as_str());
    let mut found = Vec::new();
    match (verdict.kind, verdict.outcome()) {
        (Kind::LoadTimeout, _) if verdict.rule == "load-deadline" => {
            found.push((hang, "neither the beat nor the canary was stuck for long enough".to_owned()));
        }
        (Kind::HostOverloaded, _) => found.push((hang, "the host did not give the guest the time for it".to_owned())),
        (Kind::WorkloadFailed, _) | (_, Outcome::Pass) if verdict.rule == "finish" => {
            found.push((hang, "the workload ended by itself".to_owned()));
        }
        (Kind::QemuDied | Kind::QemuFailed, _) if verdict.rule == "exit" => {
            found.push((crash, "it is QEMU that ended, and the guest had not asked it to".to_owned()));
        }
        (Kind::VcpuFailed, _) => found.push((crash, "it is QEMU that gave up, not the kernel".to_owned())),
        (Kind::Paused, _) => found.push((hang, "the guest was held from outside".to_owned())),
        _ => {}
    }
    // The rule `console` is asked first.
    if matches!(verdict.outcome(), Outcome::Hang | Outcome::Inconclusive) && verdict.rule != "console" {
        found.push((crash, "the kernel had printed no panic and no oops".to_owned()));
    }
    found
}
