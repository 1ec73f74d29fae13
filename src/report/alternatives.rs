//! Why a verdict is not another kind that a reader may think of: one clause each, out of what the verdict itself says.

use model::{Evidence, Kind, Outcome, RuleId, TrialRecord, Verdict};

/// A kind or an outcome, and what rules it out.
pub(super) type Clause = (&'static str, String);

/// The clauses; none where the verdict says nothing that rules out another kind.
pub(super) fn clauses(trial: &TrialRecord) -> Vec<Clause> {
    let verdict = &trial.verdict;
    if verdict.rule.is_lab() {
        return Vec::new();
    }
    let mut found = hangs(trial);
    found.extend(ends(trial));
    found.extend(outcomes(verdict));
    found
}

/// The first such evidence, as a phrase.
fn phrase(verdict: &Verdict, is: impl Fn(&Evidence) -> bool) -> Option<String> {
    verdict.evidence.iter().find(|evidence| is(evidence)).map(ToString::to_string)
}

/// The clauses of one kind that is ruled out; none without a reason.
fn not(kind: Kind, reason: Option<String>) -> Option<Clause> {
    reason.map(|reason| (kind.as_str(), reason))
}

/// Between kinds of hangs.
fn hangs(trial: &TrialRecord) -> Vec<Clause> {
    let verdict = &trial.verdict;
    let demand = || phrase(verdict, |evidence| matches!(evidence, Evidence::CpuDemand { .. }));
    let heartbeat = || phrase(verdict, |evidence| matches!(evidence, Evidence::HeartbeatAlive { .. }));
    let unanswered = || phrase(verdict, |evidence| matches!(evidence, Evidence::SysrqUnanswered { .. }));
    let answered = || phrase(verdict, |evidence| matches!(evidence, Evidence::SysrqAnswered { .. }));
    let irqs_off = || phrase(verdict, |evidence| matches!(evidence, Evidence::InterruptsOff { .. }));
    let clauses = match verdict.kind {
        Kind::OomLivelock => {
            vec![
                not(Kind::SilentStall, oom_killer(verdict)),
                not(Kind::ReclaimDeadlock, demand()),
                not(Kind::AgentLost, heartbeat()),
            ]
        }
        Kind::SilentStall | Kind::ReclaimLivelock => {
            let no_kill = verdict.victim.is_none() && trial.oom_kills == 0;
            vec![
                not(Kind::OomLivelock, no_kill.then(|| "no OOM kill was printed or counted".to_owned())),
                not(Kind::ReclaimDeadlock, demand()),
                not(Kind::AgentLost, heartbeat()),
            ]
        }
        Kind::ReclaimDeadlock => vec![
            not(Kind::OomLivelock, demand()),
            not(Kind::LockDeadlock, blocked_task(verdict)),
            not(Kind::AgentLost, heartbeat()),
        ],
        Kind::LockDeadlock => vec![
            not(Kind::OomLivelock, demand()),
            not(Kind::ReclaimDeadlock, blocked_task(verdict)),
            not(Kind::AgentLost, heartbeat()),
        ],
        Kind::Spin => {
            vec![not(Kind::AgentLost, unanswered()), not(Kind::Deadlock, demand()), not(Kind::Unresponsive, irqs_off())]
        }
        Kind::Deadlock => vec![not(Kind::AgentLost, unanswered()), not(Kind::Spin, demand())],
        Kind::Unresponsive => vec![not(Kind::AgentLost, unanswered())],
        Kind::AgentLost => vec![not(Kind::Spin, answered()), not(Kind::Deadlock, answered())],
        _ => Vec::new(),
    };
    clauses.into_iter().flatten().collect()
}

/// Where the task of the verdict is blocked.
fn blocked_task(verdict: &Verdict) -> Option<String> {
    let task = verdict.task.as_ref()?;
    phrase(verdict, |evidence| matches!(evidence, Evidence::BlockedTask { pid, .. } if *pid == task.pid))
}

/// What the OOM killer is known to have done.
fn oom_killer(verdict: &Verdict) -> Option<String> {
    match &verdict.victim {
        Some(victim) => Some(format!("the OOM killer killed pid {} ({})", victim.pid, victim.comm)),
        None => phrase(verdict, |evidence| matches!(evidence, Evidence::OomInvoked { .. })),
    }
}

/// Between kinds of crashes, failed boots and early ends.
fn ends(trial: &TrialRecord) -> Option<Clause> {
    let verdict = &trial.verdict;
    let up = trial.boot_s.map(|seconds| format!("the agent was up after {seconds:.1} s"));
    match verdict.kind {
        Kind::Panic | Kind::PanicDeadlockedOnMemory | Kind::PanicOnOom | Kind::InitKilled | Kind::Oops => {
            not(Kind::BootPanic, up)
        }
        Kind::BootPanic => not(Kind::Panic, trial.boot_s.is_none().then(|| "the agent had not come up".to_owned())),
        Kind::BootTimeout => not(Kind::BootSilent, verdict.onset.map(|_| "the console was not silent".to_owned())),
        Kind::RebootLoop => not(Kind::BootPowerOff, Some("the guest reset itself".to_owned())),
        Kind::BootPowerOff => not(Kind::RebootLoop, Some("the guest powered off".to_owned())),
        Kind::EarlyPowerOff => not(Kind::BootPowerOff, up),
        _ => None,
    }
}

/// What follows from the order of the rules: those before the one that fired did not apply.
fn outcomes(verdict: &Verdict) -> Vec<Clause> {
    let (hang, crash) = (Outcome::Hang.as_str(), Outcome::Crash.as_str());
    let by_rule = match (verdict.rule, verdict.kind) {
        (_, Kind::HostOverloaded) => Some((hang, "the host did not grant the guest the time for it")),
        (RuleId::LoadDeadline, Kind::LoadTimeout) => {
            Some((hang, "neither heartbeat nor canary was stuck for long enough"))
        }
        (RuleId::WorkloadEnded, _) => Some((hang, "the workload ended by itself")),
        (RuleId::MachineDown, Kind::QemuDied | Kind::QemuFailed) => {
            Some((crash, "QEMU itself ended, and the guest had not asked for it"))
        }
        (RuleId::VcpuFailed, _) => Some((crash, "QEMU failed, not the kernel")),
        (RuleId::Paused, _) => Some((hang, "the guest was paused from outside")),
        _ => None,
    };
    let mut found: Vec<Clause> = by_rule.map(|(outcome, reason)| (outcome, reason.to_owned())).into_iter().collect();
    // The rule `console-report` comes first.
    let undecided = matches!(verdict.outcome(), Outcome::Hang | Outcome::Inconclusive);
    if undecided && verdict.rule != RuleId::ConsoleReport {
        found.push((crash, "the kernel had printed no panic and no oops".to_owned()));
    }
    found
}
