//! The observations behind a verdict, in words for readers who do not know the lab.

use super::prose::quoted;
use model::{Caveat, Evidence, ProfileSummary, Watermarks};

/// Functions of a stack that are shown.
const MAX_FRAMES: usize = 8;

/// Functions of a profile that are shown.
const MAX_FUNCTIONS: usize = 3;

/// The place of an observation: what names the tasks at fault comes first, and what measures the machine last.
pub(super) const fn rank(evidence: &Evidence) -> u8 {
    match evidence {
        Evidence::Victim { .. } => 0,
        Evidence::LockHolder { .. } => 1,
        Evidence::StuckTask { .. } | Evidence::BlockedTask { .. } | Evidence::OomInvoked { .. } => 2,
        Evidence::ManualOomKill { .. } => 3,
        Evidence::AllocationsStill { .. } | Evidence::AllocationStalls { .. } | Evidence::Watermarks(_) => 4,
        Evidence::TicksStill { .. } | Evidence::InterruptsOff { .. } => 5,
        Evidence::SysrqAnswered { .. } | Evidence::SysrqUnanswered { .. } => 6,
        Evidence::HeartbeatAlive { .. } | Evidence::Profile(_) => 7,
        Evidence::CpuDemand { .. } | Evidence::Text { .. } => 8,
    }
}

/// One observation.
pub(super) fn observation(evidence: &Evidence) -> String {
    match evidence {
        Evidence::HeartbeatAlive { canary_stuck_s } => format!(
            "PID 1, which allocates nothing, keeps running; a second task, which allocates, made no progress for {canary_stuck_s:.0} s"
        ),
        Evidence::CpuDemand { cpus } => format!("demand for CPU time, run or steal: {cpus:.2} CPUs"),
        Evidence::Profile(profile) => samples(profile),
        Evidence::AllocationsStill { still_s, .. } => {
            format!("no page was allocated for {still_s:.0} s by the kernel's own counters (vmstat, read from outside)")
        }
        Evidence::AllocationStalls { count: 1 } => "the kernel reported a page allocation stall".to_owned(),
        Evidence::AllocationStalls { count } => format!("the kernel reported {count} page allocation stalls"),
        Evidence::TicksStill { still_s, cpu: None } => format!("jiffies stood still for {still_s:.0} s"),
        Evidence::TicksStill { still_s, cpu: Some(cpu) } => {
            format!("CPU {cpu} accounted for no time for {still_s:.0} s, and had tasks to run")
        }
        Evidence::InterruptsOff { share } => {
            format!("interrupts were off in {:.0} % of the PC samples", 100.0 * share)
        }
        Evidence::SysrqAnswered { letter } => format!("the kernel answered sysrq-{letter}"),
        Evidence::SysrqUnanswered { letter } => format!("the kernel did not answer sysrq-{letter}"),
        Evidence::Watermarks(marks) => {
            format!("{}; watermarks min {} KiB, high {} KiB", free(marks), marks.min_kib, marks.high_kib)
        }
        Evidence::OomInvoked { comm } => {
            format!("a task ({}) invoked the OOM killer, and no kill is known", quoted(comm))
        }
        Evidence::BlockedTask { pid, comm, frames } => {
            format!("pid {pid} ({}) is in state D{}", quoted(comm), stack(frames))
        }
        Evidence::Victim { pid, comm, state, oom_skip, frames } => {
            let flag = match oom_skip {
                Some(true) => ", with MMF_OOM_SKIP",
                Some(false) => ", without MMF_OOM_SKIP",
                None => "",
            };
            format!(
                "the OOM victim, pid {pid} ({}), is still there in state {}{flag}{}",
                quoted(comm),
                letter(*state),
                stack(frames)
            )
        }
        Evidence::StuckTask { pid, comm, gfp, order, frames, .. } => {
            let gfp = gfp.as_ref().map(|gfp| format!(" gfp_mask={}", quoted(gfp))).unwrap_or_default();
            let order = order.map(|order| format!(" order={order}")).unwrap_or_default();
            format!("pid {pid} ({}) allocates{gfp}{order}{}", quoted(comm), stack(frames))
        }
        Evidence::LockHolder { lock, waiter_pid, waiter_comm, holder_pid, holder_comm } => {
            let holds = if lock == "semaphore" { "held last" } else { "holds" };
            format!(
                "pid {waiter_pid} ({}) waits for a lock ({}) that pid {holder_pid} ({}) {holds}",
                quoted(waiter_comm),
                quoted(lock),
                quoted(holder_comm)
            )
        }
        Evidence::ManualOomKill { killed_pid: Some(pid), workload_finished: true, .. } => {
            format!("sysrq-f killed pid {pid}, and the workload finished at once")
        }
        Evidence::ManualOomKill { killed_pid: Some(pid), canary_recovered: true, .. } => {
            format!("sysrq-f killed pid {pid}, and allocations succeeded again at once")
        }
        Evidence::ManualOomKill { killed_pid: Some(pid), .. } => {
            format!("sysrq-f killed pid {pid}, too, and allocations stayed stuck")
        }
        Evidence::ManualOomKill { killed_pid: None, .. } => "sysrq-f killed no task".to_owned(),
        Evidence::Text { phrase } => format!("recorded as: {}", quoted(phrase)),
    }
}

/// What weakens the observations.
pub(super) fn caveat(caveat: &Caveat) -> String {
    match caveat {
        Caveat::FreeMemory(marks) => {
            format!("but: {}, above the high watermark of {} KiB", free(marks), marks.high_kib)
        }
        Caveat::ProfileElsewhere(profile) => format!("but: most {}", samples(profile)),
        Caveat::HeartbeatLost { silent_s } => format!("PID 1 did not run for {silent_s:.0} s either"),
        Caveat::CanaryAlive => "but: another task still allocates, so not every allocation is stuck".to_owned(),
        Caveat::DiscountedReport { line } | Caveat::DoubtedPanic { line } => {
            format!("but: this line of the console does not fit the other observations: \"{}\"", quoted(line))
        }
        other => format!("but: {}", quoted(&other.to_string())),
    }
}

fn samples(profile: &ProfileSummary) -> String {
    let percent = |share: f64| (100.0 * share).round();
    let functions = profile.functions.iter().take(MAX_FUNCTIONS);
    let mut places: Vec<String> =
        functions.map(|function| format!("{} % {}", percent(function.share), quoted(&function.symbol))).collect();
    let others = [("the idle loop", profile.idle), ("user space", profile.user)];
    places.extend(
        others.iter().filter(|(_, share)| *share >= 0.01).map(|(name, share)| format!("{} % {name}", percent(*share))),
    );
    places.extend(profile.allocator.as_ref().map(|of| format!("{} % below {}", percent(of.share), quoted(&of.symbol))));
    format!("PC samples of the vCPUs ({}): {}", profile.samples, places.join(", "))
}

fn free(marks: &Watermarks) -> String {
    match marks.free_cma_kib {
        0 => format!("free memory {} KiB", marks.free_kib),
        cma => format!("free memory {} KiB, and {cma} KiB of CMA", marks.free_kib),
    }
}

/// A stack, innermost function first.
fn stack(frames: &[String]) -> String {
    let shown: Vec<String> = frames.iter().take(MAX_FRAMES).map(|frame| quoted(frame)).collect();
    if shown.is_empty() { String::new() } else { format!(": {}", shown.join(" <- ")) }
}

/// The kernel's letter for a state; a record may have any character there.
fn letter(state: char) -> char {
    if state.is_ascii_graphic() { state } else { '?' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn victim_and_holder_are_named() {
        let comm = "x y".to_owned();
        let victim = Evidence::Victim {
            pid: 26,
            comm: comm.clone(),
            state: 'D',
            oom_skip: Some(false),
            frames: vec!["f".to_owned(), "g".to_owned()],
        };
        let shown = observation(&victim);
        assert_eq!(shown, "the OOM victim, pid 26 (x y), is still there in state D, without MMF_OOM_SKIP: f <- g");
        let holder = Evidence::LockHolder {
            lock: "rwsem".to_owned(),
            waiter_pid: 1,
            waiter_comm: comm.clone(),
            holder_pid: 2,
            holder_comm: comm,
        };
        let shown = observation(&holder);
        assert_eq!(shown, "pid 1 (x y) waits for a lock (rwsem) that pid 2 (x y) holds");
    }

    #[test]
    fn caveat_is_said() {
        let shown = caveat(&Caveat::HostPressure { psi_some_avg10: 40.0 });
        assert_eq!(shown, "but: the host was short of CPU time (PSI some avg10 40 %)");
    }
}
