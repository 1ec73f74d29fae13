//! The program with scripted guests (`tests/fake-qemu`).

use super::program::Program;
use serde_json::Value;
use std::path::{Path, PathBuf};

pub const FAKE_QEMU: &str = env!("CARGO_BIN_EXE_fake-qemu");

/// A guest without the lab's agent that powers off.
pub const HEALTHY: &str =
    "say [    0.000000] Linux version 6.1.0\nsay all is well\nevent SHUTDOWN guest-shutdown\nexit 0\n";

/// How a guest with the agent begins its workload.
pub const AGENT: &str = "say [    0.000000] Linux version 6.1.0\n\
    frame hello v=1 arch=riscv64-nommu page=4096 ram=28000\nframe speed us=1000\n\
    frame beat t=300 free=20000 rounds=1 us=50 age=0 kills=0 reclaim=0 units=0\nframe started name=idle pid=20\n";

/// How it ends it well.
pub const END: &str = "frame finished status=0 units=3\nframe bye\nevent SHUTDOWN guest-shutdown\nexit 0\n";

/// A folder with a kernel and an initramfs that a scripted QEMU never reads.
pub fn lab() -> Program {
    let program = Program::new();
    program.write("kernel", "\0a kernel");
    program.write("initrd", "an initramfs");
    program
}

/// Arguments that boot it with a guest that plays `script`.
pub fn boot_args(program: &Program, script: &str) -> Vec<String> {
    let path = program.write("guest.script", script);
    let append = format!("fake_script={}", path.display());
    let words = ["boot", "--arch", "riscv64-nommu", "--kernel", "./kernel", "--initrd", "initrd", "--ram", "32M"];
    words
        .iter()
        .map(ToString::to_string)
        .chain(["--qemu".into(), FAKE_QEMU.into(), "--append".into(), append])
        .collect()
}

/// A matrix with one cell for each script; their values of the axis `guest` are the scripts' names.
pub fn matrix(program: &Program, guests: &[(&str, &str)], rest: &str) {
    let image = program.write("kernel", "\0a kernel");
    program
        .write("kernels/mine.yaml", &format!("source:\n  local:\n    riscv64-nommu: {{image: {}}}\n", image.display()));
    let mut axis = String::new();
    for (name, script) in guests {
        let path = program.write(&format!("{name}.script"), script);
        axis += &format!("    {name}: {{append: \"fake_script={}\"}}\n", path.display());
    }
    let text = format!(
        "defaults:\n  timeouts: {{boot: 10s, load: 60s, stuck: 500ms}}\n\
         axes:\n  kernel: mine\n  arch: riscv64-nommu\n  ram: 32M\n  workload: idle\n  guest:\n{axis}{rest}"
    );
    program.write("matrix.yaml", &text);
}

/// Runs that matrix.
pub const RUN: [&str; 4] = ["run", "matrix.yaml", "--qemu", FAKE_QEMU];

/// The folders of the runs, beside which their index lies.
pub fn run_dirs(program: &Program) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(program.dir().join("runs")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

/// The only run's folder below `runs`.
pub fn run_dir(program: &Program) -> PathBuf {
    let mut found = run_dirs(program);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

pub fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
