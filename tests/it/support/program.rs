//! The built program, in a folder and with a cache of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The program as users have it, in an empty folder.
pub struct Program {
    dir: TempDir,
}

/// What a finished program left behind.
#[derive(Debug)]
pub struct Finished {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Program {
    pub fn new() -> Self {
        Self { dir: TempDir::with_prefix("oomlab-test-").expect("a folder") }
    }

    /// The folder in which it runs.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file below its folder.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir().join(name);
        std::fs::create_dir_all(path.parent().expect("it is below the folder")).expect("a folder");
        std::fs::write(&path, content).expect("a file");
        path
    }

    /// The command line with these arguments; nothing of the tester's own environment but `PATH` reaches it.
    pub fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oomlab"));
        command.args(args).current_dir(self.dir()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").expect("a PATH"));
        command.env("HOME", self.dir()).env("OOMLAB_CACHE", self.dir().join("cache"));
        command
    }

    /// Runs it to its end.
    pub fn run(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Finished {
        finish(&mut self.command(args))
    }
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Finished {
    wait(start(command))
}

/// Starts a command; what it writes is kept for [`wait`].
pub fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a program that starts")
}

/// Waits for the end of a program.
pub fn wait(child: Child) -> Finished {
    let output = child.wait_with_output().expect("a program that ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    Finished { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}
