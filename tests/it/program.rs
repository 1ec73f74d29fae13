//! The program as users meet it, on scripted guests: exit statuses, what it writes where, and a host that lacks
//! something.

use crate::support::guests;
use crate::support::program;

use guests::{AGENT, END, FAKE_QEMU, HEALTHY, RUN, boot_args, lab, matrix, read_json, run_dir};
use program::{Finished, Program, finish};
use serde_json::Value;
use std::process::{Command, Stdio};

/// A guest without the lab's agent that panics.
const PANIC: &str = "say [    0.000000] Linux version 6.1.0\n\
    say [    1.500000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009\n\
    event SHUTDOWN guest-reset\nexit 0\n";

fn boot(program: &Program, script: &str, more: &[&str]) -> Finished {
    let mut args = boot_args(program, script);
    args.extend(more.iter().map(ToString::to_string));
    program.run(args)
}

#[test]
fn the_exit_status_tells_the_guests_fault_from_the_labs() {
    for (script, status, words) in [
        (HEALTHY, 0, "1 pass"),
        (PANIC, 1, "crash  init-killed"),
        ("stderr could not load kernel 'kernel'\nexit 1\n", 3, "could not load kernel 'kernel'"),
        ("say [    0.000000] Linux\nabort\n", 3, "lab-error  qemu-died"),
    ] {
        let finished = boot(&lab(), script, &[]);
        assert_eq!(finished.status, Some(status), "{finished:?}");
        assert!(finished.stdout.contains(words), "{}", finished.stdout);
    }
}

#[test]
fn reports_of_the_kernel_are_told_and_can_fail_a_trial() {
    let warning = "say [    1.000000] WARNING: CPU: 0 PID: 1 at mm/slub.c:1 kfree+0x1/0x2\n";
    let warns = HEALTHY.replacen("say all", &format!("{warning}{warning}say all"), 1);
    let program = lab();
    let told = boot(&program, &warns, &["--json", "out.json", "--junit", "out.xml", "--out", "told"]);
    assert_eq!(told.status, Some(0), "{told:?}");
    let line = "also: WARNING in kfree (2)";
    assert!(told.stdout.contains(line) && told.stdout.contains("1 pass · 1 with kernel reports"), "{}", told.stdout);
    assert!(told.stderr.contains(line), "{}", told.stderr);
    let document = read_json(&program.dir().join("out.json"));
    assert_eq!((&document["run"]["with_reports"], &document["cells"][0]["also"][0]["count"]), (&1.into(), &2.into()));
    let xml = std::fs::read_to_string(program.dir().join("out.xml")).unwrap();
    assert!(xml.contains(&format!("<system-out>{line}")), "{xml}");
    let why = program.dir().join("told/cells/kernel.riscv64-nommu.32M.initrd/why.md");
    assert!(std::fs::read_to_string(why).unwrap().contains("**Also reported** by the kernel: `WARNING in kfree` (2)."));

    for (fail_on, status, words) in [
        ("warning", 1, "crash  warned"),
        ("lockdep,memory-leak", 0, "1 pass"),
        ("warnings", 2, "unknown report `warnings`: did you mean `warning`?"),
    ] {
        let finished = boot(&program, &warns, &["--fail-on", fail_on]);
        assert_eq!(finished.status, Some(status), "{finished:?}");
        assert!(format!("{}{}", finished.stdout, finished.stderr).contains(words), "{finished:?}");
    }
}

#[test]
fn run_is_judged_by_its_expectations() {
    let stuck = format!(
        "{AGENT}spin on\nsay [    0.564737] Out of memory: Killed process 26 (hog) total-vm:6228kB\n\
         beats 1000 100 stuck\nhang\n"
    );
    let healthy = format!("{AGENT}{END}");
    let known = "expect:\n  - {match: {guest: stuck}, verdict: hang/oom-livelock, reason: it is known}\n";
    let program = Program::new();
    matrix(&program, &[("healthy", &healthy), ("stuck", &stuck)], known);
    let finished = program.run(RUN);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert!(finished.stdout.contains("expected hang/oom-livelock in 1 trial: it is known"), "{}", finished.stdout);

    matrix(&program, &[("stuck", &healthy)], known);
    let finished = program.run(RUN);
    assert_eq!(finished.status, Some(1), "a known failure that passes is reported: {finished:?}");
    assert!(finished.stdout.contains("UNEXPECTED  pass"), "{}", finished.stdout);

    matrix(&program, &[("stuck", &stuck)], "");
    let finished = program.run(RUN);
    assert_eq!(finished.status, Some(1));
    assert!(finished.stdout.contains("pid 26 (hog)"), "{}", finished.stdout);
    assert!(finished.stdout.contains("Killed process 26 (hog)"), "the line that matters: {}", finished.stdout);
}

#[test]
fn run_accepts_each_of_several_verdicts() {
    let program = Program::new();
    let known =
        "expect:\n  - {match: {guest: '*'}, verdict: [hang, boot-failed/boot-panic, pass], reason: it varies}\n";
    matrix(&program, &[("one", &format!("{AGENT}{END}")), ("two", PANIC)], known);
    let finished = program.run(RUN.iter().chain(&["--json", "out.json"]));
    assert_eq!(finished.status, Some(0), "{finished:?}");
    let expected = "expected hang or boot-failed/boot-panic or pass in 2 trials: it varies";
    assert!(finished.stdout.contains(expected), "{}", finished.stdout);
    let expectation = read_json(&program.dir().join("out.json"))["cells"][0]["expectation"].clone();
    assert_eq!(expectation["alternatives"][0], serde_json::json!({"outcome": "boot-failed", "kind": "boot-panic"}));
    matrix(&program, &[("two", PANIC)], &known.replace("boot-failed/boot-panic, ", ""));
    assert_eq!(program.run(RUN).status, Some(1));
}

#[test]
fn missing_tools_are_named_once_before_the_first_cell() {
    let program = Program::new();
    program.write(
        "m.yaml",
        "axes: {kernel: [linux-6.1, linux-7.3], arch: riscv64-nommu, ram: 32M, workload: [idle, anon-hog]}\n",
    );
    let empty = program.dir().join("bin");
    std::fs::create_dir(&empty).unwrap();
    let run = |qemu: Option<&str>| {
        let mut command = program.command(["run", "m.yaml"]);
        finish(command.env("PATH", &empty).envs(qemu.map(|qemu| ("OOMLAB_QEMU", qemu))))
    };
    let finished = run(None);
    assert_eq!(finished.status, Some(3), "{finished:?}");
    for missing in ["qemu-system-riscv64", "flex", "riscv64-linux-gnu-gcc"] {
        assert_eq!(finished.stderr.matches(&format!("missing: {missing}\n")).count(), 1, "{finished:?}");
    }
    assert!(finished.stderr.contains("`oomlab doctor --fix` installs it"), "{finished:?}");
    assert!(!program.dir().join("runs").exists(), "no cell has begun");
    assert!(!run(Some(FAKE_QEMU)).stderr.contains("missing: qemu"));
}

#[test]
fn a_filter_and_repetitions_change_what_runs() {
    let program = Program::new();
    matrix(&program, &[("one", &format!("{AGENT}{END}")), ("two", PANIC)], "");
    let finished = program.run(RUN.iter().chain(&["--filter", "guest=one", "--repeat", "3", "--jobs", "2"]));
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert!(finished.stdout.contains("3 pass"), "{}", finished.stdout);
    let cells = std::fs::read_dir(run_dir(&program).join("cells")).unwrap();
    assert_eq!(cells.count(), 3);
}

#[test]
fn the_json_document_has_what_scripts_need() {
    let program = lab();
    let finished = boot(&program, PANIC, &["--json", "out.json"]);
    assert_eq!(finished.status, Some(1));
    let document = read_json(&program.dir().join("out.json"));
    assert_eq!(document["schema"], 2);
    assert_eq!(document["run"]["exit_code"], 1);
    let cell = &document["cells"][0];
    for (key, value) in [
        ("id", "kernel.riscv64-nommu.32M.initrd"),
        ("arch", "riscv64-nommu"),
        ("kernel", "kernel"),
        ("workload", "initrd"),
        ("outcome", "crash"),
        ("kind", "init-killed"),
    ] {
        assert_eq!(cell[key], value, "{key}");
    }
    assert_eq!((&cell["ram_mib"], &cell["expected"]), (&32.into(), &false.into()));
    assert!(cell["duration_s"].as_f64().is_some_and(|seconds| seconds > 0.0));
    assert!(cell["onset_s"].as_f64().is_some() && cell["onset_guest_s"] == 1.5);
    let folder = run_dir(&program).join(cell["folder"].as_str().unwrap());
    let artifacts = cell["artifacts"].as_array().unwrap();
    assert!(artifacts.iter().any(|file| file["file"] == "console.log"));
    for file in artifacts {
        let path = folder.join(file["file"].as_str().unwrap());
        let (bytes, digest) = oomlab::store::digest_file(&path).unwrap();
        assert_eq!((file["bytes"].as_u64(), file["sha256"].as_str()), (Some(bytes), Some(digest.as_str())));
    }
}

#[test]
fn json_on_standard_output_leaves_nothing_else_there() {
    let finished = boot(&lab(), HEALTHY, &["--json", "-"]);
    let document: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(document["cells"][0]["outcome"], "pass");
    assert!(finished.stderr.contains("1 pass"), "{}", finished.stderr);
}

#[test]
fn junit_path_and_runs_folder_are_options() {
    let program = lab();
    let finished = boot(&program, PANIC, &["--junit", "out.xml", "--out", "here/deep"]);
    assert_eq!(finished.status, Some(1));
    let xml = std::fs::read_to_string(program.dir().join("out.xml")).unwrap();
    assert!(xml.contains("failures=\"1\"") && xml.contains("type=\"crash/init-killed\""), "{xml}");
    assert!(!program.dir().join("runs").exists());
    let cell = program.dir().join("here/deep/cells/kernel.riscv64-nommu.32M.initrd");
    for name in ["console.log", "events.jsonl", "verdict.json", "trial.json", "qemu.sh", "qemu.log"] {
        assert!(cell.join(name).is_file(), "{name}");
    }
    let again = boot(&program, PANIC, &["--out", "here/deep"]);
    assert_eq!(again.status, Some(3), "a run is never overwritten");
    assert!(again.stderr.contains("there is a run already"), "{}", again.stderr);
    let words = finished.stdout.lines().find_map(|line| line.trim().strip_prefix("oomlab repro ")).unwrap();
    assert_eq!(program.run(["repro", "--script", words]).status, Some(0), "the printed command finds it: {words}");
}

#[test]
fn a_trial_runs_again_with_the_same_files() {
    let program = lab();
    boot(&program, PANIC, &["--out", "runs/first"]);
    let finished =
        program.run(["repro", "first/kernel.riscv64-nommu.32M.initrd", "--qemu", FAKE_QEMU, "--out", "again"]);
    assert_eq!(finished.status, Some(1), "{finished:?}");
    let trial =
        |run: &str| read_json(&program.dir().join(run).join("cells/kernel.riscv64-nommu.32M.initrd/trial.json"));
    let (first, again) = (trial("runs/first"), trial("again"));
    for key in ["cell", "kernel_digest", "initrd_digest"] {
        assert_eq!(first[key], again[key], "{key}");
    }
    assert_eq!(first["verdict"]["kind"], again["verdict"]["kind"]);

    program.write("kernel", "\0another kernel");
    let changed = program.run(["repro", "runs/first/cells/kernel.riscv64-nommu.32M.initrd", "--qemu", FAKE_QEMU]);
    assert_eq!(changed.status, Some(3), "{changed:?}");
    assert!(changed.stderr.contains("missing or changed"), "{}", changed.stderr);
}

#[test]
fn a_trial_becomes_a_script_that_a_shell_understands() {
    let program = lab();
    boot(&program, HEALTHY, &["--out", "runs/first", "--qemu-arg", "-d", "--qemu-arg", "it's $HOME"]);
    let finished = program.run(["repro", "first/kernel.riscv64-nommu.32M.initrd", "--script"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    let script = program.write("again.sh", &finished.stdout);
    assert!(finish(Command::new("sh").arg("-n").arg(&script)).status == Some(0), "{}", finished.stdout);
    assert!(finished.stdout.contains("-kernel") && finished.stdout.contains("-serial mon:stdio"));
    std::fs::remove_file(program.dir().join("kernel")).unwrap();
    let missing = finish(Command::new("sh").arg(&script));
    assert!(missing.status == Some(1) && missing.stderr.starts_with("missing: "), "{missing:?}");
}

#[test]
fn a_truncated_image_in_the_cache_is_made_again() {
    let program = Program::new();
    matrix(&program, &[("one", &format!("{AGENT}{END}"))], "");
    assert_eq!(program.run(RUN).status, Some(0));
    let mut folders = std::fs::read_dir(program.dir().join("cache/images")).unwrap();
    let image = folders.next().unwrap().unwrap().path().join("initramfs.cpio.gz");
    let whole = std::fs::read(&image).unwrap();
    std::fs::write(&image, &whole[..whole.len() / 2]).unwrap();
    let finished = program.run(RUN);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert_eq!(std::fs::read(&image).unwrap(), whole);
}

#[test]
fn without_qemu_the_message_names_the_remedy() {
    let program = lab();
    let args = ["boot", "--arch", "riscv64-nommu", "--kernel", "./kernel", "--initrd", "initrd"];
    let finished = finish(program.command(args).env("PATH", program.dir()));
    assert_eq!(finished.status, Some(3), "{finished:?}");
    assert!(finished.stderr.contains("missing: qemu-system-riscv64\n  needed to boot riscv64-nommu\n"), "{finished:?}");
    assert!(finished.stderr.contains("`oomlab doctor --fix`"), "{finished:?}");
}

#[test]
fn without_a_network_the_other_cells_still_run() {
    let program = Program::new();
    let guest = format!("{AGENT}{END}");
    let other = "include:\n  - {kernel: debian-6.1, arch: arm, ram: 128M, workload: idle}\n";
    matrix(&program, &[("one", &guest)], other);
    // Port 9 of this host has no listener.
    let finished = program.run(RUN.iter().chain(&["--mirror", "http://127.0.0.1:9/debian"]));
    assert_eq!(finished.status, Some(3), "{finished:?}");
    assert!(finished.stdout.contains("kernel-unavailable"), "{}", finished.stdout);
    assert!(finished.stdout.contains("failed to read the index of bookworm"), "{}", finished.stdout);
    assert!(finished.stdout.contains("1 pass"), "{}", finished.stdout);
}

#[test]
fn a_folder_that_cannot_be_written_is_known_before_anything_runs() {
    let program = lab();
    let finished = boot(&program, HEALTHY, &["--out", "kernel/run"]);
    assert_eq!(finished.status, Some(3));
    assert_eq!(finished.stderr, "error: cannot write kernel/run: Not a directory (os error 20)\n");
}

#[test]
fn a_report_that_cannot_be_written_loses_nothing() {
    let program = lab();
    let finished = boot(&program, HEALTHY, &["--json", "kernel/out.json"]);
    assert_eq!(finished.status, Some(3));
    assert!(finished.stderr.contains("cannot write kernel/out.json"), "{}", finished.stderr);
    assert!(run_dir(&program).join("cells/kernel.riscv64-nommu.32M.initrd/trial.json").is_file());
}

/// A real full disk: a tmpfs with room for a few files, in a mount namespace of its own. Without room for their content no trial starts.
#[test]
fn a_full_disk_is_the_labs_fault_and_is_named() {
    let program = lab();
    std::fs::create_dir(program.dir().join("full")).unwrap();
    let mount = "mount -t tmpfs -o size=1G,nr_inodes=10 none full";
    let allowed = Command::new("unshare").args(["-m", "sh", "-c", mount]).current_dir(program.dir()).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: a full disk needs a mount namespace, which only root may make here");
        return;
    }
    let mut args = boot_args(&program, &format!("{}flood 8\n{HEALTHY}", "ignore-term\n"));
    args.extend(["--out".to_owned(), "full/run".to_owned()]);
    let inner = program.command(&args);
    let mut outer = Command::new("unshare");
    outer.args(["-m", "sh", "-c", &format!("{mount} && exec \"$@\""), "sh"]).arg(inner.get_program());
    outer.args(inner.get_args()).current_dir(program.dir()).env_clear();
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let finished = finish(&mut outer);
    assert_eq!(finished.status, Some(3), "{finished:?}");
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(said.contains("cannot write full/run/") && said.contains("No space left on device"), "{said}");
}

#[test]
fn output_without_a_terminal_is_plain_lines() {
    let program = Program::new();
    matrix(&program, &[("good", &format!("{AGENT}{END}")), ("bad", PANIC)], "");
    let finished = program.run(RUN);
    assert_eq!(finished.status, Some(1));
    for text in [&finished.stdout, &finished.stderr] {
        assert!(!text.contains(['\x1b', '\r']), "{text:?}");
    }
    let finished_lines = finished.stderr.lines().filter(|line| line.starts_with(['✓', '✗'])).count();
    assert_eq!(finished_lines, 2, "one line for each finished cell: {}", finished.stderr);
    let coloured = program.run(RUN.iter().chain(&["--color", "always"]));
    assert!(coloured.stdout.contains("\x1b["), "{:?}", coloured.stdout);
}

#[test]
fn guest_output_cannot_control_the_terminal() {
    let panic = PANIC.replace("Attempted to kill init!", "\x1b]0;owned\x07\x1b[2J Attempted to kill init!");
    let finished = boot(&lab(), &panic, &[]);
    assert_eq!(finished.status, Some(1));
    assert!(!finished.stdout.contains(['\x1b', '\x07']), "{:?}", finished.stdout);
}

/// `script` of util-linux gives the program a terminal.
#[test]
fn on_a_terminal_no_color_is_respected() {
    let program = lab();
    let args = boot_args(&program, HEALTHY);
    let words: Vec<&str> = [env!("CARGO_BIN_EXE_oomlab")].into_iter().chain(args.iter().map(String::as_str)).collect();
    let line = shlex::try_join(words).unwrap();
    let on_terminal = |no_color: &str| {
        let inner = program.command(&args);
        let mut outer = Command::new("script");
        outer.args(["-qec", &line, "/dev/null"]).current_dir(program.dir()).env_clear().stdin(Stdio::null());
        outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        outer.env("NO_COLOR", no_color).env("TERM", "xterm").env("SHELL", "/bin/sh");
        outer.output()
    };
    let probe = Command::new("script").args(["-qec", "true", "/dev/null"]).stdin(Stdio::null()).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("skipped: `script` is missing or can get no terminal here");
        return;
    }
    let green = "\x1b[32m";
    let plain = String::from_utf8(on_terminal("1").unwrap().stdout).unwrap();
    assert!(plain.contains("1 pass") && !plain.contains(green), "{plain:?}");
    let coloured = String::from_utf8(on_terminal("").unwrap().stdout).unwrap();
    assert!(coloured.contains(green), "{coloured:?}");
}
