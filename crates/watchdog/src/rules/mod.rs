//! The rules of judgement, one file each, in the order in which they are asked: the first verdict stands.

mod boot_deadline;
mod canary_stuck;
mod console_report;
mod disk_failed;
mod heartbeat_lost;
mod interrupted;
mod load_deadline;
mod machine_down;
mod no_agent;
mod paused;
mod vcpu_failed;
mod workload_ended;
mod workload_stuck;

use super::clock::Moment;
use super::seen::Seen;
use model::{Kind, Probe, RuleId, Stamp, Verdict};
use std::time::Duration;

/// What a rule says of what has been seen.
pub(super) enum Judgement {
    /// This rule has nothing to say, and time alone will not change that.
    No,
    /// If nothing else happens, ask again at this time.
    At(Stamp),
    /// This rule has the say until this time: the story is not over, and no later rule is asked before.
    Hold(Stamp),
    /// Find out more first, then ask again. A rule asks only what [`Seen::inquiry`] says was not asked yet.
    Ask(Probe),
    /// The verdict, but for one last question that may prove it: sysrq-f, which kills another task.
    Confirm(Box<Verdict>),
    /// The verdict.
    Is(Box<Verdict>),
}

impl Judgement {
    fn is(verdict: Verdict) -> Self {
        Self::Is(Box::new(verdict))
    }

    /// Asks again when `limit_s` fair seconds have passed since something of which `passed_s` are over.
    fn later(seen: &Seen, limit_s: f64, passed_s: f64) -> Self {
        Self::At(seen.clock.host_time_in(limit_s - passed_s))
    }

    /// As [`Judgement::later`], and no later rule is asked before.
    fn hold(seen: &Seen, limit_s: f64, passed_s: f64) -> Self {
        Self::Hold(seen.clock.host_time_in(limit_s - passed_s))
    }
}

/// For how many times the threshold evidence of a hang must have stood before it counts.
const PROOF: u32 = 3;

/// How many times longer than its limit a stage may last on a host that gives the guest too little CPU.
const MOST_STRETCH: f64 = 10.0;

/// Whether a stage that began at `since` has used up its `limit_s` fair seconds; if not, what to say in the meantime. A
/// host that is too busy to get it there in ten times that time ends the trial without a verdict on the guest.
fn time_is_up(seen: &Seen, rule: RuleId, since: Moment, limit_s: f64) -> Result<(), Judgement> {
    let passed = seen.now().fair_since(since);
    if passed >= limit_s {
        return Ok(());
    }
    let last = since.host + Duration::from_secs_f64(MOST_STRETCH * limit_s * seen.clock.stretch());
    if seen.now().host < last {
        return Err(Judgement::At(seen.clock.host_time_in(limit_s - passed).min(last)));
    }
    let waited = seen.now().host.since(since.host).as_secs_f64();
    let summary = format!("the host was overloaded: in {waited:.0} s the guest got {passed:.0} s of CPU time");
    Err(Judgement::is(Verdict::new(Kind::HostOverloaded, rule, summary)))
}

/// What a rule says of what has been seen.
pub(super) fn judge(rule: RuleId, seen: &Seen) -> Judgement {
    match rule {
        RuleId::ConsoleReport => console_report::judge(seen),
        RuleId::WorkloadEnded => workload_ended::judge(seen),
        RuleId::Interrupted => interrupted::judge(seen),
        RuleId::MachineDown => machine_down::judge(seen),
        RuleId::DiskFailed => disk_failed::judge(seen),
        RuleId::VcpuFailed => vcpu_failed::judge(seen),
        RuleId::Paused => paused::judge(seen),
        RuleId::BootDeadline => boot_deadline::judge(seen),
        RuleId::HeartbeatLost => heartbeat_lost::judge(seen),
        RuleId::CanaryStuck => canary_stuck::judge(seen),
        RuleId::WorkloadStuck => workload_stuck::judge(seen),
        RuleId::LoadDeadline => load_deadline::judge(seen),
        RuleId::NoAgent => no_agent::judge(seen),
        RuleId::Prepare | RuleId::Driver => Judgement::No,
    }
}
