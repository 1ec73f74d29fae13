//! Nothing that allocates gets on: what kind of hang that is, and what speaks for it and against it.

use super::clock::Moment;
use super::inquiry::{in_words, share_in};
use super::seen::Seen;
use kmsg::functions::Subsystem;
use model::{Kind, Memory, Onset, Profile, Task, Verdict};

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
    grounds: Vec<String>,
    against: Vec<String>,
    confidence: f32,
}

/// The verdict on a guest in which nothing that allocates got on since `progress`.
pub(super) fn verdict(seen: &Seen, progress: Moment, stuck_s: f64) -> Verdict {
    let mut stall = Stall {
        seen,
        progress,
        stuck_s,
        demand: seen.clock.demand(progress.host),
        profile: seen.inquiry.profile(progress),
        memory: seen.inquiry.memory(progress),
        grounds: Vec::new(),
        against: Vec::new(),
        confidence: 0.6,
    };
    let (kind, summary, task) = stall.kind();
    stall.weigh_cpu();
    stall.weigh_sleepers();
    stall.weigh_memory();
    stall.weigh_victim();
    let mut verdict = Verdict::new(kind, "", summary);
    verdict.confidence = stall.confidence.clamp(0.3, 0.95);
    verdict.grounds = stall.grounds;
    verdict.against = stall.against;
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
    Some(share_in(&profile, &[Subsystem::Allocator, Subsystem::Reclaim]) > MOST)
}

impl Stall<'_> {
    fn kind(&self) -> (Kind, String, Option<Task>) {
        let stuck = self.stuck_s;
        if self.demand.is_some_and(|demand| demand < BUSY) {
            return self.asleep();
        }
        if self.profile.as_ref().is_some_and(|profile| f64::from(profile.user) > MOST * f64::from(profile.samples)) {
            let summary = format!("nothing was allocated for {stuck:.0} s, but what runs is outside the kernel");
            return (Kind::Unproven, summary, None);
        }
        if let Some(kill) = &self.seen.kill {
            let (pid, comm) = (kill.what.pid, &kill.what.comm);
            if self.reclaims_in_vain() && self.progress.fair_since(kill.at) > self.seen.stuck_s() {
                return self.reclaim_livelock();
            }
            let summary = format!(
                "pid {pid} ({comm}) was killed and nothing has been allocated since: for {stuck:.0} s allocating tasks loop"
            );
            return (Kind::OomLivelock, summary, None);
        }
        if let Some(invoked) = &self.seen.oom_invoked {
            let comm = &invoked.what;
            let summary = format!(
                "{comm} started the OOM killer, which has killed nobody: for {stuck:.0} s allocating tasks loop"
            );
            return (Kind::OomLivelock, summary, None);
        }
        if self.reclaims_in_vain() && !self.in_storage() {
            return self.reclaim_livelock();
        }
        let from = if self.in_storage() { " below a file system or the block layer" } else { "" };
        let summary = format!("allocating tasks{from} loop for {stuck:.0} s, and the OOM killer was never started");
        (Kind::SilentStall, summary, None)
    }

    fn reclaim_livelock(&self) -> (Kind, String, Option<Task>) {
        let summary = format!("reclaim has run for {:.0} s and freed nothing: the LRU lists stand still", self.stuck_s);
        (Kind::ReclaimLivelock, summary, None)
    }

    /// Nobody is busy: where do they sleep?
    fn asleep(&self) -> (Kind, String, Option<Task>) {
        let stuck = self.stuck_s;
        let sleepers = &self.seen.inquiry.sleepers.all;
        let waits = |place| sleepers.iter().find(|sleeper| sleeper.waits_in() == Some(place));
        let allocating = sleepers.iter().find(|sleeper| sleeper.allocates());
        if let Some(throttled) = waits(Subsystem::Throttle).or(allocating) {
            let (pid, comm) = (throttled.task.pid, &throttled.task.comm);
            let summary = format!("allocating tasks, such as pid {pid} ({comm}), sleep in reclaim for {stuck:.0} s");
            return (Kind::ReclaimDeadlock, summary, Some(throttled.task.clone()));
        }
        if let Some(locked) = waits(Subsystem::Lock) {
            let (pid, comm) = (locked.task.pid, &locked.task.comm);
            let summary = format!("tasks, such as pid {pid} ({comm}), wait for a lock for {stuck:.0} s");
            return (Kind::LockDeadlock, summary, Some(locked.task.clone()));
        }
        let summary = format!("allocating tasks sleep for {stuck:.0} s and nobody wakes them");
        (Kind::ReclaimDeadlock, summary, None)
    }

    fn reclaims_in_vain(&self) -> bool {
        let reclaims = self.profile.as_ref().is_some_and(|profile| {
            let spots = Profile { callers: Vec::new(), ..profile.clone() };
            share_in(&spots, &[Subsystem::Reclaim]) > MOST
        });
        reclaims && self.memory.is_some_and(|(first, last)| !std::ptr::eq(first, last) && still(first, last))
    }

    fn in_storage(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| share_in(profile, &[Subsystem::Storage]) > MOST)
    }

    fn weigh_cpu(&mut self) {
        let Some(demand) = self.demand else {
            self.against.push("the vCPUs' CPU time is not known".to_owned());
            self.confidence -= 0.1;
            return;
        };
        self.grounds.push(format!("the guest wanted {demand:.2} CPUs"));
        self.confidence += 0.1;
        let Some(profile) = &self.profile else {
            self.against.push("where the vCPUs run is not known".to_owned());
            return;
        };
        let words = in_words(profile);
        let expected = demand < BUSY || share_in(profile, &[Subsystem::Allocator, Subsystem::Reclaim]) > MOST;
        if expected {
            self.grounds.push(words);
            self.confidence += 0.15;
        } else {
            self.against.push(format!("most of the time was not spent in the allocator: {words}"));
            self.confidence -= 0.1;
        }
    }

    fn weigh_sleepers(&mut self) {
        if self.demand.is_none_or(|demand| demand >= BUSY) {
            return;
        }
        for sleeper in self.seen.inquiry.sleepers.all.iter().take(3) {
            let frames: Vec<&str> = sleeper.frames.iter().take(4).map(String::as_str).collect();
            self.grounds.push(format!(
                "pid {} ({}) sleeps in {}",
                sleeper.task.pid,
                sleeper.task.comm,
                frames.join(" < ")
            ));
        }
    }

    fn weigh_memory(&mut self) {
        let Some((_, last)) = self.memory else { return };
        let min: u64 = last.zones.iter().map(|zone| zone.min_kib).sum();
        let high: u64 = last.zones.iter().map(|zone| zone.high_kib).sum();
        let free = last.free_kib;
        if free <= min {
            self.grounds.push(format!("{free} KiB are free, not more than the watermark min, {min} KiB"));
            self.confidence += 0.1;
        } else if high > 0 && free > high {
            self.against.push(format!("{free} KiB are free, more than the watermark high, {high} KiB"));
            self.confidence -= 0.1;
        } else if min > 0 {
            self.grounds.push(format!("{free} KiB are free; watermarks: min {min} KiB, high {high} KiB"));
        }
    }

    fn weigh_victim(&mut self) {
        if self.seen.kill.is_some() {
            self.confidence += 0.05;
        }
        if let Some(reaped) = &self.seen.oom_reaped {
            self.against.push(format!("the OOM reaper freed pid {}", reaped.what.pid));
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
