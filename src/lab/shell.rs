//! A cell's guest with an interactive shell on its console; nothing judges it.

use super::error::LabError;
use super::local::{Launch, launch};
use super::prepare::Sources;
use super::scratch::ScratchFile;
use super::trial::{GuestSpec, Ready, SPEC_SCHEMA, TrialSpec};
use crate::guest::OpenError;
use crate::host::{KeptGuest, KeptSockets, Qemu, Sandboxes, Serial, SocketDir, SpawnError};
use crate::kernel::{KernelError, Progress};
use crate::launch::gdb_device;
use model::{Cell, Kind, Payload, RuleId, Verdict};
use std::collections::BTreeMap;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// Timeout for QEMU to open the console.
const CONSOLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The user's terminal, as far as the guest has to know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Its type, for example `xterm-256color`; `None` if it is unknown.
    pub kind: Option<String>,
    /// Rows and columns.
    pub size: Option<(u16, u16)>,
}

impl Terminal {
    /// Words of the kernel command line, from which the agent makes the shell's environment (images/agent/PROTOCOL.md).
    fn words(&self, console: &str) -> Vec<String> {
        let is_name = |kind: &&String| {
            !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+.".contains(&byte))
        };
        let mut words = vec![format!("oomlab_shell={console}")];
        words.extend(self.kind.as_ref().filter(is_name).map(|kind| format!("TERM={kind}")));
        if let Some((rows, columns)) = self.size {
            words.extend([format!("oomlab_rows={rows}"), format!("oomlab_columns={columns}")]);
        }
        words
    }
}

/// A guest with an interactive shell. Dropping it ends it.
#[derive(Debug)]
pub struct ShellGuest {
    qemu: Qemu,
    sockets: SocketDir,
    _disk: Option<ScratchFile>,
    kept: KeptGuest,
}

impl ShellGuest {
    /// Starts QEMU, which runs the machine as soon as the console is connected; with `for_gdb`, when gdb continues it. Other
    /// processes of the user can find the guest. Without a `terminal` the shell is not on the console: the agent starts the SSH server of a
    /// guest with a root disk.
    ///
    /// # Errors
    /// When the disk or the sockets cannot be made, or QEMU cannot be started.
    pub async fn start(
        cell: &Cell,
        ready: Ready,
        terminal: Option<&Terminal>,
        for_gdb: bool,
    ) -> Result<Self, LabError> {
        let mut cell = cell.clone();
        cell.append.extend(terminal.iter().flat_map(|terminal| terminal.words(cell.arch.console)));
        let spec = spec(cell, ready);
        let Launch { mut argv, sockets, disk, .. } = launch(&spec, &Sandboxes::default()).await?;
        if for_gdb {
            argv.extend(["-gdb".to_owned(), gdb_device(&sockets.gdb()), "-S".to_owned()]);
        }
        let qemu = Qemu::spawn(&argv, &sockets.log()).map_err(open_error)?;
        let kept = KeptGuest::shell(&spec.kernel, &spec.cell.id, sockets.path(), qemu.pid()).with_login(spec.login());
        let announced = |source| LabError::Io { what: "describing the guest", source };
        sockets.announce(&kept).map_err(announced)?;
        Ok(Self { qemu, sockets, _disk: disk, kept })
    }

    /// The guest's sockets.
    pub fn sockets(&self) -> KeptSockets {
        self.sockets.kept(self.kept.clone())
    }

    /// Connects to the console.
    ///
    /// # Errors
    /// When QEMU has exited or does not open it.
    pub async fn console(&mut self) -> Result<Serial, LabError> {
        let mut serial = Serial::open(self.sockets.serial(), CONSOLE_TIMEOUT, None);
        tokio::select! {
            connected = serial.connected() => connected.map(|()| serial).map_err(|source| LabError::Console { source }),
            exited = self.qemu.wait() => Err(LabError::Console { source: self.exit_error(exited) }),
        }
    }

    /// Waits for QEMU's exit after the end of its console.
    ///
    /// # Errors
    /// When it does not exit, or not with status 0: then it, or the host, has ended the guest.
    pub async fn ended(&mut self, timeout: Duration) -> Result<(), LabError> {
        let failed = |source| LabError::Io { what: "the guest has ended", source };
        match tokio::time::timeout(timeout, self.qemu.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(exited) => Err(failed(self.exit_error(exited))),
            Err(_) => Err(failed(io::Error::other("QEMU closed the console and did not exit"))),
        }
    }

    /// Waits for QEMU's exit.
    ///
    /// # Errors
    /// With its status and what it has printed, unless it ended with status 0.
    pub async fn exited(&mut self) -> Result<(), LabError> {
        match self.qemu.wait().await {
            Ok(status) if status.success() => Ok(()),
            exited => Err(LabError::Io { what: "the guest has ended", source: self.exit_error(exited) }),
        }
    }

    fn exit_error(&self, exited: io::Result<ExitStatus>) -> io::Error {
        match exited {
            Ok(status) => io::Error::other(format!("QEMU exited, {status}: {}", self.qemu.stderr_tail())),
            Err(error) => error,
        }
    }
}

fn open_error(error: SpawnError) -> LabError {
    LabError::Open(OpenError::from(error))
}

fn spec(cell: Cell, ready: Ready) -> TrialSpec {
    TrialSpec {
        schema: SPEC_SCHEMA,
        cell,
        trial: 1,
        run: String::new(),
        guest: GuestSpec::Planned { qemu: None },
        kernel: ready.kernel,
        initrd: ready.initrd,
        firmware: ready.firmware,
        test: ready.test,
        accel: ready.accelerator.accel(),
        max_dump: None,
        diagnosed: BTreeMap::new(),
    }
}

impl Sources {
    /// Puts a shell into the place of a prepared cell's trial. Blocks.
    ///
    /// # Errors
    /// When the shell can be neither fetched nor built, as the verdict of a trial would say it.
    pub fn with_shell(&self, cell: &Cell, ready: Ready, progress: &dyn Progress) -> Result<Ready, Box<Verdict>> {
        let Payload::Workload { name, .. } = &cell.payload else { return Ok(ready) };
        let failed = |why: String| Box::new(Verdict::new(Kind::ImageUnavailable, RuleId::Prepare, why));
        let of_kernel = |error: KernelError| failed(error.to_string());
        let modules =
            self.kernels.modules(&ready.kernel, cell.arch, &cell.needs.modules, progress).map_err(of_kernel)?;
        let workload = self.workloads.get(name).ok_or_else(|| failed(format!("unknown workload `{name}`")))?;
        // A script's packages have it.
        let busybox = if workload.script.is_some() {
            None
        } else {
            self.kernels.busybox(cell.arch, progress).map_err(of_kernel)?
        };
        let image = self.with_root(cell.arch, &cell.kernel, workload, progress, |root| {
            self.images.shell(cell.arch, workload, &modules, root, busybox.as_deref())
        })?;
        Ok(Ready { initrd: Some((image.path, image.digest)), ..ready })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_of_a_hostile_environment_adds_no_words() {
        let words = |kind: &str, size| Terminal { kind: Some(kind.to_owned()), size }.words("ttyS0");
        assert_eq!(words("xterm-256color", None), ["oomlab_shell=ttyS0", "TERM=xterm-256color"]);
        assert_eq!(words("x init=/bin/sh", None), ["oomlab_shell=ttyS0"]);
        assert_eq!(words("", Some((24, 80))), ["oomlab_shell=ttyS0", "oomlab_rows=24", "oomlab_columns=80"]);
    }
}
