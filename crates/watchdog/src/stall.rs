//! Nothing that allocates gets on: what kind of hang that is, and what speaks for it and against it.

use super::blocked::Sleeper;
use super::clock::Moment;
use super::inquiry::{share_in, summary};
use super::places::Place;
use super::seen::Seen;
use model::{Caveat, Evidence, Kind, Memory, Onset, Profile, RuleId, Task, Verdict, Watermarks};

/// A stuck guest that wants at least this share of one CPU loops, one that wants less waits.
pub(super) const BUSY: f64 = 0.8;

/// More than this share of the samples is most of them.
const MOST: f64 = 0.5;

/// LRU lists that change by less than this share between two looks stand still.
const STILL: f64 = 0.01;

/// A stall and what is known about it.
struct Stall<'a> {
    seen: &'a Seen,
    progress: Moment,
    stuck_s: f64,
    demand: Option<f64>,
    profile: Option<Profile>,
    memory: Option<(&'a Memory, &'a Memory)>,
    evidence: Vec<Evidence>,
    caveats: Vec<Caveat>,
    confidence: f32,
}

/// The verdict on a guest in which nothing that allocates got on since `progress`.
pub(super) fn verdict(seen: &Seen, rule: RuleId, progress: Moment, stuck_s: f64) -> Verdict {
    let mut stall = Stall {
        seen,
        progress,
        stuck_s,
        demand: seen.clock.demand(progress.host),
        profile: seen.inquiry.profile(progress),
        memory: seen.inquiry.memory(progress),
        evidence: Vec::new(),
        caveats: Vec::new(),
        confidence: 0.6,
    };
    let (kind, sentence, task) = stall.kind();
    stall.weigh_cpu();
    stall.weigh_sleepers();
    stall.weigh_memory();
    stall.weigh_victim();
    let mut verdict = Verdict::new(kind, rule, sentence);
    verdict.confidence = stall.confidence.clamp(0.3, 0.95);
    verdict.evidence = stall.evidence;
    verdict.caveats = stall.caveats;
    verdict.task = task;
    verdict.victim = seen.kill.as_ref().map(|kill| kill.what.clone());
    verdict.onset = Some(match &seen.kill {
        Some(kill) if kill.at == progress => kill.onset(),
        _ => Onset { host: progress.host, guest_s: None },
    });
    let invoked = seen.oom_invoked.iter().map(|noted| &noted.line);
    verdict.lines = invoked.chain(seen.kill.iter().map(|noted| &noted.line)).cloned().collect();
    verdict
}

/// Whether the vCPUs are busy with allocating and reclaiming: `None` when nobody looked.
pub(super) fn allocates(seen: &Seen, since: Moment) -> Option<bool> {
    let profile = seen.inquiry.profile(since)?;
    Some(share_in(&profile, &[Place::Allocator, Place::Reclaim]) > MOST)
}

impl Stall<'_> {
    fn kind(&self) -> (Kind, String, Option<Task>) {
        let stuck = self.stuck_s;
        if self.demand.is_some_and(|demand| demand < BUSY) {
            return self.asleep();
        }
        if self.profile.as_ref().is_some_and(|profile| f64::from(profile.user) > MOST * f64::from(profile.samples)) {
            let sentence = format!("nothing was allocated for {stuck:.0} s, but what runs is outside the kernel");
            return (Kind::Unproven, sentence, None);
        }
        if let Some(kill) = &self.seen.kill {
            let (pid, comm) = (kill.what.pid, &kill.what.comm);
            if self.reclaims_in_vain() && self.progress.fair_since(kill.at) > self.seen.stuck_s() {
                return self.reclaim_livelock();
            }
            let sentence = format!(
                "pid {pid} ({comm}) was killed and nothing has been allocated since: for {stuck:.0} s allocating tasks loop"
            );
            return (Kind::OomLivelock, sentence, None);
        }
        if let Some(invoked) = &self.seen.oom_invoked {
            let comm = &invoked.what;
            let sentence = format!(
                "{comm} started the OOM killer, which has killed nobody: for {stuck:.0} s allocating tasks loop"
            );
            return (Kind::OomLivelock, sentence, None);
        }
        if self.reclaims_in_vain() && !self.in_storage() {
            return self.reclaim_livelock();
        }
        let from = if self.in_storage() { " below a file system or the block layer" } else { "" };
        let sentence = format!("allocating tasks{from} loop for {stuck:.0} s, and the OOM killer was never started");
        (Kind::SilentStall, sentence, None)
    }

    fn reclaim_livelock(&self) -> (Kind, String, Option<Task>) {
        let sentence =
            format!("reclaim has run for {:.0} s and freed nothing: the LRU lists stand still", self.stuck_s);
        (Kind::ReclaimLivelock, sentence, None)
    }

    /// Nobody is busy: where do they sleep?
    fn asleep(&self) -> (Kind, String, Option<Task>) {
        let stuck = self.stuck_s;
        let sleepers = &self.seen.inquiry.sleepers.all;
        let waits = |place| sleepers.iter().find(|sleeper| sleeper.waits_in() == Some(place));
        let allocating = sleepers.iter().find(|sleeper| sleeper.allocates());
        if let Some(throttled) = waits(Place::Throttle).or(allocating) {
            let (pid, comm) = (throttled.task.pid, &throttled.task.comm);
            let sentence = format!("allocating tasks, such as pid {pid} ({comm}), sleep in reclaim for {stuck:.0} s");
            return (Kind::ReclaimDeadlock, sentence, Some(throttled.task.clone()));
        }
        if let Some(locked) = waits(Place::Lock) {
            let (pid, comm) = (locked.task.pid, &locked.task.comm);
            let sentence = format!("tasks, such as pid {pid} ({comm}), wait for a lock for {stuck:.0} s");
            return (Kind::LockDeadlock, sentence, Some(locked.task.clone()));
        }
        let sentence = format!("allocating tasks sleep for {stuck:.0} s and nobody wakes them");
        (Kind::ReclaimDeadlock, sentence, None)
    }

    fn reclaims_in_vain(&self) -> bool {
        let reclaims = self.profile.as_ref().is_some_and(|profile| {
            let spots = Profile { callers: Vec::new(), ..profile.clone() };
            share_in(&spots, &[Place::Reclaim]) > MOST
        });
        reclaims && self.memory.is_some_and(|(first, last)| !std::ptr::eq(first, last) && still(first, last))
    }

    fn in_storage(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| share_in(profile, &[Place::Storage]) > MOST)
    }

    fn weigh_cpu(&mut self) {
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
        let expected = demand < BUSY || share_in(profile, &[Place::Allocator, Place::Reclaim]) > MOST;
        if expected {
            self.evidence.push(Evidence::Profile(summary));
            self.confidence += 0.15;
        } else {
            self.caveats.push(Caveat::ProfileElsewhere(summary));
            self.confidence -= 0.1;
        }
    }

    fn weigh_sleepers(&mut self) {
        if self.demand.is_none_or(|demand| demand >= BUSY) {
            return;
        }
        self.evidence.extend(self.seen.inquiry.sleepers.all.iter().take(3).map(Sleeper::evidence));
    }

    fn weigh_memory(&mut self) {
        let Some((_, last)) = self.memory else { return };
        let min_kib = last.zones.iter().map(|zone| zone.min_kib).sum();
        let high_kib = last.zones.iter().map(|zone| zone.high_kib).sum();
        let marks = Watermarks { free_kib: last.free_kib, min_kib, high_kib };
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

    fn weigh_victim(&mut self) {
        if self.seen.kill.is_some() {
            self.confidence += 0.05;
        } else if let Some(invoked) = &self.seen.oom_invoked {
            self.evidence.push(Evidence::OomInvoked { comm: invoked.what.clone() });
        }
        if let Some(reaped) = &self.seen.oom_reaped {
            self.caveats.push(Caveat::OomReaped { pid: reaped.what.pid });
            self.confidence -= 0.1;
        }
    }
}

/// Whether the LRU lists stand still, and hold something that could be reclaimed: with nothing there, it is not reclaim that fails.
fn still(first: &Memory, last: &Memory) -> bool {
    let reclaimable = || last.lru_kib.iter().filter(|(name, _)| name != "unevictable");
    let total: u64 = reclaimable().map(|(_, kib)| kib).sum();
    let before = |name: &str| first.lru_kib.iter().find(|(other, _)| other == name).map_or(0, |(_, kib)| *kib);
    let moved: u64 = reclaimable().map(|(name, kib)| kib.abs_diff(before(name))).sum();
    total > 0 && moved as f64 <= STILL * total as f64
}
