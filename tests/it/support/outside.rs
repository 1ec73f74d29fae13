//! A running trial, and disturbances of its QEMU from outside.

use model::Event;
use oomlab::store::read_events;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

const POLL: Duration = Duration::from_millis(20);
/// Polls in the time after which the slowest boot on the busiest host counts as lost.
const POLLS: u32 = 30_000;

/// The program while it runs one trial in the folder `run`. Dropping it ends it, and with it QEMU.
pub struct Running {
    child: Child,
    end: OwnedFd,
    dir: PathBuf,
}

impl Running {
    /// Starts a command line of the program; what it writes goes to the file `output`.
    pub fn start(command: &mut Command, dir: &Path) -> Self {
        let output = File::create(dir.join("output")).expect("a file");
        let child = command.stdout(output.try_clone().expect("a file")).stderr(output).spawn().expect("the program");
        let end = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).expect("a child that was not waited for");
        Self { child, end, dir: dir.to_owned() }
    }

    /// Waits for its end, at most for so long; whether it has come.
    pub fn ends_within(&self, span: Duration) -> bool {
        let span = Timespec::try_from(span).expect("a span of time");
        let mut ends = [PollFd::new(&self.end, PollFlags::IN)];
        // A signal may cut the wait short: then the end has not come yet.
        poll(&mut ends, Some(&span)).is_ok_and(|ready| ready > 0)
    }

    /// Sends it a signal; one that has ended takes none.
    pub fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.end, signal);
    }

    /// Waits until the trial has seen what `find` looks for.
    pub fn wait_for<T>(&self, find: impl Fn(&Event) -> Option<T>) -> T {
        for _ in 0..POLLS {
            if let Some(found) = self.events().iter().find_map(&find) {
                return found;
            }
            assert!(!self.ends_within(POLL), "it ended too early: {}", self.output());
        }
        panic!("it never came: {}", self.output());
    }

    /// Waits until something has happened.
    pub fn until(&self, mut happened: impl FnMut() -> bool) {
        for _ in 0..POLLS {
            if happened() {
                return;
            }
            assert!(!self.ends_within(POLL), "it ended too early: {}", self.output());
        }
        panic!("it never happened: {}", self.output());
    }

    /// The QEMU of the trial, once it is started.
    pub fn qemu(&self) -> Qemu {
        let pid = self.wait_for(|event| match event {
            Event::Spawned { pid } => i32::try_from(*pid).ok().and_then(Pid::from_raw),
            _ => None,
        });
        Qemu(pidfd_open(pid, PidfdFlags::empty()).expect("a QEMU that runs"))
    }

    /// Waits for the end of the program; its exit status.
    pub fn finish(mut self) -> Option<i32> {
        self.child.wait().expect("a program that ends").code()
    }

    /// What the program has written so far.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.dir.join("output")).unwrap_or_default()
    }

    fn events(&self) -> Vec<Event> {
        let folder = trial_folder(&self.dir);
        let records = folder.and_then(|folder| read_events(&folder.join("events.jsonl")).ok()).unwrap_or_default();
        records.into_iter().map(|record| record.event).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of the only trial of the run in `dir`.
pub fn trial_folder(dir: &Path) -> Option<PathBuf> {
    let mut found = std::fs::read_dir(dir.join("run/cells")).ok()?;
    Some(found.next()?.ok()?.path())
}

/// A QEMU, by a descriptor that never means another process.
pub struct Qemu(OwnedFd);

impl Qemu {
    /// Sends it a signal; one that has ended takes none.
    pub fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.0, signal);
    }
}

/// Says one command to a QEMU that listens for QMP at this socket, and waits for the answer.
pub fn qmp(socket: &Path, command: &str) {
    let mut stream = UnixStream::connect(socket).expect("QEMU listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines().map(|line| line.expect("an answer"));
    for command in ["qmp_capabilities", command] {
        writeln!(stream, "{{\"execute\": \"{command}\"}}").expect("QEMU reads");
        assert!(lines.any(|line| line.contains("\"return\"")), "QEMU hung up");
    }
}
