//! Probe for QEMU's seccomp sandbox.

use super::process::{Captured, Limits, RunError, capture, capture_blocking};
use arch::SANDBOX;
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;
use tokio::sync::Mutex;

/// QEMU takes a tenth of a second.
const LIMITS: Limits = Limits { timeout: Duration::from_secs(5), max_stdout: 1 << 20 };

/// Which QEMUs have the sandbox: each program is run once.
#[derive(Debug, Default)]
pub struct Sandboxes(Mutex<BTreeMap<String, bool>>);

impl Sandboxes {
    /// See [`has_sandbox`].
    pub async fn has(&self, program: &str) -> bool {
        // Others wait for the first result instead of running the program as well.
        let mut known = self.0.lock().await;
        if let Some(has) = known.get(program) {
            return *has;
        }
        let has = judge(capture(&mut command(program).into(), LIMITS).await);
        known.insert(program.to_owned(), has);
        has
    }
}

/// Whether this QEMU accepts [`SANDBOX`] on this host. Only one that refuses it runs without: a program that is missing or
/// does not answer is taken for one that has it, and its first trial reports the error.
pub fn has_sandbox(program: &str) -> bool {
    judge(capture_blocking(command(program), LIMITS))
}

/// QEMU installs the filters before it lists its CPUs and exits (QEMU, `softmmu/vl.c`, `qemu_process_early_options()` and
/// `qemu_process_help_options()`), so a kernel without seccomp fails, too.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["-nodefaults", "-no-user-config", "-display", "none", "-machine", "none"]);
    command.args(SANDBOX).args(["-cpu", "help"]);
    command
}

fn judge(run: Result<Captured, RunError>) -> bool {
    run.map_or(true, |captured| captured.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn program(dir: &Path, name: &str, text: &str) -> String {
        let path = dir.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    #[test]
    fn qemus_of_all_architectures_have_the_sandbox() {
        for arch in arch::ALL {
            assert!(has_sandbox(arch.qemu.program), "{}", arch.qemu.program);
        }
        assert!(has_sandbox("no-such-qemu"), "the trial reports it");
    }

    /// Real QEMU, with an argument that it does not know.
    #[test]
    fn qemu_that_refuses_the_option_has_no_sandbox() {
        let dir = tempfile::tempdir().unwrap();
        let refuses = program(dir.path(), "refuses", "exec qemu-system-x86_64 -sandbox on,no-such-set=deny \"$@\"");
        assert!(!has_sandbox(&refuses));
    }

    #[tokio::test]
    async fn program_is_run_once() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let counts = program(dir.path(), "counts", &format!("echo run >> {}\nexit 1", log.display()));
        let sandboxes = Sandboxes::default();
        let has = tokio::join!(sandboxes.has(&counts), sandboxes.has(&counts), sandboxes.has(&counts));
        assert_eq!(has, (false, false, false));
        assert_eq!(std::fs::read_to_string(log).unwrap(), "run\n");
    }
}
