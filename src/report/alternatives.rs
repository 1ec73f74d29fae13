//! Why a verdict is not another kind that a reader may think of: one clause each, out of what the verdict itself says.

use model::{Evidence, Kind, Outcome, RuleId, TrialRecord, Verdict};

/// A kind or an outcome, and what rules it out.
pub(super) type Clause = (&'static str, String);

/// The clauses; none where the verdict rules out no other kind.
pub(super) fn clauses(trial: &TrialRecord) -> Vec<Clause> {
    if trial.verdict.rule.is_lab() {
        return Vec::new();
    }
    let reasons = Reasons { trial };
    let kinds = reasons.for_kinds().into_iter();
    let mut found: Vec<Clause> = kinds.filter_map(|(kind, reason)| Some((kind.as_str(), reason?))).collect();
    found.extend(outcomes(&trial.verdict));
    found
}

/// Finds reasons in a verdict; each is `None` where it does not hold.
struct Reasons<'t> {
    trial: &'t TrialRecord,
}

impl Reasons<'_> {
    /// Kinds to rule out, each with its reason.
    fn for_kinds(&self) -> Vec<(Kind, Option<String>)> {
        let up = || self.trial.boot_s.map(|seconds| format!("the agent was up after {seconds:.1} s"));
        match self.trial.verdict.kind {
            Kind::OomLivelock => self.stall(Kind::SilentStall, self.oom_killer()),
            Kind::SilentStall | Kind::ReclaimLivelock => self.stall(Kind::OomLivelock, self.no_kill()),
            Kind::ReclaimDeadlock => self.deadlock(Kind::LockDeadlock),
            Kind::LockDeadlock => self.deadlock(Kind::ReclaimDeadlock),
            Kind::Spin => vec![
                (Kind::AgentLost, self.unanswered()),
                (Kind::Deadlock, self.demand()),
                (Kind::Unresponsive, self.interrupts_off()),
            ],
            Kind::Deadlock => vec![(Kind::AgentLost, self.unanswered()), (Kind::Spin, self.demand())],
            Kind::Unresponsive => vec![(Kind::AgentLost, self.unanswered())],
            Kind::AgentLost => vec![(Kind::Spin, self.answered()), (Kind::Deadlock, self.answered())],
            Kind::Panic | Kind::PanicDeadlockedOnMemory | Kind::PanicOnOom | Kind::InitKilled | Kind::Oops => {
                vec![(Kind::BootPanic, up())]
            }
            Kind::BootPanic => {
                let down = self.trial.boot_s.is_none().then(|| "the agent had not come up".to_owned());
                vec![(Kind::Panic, down)]
            }
            Kind::BootTimeout => {
                let printed = self.trial.verdict.onset.map(|_| "the console was not silent".to_owned());
                vec![(Kind::BootSilent, printed)]
            }
            Kind::RebootLoop => vec![(Kind::BootPowerOff, Some("the guest reset itself".to_owned()))],
            Kind::BootPowerOff => vec![(Kind::RebootLoop, Some("the guest powered off".to_owned()))],
            Kind::SpontaneousReset => vec![(Kind::Panic, Some("no panic was printed".to_owned()))],
            Kind::EarlyPowerOff => vec![(Kind::BootPowerOff, up())],
            Kind::Finished
            | Kind::Slow
            | Kind::Thrash
            | Kind::NoTrouble
            | Kind::HungTask
            | Kind::SoftLockup
            | Kind::HardLockup
            | Kind::RcuStall
            | Kind::WorkqueueLockup
            | Kind::Warned
            | Kind::TestFailed
            | Kind::BootSilent
            | Kind::LoadTimeout
            | Kind::WorkloadFailed
            | Kind::SshFailed
            | Kind::HostOverloaded
            | Kind::Unproven
            | Kind::Interrupted
            | Kind::QemuFailed
            | Kind::QemuDied
            | Kind::VcpuFailed
            | Kind::Paused
            | Kind::KernelUnavailable
            | Kind::ImageUnavailable
            | Kind::StoreFailed => Vec::new(),
        }
    }

    fn stall(&self, other: Kind, reason: Option<String>) -> Vec<(Kind, Option<String>)> {
        let not_asleep = self.victims_lock().or_else(|| self.demand());
        vec![(other, reason), (Kind::ReclaimDeadlock, not_asleep), (Kind::AgentLost, self.heartbeat())]
    }

    fn deadlock(&self, other: Kind) -> Vec<(Kind, Option<String>)> {
        vec![(Kind::OomLivelock, self.demand()), (other, self.blocked_task()), (Kind::AgentLost, self.heartbeat())]
    }

    /// The first such evidence, as a phrase.
    fn phrase(&self, is: impl Fn(&Evidence) -> bool) -> Option<String> {
        self.trial.verdict.evidence.iter().find(|evidence| is(evidence)).map(ToString::to_string)
    }

    fn demand(&self) -> Option<String> {
        self.phrase(|evidence| matches!(evidence, Evidence::CpuDemand { .. }))
    }

    /// The lock that the victim waits for.
    fn victims_lock(&self) -> Option<String> {
        let victim = self.trial.verdict.victim.as_ref()?;
        self.phrase(|evidence| matches!(evidence, Evidence::LockHolder { waiter_pid, .. } if *waiter_pid == victim.pid))
    }

    fn heartbeat(&self) -> Option<String> {
        self.phrase(|evidence| matches!(evidence, Evidence::HeartbeatAlive { .. }))
    }

    fn unanswered(&self) -> Option<String> {
        self.phrase(|evidence| matches!(evidence, Evidence::SysrqUnanswered { .. }))
    }

    fn answered(&self) -> Option<String> {
        self.phrase(|evidence| matches!(evidence, Evidence::SysrqAnswered { .. }))
    }

    fn interrupts_off(&self) -> Option<String> {
        self.phrase(|evidence| matches!(evidence, Evidence::InterruptsOff { .. }))
    }

    /// Where the task of the verdict is blocked.
    fn blocked_task(&self) -> Option<String> {
        let task = self.trial.verdict.task.as_ref()?;
        self.phrase(|evidence| matches!(evidence, Evidence::BlockedTask { pid, .. } if *pid == task.pid))
    }

    /// What the OOM killer is known to have done.
    fn oom_killer(&self) -> Option<String> {
        match &self.trial.verdict.victim {
            Some(victim) => Some(format!("the OOM killer killed pid {} ({})", victim.pid, victim.comm)),
            None => self.phrase(|evidence| matches!(evidence, Evidence::OomInvoked { .. })),
        }
    }

    fn no_kill(&self) -> Option<String> {
        let no_kill = self.trial.verdict.victim.is_none() && self.trial.oom_kills == 0;
        no_kill.then(|| "no OOM kill was printed or counted".to_owned())
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
            Some((crash, "QEMU itself ended, without a request of the guest"))
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
