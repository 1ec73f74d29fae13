//! The firmware that riscv64 guests start with.

use crate::support::guests::{FAKE_QEMU, HEALTHY, lab, read_json};
use crate::support::program::{Finished, Program, finish};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const FIRMWARE: &str = "cache/firmware/opensbi-riscv64/fw_dynamic.bin";

/// A lab with a QEMU on its PATH whose OpenSBI has this version, and without a network.
struct Host(Program);

impl Host {
    fn new(version: &str) -> Self {
        let program = lab();
        program.write("guest.script", HEALTHY);
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in\n*'-serial stdio -bios default'*) printf '\\nOpenSBI v{version}\\n' ;;\n\
             *) exec {FAKE_QEMU} \"$@\" ;;\nesac\n"
        );
        let qemu = program.write("bin/qemu-system-riscv64", &script);
        std::fs::set_permissions(qemu, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(program)
    }

    fn run(&self, args: &[&str]) -> Finished {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.0.dir().join("bin").display());
        let mut command = self.0.command(args);
        finish(command.env("PATH", path).env("OOMLAB_DEBIAN_MIRROR", "http://127.0.0.1:9/debian"))
    }

    fn boot(&self, vcpus: &str, out: &str, more: &[&str]) -> Finished {
        let append = format!("fake_script={}", self.0.dir().join("guest.script").display());
        let words = ["boot", "--arch", "riscv64", "--kernel", "./kernel", "--initrd", "initrd", "--append", &append];
        let finished = self.run(&[&words[..], &["--vcpus", vcpus, "--out", out], more].concat());
        assert_eq!(finished.status, Some(0), "{finished:?}");
        finished
    }

    /// The folder of the only trial of a run.
    fn trial(&self, run: &str) -> PathBuf {
        let cells = self.0.dir().join(run).join("cells");
        cells.read_dir().unwrap().next().unwrap().unwrap().path()
    }

    /// The arguments of `-bios`, and whether a digest is recorded.
    fn booted_with(&self, run: &str) -> (Vec<String>, bool) {
        let record = read_json(&self.trial(run).join("trial.json"));
        let command: Vec<&str> = record["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let values = command.windows(2).filter(|pair| pair[0] == "-bios").map(|pair| pair[1].to_owned());
        (values.collect(), record["firmware_digest"].is_string())
    }

    fn fetched(&self) -> String {
        self.0.dir().join(FIRMWARE).display().to_string()
    }
}

#[test]
fn qemus_own_is_used_with_a_warning_where_no_newer_one_can_be_fetched() {
    let host = Host::new("1.1");
    let warning = "OpenSBI 1.1 of this host sometimes starts a second vCPU of riscv64 at a wrong address";
    let first = host.boot("2", "one", &[]);
    assert_eq!(first.stderr.matches(warning).count(), 1, "{}", first.stderr);
    assert_eq!(host.booted_with("one"), (vec!["default".to_owned()], false));
    let second = host.boot("2", "two", &[]);
    assert!(second.stderr.contains("tried less than an hour ago"), "{}", second.stderr);
    let alone = host.boot("1", "three", &[]);
    assert!(!alone.stderr.contains("OpenSBI"), "one vCPU starts well: {}", alone.stderr);
}

#[test]
fn firmware_of_the_cache_is_used_and_recorded_and_the_users_wins() {
    let host = Host::new("1.2");
    host.0.write(FIRMWARE, "firmware");
    host.0.write("cache/firmware/opensbi-riscv64/version", "1.6-1\n");
    host.boot("2", "one", &["--qemu-arg=-bios", "--qemu-arg=mine"]);
    assert_eq!(host.booted_with("one"), (vec![host.fetched(), "mine".to_owned()], true));
    host.boot("2", "two", &[]);
    let trial = host.trial("two");
    let repro = |out: &str| host.run(&["repro", trial.to_str().unwrap(), "--out", out]);
    assert_eq!(repro("three").status, Some(0));
    assert_eq!(host.booted_with("three"), (vec![host.fetched()], true));
    let doctor = host.run(&["doctor"]);
    assert!(doctor.stdout.contains("OpenSBI 1.6-1 of the cache starts guests of riscv64"), "{}", doctor.stdout);
    host.0.write(FIRMWARE, "another");
    assert!(repro("four").stderr.contains("missing or changed"));
    let matrix = "axes: {kernel: debian-7.2, arch: riscv64, ram: 128M, workload: idle}\n";
    host.0.write("m.yaml", matrix);
    let plan = host.run(&["plan", "m.yaml", "-v"]).stdout;
    assert!(plan.contains(&format!("-bios {}", host.fetched())) && !plan.contains("  OpenSBI "), "{plan}");
    std::fs::remove_file(host.fetched()).unwrap();
    let plan = host.run(&["plan", "m.yaml"]).stdout;
    assert!(plan.contains("\n  OpenSBI     riscv64        fetch\n"), "{plan}");
}

#[test]
fn sound_firmware_of_qemu_is_used_as_it_is() {
    let host = Host::new("1.3");
    let finished = host.boot("2", "one", &[]);
    assert!(!finished.stderr.contains("OpenSBI"), "{}", finished.stderr);
    assert_eq!(host.booted_with("one"), (vec!["default".to_owned()], false));
    assert!(!host.0.dir().join("cache/apt").exists(), "nothing is fetched");
    let doctor = host.run(&["doctor"]);
    assert!(doctor.stdout.contains("OpenSBI 1.3 of QEMU starts guests of riscv64"), "{}", doctor.stdout);
}

#[test]
fn qemu_of_the_user_brings_its_own_firmware() {
    let host = Host::new("1.1");
    let finished = host.boot("2", "one", &["--qemu", FAKE_QEMU]);
    assert!(!finished.stderr.contains("OpenSBI"), "{}", finished.stderr);
    assert_eq!(host.booted_with("one"), (vec!["default".to_owned()], false));
}
