//! Allocations are stuck: the kind of the hang, its evidence and caveats.

use super::blocked::BlockedTask;
use super::clock::Moment;
use super::observations::Observations;
use super::probe_log::{share_in, summary};
use super::setup::AGENT_COMM;
use super::task_evidence;
use kmsg::functions::Subsystem;
use kmsg::signature::{Repeated, ReportKind};
use model::{Caveat, Evidence, Kind, Memory, Onset, Profile, RuleId, Task, TaskFacts, Tasks, Verdict, Watermarks};

/// A stuck guest with at least this CPU demand loops, one with less waits.
pub(super) const MIN_BUSY_CPUS: f64 = 0.8;

/// More than this share of the samples is most of them.
const MAJORITY: f64 = 0.5;

/// LRU lists that change by no more than this share between two probes count as unchanged.
const MAX_LRU_CHANGE: f64 = 0.01;

/// A stall and its observations.
struct Stall<'a> {
    observed: &'a Observations,
    progress: Moment,
    stuck_s: f64,
    demand: Option<f64>,
    profile: Option<Profile>,
    memory: Option<(&'a Memory, &'a Memory)>,
    /// The task that the tasks show as the victim that stays.
    victim: Option<&'a TaskFacts>,
    evidence: Vec<Evidence>,
    caveats: Vec<Caveat>,
    confidence: f32,
}

/// The verdict on a guest in which no allocation succeeded since `progress`.
pub(super) fn verdict(observed: &Observations, rule: RuleId, progress: Moment, stuck_s: f64) -> Verdict {
    let mut stall = Stall {
        observed,
        progress,
        stuck_s,
        demand: observed.clock.demand(progress.host),
        profile: observed.probes.profile(progress),
        memory: observed.probes.memory(progress),
        victim: observed.probes.tasks(progress).and_then(Tasks::victim),
        evidence: Vec::new(),
        caveats: Vec::new(),
        confidence: 0.6,
    };
    let (kind, sentence, task) = stall.kind();
    stall.assess_cpu();
    stall.assess_blocked_tasks();
    stall.assess_memory();
    stall.assess_victim();
    stall.evidence.extend(task_evidence::since(observed, progress));
    stall.assess_reports();
    let mut verdict = Verdict::new(kind, rule, sentence);
    verdict.confidence = stall.confidence.clamp(0.3, 0.95);
    verdict.evidence = stall.evidence;
    verdict.caveats = stall.caveats;
    verdict.task = task;
    verdict.victim = victim(observed, progress);
    verdict.onset = Some(match observed.oom_kills.victim() {
        Some(kill) if kill.at == progress => kill.onset(),
        _ => Onset { host: progress.host, guest_s: None },
    });
    let invoked = observed.oom_invoked.iter().map(|hit| &hit.line);
    verdict.lines = invoked.chain(observed.oom_kills.victim().map(|hit| &hit.line)).cloned().collect();
    verdict
}

/// The victim that keeps its memory: from the guest's memory, else from the console.
pub(super) fn victim(observed: &Observations, since: Moment) -> Option<Task> {
    let shown = observed.probes.tasks(since).and_then(Tasks::victim).map(TaskFacts::task);
    shown.or_else(|| observed.oom_kills.victim().map(|kill| kill.what.clone()))
}

/// Whether the vCPUs are busy in the allocator or in reclaim; `None` without a profile.
pub(super) fn allocates(observed: &Observations, since: Moment) -> Option<bool> {
    let profile = observed.probes.profile(since)?;
    Some(share_in(&profile, &[Subsystem::Allocator, Subsystem::Reclaim]) > MAJORITY)
}

impl Stall<'_> {
    fn kind(&self) -> (Kind, String, Option<Task>) {
        let stuck = self.stuck_s;
        if self.demand.is_some_and(|demand| demand < MIN_BUSY_CPUS) {
            return self.blocked_victim().unwrap_or_else(|| self.asleep());
        }
        if self.profile.as_ref().is_some_and(|profile| f64::from(profile.user) > MAJORITY * f64::from(profile.samples))
        {
            let sentence = format!("no allocation succeeded for {stuck:.0} s, but the vCPUs run in user space");
            return (Kind::Unproven, sentence, None);
        }
        let kill = self.observed.oom_kills.victim();
        if let Some(TaskFacts { pid, comm, .. }) = self.victim
            && kill.is_none_or(|kill| kill.what.pid != *pid)
        {
            let sentence = format!(
                "pid {pid} ({comm}) was killed and keeps its memory (no MMF_OOM_SKIP): tasks loop in the allocator for {stuck:.0} s"
            );
            return (Kind::OomLivelock, sentence, None);
        }
        if let Some(kill) = kill {
            let (pid, comm) = (kill.what.pid, &kill.what.comm);
            if self.victim.is_none()
                && self.reclaims_without_effect()
                && self.progress.granted_since(kill.at) > self.observed.stuck_s()
            {
                return self.reclaim_livelock();
            }
            let sentence = format!(
                "pid {pid} ({comm}) was killed, and no allocation has succeeded since: tasks loop in the allocator for {stuck:.0} s"
            );
            return (Kind::OomLivelock, sentence, None);
        }
        if let Some(invoked) = &self.observed.oom_invoked {
            let comm = &invoked.what;
            let sentence = format!(
                "{comm} invoked the OOM killer, which killed no task: tasks loop in the allocator for {stuck:.0} s"
            );
            return (Kind::OomLivelock, sentence, None);
        }
        if self.observed.probes.tasks(self.progress).is_some_and(|tasks| self.is_without_fs(tasks)) {
            let sentence = format!(
                "tasks loop in the allocator without __GFP_FS for {stuck:.0} s: the OOM killer kills no task for them"
            );
            return (Kind::SilentStall, sentence, None);
        }
        if self.reclaims_without_effect() && !self.in_storage() {
            return self.reclaim_livelock();
        }
        let from = if self.in_storage() { " below a file system or the block layer" } else { "" };
        let sentence =
            format!("tasks loop in the allocator{from} for {stuck:.0} s, and the OOM killer was never invoked");
        (Kind::SilentStall, sentence, None)
    }

    /// Whether no task that waits for memory may invoke the OOM killer; where there is a canary, it is one of them.
    fn is_without_fs(&self, tasks: &Tasks) -> bool {
        let is_canary = |facts: &TaskFacts| facts.allocates && facts.comm == AGENT_COMM;
        tasks.all_allocate_without_fs() && (!self.observed.setup.agent || tasks.tasks.iter().any(is_canary))
    }

    fn reclaim_livelock(&self) -> (Kind, String, Option<Task>) {
        let sentence =
            format!("reclaim has run for {:.0} s and freed nothing: the LRU lists do not change", self.stuck_s);
        (Kind::ReclaimLivelock, sentence, None)
    }

    /// The vCPUs are idle, since the allocating tasks sleep between their attempts (`mm/vmscan.c`, `reclaim_throttle()`), and the victim
    /// cannot exit before one of them succeeds.
    fn blocked_victim(&self) -> Option<(Kind, String, Option<Task>)> {
        let victim = self.victim?;
        let holder = self.observed.probes.tasks(self.progress)?.allocating_holder(victim)?;
        let sentence = format!(
            "pid {} ({}) was killed and keeps its memory (no MMF_OOM_SKIP): it waits for the lock of pid {} ({}), which is in the \
             allocator for {:.0} s",
            victim.pid, victim.comm, holder.pid, holder.comm, self.stuck_s
        );
        Some((Kind::OomLivelock, sentence, None))
    }

    /// The vCPUs are idle: where are tasks blocked?
    fn asleep(&self) -> (Kind, String, Option<Task>) {
        let stuck = self.stuck_s;
        let blocked_tasks = &self.observed.probes.blocked_tasks.all;
        let waits = |place| blocked_tasks.iter().find(|blocked| blocked.blocked_in() == Some(place));
        let allocating = blocked_tasks.iter().find(|blocked| blocked.allocates());
        if let Some(throttled) = waits(Subsystem::Throttle).or(allocating) {
            let (pid, comm) = (throttled.task.pid, &throttled.task.comm);
            let sentence = format!("tasks are blocked in reclaim for {stuck:.0} s, such as pid {pid} ({comm})");
            return (Kind::ReclaimDeadlock, sentence, Some(throttled.task.clone()));
        }
        if let Some(locked) = waits(Subsystem::Lock) {
            let (pid, comm) = (locked.task.pid, &locked.task.comm);
            let sentence = format!("tasks are blocked on a lock for {stuck:.0} s, such as pid {pid} ({comm})");
            return (Kind::LockDeadlock, sentence, Some(locked.task.clone()));
        }
        let sentence = format!("allocating tasks are blocked for {stuck:.0} s, and nothing wakes them");
        (Kind::ReclaimDeadlock, sentence, None)
    }

    fn reclaims_without_effect(&self) -> bool {
        let reclaims = self.profile.as_ref().is_some_and(|profile| {
            let spots = Profile { callers: Vec::new(), ..profile.clone() };
            share_in(&spots, &[Subsystem::Reclaim]) > MAJORITY
        });
        reclaims && self.memory.is_some_and(|(first, last)| !std::ptr::eq(first, last) && still(first, last))
    }

    fn in_storage(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| share_in(profile, &[Subsystem::Storage]) > MAJORITY)
    }

    fn assess_cpu(&mut self) {
        let Some(demand) = self.demand else {
            self.caveats.push(Caveat::CpuTimeUnknown);
            self.confidence -= 0.1;
            return;
        };
        self.evidence.push(Evidence::CpuDemand { cpus: demand });
        self.confidence += 0.1;
        let Some(profile) = &self.profile else {
            self.caveats.push(Caveat::ProfileMissing);
            return;
        };
        let summary = summary(profile);
        let expected =
            demand < MIN_BUSY_CPUS || share_in(profile, &[Subsystem::Allocator, Subsystem::Reclaim]) > MAJORITY;
        if expected {
            self.evidence.push(Evidence::Profile(summary));
            self.confidence += 0.15;
        } else {
            self.caveats.push(Caveat::ProfileElsewhere(summary));
            self.confidence -= 0.1;
        }
    }

    fn assess_blocked_tasks(&mut self) {
        if self.demand.is_none_or(|demand| demand >= MIN_BUSY_CPUS) {
            return;
        }
        self.evidence.extend(self.observed.probes.blocked_tasks.all.iter().take(3).map(BlockedTask::evidence));
    }

    fn assess_memory(&mut self) {
        let Some((_, last)) = self.memory else { return };
        let min_kib = last.zones.iter().map(|zone| zone.min_kib).sum();
        let high_kib = last.zones.iter().map(|zone| zone.high_kib).sum();
        let free_cma_kib = last.free_cma_kib.unwrap_or(0);
        let marks = Watermarks { free_kib: last.usable_kib(), free_cma_kib, min_kib, high_kib };
        if marks.free_kib <= min_kib {
            self.evidence.push(Evidence::Watermarks(marks));
            self.confidence += 0.1;
        } else if high_kib > 0 && marks.free_kib > high_kib {
            self.caveats.push(Caveat::FreeMemory(marks));
            self.confidence -= 0.1;
        } else if min_kib > 0 {
            self.evidence.push(Evidence::Watermarks(marks));
        }
    }

    fn assess_victim(&mut self) {
        let victim = victim(self.observed, self.progress);
        if victim.is_some() {
            self.confidence += 0.05;
        }
        if self.victim.is_some() {
            self.confidence += 0.05;
        } else if victim.is_none()
            && let Some(invoked) = &self.observed.oom_invoked
        {
            self.evidence.push(Evidence::OomInvoked { comm: invoked.what.clone() });
        }
        let is_victim = |pid| victim.as_ref().is_none_or(|victim| victim.pid == pid);
        if let Some(reaped) = self.observed.oom_reaped.as_ref().filter(|reaped| is_victim(reaped.what.pid)) {
            self.caveats.push(Caveat::OomReaped { pid: reaped.what.pid });
            self.confidence -= 0.1;
        }
    }

    /// What the kernel itself says of allocations.
    fn assess_reports(&mut self) {
        let reports = self.observed.namer.classification().reports;
        let is_stall = |known: &&Repeated| known.report.kind == ReportKind::AllocStall && !known.report.provoked;
        let count = reports.iter().filter(is_stall).map(|known| known.count).sum();
        if count > 0 {
            self.evidence.push(Evidence::AllocationStalls { count });
            self.confidence += 0.05;
        }
    }
}

/// Whether the LRU lists are unchanged, and hold reclaimable pages: without any, it is not reclaim that fails.
fn still(first: &Memory, last: &Memory) -> bool {
    let reclaimable = || last.lru_kib.iter().filter(|(name, _)| name != "unevictable");
    let total: u64 = reclaimable().map(|(_, kib)| kib).sum();
    let before = |name: &str| first.lru_kib.iter().find(|(other, _)| other == name).map_or(0, |(_, kib)| *kib);
    let moved: u64 = reclaimable().map(|(name, kib)| kib.abs_diff(before(name))).sum();
    total > 0 && moved as f64 <= MAX_LRU_CHANGE * total as f64
}
