//! Python programs of others, which `make python` installs.

use super::program::{Finished, wait};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs Python code with these arguments and this standard input.
pub fn python(code: &str, args: &[&Path], input: &str) -> Finished {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/python/bin/python");
    assert!(python.is_file(), "{} is missing: `make python` installs it", python.display());
    let mut command = Command::new(python);
    command.arg("-c").arg(code).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("Python starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // The code reads all of it before it writes anything.
    stdin.write_all(input.as_bytes()).expect("Python reads");
    drop(stdin);
    wait(child)
}
