//! The workload's time is up, it has stood still for long, and the canary goes on: whoever is stuck is stuck alone.
//!
//! Allocations for a file system or the block layer (`GFP_NOFS`, `GFP_NOIO`) and charges of a memory cgroup may wait for what
//! nobody else waits for. That is a hang only where the workload is seen to allocate: it may have a reason of its own to wait.

use super::{Judgement, time_is_up};
use crate::blocked::Sleeper;
use crate::clock::Moment;
use crate::inquiry::summary;
use crate::seen::Seen;
use crate::stall::{self, BUSY};
use model::{Caveat, Evidence, Kind, Onset, Probe, RuleId, Task, Verdict};

/// For how many times the threshold it must have stood still: units of work may take long.
const LONG: f64 = 12.0;

/// Kernel threads that reclaim for everybody: where they sleep says nothing of the workload.
const RECLAIMERS: &[&str] = &["kswapd", "kcompactd", "khugepaged"];

pub(super) fn judge(seen: &Seen) -> Judgement {
    let (Some(started), None) = (seen.started, &seen.finished) else { return Judgement::No };
    let limit = seen.setup.timeouts.load_s * seen.slowness();
    let moved = seen.units_moved.unwrap_or(started);
    let still = seen.now().fair_since(moved);
    if seen.now().fair_since(started) < limit || still < LONG * seen.stuck_s() {
        return Judgement::No;
    }
    for probe in [Probe::Profile, Probe::Sysrq('w')] {
        if seen.inquiry.asked(probe, moved) == 0 {
            return Judgement::Ask(probe);
        }
    }
    // The answers come on the console.
    if let Some(asked) = seen.inquiry.provoked()
        && let Err(judgement) = time_is_up(seen, RuleId::WorkloadStuck, asked, seen.stuck_s())
    {
        return match judgement {
            Judgement::At(stamp) => Judgement::Hold(stamp),
            // The host is to blame for what did not come.
            other => other,
        };
    }
    stuck(seen, moved, still).map_or(Judgement::No, Judgement::is)
}

fn stuck(seen: &Seen, moved: Moment, still: f64) -> Option<Verdict> {
    let demand = seen.clock.demand(moved.host);
    let mut verdict = if demand.is_none_or(|demand| demand < BUSY) {
        let sleeper =
            seen.inquiry.sleepers.all.iter().find(|sleeper| sleeper.allocates() && !reclaims_for_all(sleeper))?;
        let Task { pid, comm } = &sleeper.task;
        let sentence =
            format!("the workload has stood still for {still:.0} s, and pid {pid} ({comm}) sleeps in the allocator");
        let mut verdict = Verdict::new(Kind::ReclaimDeadlock, RuleId::WorkloadStuck, sentence);
        verdict.task = Some(sleeper.task.clone());
        verdict.evidence.push(sleeper.evidence());
        verdict
    } else {
        stall::allocates(seen, moved).filter(|allocates| *allocates)?;
        let invoked = seen.oom_invoked.as_ref().is_some_and(|invoked| invoked.at.host >= moved.host);
        let kind = if invoked { Kind::OomLivelock } else { Kind::SilentStall };
        let sentence = format!("the workload has stood still for {still:.0} s, and a vCPU loops in the allocator");
        Verdict::new(kind, RuleId::WorkloadStuck, sentence)
    };
    verdict.confidence = 0.6;
    verdict.evidence.extend(demand.map(|cpus| Evidence::CpuDemand { cpus }));
    verdict.evidence.extend(seen.inquiry.profile(moved).map(|profile| Evidence::Profile(summary(&profile))));
    verdict.caveats.push(Caveat::CanaryAlive);
    verdict.onset = Some(Onset { host: moved.host, guest_s: None });
    verdict.victim = seen.kill.as_ref().map(|kill| kill.what.clone());
    verdict.lines = seen.kill.iter().map(|kill| kill.line.clone()).collect();
    Some(verdict)
}

fn reclaims_for_all(sleeper: &Sleeper) -> bool {
    RECLAIMERS.iter().any(|name| sleeper.task.comm.starts_with(name))
}
