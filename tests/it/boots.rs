//! Real kernels in real QEMU. Kernels come from the user's cache; what it lacks, the program fetches or builds.

use crate::support::kernels;
use crate::support::program;

use model::{Outcome, TrialRecord};
use oomlab::store::{read_events, read_trial};
use program::{Finished, Program, finish};
use std::path::{Path, PathBuf};
use std::process::Command;
use watchdog::{Setup, replay};

/// One trial, finished.
struct Boot {
    finished: Finished,
    trial: TrialRecord,
    console: String,
}

impl Boot {
    /// Boots one cell, and checks what holds for every trial.
    fn new(program: &Program, args: &[&str]) -> Self {
        let args = [&["boot", "--out", "run"], args].concat();
        let finished = finish(&mut kernels::command(program, &args));
        let mut cells: Vec<_> = std::fs::read_dir(program.dir().join("run/cells"))
            .unwrap_or_else(|error| panic!("{error}: {finished:?}"))
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(cells.len(), 1);
        let folder = cells.remove(0);
        let trial = read_trial(&folder).unwrap();
        let events = read_events(&folder.join("events.jsonl")).unwrap();
        assert_eq!(replay(Setup::of(&trial.cell), &events), Some(trial.verdict.clone()), "the record judges alike");
        let console = std::fs::read(folder.join("console.log")).unwrap();
        Self { finished, trial, console: String::from_utf8_lossy(&console).into_owned() }
    }

    /// Beside other tests it may be slow, too.
    fn assert_passes(&self) {
        assert_eq!(self.trial.verdict.outcome(), Outcome::Pass, "{}\n{:?}", self.finished.stdout, self.trial.verdict);
        assert!(self.trial.as_expected() && self.finished.status == Some(0), "{:?}", self.finished);
    }

    fn assert(&self, kind: &str, status: i32) {
        assert_eq!(self.trial.verdict.kind.as_str(), kind, "{}\n{:?}", self.finished.stdout, self.trial.verdict);
        assert_eq!(self.finished.status, Some(status), "{:?}", self.finished);
    }
}

fn boot(arch: &str, kernel: &str, ram: &str, more: &[&str]) -> Boot {
    kernels::kernel(kernel, arch);
    Boot::new(&Program::new(), &[&["--arch", arch, "--kernel", kernel, "--ram", ram], more].concat())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The console is heard from its very first byte on: `first` is what a machine of this architecture says first.
fn assert_idle(arch: &str, kernel: &str, ram: &str, first: &str) {
    let boot = boot(arch, kernel, ram, &["--workload", "idle"]);
    boot.assert_passes();
    assert!(boot.console.trim_start().starts_with(first), "{:.200}", boot.console);
    assert!(boot.trial.boot_s.is_some_and(|seconds| seconds > 0.0 && seconds < boot.trial.duration_s));
    assert!(boot.trial.kernel_release.is_some() && boot.trial.artifacts.len() >= 4);
}

#[test]
fn idle_passes_on_riscv64_nommu() {
    assert_idle("riscv64-nommu", "linux-7.3", "32M", "[    0.000000] Booting Linux on hartid 0");
}

#[test]
fn less_ram_than_is_known_to_suffice_is_tried() {
    let boot = boot("riscv64-nommu", "linux-7.3", "7M", &["--workload", "idle"]);
    let warning = "warning: riscv64-nommu needs at least 8M of RAM, not 7M; booting it all the same\n";
    assert!(boot.finished.stderr.contains(warning), "{:?}", boot.finished);
    boot.assert_passes();
}

#[test]
fn idle_passes_on_riscv64() {
    assert_idle("riscv64", "debian-7.2", "128M", "OpenSBI v");
}

#[test]
fn idle_passes_on_x86_64() {
    assert_idle("x86_64", "debian-6.1", "128M", "[    0.000000] Linux version 6.1");
}

#[test]
fn idle_passes_on_arm() {
    assert_idle("arm", "debian-6.1", "128M", "[    0.000000] Booting Linux on physical CPU 0x0");
}

#[test]
fn zombie_victim_without_an_mmu_is_a_livelock_with_its_victim() {
    let boot = boot("riscv64-nommu", "linux-7.3", "32M", &["--workload", "zombie-victim"]);
    boot.assert("oom-livelock", 1);
    let victim = boot.trial.verdict.victim.as_ref().expect("a victim");
    let killed = format!("Killed process {} ({})", victim.pid, victim.comm);
    assert!(boot.console.contains(&killed), "{killed}");
    assert_eq!(boot.trial.oom_kills, 1);
    assert!(boot.finished.stdout.contains(&killed), "the report shows the line: {}", boot.finished.stdout);
    let onset = boot.trial.verdict.onset.expect("an onset").host.as_secs_f64();
    assert!(onset > 0.0 && onset < boot.trial.duration_s - 5.0, "{onset}");
}

#[test]
fn zombie_victim_with_an_mmu_passes() {
    let boot = boot("x86_64", "debian-6.1", "128M", &["--workload", "zombie-victim"]);
    boot.assert_passes();
    assert!(boot.trial.oom_kills >= 2, "{}", boot.trial.oom_kills);
}

#[test]
fn a_kernel_with_nothing_left_to_kill_panics_as_its_manifest_says() {
    let boot = boot("riscv64-nommu", "linux-7.3", "32M", &["--workload", "no-killable", "--dump"]);
    boot.assert("panic-deadlocked-on-memory", 0);
    let dump = boot.trial.artifacts.iter().find(|artifact| artifact.file == "bundle/memory.kdump").expect("a dump");
    assert!((1 << 20..32 << 20).contains(&dump.bytes), "compressed it is smaller than the RAM: {}", dump.bytes);
    assert!(boot.finished.stdout.contains("1 expected crash"), "{}", boot.finished.stdout);
}

/// An initramfs with nothing but `/init`.
#[test]
fn a_guest_that_hardly_gets_a_cpu_is_not_hung() {
    let boot = boot("riscv64-nommu", "linux-7.3", "32M", &["--workload", "anon-hog", "--fault", "vcpu-steal=90%"]);
    boot.assert_passes();
    // Ten times as long as without: what is a second there is more than three here.
    assert!(boot.trial.duration_s > 1.0, "{}", boot.trial.duration_s);
}

#[test]
fn a_livelock_of_a_guest_that_hardly_gets_a_cpu_is_still_one() {
    let boot = boot("riscv64-nommu", "linux-7.3", "32M", &["--workload", "zombie-victim", "--fault", "vcpu-steal=50%"]);
    boot.assert("oom-livelock", 1);
}

#[test]
fn a_slow_console_is_no_hang() {
    let boot = boot("x86_64", "debian-6.1", "128M", &["--workload", "anon-hog", "--fault", "console=4K"]);
    boot.assert_passes();
    let at_least = boot.console.len() as f64 / 4096.0;
    assert!(boot.trial.duration_s > 0.9 * at_least, "{} bytes in {} s", boot.console.len(), boot.trial.duration_s);
}

#[test]
fn allocations_fail_on_request() {
    for (fault, said) in [("page-alloc=30%", "name fail_page_alloc"), ("slab=30%", "name failslab")] {
        let args = ["--workload", "anon-hog", "--fault", fault];
        let boot = boot("riscv64-nommu", "linux-6.1+faults", "32M", &args);
        assert!(boot.console.contains("FAULT_INJECTION: forcing a failure") && boot.console.contains(said), "{fault}");
        boot.assert_passes();
    }
}

/// The canary is the only task that invokes the OOM killer.
#[test]
fn gfp_noio_allocations_stall_silently_but_for_the_canary() {
    let workload = ["--workload", "io-flusher-hog", "--stuck-timeout", "2"];
    let rescued = boot("x86_64", "debian-6.1", "128M", &workload);
    rescued.assert_passes();
    assert!(rescued.console.contains("init invoked oom-killer"), "{}", rescued.console);
    let stalled = boot("x86_64", "debian-6.1", "128M", &[&workload[..], &["--canary", "gfp-noio"]].concat());
    stalled.assert("silent-stall", 1);
}

#[test]
fn faults_that_a_cell_cannot_have_are_refused() {
    for (fault, why) in [
        (
            "page-alloc=2%",
            "error: debian-6.1 has no CONFIG_FAULT_INJECTION_DEBUG_FS=y for x86_64, which the cell's faults need",
        ),
        ("disk-iops=9", "error: anon-hog has no disk that could be slow"),
        ("vcpu-steal=96%", "error: `96%` is not a share from 1% to 95%"),
        ("vcpu-stea=9%", "error: unknown fault `vcpu-stea`: did you mean `vcpu-steal`? there are "),
    ] {
        kernels::kernel("debian-6.1", "x86_64");
        let program = Program::new();
        let cell = ["boot", "--arch", "x86_64", "--kernel", "debian-6.1", "--workload", "anon-hog", "--fault", fault];
        let finished = finish(&mut kernels::command(&program, &cell));
        assert!(finished.status == Some(2) && finished.stderr.starts_with(why), "{finished:?}");
    }
}

fn own_initramfs(program: &Program) -> PathBuf {
    let spec = arch::find("x86_64").unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boots/init.c");
    let init = program.dir().join("init");
    let mut compiler = Command::new(spec.guest.cc);
    compiler.args(spec.guest.cflags).args(["-O2", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector"]);
    let built = finish(compiler.arg("-o").arg(&init).arg(source));
    assert_eq!(built.status, Some(0), "{}", built.stderr);
    let content = std::fs::read(&init).unwrap();
    let size = u32::try_from(content.len()).unwrap();
    let mut file = cpio::NewcBuilder::new("init").mode(0o100_755).write(Vec::new(), size);
    std::io::Write::write_all(&mut file, &content).unwrap();
    let archive = cpio::newc::trailer(file.finish().unwrap()).unwrap();
    let path = program.dir().join("own.cpio");
    std::fs::write(&path, archive).unwrap();
    path
}

#[test]
fn the_users_own_kernel_and_initramfs_get_a_verdict_without_the_agent() {
    let program = Program::new();
    let (kernel, initramfs) = (kernels::kernel("debian-6.1", "x86_64"), own_initramfs(&program));
    let args = ["--arch", "x86_64", "--kernel", path(&kernel), "--initrd", path(&initramfs), "--ram", "128M"];
    let boot = Boot::new(&program, &args);
    boot.assert_passes();
    assert!(boot.console.contains("custom init is running"), "{}", boot.console);
    let script = program.run(["repro", "--script", "run/kernel.x86_64.128M.initrd"]);
    assert!(script.stdout.contains(path(&initramfs)), "{script:?}");
}

#[test]
fn a_kernel_that_finds_no_init_failed_to_boot() {
    let kernel = kernels::kernel("debian-6.1", "arm");
    let boot =
        Boot::new(&Program::new(), &["--arch", "arm", "--kernel", path(&kernel), "--initrd", "none", "--ram", "128M"]);
    boot.assert("boot-panic", 1);
    assert!(boot.trial.verdict.lines[0].contains("Unable to mount root fs"), "{:?}", boot.trial.verdict);
}

#[test]
fn a_kernel_that_prints_nothing_is_silent() {
    let program = Program::new();
    // Words of zero are no instruction of RISC-V: the hart traps for ever, at the first of them.
    std::fs::write(program.dir().join("zeros"), vec![0; 4096]).unwrap();
    let times = ["--boot-timeout", "2", "--load-timeout", "1"];
    let args =
        [&["--arch", "riscv64-nommu", "--kernel", "./zeros", "--initrd", "none", "--ram", "32M"], &times[..]].concat();
    let boot = Boot::new(&program, &args);
    boot.assert("boot-silent", 1);
    assert_eq!(boot.console, "");
}

#[test]
fn qemu_error_on_a_bad_kernel_is_shown() {
    let program = Program::new();
    program.write("no-kernel", "\0not a kernel");
    let boot =
        Boot::new(&program, &["--arch", "x86_64", "--kernel", "./no-kernel", "--initrd", "none", "--ram", "128M"]);
    boot.assert("qemu-failed", 3);
    assert!(boot.trial.verdict.summary.contains("invalid kernel header"), "{}", boot.trial.verdict.summary);
}

#[test]
fn qemu_error_on_a_bad_argument_is_shown() {
    let boot = boot("riscv64-nommu", "linux-7.3", "32M", &["--workload", "idle", "--qemu-arg", "-no-such-option"]);
    boot.assert("qemu-failed", 3);
    assert!(boot.finished.stdout.contains("-no-such-option: invalid option"), "{}", boot.finished.stdout);
}

/// In a child, which has its own memory: an error of the parent is another.
#[test]
fn failure_of_a_workload_has_the_error() {
    kernels::kernel("linux-7.3", "riscv64-nommu");
    let program = Program::new();
    program.write(
        "images/workloads/failing/manifest.yaml",
        "name: failing\nsummary: fails\naims_at: nothing\nsource: none\nmmu: any\nunit: none\nfinished: never\n\
         min_ram: 8M\nhealthy: {outcome: pass, kind: finished}\n",
    );
    let main = r#"
        #include "../../guest/sys.h"
        #include "../../guest/workload.h"
        int workload_main(const char *role, uint64_t amount)
        {
            struct child child;

            (void)amount;
            if (*role)
                return sys_open("/absent/file", O_RDONLY) < 0 ? workload_fail("open-failed") : 0;
            if (!workload_start("child", 0, NULL) || !wait_child(0, 0, &child) || sys_close(-1) == 0)
                return 0;
            return workload_fail("child-failed");
        }
    "#;
    program.write("images/workloads/failing/main.c", main);
    let args = ["--arch", "riscv64-nommu", "--kernel", "linux-7.3", "--ram", "32M", "--workload", "failing"];
    let boot = Boot::new(&program, &args);
    boot.assert("workload-failed", 1);
    let summary = &boot.trial.verdict.summary;
    // ENOENT
    assert!(summary.contains(": open-failed; ") && summary.ends_with("(os error 2)"), "{summary}");
}
