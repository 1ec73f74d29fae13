//! The rules, one file each; the first verdict in the order of [`RuleId::ALL`] stands.

mod boot_deadline;
mod canary_stuck;
pub(super) mod console_report;
mod disk_failed;
mod heartbeat_lost;
mod interrupted;
mod load_deadline;
mod machine_down;
mod no_agent;
mod paused;
pub(super) mod reported;
mod ssh_failed;
mod vcpu_failed;
mod workload_ended;
mod workload_stuck;

use super::clock::Moment;
use super::observations::Observations;
use model::{Kind, Probe, RuleId, Stamp, Verdict, duration};

/// What a rule makes of the observations.
pub(super) enum Judgement {
    /// The rule does not apply, and time alone will not change that.
    NotApplicable,
    /// Without further events, evaluate again at this time.
    RecheckAt(Stamp),
    /// More is to come: until this time, no later rule is evaluated.
    DeferUntil(Stamp),
    /// Probe first, then evaluate again. A rule requests only what [`Observations::probes`] does not have yet.
    Probe(Probe),
    /// The time of the test is almost up: ask it to end, then evaluate again.
    EndTest,
    /// The verdict on allocations that are stuck, once the tasks have been looked at.
    Stalled(Box<Stalled>),
    /// The verdict.
    Verdict(Box<Verdict>),
}

/// A verdict on allocations that are stuck.
#[derive(Debug, Clone)]
pub(super) struct Stalled {
    pub verdict: Verdict,
    /// The last progress.
    pub since: Moment,
    /// Whether sysrq-f, which kills another task, is to confirm it.
    pub by_sysrq_f: bool,
}

impl Judgement {
    fn verdict(verdict: Verdict) -> Self {
        Self::Verdict(Box::new(verdict))
    }

    fn stalled(verdict: Verdict, since: Moment, by_sysrq_f: bool) -> Self {
        Self::Stalled(Box::new(Stalled { verdict, since, by_sysrq_f }))
    }

    /// Evaluates again when `limit_s` granted seconds are over, of which `passed_s` have passed.
    fn recheck(observed: &Observations, limit_s: f64, passed_s: f64) -> Self {
        Self::RecheckAt(observed.clock.host_time_in(limit_s - passed_s))
    }

    /// As [`Judgement::recheck`], and no later rule is evaluated before.
    fn defer(observed: &Observations, limit_s: f64, passed_s: f64) -> Self {
        Self::DeferUntil(observed.clock.host_time_in(limit_s - passed_s))
    }
}

/// A vCPU with interrupts off in at least this share of its samples has them off permanently.
const MIN_IRQS_OFF_SHARE: f64 = 0.5;

/// Periods of the threshold for which a suspicion must last before it is a hang.
const CONFIRM_PERIODS: u32 = 3;

/// How many times longer than its limit a stage may last on a host that gives the guest too little CPU.
const MAX_HOST_STRETCH: f64 = 10.0;

/// Whether a stage that began at `since` has used up its `limit_s` granted seconds; if not, the judgement until then. A
/// host that is too busy to get it there in ten times that time ends the trial without a verdict on the guest.
fn check_deadline(observed: &Observations, rule: RuleId, since: Moment, limit_s: f64) -> Result<(), Judgement> {
    let passed = observed.now().granted_since(since);
    if passed >= limit_s {
        return Ok(());
    }
    let last = since.host + duration(MAX_HOST_STRETCH * limit_s * observed.clock.stretch());
    if observed.now().host < last {
        return Err(Judgement::RecheckAt(observed.clock.host_time_in(limit_s - passed).min(last)));
    }
    let waited = observed.now().host.since(since.host).as_secs_f64();
    let summary = format!("the host was overloaded: in {waited:.0} s it granted the guest {passed:.0} s");
    Err(Judgement::verdict(Verdict::new(Kind::HostOverloaded, rule, summary)))
}

/// What this rule makes of the observations.
pub(super) fn judge(rule: RuleId, observed: &Observations) -> Judgement {
    match rule {
        RuleId::ConsoleReport => console_report::judge(observed),
        RuleId::WorkloadEnded => workload_ended::judge(observed),
        RuleId::Interrupted => interrupted::judge(observed),
        RuleId::MachineDown => machine_down::judge(observed),
        RuleId::DiskFailed => disk_failed::judge(observed),
        RuleId::VcpuFailed => vcpu_failed::judge(observed),
        RuleId::Paused => paused::judge(observed),
        RuleId::BootDeadline => boot_deadline::judge(observed),
        RuleId::HeartbeatLost => heartbeat_lost::judge(observed),
        RuleId::CanaryStuck => canary_stuck::judge(observed),
        RuleId::WorkloadStuck => workload_stuck::judge(observed),
        RuleId::SshFailed => ssh_failed::judge(observed),
        RuleId::LoadDeadline => load_deadline::judge(observed),
        RuleId::NoAgent => no_agent::judge(observed),
        RuleId::Prepare | RuleId::Driver => Judgement::NotApplicable,
    }
}
