//! What a verdict rests on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One observation that a verdict rests on. [`fmt::Display`] gives the phrase for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "tag", rename_all = "kebab-case")]
pub enum Evidence {
    /// PID 1 sends heartbeats, and the canary finishes no round.
    HeartbeatAlive {
        /// Seconds granted to the guest since the last progress.
        canary_stuck_s: f64,
    },
    /// CPUs that the vCPUs ran on or waited for, on average since the last progress.
    CpuDemand {
        /// Number of CPUs.
        cpus: f64,
    },
    /// Where the vCPUs were sampled.
    Profile(ProfileSummary),
    /// No page was allocated, by the kernel's own counters.
    AllocationsStill {
        /// Granted seconds for which they were looked at.
        still_s: f64,
        /// Looks at the counters since the last allocation.
        looks: u32,
        /// Of these, looks before which direct reclaim had begun again (`allocstall`).
        stalls: u32,
    },
    /// The kernel reported page allocation stalls (`mm/page_alloc.c`, `warn_alloc()`, since 7.3 `check_alloc_stall_warn()`).
    AllocationStalls {
        /// How often.
        count: u64,
    },
    /// The kernel's timer ticks stand still.
    TicksStill {
        /// Granted seconds for which they were looked at.
        still_s: f64,
        /// The CPU whose ticks they are, where others tick.
        cpu: Option<u32>,
    },
    /// A vCPU was in the kernel with interrupts off.
    InterruptsOff {
        /// Share of all samples, from 0 to 1.
        share: f64,
    },
    /// The kernel answered a sysrq letter.
    SysrqAnswered {
        /// The letter.
        letter: char,
    },
    /// The kernel did not answer a sysrq letter.
    SysrqUnanswered {
        /// The letter.
        letter: char,
    },
    /// Free memory is not above the high watermark.
    Watermarks(Watermarks),
    /// The OOM killer was started, and no kill is known.
    OomInvoked {
        /// Name of the task that started it.
        comm: String,
    },
    /// A task in state D, from the answer to sysrq-w.
    BlockedTask {
        /// Process id.
        pid: u32,
        /// Name of the process.
        comm: String,
        /// Its stack, innermost function first.
        frames: Vec<String>,
    },
    /// A task that the OOM killer chose and that is still there, from a snapshot of the guest's memory.
    Victim {
        /// Process id.
        pid: u32,
        /// Name of the process.
        comm: String,
        /// The kernel's letter for its state.
        state: char,
        /// Whether `MMF_OOM_SKIP` of its mm is set; while it is not, the OOM killer chooses no other task. `null` when it cannot be read.
        oom_skip: Option<bool>,
        /// Its stack without the scheduler, innermost function first.
        frames: Vec<String>,
    },
    /// A task in the page allocator or in reclaim, from the same snapshot.
    StuckTask {
        /// Process id.
        pid: u32,
        /// Name of the process.
        comm: String,
        /// The kernel's letter for its state.
        state: char,
        /// The mask of its allocation as the kernel prints it, for example `0xcc0(GFP_KERNEL)`; `null` when it is not known.
        gfp: Option<String>,
        /// The order of its allocation; `null` when it is not known.
        order: Option<i32>,
        /// Its stack without the scheduler, innermost function first.
        frames: Vec<String>,
    },
    /// A task waits for a lock, and another one holds it, from the same snapshot, or from the kernel's hung task report.
    LockHolder {
        /// The kernel's name for the sort of lock: `rwsem`, `mutex`, `semaphore`; of a semaphore the kernel knows the last holder.
        lock: String,
        /// Process id of the task that waits.
        waiter_pid: u32,
        /// Its name.
        waiter_comm: String,
        /// Process id of the task that holds the lock.
        holder_pid: u32,
        /// Its name.
        holder_comm: String,
    },
    /// The OOM killer was started by hand, with sysrq-f.
    ManualOomKill {
        /// Process id of the task that it killed; `null` when it killed none.
        killed_pid: Option<u32>,
        /// Whether the canary finished a round after that.
        canary_recovered: bool,
        /// Whether the workload finished after that, before the canary showed anything.
        #[serde(default)]
        workload_finished: bool,
    },
    /// The phrase alone, as schema 1 stored it.
    #[schemars(skip)]
    Text {
        /// The phrase.
        #[serde(rename = "text", skip_serializing)]
        phrase: String,
    },
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeartbeatAlive { canary_stuck_s } => {
                write!(f, "heartbeat alive, canary stuck for {canary_stuck_s:.0} s")
            }
            Self::CpuDemand { cpus } => write!(f, "vCPU demand {cpus:.2} (run + steal)"),
            Self::Profile(profile) => profile.fmt(f),
            Self::AllocationsStill { still_s, looks, stalls } => write!(
                f,
                "no page allocated for {still_s:.0} s by the kernel's own counters; direct reclaim in {stalls} of {looks} samples"
            ),
            Self::AllocationStalls { count: 1 } => f.write_str("the kernel reported a page allocation stall"),
            Self::AllocationStalls { count } => write!(f, "the kernel reported {count} page allocation stalls"),
            Self::TicksStill { still_s, cpu: None } => write!(f, "jiffies stand still for {still_s:.0} s"),
            Self::TicksStill { still_s, cpu: Some(cpu) } => {
                write!(f, "CPU {cpu} accounts for no time for {still_s:.0} s, and has tasks to run")
            }
            Self::InterruptsOff { share } => write!(f, "interrupts off in {:.0} % of the samples", 100.0 * share),
            Self::SysrqAnswered { letter } => write!(f, "the kernel answered sysrq-{letter}"),
            Self::SysrqUnanswered { letter } => write!(f, "the kernel did not answer sysrq-{letter}"),
            Self::Watermarks(marks @ Watermarks { free_kib, min_kib, high_kib, .. }) if free_kib > min_kib => {
                write!(f, "{}; watermarks: min {min_kib} KiB, high {high_kib} KiB", marks.free())
            }
            Self::Watermarks(marks) => {
                write!(f, "{} ≤ min watermark {} KiB", marks.free(), marks.min_kib)
            }
            Self::OomInvoked { comm } => write!(f, "{comm} invoked the OOM killer"),
            Self::BlockedTask { pid, comm, frames } => {
                let shown = &frames[..frames.len().min(SHOWN_FRAMES)];
                write!(f, "pid {pid} ({comm}) blocked in {}", shown.join(" < "))
            }
            Self::Victim { pid, comm, state, oom_skip, frames } => {
                let flag = match oom_skip {
                    Some(true) => "OOM victim with MMF_OOM_SKIP",
                    Some(false) => "OOM victim without MMF_OOM_SKIP",
                    None => "OOM victim",
                };
                write!(f, "pid {pid} ({comm}), {flag}, {}", place(*state, frames))
            }
            Self::StuckTask { pid, comm, state, gfp, order, frames } => {
                write!(f, "pid {pid} ({comm}) allocates, {}", place(*state, frames))?;
                gfp.as_ref().map_or(Ok(()), |gfp| write!(f, ", gfp_mask={gfp}"))?;
                order.map_or(Ok(()), |order| write!(f, ", order={order}"))
            }
            Self::LockHolder { lock, waiter_pid, waiter_comm, holder_pid, holder_comm } => {
                let of = if lock == "semaphore" { "last held by" } else { "of" };
                write!(f, "pid {waiter_pid} ({waiter_comm}) waits for the {lock} {of} pid {holder_pid} ({holder_comm})")
            }
            Self::ManualOomKill { killed_pid: Some(pid), workload_finished: true, .. } => {
                write!(f, "sysrq-f killed pid {pid}, and the workload finished at once")
            }
            Self::ManualOomKill { killed_pid: Some(pid), canary_recovered: true, .. } => {
                write!(f, "sysrq-f killed pid {pid}, and the canary recovered at once")
            }
            Self::ManualOomKill { killed_pid: Some(pid), .. } => {
                write!(f, "sysrq-f killed pid {pid} too, and allocations stayed stuck")
            }
            Self::ManualOomKill { killed_pid: None, .. } => f.write_str("sysrq-f killed no task"),
            Self::Text { phrase } => f.write_str(phrase),
        }
    }
}

impl From<String> for Evidence {
    fn from(phrase: String) -> Self {
        Self::Text { phrase }
    }
}

/// A task's state and the innermost functions of its stack: `D in down_write < do_mmap`.
fn place(state: char, frames: &[String]) -> String {
    match &frames[..frames.len().min(SHOWN_FRAMES)] {
        [] => state.to_string(),
        shown => format!("{state} in {}", shown.join(" < ")),
    }
}

/// Frames of a task that a phrase shows.
const SHOWN_FRAMES: usize = 8;

/// Free memory beside the watermarks, each summed over all zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Watermarks {
    /// Free memory in KiB that any allocation may use: without that of CMA.
    pub free_kib: u64,
    /// Free memory of CMA in KiB.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub free_cma_kib: u64,
    /// Watermark `min` in KiB.
    pub min_kib: u64,
    /// Watermark `high` in KiB.
    pub high_kib: u64,
}

impl Watermarks {
    /// The free memory in words.
    pub(crate) fn free(&self) -> String {
        match (self.free_kib, self.free_cma_kib) {
            (free, 0) => format!("free {free} KiB"),
            (free, cma) => format!("free {free} KiB without {cma} KiB of CMA"),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(kib: &u64) -> bool {
    *kib == 0
}

/// Where the vCPUs were sampled. Shares are of all samples, from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileSummary {
    /// Number of samples.
    pub samples: u32,
    /// Host milliseconds over which was sampled.
    pub span_ms: u64,
    /// Kernel functions with the most samples, at most 4.
    pub functions: Vec<FunctionShare>,
    /// Share in user space.
    pub user: f64,
    /// Share in the kernel's idle loop.
    pub idle: f64,
    /// The function of the page allocator that was found on the most stacks, and the share in the allocator or its callees; `null` when
    /// none was found.
    pub allocator: Option<FunctionShare>,
}

/// A kernel function and its share of the samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionShare {
    /// Its symbol.
    pub symbol: String,
    /// The share, from 0 to 1.
    pub share: f64,
}

/// Places of a profile that a phrase shows.
const SHOWN_PLACES: usize = 4;

/// Smaller shares are not shown.
const MIN_SHOWN_SHARE: f64 = 0.01;

/// `91 % __alloc_pages_slowpath, 6 % shrink_node (64 samples in 2.1 s)`.
impl fmt::Display for ProfileSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = self.functions.iter().map(|function| (function.share, function.symbol.as_str()));
        let mut places: Vec<(f64, &str)> =
            functions.chain([(self.idle, "idle"), (self.user, "in user space")]).collect();
        places.sort_by(|a, b| b.0.total_cmp(&a.0));
        let shown = places.iter().filter(|(share, _)| *share >= MIN_SHOWN_SHARE).take(SHOWN_PLACES);
        let mut phrases: Vec<String> = shown.map(|(share, place)| format!("{:.0} % {place}", 100.0 * share)).collect();
        // Whatever a sampled function does, this is what it was called for.
        let callees = |of: &FunctionShare| format!("{:.0} % in callees of {}", 100.0 * of.share, of.symbol);
        phrases.extend(self.allocator.as_ref().map(callees));
        write!(f, "{} ({} samples in {:.1} s)", phrases.join(", "), self.samples, self.span_ms as f64 / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(functions: &[(&str, f64)], allocator: Option<(&str, f64)>) -> ProfileSummary {
        let function = |(symbol, share): (&str, f64)| FunctionShare { symbol: symbol.to_owned(), share };
        ProfileSummary {
            samples: 100,
            span_ms: 2100,
            functions: functions.iter().copied().map(function).collect(),
            user: 0.03,
            idle: 0.02,
            allocator: allocator.map(function),
        }
    }

    #[test]
    fn profile_phrase_shows_the_largest_shares_first() {
        let shown =
            profile(&[("__alloc_pages_slowpath", 0.89), ("shrink_node", 0.06), ("memcpy", 0.001)], None).to_string();
        assert_eq!(
            shown,
            "89 % __alloc_pages_slowpath, 6 % shrink_node, 3 % in user space, 2 % idle (100 samples in 2.1 s)"
        );
    }

    #[test]
    fn profile_phrase_names_the_allocation() {
        assert_eq!(
            profile(&[("memcpy", 0.95)], Some(("__alloc_pages", 0.9))).to_string(),
            "95 % memcpy, 3 % in user space, 2 % idle, 90 % in callees of __alloc_pages (100 samples in 2.1 s)"
        );
    }

    #[test]
    fn watermark_phrase_depends_on_min() {
        let marks = |free_kib, free_cma_kib| Watermarks { free_kib, free_cma_kib, min_kib: 2, high_kib: 4 };
        let shown = |free_kib, cma| Evidence::Watermarks(marks(free_kib, cma)).to_string();
        assert_eq!(shown(2, 0), "free 2 KiB ≤ min watermark 2 KiB");
        assert_eq!(shown(3, 0), "free 3 KiB; watermarks: min 2 KiB, high 4 KiB");
        assert_eq!(shown(1, 64), "free 1 KiB without 64 KiB of CMA ≤ min watermark 2 KiB");
    }

    #[test]
    fn task_phrases_use_the_kernels_words() {
        let (comm, frames) = ("hog".to_owned(), ["down_write", "do_mmap"].map(str::to_owned).to_vec());
        let victim = |oom_skip, frames| Evidence::Victim { pid: 26, comm: comm.clone(), state: 'D', oom_skip, frames };
        let shown = victim(Some(false), frames.clone()).to_string();
        assert_eq!(shown, "pid 26 (hog), OOM victim without MMF_OOM_SKIP, D in down_write < do_mmap");
        assert_eq!(victim(None, Vec::new()).to_string(), "pid 26 (hog), OOM victim, D");
        let (gfp, order) = (Some("0xcc0(GFP_KERNEL)".to_owned()), Some(3));
        let stuck = Evidence::StuckTask { pid: 31, comm: comm.clone(), state: 'R', gfp, order, frames };
        let expected = "pid 31 (hog) allocates, R in down_write < do_mmap, gfp_mask=0xcc0(GFP_KERNEL), order=3";
        assert_eq!(stuck.to_string(), expected);
        let holder = Evidence::LockHolder {
            lock: "rwsem".to_owned(),
            waiter_pid: 31,
            waiter_comm: "dd".to_owned(),
            holder_pid: 26,
            holder_comm: comm,
        };
        assert_eq!(holder.to_string(), "pid 31 (dd) waits for the rwsem of pid 26 (hog)");
    }

    #[test]
    fn blocked_task_phrase_is_bounded() {
        let frames = (0..32).map(|n| n.to_string()).collect();
        let shown = Evidence::BlockedTask { pid: 7, comm: "dd".to_owned(), frames }.to_string();
        assert_eq!(shown, "pid 7 (dd) blocked in 0 < 1 < 2 < 3 < 4 < 5 < 6 < 7");
    }
}
