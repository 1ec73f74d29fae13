//! Limits that the program gets from outside: control groups and open files.

use crate::support::guests;
use crate::support::program;

use guests::{HEALTHY, boot_args, lab};
use program::{Finished, Program, finish};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a shell's commands, then the program in that shell's place.
fn behind(setup: &str, program: &Program, args: &[String]) -> Finished {
    let inner = program.command(args);
    let mut outer = Command::new("sh");
    outer.args(["-c", &format!("{setup} && exec \"$@\""), "sh"]).arg(inner.get_program()).args(inner.get_args());
    outer.current_dir(program.dir()).env_clear().stdin(Stdio::null());
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    finish(&mut outer)
}

/// A control group of its own, removed at the end.
struct Group(PathBuf);

impl Group {
    /// Makes a group below `parent` and sets limits; `None` if this is not allowed here.
    fn new(parent: &Path, limits: &[(&str, &str)]) -> Option<Self> {
        let folder = parent.join(format!("oomlab-test-{}", std::process::id()));
        std::fs::create_dir(&folder).ok()?;
        let group = Self(folder);
        limits.iter().all(|(name, value)| std::fs::write(group.0.join(name), value).is_ok()).then_some(group)
    }

    fn enter(&self) -> String {
        format!("echo $$ > {}/cgroup.procs", self.0.display())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn memory_of_a_control_group_is_admitted_and_named() {
    let v1 = Group::new(Path::new("/sys/fs/cgroup/memory"), &[("memory.limit_in_bytes", "536870912")]);
    let Some(group) = v1.or_else(|| Group::new(Path::new("/sys/fs/cgroup"), &[("memory.max", "536870912")])) else {
        eprintln!("skipped: no control group with a limit of memory can be made here");
        return;
    };
    let program = lab();
    let mut args = boot_args(&program, HEALTHY);
    let limit = format!("cgroup limit {}/memory.", group.0.display());
    let small = behind(&group.enter(), &program, &args);
    assert_eq!(small.status, Some(0), "{small:?}");
    assert!(small.stderr.contains(&limit) && small.stderr.contains(": 512 MiB of memory, "), "{}", small.stderr);
    assert!(!small.stderr.contains("runs alone"), "{}", small.stderr);
    args.extend(["--ram".to_owned(), "1G".to_owned()]);
    args.retain(|word| word != "32M");
    let first = args.iter().position(|word| word == "--ram").unwrap();
    args.remove(first);
    let big = behind(&group.enter(), &program, &args);
    assert!(big.stderr.contains("needs 1152 MiB of memory, guests get "), "{big:?}");
    let doctor = behind(&group.enter(), &program, &["doctor".to_owned()]);
    assert!(doctor.stdout.contains(&limit), "{doctor:?}");
    assert!(!program.run(["doctor"]).stdout.contains(&limit), "without the group");
}

#[test]
fn cpus_of_a_control_group_are_named() {
    let v1 = Group::new(Path::new("/sys/fs/cgroup/cpu"), &[("cpu.cfs_quota_us", "50000")]);
    let Some(group) = v1.or_else(|| Group::new(Path::new("/sys/fs/cgroup"), &[("cpu.max", "50000 100000")])) else {
        eprintln!("skipped: no control group with a limit of CPUs can be made here");
        return;
    };
    let program = lab();
    let doctor = behind(&group.enter(), &program, &["doctor".to_owned()]);
    assert!(doctor.stdout.contains(&format!("cgroup limit {}/cpu.", group.0.display())), "{doctor:?}");
    assert!(doctor.stdout.contains(": 0.5 CPUs"), "{doctor:?}");
}

#[test]
fn without_threads_the_remedy_is_named() {
    let pids = |parent| Group::new(Path::new(parent), &[("pids.max", "1")]);
    let group = pids("/sys/fs/cgroup/pids").or_else(|| pids("/sys/fs/cgroup"));
    let setup = match &group {
        Some(group) => group.enter(),
        None if rustix::process::geteuid().is_root() => {
            eprintln!("skipped: no control group can be made here, and other limits of threads are not for root");
            return;
        }
        None => "ulimit -u 1".to_owned(),
    };
    let program = lab();
    let args = boot_args(&program, HEALTHY);
    let finished = behind(&setup, &program, &args);
    assert_eq!(finished.status, Some(3), "{finished:?}");
    assert!(finished.stderr.starts_with("error: cannot start a thread: "), "{}", finished.stderr);
    assert!(finished.stderr.contains("ulimit -u") && !finished.stderr.contains("panicked"), "{}", finished.stderr);
    assert_eq!(program.run(args.iter().chain(&["--out".to_owned(), "runs/it".to_owned()])).status, Some(0));
    let replay = behind(&setup, &program, &["replay", "it"].map(str::to_owned));
    assert_eq!((replay.status, replay.stderr.as_str()), (Some(0), ""), "it needs none: {replay:?}");
}

/// Where every command line was kept, and every image's sources were read again for each cell, this took over 140 MB.
#[test]
fn plan_of_many_cells_needs_little_memory() {
    let program = Program::new();
    let values = |name: &str, count: u32| {
        let values = (0..count).map(|number| format!("v{number}: {{append: \"{name}={number}\"}}"));
        format!("{name}: {{{}}}", values.collect::<Vec<_>>().join(", "))
    };
    let (hundreds, units) = (values("a", 200), values("b", 100));
    let fixed = "kernel: linux-6.1, arch: riscv64-nommu, ram: 32M, workload: idle";
    program.write("matrix.yaml", &format!("axes: {{{fixed}, {hundreds}, {units}}}\n"));
    let finished = behind("ulimit -v 110000", &program, &["plan", "-v", "matrix.yaml"].map(str::to_owned));
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    assert!(finished.stdout.starts_with("matrix · 20000 cells · 20000 trials\n"));
    for part in ["     1  pass/finished  linux-6.1.riscv64-nommu.32M.idle", " -append "] {
        assert_eq!(finished.stdout.matches(part).count(), 20_000, "{part}");
    }
}

#[test]
fn few_open_files_mean_fewer_trials_at_a_time() {
    let program = lab();
    let script = HEALTHY.replacen("say all", "sleep 200\nsay all", 1);
    let mut args = boot_args(&program, &script);
    args.extend(["--repeat", "20", "--jobs", "20"].map(str::to_owned));
    let finished = behind("ulimit -n 64", &program, &args);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert!(finished.stdout.contains("20 pass"), "{}", finished.stdout);
    let said = finished.stderr.matches("64 open files: at most ").count();
    assert_eq!(said, 1, "in one line: {}", finished.stderr);
    // Only the soft limit is low: nothing is said.
    let raised = behind("ulimit -S -n 64", &program, &args);
    assert!(raised.status == Some(0) && !raised.stderr.contains("open files"), "{raised:?}");
}
