//! Every sort of evidence and caveat.

use super::{livelock, profile, trial};
use model::{Caveat, Evidence, TrialRecord, Watermarks};

/// A trial with every sort of evidence and caveat.
pub(super) fn all_evidence() -> TrialRecord {
    let marks = Watermarks { free_kib: 4704, free_cma_kib: 0, min_kib: 4768, high_kib: 7152 };
    let mut verdict = livelock();
    verdict.evidence = vec![
        Evidence::HeartbeatAlive { canary_stuck_s: 15.0 },
        Evidence::CpuDemand { cpus: 0.99 },
        Evidence::Profile(profile()),
        Evidence::AllocationsStill { still_s: 15.0, looks: 3, stalls: 3 },
        Evidence::AllocationStalls { count: 2 },
        Evidence::TicksStill { still_s: 12.0, cpu: Some(1) },
        Evidence::InterruptsOff { share: 0.5 },
        Evidence::SysrqAnswered { letter: 'm' },
        Evidence::SysrqUnanswered { letter: 'w' },
        Evidence::Watermarks(marks),
        Evidence::OomInvoked { comm: "hog".to_owned() },
        Evidence::BlockedTask { pid: 31, comm: "dd".to_owned(), frames: vec!["schedule".to_owned()] },
        Evidence::Victim { pid: 26, comm: "hog".to_owned(), state: 'D', oom_skip: None, frames: Vec::new() },
        Evidence::StuckTask { pid: 31, comm: "dd".to_owned(), state: 'R', gfp: None, order: None, frames: vec![] },
        Evidence::LockHolder {
            lock: "rwsem".to_owned(),
            waiter_pid: 26,
            waiter_comm: "hog".to_owned(),
            holder_pid: 31,
            holder_comm: "dd".to_owned(),
        },
        Evidence::ManualOomKill { killed_pid: None, canary_recovered: false, workload_finished: false },
    ];
    verdict.caveats = vec![
        Caveat::CpuTimeUnknown,
        Caveat::ProfileMissing,
        Caveat::ProfileElsewhere(profile()),
        Caveat::FreeMemory(marks),
        Caveat::OomReaped { pid: 26 },
        Caveat::HostPressure { psi_some_avg10: 63.4 },
        Caveat::CpuShare { share: 0.4 },
        Caveat::DiscountedReport { line: "watchdog: BUG: soft lockup".to_owned() },
        Caveat::SysrqFailed { letter: 'f', why: "no BREAK".to_owned() },
        Caveat::HeartbeatLost { silent_s: 12.0 },
        Caveat::CanaryAlive,
        Caveat::NoAgent,
        Caveat::CountersUnknown { why: "no symbols".to_owned() },
        Caveat::DoubtedPanic { line: "Kernel panic".to_owned() },
        Caveat::KernelRuns,
        Caveat::NoPowerOff,
        Caveat::RecordFull,
        Caveat::DoubleHartStart,
    ];
    trial("linux-6.1", "riscv64-nommu", 32, "zombie-victim", verdict)
}
