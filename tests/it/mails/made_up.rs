//! Made-up records.

use model::{
    Accel, Caveat, Cell, Evidence, FunctionShare, KernelName, Kind, Onset, ProfileSummary, RamMib, RuleId, Stamp, Task,
    Timeouts, TrialRecord, Verdict, Watermarks,
};
use oomlab::report::mail::{
    Attachment, Facts, KernelOrigin, Maintainers, Occurrence, Origin, Refusal, Regression, draft, recipients,
};
use std::collections::BTreeMap;

pub const FIRST_BAD: &str = "212925802454672e6cd2949a727f5e2c1377bf06";
pub const PARENT: &str = "1f2e3d4c5b6a79880123456789abcdef01234567";

pub const MAINTAINERS: &str = "\
MEMORY MANAGEMENT - OOM KILLER
M:	O. Killer <oom@example.org>
R:	R Reviewer <r@example.org>
L:	linux-mm@kvack.org
S:	Maintained
F:	mm/oom_kill.c

MEMORY MANAGEMENT
M:	Jérôme Developer <j@example.org>
L:	linux-mm@kvack.org
S:	Maintained
F:	mm/

THE REST
M:	All Files <all@example.org>
F:	*
F:	*/
";

pub const INVOKED: &str =
    "[    0.564100] hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=500";
pub const KILLED: &str =
    "[    0.564737] Out of memory: Killed process 26 (hog) total-vm:6228kB, anon-rss:0kB, file-rss:0kB";

/// What a draft is made of.
pub struct Case {
    pub trial: TrialRecord,
    pub trials: Vec<TrialRecord>,
    pub kernels: BTreeMap<KernelName, KernelOrigin>,
    pub console: Vec<u8>,
    pub delays_s: Vec<f64>,
    pub archive: Option<(&'static str, u64)>,
    pub regression: Option<Regression>,
    pub maintainers: Option<Maintainers>,
}

impl Case {
    /// A run of one trial.
    pub fn new(trial: TrialRecord) -> Self {
        Self {
            trials: vec![trial.clone()],
            trial,
            kernels: BTreeMap::new(),
            console: Vec::new(),
            delays_s: Vec::new(),
            archive: None,
            regression: None,
            maintainers: None,
        }
    }

    /// The same trial until there are so many.
    pub fn repeat(&mut self, count: usize) {
        self.trials.resize(count, self.trial.clone());
    }

    /// So many further trials.
    pub fn add(&mut self, trial: TrialRecord, count: usize) {
        self.trials.extend(std::iter::repeat_n(trial, count));
    }

    pub fn draft(&self) -> Result<String, Refusal> {
        let recipients = recipients(&self.trial, self.maintainers.as_ref(), self.regression.as_ref());
        draft(&Facts {
            trial: &self.trial,
            trials: &self.trials,
            kernels: &self.kernels,
            workload: Some("hogs that need two kills, under a parent that does not reap its children"),
            compiler: Some("riscv64-linux-gnu-gcc (Debian 12.2.0-13) 12.2.0"),
            config: Some("config-7.3.4"),
            qemu_version: Some("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)"),
            console: &self.console,
            delays_s: &self.delays_s,
            archive: self.archive.map(|(name, bytes)| Attachment { name, bytes }),
            regression: self.regression.as_ref(),
            recipients: &recipients,
        })
    }
}

pub fn trial(kernel: &str, release: &str, arch: &str, verdict: Verdict) -> TrialRecord {
    let arch = arch::find(arch).unwrap();
    let cell = Cell {
        kernel: kernel.into(),
        ram: RamMib(32),
        timeouts: Timeouts { stuck_s: 1.5, ..Timeouts::default() },
        ..model::samples::cell(&format!("{kernel}.{arch}.32M.zombie-victim"), arch, "zombie-victim")
    };
    let command = [
        arch.qemu.program,
        "-name",
        "guest=x",
        "-machine",
        "virt",
        "-m",
        "32M",
        "-chardev",
        "socket,id=serial0,path=/run/o/serial,server=on,wait=on",
        "-serial",
        "chardev:serial0",
        "-kernel",
        "/home/me/.cache/oomlab/Image",
        "-initrd",
        "/home/me/my cache/initrd",
        "-append",
        "console=ttyS0 sysrq_always_enabled",
    ];
    TrialRecord {
        command: command.map(str::to_owned).to_vec(),
        kernel_release: Some(release.to_owned()),
        ..TrialRecord::new(cell, 1, Accel::Tcg, "2026-11-24T10:00:00Z".to_owned(), verdict)
    }
}

pub fn origin(package: &str, suite: &str) -> KernelOrigin {
    let origin = Origin::DebianSource { package: package.to_owned(), suite: suite.to_owned() };
    KernelOrigin { origin, patches: Vec::new() }
}

pub fn occurrence(hits: u32, trials: u32) -> Occurrence {
    Occurrence { hits, trials, ..Occurrence::default() }
}

pub fn passed() -> Verdict {
    Verdict::new(Kind::Finished, RuleId::WorkloadEnded, "finished")
}

pub fn undecided() -> Verdict {
    Verdict::new(Kind::HostOverloaded, RuleId::LoadDeadline, "the host was busy")
}

pub fn livelock() -> Verdict {
    let mut verdict = Verdict::new(Kind::OomLivelock, RuleId::CanaryStuck, "pid 26 (hog) was killed and stays");
    verdict.title = Some("oom-livelock in alloc_pages".to_owned());
    verdict.onset = Some(Onset { host: Stamp::from_secs_f64(1.4), guest_s: Some(0.56) });
    verdict.victim = Some(Task { pid: 26, comm: "hog".to_owned() });
    verdict.lines = vec![INVOKED.to_owned(), KILLED.to_owned()];
    let frames = ["shrink_node", "try_to_free_pages", "__alloc_pages"].map(str::to_owned).to_vec();
    verdict.evidence = vec![
        Evidence::HeartbeatAlive { canary_stuck_s: 15.0 },
        Evidence::CpuDemand { cpus: 0.99 },
        Evidence::Victim { pid: 26, comm: "hog".to_owned(), state: 'Z', oom_skip: Some(false), frames: Vec::new() },
        Evidence::StuckTask {
            pid: 31,
            comm: "dd".to_owned(),
            state: 'R',
            gfp: Some("0xcc0(GFP_KERNEL)".to_owned()),
            order: Some(0),
            frames,
        },
        Evidence::ManualOomKill { killed_pid: Some(27), canary_recovered: true, workload_finished: false },
    ];
    verdict.caveats = vec![Caveat::HostPressure { psi_some_avg10: 63.0 }];
    verdict
}

/// The console of a livelock.
pub fn console() -> Vec<u8> {
    let text = format!(
        "[    0.000000] Linux version 7.3.4\n@oomlab 3 started name=zombie-victim pid=20 *00000000\n{INVOKED}\n\
         [    0.564200] CPU: 0 UID: 0 PID: 20 Comm: hog Not tainted 7.3.4 #1 NONE\n\
         [    0.564300] Call Trace:\n\
         [    0.564310] [<00000000800eb90c>] dump_stack_lvl+0x2c/0x42\n\
         [    0.564320] [<000000008004f24e>] out_of_memory+0x180/0x190\n\
         [    0.564330] [<0000000080061086>] __alloc_pages+0x424/0x52c\n\
         [    0.564340] Mem-Info:\n\
         [    0.564400] DMA32 free:4784kB boost:4096kB min:4788kB low:4960kB high:5132kB {}\n\
         [    0.564500] 8192 pages RAM\n\
         [    0.564700] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=hog,pid=26,uid=0\n{KILLED}\n\
         [    9.000000] sysrq: Manual OOM execution\n",
        "active_anon:0kB ".repeat(30)
    );
    text.into_bytes()
}

/// Every sort of evidence.
pub fn all_evidence() -> Vec<Evidence> {
    let comm = || "hog".to_owned();
    let frames = || vec!["down_write".to_owned(), "do_mmap".to_owned()];
    let share = FunctionShare { symbol: "shrink_node".to_owned(), share: 0.5 };
    let profile =
        ProfileSummary { samples: 64, span_ms: 2100, functions: vec![share], user: 0.1, idle: 0.4, allocator: None };
    let manual = |killed_pid, canary_recovered, workload_finished| Evidence::ManualOomKill {
        killed_pid,
        canary_recovered,
        workload_finished,
    };
    vec![
        Evidence::HeartbeatAlive { canary_stuck_s: 15.0 },
        Evidence::CpuDemand { cpus: 0.99 },
        Evidence::Profile(profile),
        Evidence::AllocationsStill { still_s: 15.0, looks: 3, stalls: 3 },
        Evidence::AllocationStalls { count: 1 },
        Evidence::AllocationStalls { count: 2 },
        Evidence::TicksStill { still_s: 12.0, cpu: Some(1) },
        Evidence::TicksStill { still_s: 12.0, cpu: None },
        Evidence::InterruptsOff { share: 0.5 },
        Evidence::SysrqAnswered { letter: 'm' },
        Evidence::SysrqUnanswered { letter: 'w' },
        Evidence::Watermarks(Watermarks { free_kib: 4704, free_cma_kib: 64, min_kib: 4768, high_kib: 7152 }),
        Evidence::OomInvoked { comm: comm() },
        Evidence::BlockedTask { pid: 31, comm: comm(), frames: frames() },
        Evidence::Victim { pid: 26, comm: comm(), state: 'D', oom_skip: None, frames: frames() },
        Evidence::StuckTask { pid: 31, comm: comm(), state: 'R', gfp: None, order: None, frames: frames() },
        Evidence::LockHolder {
            lock: "rwsem".to_owned(),
            waiter_pid: 26,
            waiter_comm: comm(),
            holder_pid: 31,
            holder_comm: comm(),
        },
        manual(None, false, false),
        manual(Some(7), false, false),
        manual(Some(7), true, false),
        manual(Some(7), false, true),
        Evidence::Text { phrase: "as it was".to_owned() },
    ]
}
