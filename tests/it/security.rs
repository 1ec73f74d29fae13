//! What keeps others out of the lab, and its QEMUs in.

use crate::support::guests::{FAKE_QEMU, HEALTHY, boot_args, lab, read_json};
use crate::support::kernels;
use crate::support::outside::{Running, trial_folder};
use crate::support::program::{Program, finish};
use model::{Event, Frame, Kind};
use oomlab::store::read_trial;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const BOOT: [&str; 12] = [
    "boot",
    "--kernel",
    "debian-6.1",
    "--arch",
    "x86_64",
    "--ram",
    "128M",
    "--workload",
    "idle",
    "--out",
    "run",
    "--option",
];

/// A real guest that idles for a minute, of a lab with this umask and with its temporary files in `tmp`.
fn start(program: &Program, umask: &str, more: &[&str]) -> Running {
    kernels::kernel("debian-6.1", "x86_64");
    std::fs::create_dir_all(program.dir().join("tmp")).unwrap();
    let lab = kernels::command(program, &[&BOOT[..], &["ms=60000"], more].concat());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]).arg(lab.get_program()).args(lab.get_args());
    shell.current_dir(program.dir()).env_clear();
    shell.envs(lab.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("TMPDIR", program.dir().join("tmp"));
    let running = Running::start(&mut shell, program.dir());
    running.wait_for(|event| matches!(event, Event::Agent { frame: Frame::Started { .. }, .. }).then_some(()));
    running
}

/// Everything below a folder.
fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    let below = entries.iter().filter(|path| path.is_dir()).flat_map(|path| walk(path)).collect::<Vec<_>>();
    entries.into_iter().chain(below).collect()
}

/// The folder of QEMU's sockets is the only thing in `$TMPDIR` while a guest runs, and it is closed.
#[test]
fn sockets_are_private_whatever_the_umask() {
    for umask in ["000", "002"] {
        let program = Program::new();
        let running = start(&program, umask, &[]);
        let found = walk(&program.dir().join("tmp"));
        let sockets = found.iter().filter(|path| path.metadata().unwrap().file_type().is_socket());
        let mut sockets: Vec<&Path> =
            sockets.map(|path| path.strip_prefix(program.dir().join("tmp")).unwrap()).collect();
        sockets.sort();
        assert_eq!(sockets.iter().map(|path| path.file_name().unwrap()).collect::<Vec<_>>(), ["qmp", "serial"]);
        for dir in found.iter().filter(|path| path.is_dir()) {
            let mode = dir.metadata().unwrap().mode() & 0o777;
            assert_eq!(mode, 0o700, "{} under umask {umask}", dir.display());
        }
        let outer = sockets[0].components().count();
        assert!(outer == 2, "the sockets are in a folder: {sockets:?}");
        drop(running);
    }
}

/// Sends a command over QMP, and returns QEMU's answer to it; `None` when QEMU is gone.
fn execute(stream: &mut BufReader<UnixStream>, command: &str) -> Option<String> {
    writeln!(stream.get_mut(), "{command}").ok()?;
    let mut lines = stream.lines().map_while(Result::ok);
    lines.find(|line| line.contains("\"return\"") || line.contains("\"error\""))
}

/// Whoever reaches QMP, for example through a further monitor, starts no program.
#[test]
fn qmp_starts_no_program() {
    let program = Program::new();
    let monitor = program.dir().join("monitor");
    let argument = format!("unix:{},server=on,wait=off", monitor.display());
    let running = start(&program, "022", &["--qemu-arg", "-qmp", "--qemu-arg", &argument]);
    let stream = UnixStream::connect(&monitor).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut stream = BufReader::new(stream);
    assert!(execute(&mut stream, r#"{"execute": "qmp_capabilities"}"#).is_some());
    let touched = program.dir().join("touched");
    let uri = format!("exec:touch {}", touched.display());
    execute(&mut stream, &format!(r#"{{"execute": "migrate", "arguments": {{"uri": "{uri}"}}}}"#));
    // QEMU is gone, or it has answered and the migration has ended.
    let has_ended = |answer: &Option<String>| {
        answer.as_ref().is_none_or(|text| !["\"setup\"", "\"active\""].iter().any(|state| text.contains(state)))
    };
    while !has_ended(&execute(&mut stream, r#"{"execute": "query-migrate"}"#)) {}
    let status = running.finish();
    assert!(!touched.exists(), "QEMU has run a program");
    assert_eq!(status, Some(3));
    let trial = read_trial(&trial_folder(program.dir()).unwrap()).unwrap();
    assert_eq!(trial.verdict.kind, Kind::QemuDied, "{:?}", trial.verdict);
    assert!(trial.verdict.summary.contains("SIGSYS"), "{:?}", trial.verdict);
}

/// The scripts are for hosts whose QEMU may have no sandbox.
#[test]
fn scripts_have_no_sandbox() {
    let program = Program::new();
    let running = start(&program, "022", &[]);
    let pid = running.wait_for(|event| if let Event::Spawned { pid } = event { Some(*pid) } else { None });
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    // 2 is a filter (proc_pid_status(5)).
    assert!(status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"])), "{status}");
    running.signal(rustix::process::Signal::INT);
    running.finish();
    let folder = trial_folder(program.dir()).unwrap();
    let trial = read_trial(&folder).unwrap();
    assert!(trial.command.iter().any(|word| word == "-sandbox"), "{:?}", trial.command);
    let script = program.run(["repro", "--script", folder.to_str().unwrap()]);
    assert_eq!(script.status, Some(0), "{script:?}");
    for text in [script.stdout, std::fs::read_to_string(folder.join("qemu.sh")).unwrap()] {
        assert!(text.contains("qemu-system-x86_64") && !text.contains("-sandbox"), "{text}");
    }
}

/// Another's run folder boots with no arguments of QEMU that its user has not seen.
#[test]
fn further_arguments_of_a_recorded_trial_need_trust() {
    let program = lab();
    let plain = boot_args(&program, HEALTHY);
    let further = ["--qemu-arg", "-incoming", "--qemu-arg", "exec:id >\u{1b}/tmp/x"].map(str::to_owned);
    for (out, more) in [("plain", &[][..]), ("further", &further)] {
        let finished = program.run([&plain[..], more, &["--out".to_owned(), format!("runs/{out}")]].concat());
        assert_eq!(finished.status, Some(0), "{finished:?}");
    }
    let cell = "kernel.riscv64-nommu.32M.initrd";
    let repro = |run: &str, more: &[&str]| {
        program.run([&["repro", &format!("{run}/{cell}"), "--qemu", FAKE_QEMU, "--out", "again"], more].concat())
    };
    let refused = repro("further", &[]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    for part in ["-incoming", "exec:id >\u{fffd}/tmp/x", "`--trust`", cell] {
        assert!(refused.stderr.contains(part), "{part} is not in {refused:?}");
    }
    assert!(!program.dir().join("again").exists(), "nothing was booted");
    let bisect = ["bisect", "axis", "--axis", "ram", "--from", "32M", "--to", "64M", "--kernel", "mine", "--cell"];
    let refused = program.run([&bisect[..], &[&format!("further/{cell}")]].concat());
    assert!(refused.status == Some(2) && refused.stderr.contains("`--trust`"), "{refused:?}");
    let replayed = program.run(["replay", &format!("further/{cell}")]);
    assert_eq!(replayed.status, Some(0), "a replay starts no QEMU: {replayed:?}");
    let script = program.run(["repro", "--script", &format!("further/{cell}")]);
    assert!(
        script.status == Some(2) && script.stderr.contains("control character: `exec:id >\u{fffd}/tmp/x`"),
        "{script:?}"
    );
    for (run, more) in [("further", &["--trust"][..]), ("plain", &[])] {
        let _ = std::fs::remove_dir_all(program.dir().join("again"));
        assert_eq!(repro(run, more).status, Some(0), "{run}");
    }
}

/// An archive of one package, without a signature.
fn unsigned_archive(dir: &Path) {
    let (package, digest) = (b"content", "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73");
    let folder = dir.join("dists/bookworm/main/binary-amd64");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(dir.join("package.deb"), package).unwrap();
    let index = format!(
        "Package: linux-image-6.1.0-99-cloud-amd64\nVersion: 6.1.999-1\nArchitecture: amd64\nFilename: package.deb\n\
         Size: {}\nSHA256: {digest}\n\n",
        package.len()
    );
    std::fs::write(folder.join("Packages"), &index).unwrap();
    let sum = Command::new("sha256sum").arg(folder.join("Packages")).output().unwrap().stdout;
    let sum = String::from_utf8(sum).unwrap();
    let (sum, _) = sum.split_once(' ').unwrap();
    let release = format!(
        "Codename: bookworm\nArchitectures: amd64\nComponents: main\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n \
         {sum} {} main/binary-amd64/Packages\n",
        index.len()
    );
    std::fs::write(dir.join("dists/bookworm/Release"), release).unwrap();
}

/// The real apt, with a configuration that allows archives without a signature.
#[test]
fn archives_without_a_signature_are_refused_whatever_apt_is_configured_to() {
    let program = Program::new();
    unsigned_archive(&program.dir().join("archive"));
    let names = [
        "APT::Get::AllowUnauthenticated",
        "Acquire::AllowInsecureRepositories",
        "Acquire::AllowWeakRepositories",
        "Acquire::AllowDowngradeToInsecureRepositories",
    ];
    let allow = names.map(|name| format!("{name} \"true\";\nBinary::apt-get::{name} \"true\";\n")).concat();
    let configuration = program.write("apt.conf", &allow);
    let mirror = format!("file:{}", program.dir().join("archive").display());
    let args = ["kernel", "get", "debian-6.1", "--arch", "x86_64", "--mirror", &mirror];
    let finished = finish(program.command(args).env("APT_CONFIG", configuration));
    assert_eq!(finished.status, Some(3), "{finished:?}");
    assert!(finished.stderr.contains("is not signed"), "{finished:?}");
    assert!(!program.dir().join("cache/packages").exists(), "nothing was downloaded");
}

/// A record of another user names the folder and the files of a trial.
#[test]
fn recorded_paths_stay_where_they_are_shown() {
    let program = lab();
    let cell = "kernel.riscv64-nommu.32M.initrd";
    let args = [boot_args(&program, HEALTHY), vec!["--out".to_owned(), "runs/theirs".to_owned()]].concat();
    assert_eq!(program.run(args).status, Some(0));
    let record = program.dir().join(format!("runs/theirs/cells/{cell}/trial.json"));
    let own = read_json(&record);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut trial = own.clone();
        change(&mut trial);
        std::fs::write(&record, trial.to_string()).unwrap();
        let again = program.run(["repro", &format!("theirs/{cell}"), "--qemu", FAKE_QEMU, "--out", "again"]);
        assert!(!program.dir().join("victim").exists() && !program.dir().join("again").exists(), "{again:?}");
        again
    };
    for id in ["../../../victim", "/tmp/victim", ".."] {
        let refused = changed(&|trial| trial["cell"]["id"] = id.into());
        assert!(refused.status == Some(3) && refused.stderr.contains("is not a name"), "{refused:?}");
    }
    let refused = changed(&|trial| trial["cell"]["faults"] = serde_json::json!({"console_bps": 0}));
    assert!(refused.status == Some(3) && refused.stderr.contains("trial.json"), "{refused:?}");
    std::fs::copy(program.dir().join("initrd"), program.dir().join("i,initrd")).unwrap();
    let refused = changed(&|trial| {
        let command = trial["command"].as_array_mut().unwrap();
        let at = command.iter().position(|word| word == "-initrd").unwrap() + 1;
        command[at] = program.dir().join("i,initrd").to_str().unwrap().into();
    });
    assert!(refused.status == Some(2) && refused.stderr.contains("has a comma"), "{refused:?}");
}
