//! The workload has made no progress for long, and the canary allocates: only the workload is stuck.
//!
//! The host looks at the guest as soon as it looks stuck. The verdict waits until its time is up, unless an OOM victim keeps its memory:
//! as long as it does, the OOM killer kills no other task (`mm/oom_kill.c`, `oom_evaluate_task()`). Allocations for a file system or the block layer (`GFP_NOFS`, `GFP_NOIO`) and charges of a memory cgroup may wait for what
//! no other allocation waits for. That is a hang only where the workload is in the allocator: it may have a reason of its own to wait.

use super::{CONFIRM_PERIODS, Judgement, check_deadline};
use crate::blocked::BlockedTask;
use crate::clock::Moment;
use crate::observations::Observations;
use crate::probe_log::summary;
use crate::stall::{self, MIN_BUSY_CPUS};
use crate::task_evidence;
use model::{Caveat, Evidence, Kind, Onset, Probe, RuleId, Task, TaskFacts, Tasks, Verdict};

/// Periods of the threshold without progress: units of work may take long.
const STUCK_PERIODS: f64 = 12.0;

/// Kernel threads that reclaim for all tasks: where they are blocked says nothing of the workload.
const RECLAIM_THREADS: &[&str] = &["kswapd", "kcompactd", "khugepaged"];

pub(super) fn judge(observed: &Observations) -> Judgement {
    let (Some(started), None) = (observed.started, &observed.finished) else { return Judgement::NotApplicable };
    let moved = observed.workload_progress.unwrap_or(started);
    let still = observed.now().granted_since(moved);
    let (threshold, requests) = (observed.stuck_s(), |probe| observed.probes.count_since(probe, moved));
    let suspicion = f64::from(CONFIRM_PERIODS) * threshold;
    if still < suspicion {
        return Judgement::recheck(observed, suspicion, still);
    }
    let limit = observed.setup.timeouts.load_s * observed.slowness();
    let is_over = observed.now().granted_since(started) >= limit;
    // A canary that is stuck as well is a case of its own.
    let is_alone = is_alone(observed);
    let is_proof = still >= STUCK_PERIODS * threshold;
    let is_judged = if is_over { is_proof } else { is_alone };
    if !is_judged {
        return Judgement::NotApplicable;
    }
    for probe in [Probe::Profile, Probe::Tasks] {
        if requests(probe) == 0 {
            return Judgement::Probe(probe);
        }
    }
    if !is_proof {
        return Judgement::recheck(observed, STUCK_PERIODS * threshold, still);
    }
    let has_victim = victim_with_memory(observed, moved).is_some();
    if has_victim && requests(Probe::Tasks) == 1 {
        return Judgement::Probe(Probe::Tasks);
    }
    if !is_over && !has_victim {
        return Judgement::NotApplicable;
    }
    if requests(Probe::Sysrq('w')) == 0 {
        return Judgement::Probe(Probe::Sysrq('w'));
    }
    if !observed.probes.are_answers_due(observed.now(), 0.0) {
        return Judgement::defer(observed, observed.stuck_s(), 0.0);
    }
    // The answers come on the console.
    if let Some(sent) = observed.probes.last_sysrq()
        && let Err(judgement) = check_deadline(observed, RuleId::WorkloadStuck, sent, observed.stuck_s())
    {
        return match judgement {
            Judgement::RecheckAt(stamp) => Judgement::DeferUntil(stamp),
            // The host is to blame for what did not come.
            other => other,
        };
    }
    let verdict = stuck(observed, moved, still);
    verdict.map_or(Judgement::NotApplicable, |verdict| Judgement::stalled(verdict, moved, false))
}

/// Whether the canary allocates.
fn is_alone(observed: &Observations) -> bool {
    observed.canary_progress.is_some_and(|moved| observed.now().granted_since(moved) < observed.stuck_s())
}

/// The verdict on a guest that went down when it was asked for its blocked tasks. The unwinder of some kernels oopses (5.10 without an
/// MMU, seen): that is the lab's doing, and what was known before stands.
pub(super) fn instead_of_answer(observed: &Observations) -> Option<Verdict> {
    let started = observed.started.filter(|_| observed.finished.is_none())?;
    let moved = observed.workload_progress.unwrap_or(started);
    let still = observed.now().granted_since(moved);
    let is_asked = observed.probes.last_letter() == Some('w') && is_alone(observed);
    let is_proof = still >= STUCK_PERIODS * observed.stuck_s();
    let mut verdict = (is_asked && is_proof).then(|| stuck(observed, moved, still))??;
    verdict.summary += "; the machine went down at the lab's sysrq-w";
    Some(verdict)
}

/// The OOM victim of the last look at the tasks that was killed long ago and keeps its memory.
fn victim_with_memory(observed: &Observations, moved: Moment) -> Option<&TaskFacts> {
    let kill = observed.oom_kills.victim()?;
    let victim = observed.probes.tasks(moved).and_then(Tasks::victim).filter(|victim| victim.pid == kill.what.pid)?;
    let keeps_memory = victim.victim.is_some_and(|victim| victim.oom_skip == Some(false));
    let limit = f64::from(CONFIRM_PERIODS) * observed.stuck_s();
    (keeps_memory && observed.now().granted_since(kill.at) >= limit).then_some(victim)
}

fn stuck(observed: &Observations, moved: Moment, still: f64) -> Option<Verdict> {
    let demand = observed.clock.demand(moved.host);
    let mut verdict = if demand.is_none_or(|demand| demand < MIN_BUSY_CPUS) {
        let blocked = observed
            .probes
            .blocked_tasks
            .all
            .iter()
            .find(|blocked| blocked.allocates() && !is_reclaim_thread(blocked))?;
        let Task { pid, comm } = &blocked.task;
        let sentence = format!(
            "the workload made no progress for {still:.0} s, and pid {pid} ({comm}) is blocked in the allocator"
        );
        let mut verdict = Verdict::new(Kind::ReclaimDeadlock, RuleId::WorkloadStuck, sentence);
        verdict.task = Some(blocked.task.clone());
        verdict.evidence.push(blocked.evidence());
        verdict
    } else {
        stall::allocates(observed, moved).filter(|allocates| *allocates)?;
        let invoked = observed.oom_invoked.as_ref().is_some_and(|invoked| invoked.at.host >= moved.host);
        let victim = victim_with_memory(observed, moved);
        // A test of memory management is in the allocator most of the time, and may print nothing for long.
        if observed.output.format.is_some() && victim.is_none() {
            return None;
        }
        let kind = if invoked || victim.is_some() { Kind::OomLivelock } else { Kind::SilentStall };
        let victim =
            victim.map(|TaskFacts { pid, comm, .. }| format!(", pid {pid} ({comm}) was killed and keeps its memory,"));
        let victim = victim.unwrap_or_default();
        let sentence =
            format!("the workload made no progress for {still:.0} s{victim} and a vCPU loops in the allocator");
        Verdict::new(kind, RuleId::WorkloadStuck, sentence)
    };
    verdict.confidence = 0.6;
    verdict.evidence.extend(demand.map(|cpus| Evidence::CpuDemand { cpus }));
    verdict.evidence.extend(observed.probes.profile(moved).map(|profile| Evidence::Profile(summary(&profile))));
    verdict.caveats.push(Caveat::CanaryAlive);
    verdict.onset = Some(Onset { host: moved.host, guest_s: None });
    verdict.victim = stall::victim(observed, moved);
    verdict.evidence.extend(task_evidence::since(observed, moved));
    verdict.lines = observed.oom_kills.victim().iter().map(|kill| kill.line.clone()).collect();
    Some(verdict)
}

fn is_reclaim_thread(blocked: &BlockedTask) -> bool {
    RECLAIM_THREADS.iter().any(|name| blocked.task.comm.starts_with(name))
}
