//! Where tests that boot real kernels find them: in the user's own cache, put there by the program itself.

use super::cache;

use super::program::{Program, finish};
pub use cache::cache;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A command line of the program that uses the cache.
pub fn command(program: &Program, args: &[&str]) -> Command {
    let mut command = program.command(args);
    command.env("OOMLAB_CACHE", cache());
    command
}

/// A command line of the program with the tester's own environment, which may name a mirror or a proxy, and the tester's cache.
pub fn fetching(program: &Program, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomlab"));
    command.current_dir(program.dir()).args(args).stdin(Stdio::null());
    command
}

/// The image of a kernel of the catalogue; fetched or built first if need be, with the tester's own environment: it
/// may name a mirror or a proxy.
pub fn kernel(name: &str, arch: &str) -> PathBuf {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomlab"));
    let finished = finish(command.args(["kernel", "get", name, "--arch", arch]).stdin(Stdio::null()));
    assert_eq!(finished.status, Some(0), "{name} for {arch} cannot be had: {}", finished.stderr);
    finished.stdout.trim_end().rsplit(' ').next().expect("a path").into()
}
