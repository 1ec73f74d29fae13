//! Files and folders that the user names: what is none, what has no end, what is too deep.

use crate::support::guests;
use crate::support::program;

use guests::{HEALTHY, boot_args, lab};
use program::{Finished, Program, finish, start, wait};
use rustix::fs::{CWD, Mode, mkfifoat};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the program; one that waits for ever is ended by `timeout` of coreutils, with status 124.
fn bounded(program: &Program, args: &[&str]) -> Finished {
    let inner = program.command(args);
    let mut outer = Command::new("timeout");
    // A program that reads without end must not take the host's memory.
    outer.args(["20", "sh", "-c", "ulimit -v 4000000 && exec \"$@\"", "sh"]).arg(inner.get_program());
    outer.args(inner.get_args()).current_dir(program.dir()).env_clear().stdin(Stdio::null());
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    finish(&mut outer)
}

/// A folder, an endless device and a FIFO without a writer, each with its refusal.
fn no_files(program: &Program) -> [(String, &'static str); 3] {
    let (folder, fifo) = (program.dir().join("folder"), program.dir().join("fifo"));
    std::fs::create_dir(&folder).unwrap();
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    [
        (folder.display().to_string(), "it is a folder"),
        ("/dev/zero".to_owned(), "it is a device"),
        (fifo.display().to_string(), "it is a FIFO"),
    ]
}

#[test]
fn input_that_is_no_file_is_refused() {
    let program = lab();
    for (path, why) in no_files(&program) {
        let path = path.as_str();
        let boot = ["boot", "--arch", "riscv64-nommu"];
        let commands: [&[&str]; 6] = [
            &["plan", path],
            &["run", path],
            &["classify", path],
            &[&boot[..], &["--kernel", path, "--initrd", "initrd"]].concat(),
            &[&boot[..], &["--kernel", "./kernel", "--initrd", path]].concat(),
            &["watch", "--kernel", path],
        ];
        for command in commands {
            let finished = bounded(&program, command);
            assert!(matches!(finished.status, Some(2 | 3)), "{command:?}: {finished:?}");
            let said = &finished.stderr;
            assert!(said.contains(path) && said.contains(why), "{command:?}: {said}");
        }
    }
}

#[test]
fn record_that_is_no_file_is_refused() {
    let program = lab();
    let trial = "kernel.riscv64-nommu.32M.initrd";
    assert_eq!(
        program.run(boot_args(&program, HEALTHY).iter().chain(&["--out".into(), "runs/it".into()])).status,
        Some(0)
    );
    let folder = program.dir().join("runs/it/cells").join(trial);
    let kept = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let (events, record) = (kept("events.jsonl"), kept("trial.json"));
    for (path, _) in no_files(&program) {
        for (name, content) in [("events.jsonl", &events), ("trial.json", &record)] {
            std::fs::remove_file(folder.join(name)).unwrap();
            std::os::unix::fs::symlink(&path, folder.join(name)).unwrap();
            let finished = bounded(&program, &["replay", "it"]);
            // Without `trial.json` it is a trial that has not ended.
            let expected = if name == "trial.json" { 0 } else { 3 };
            assert_eq!(finished.status, Some(expected), "{name} {path}: {finished:?}");
            std::fs::remove_file(folder.join(name)).unwrap();
            std::fs::write(folder.join(name), content).unwrap();
        }
    }
    std::fs::write(folder.join("events.jsonl"), "").unwrap();
    std::fs::write(folder.join("trial.json"), "").unwrap();
    let empty = bounded(&program, &["replay", "it"]);
    assert!(empty.status == Some(3) && empty.stdout.contains("trial.json is damaged"), "{empty:?}");
}

#[test]
fn fifo_of_a_shell_is_read() {
    let program = Program::new();
    program.write("log", "[    1.500000] Kernel panic - not syncing: boom\n");
    let bash = Command::new("bash")
        .args(["-c", "exec \"$0\" classify <(cat log)"])
        .arg(env!("CARGO_BIN_EXE_oomlab"))
        .current_dir(program.dir())
        .stdin(Stdio::null())
        .output();
    let Ok(output) = bash else {
        eprintln!("skipped: there is no bash");
        return;
    };
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("panic: boom"), "{said}");
}

#[test]
fn folder_of_data_that_does_not_exist_is_named() {
    let program = lab();
    for command in [&["plan", "m.yaml"][..], &["workload", "list"], &["kernel", "list"]] {
        let finished = program.run([&["--data", "/nonexistent"], command].concat());
        assert_eq!(finished.status, Some(2), "{finished:?}");
        assert!(finished.stderr.contains("/nonexistent") && finished.stderr.contains("--data"), "{}", finished.stderr);
    }
}

#[test]
fn deep_temporary_folder_is_no_obstacle() {
    let program = lab();
    let mut deep = program.dir().to_owned();
    while deep.as_os_str().len() < 230 {
        deep.push("0123456789");
    }
    std::fs::create_dir_all(&deep).unwrap();
    for runtime in [Some(program.dir()), None, Some(Path::new("/nonexistent"))] {
        let mut command = program.command(boot_args(&program, HEALTHY));
        command.env("TMPDIR", &deep);
        runtime.map(|runtime| command.env("XDG_RUNTIME_DIR", runtime));
        let finished = wait(start(&mut command));
        assert_eq!(finished.status, Some(0), "{runtime:?}: {finished:?}");
    }
}
