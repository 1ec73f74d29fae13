//! Work for the host's cores besides what is tested.

use std::process::{Child, Command, Stdio};

/// Counts, and looks from time to time whether its owner, whose process id is `$0`, still lives.
const SPIN: &str = "while kill -0 \"$0\"; do i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; done 2>/dev/null";

/// Processes that spin. They end with their owner.
pub struct Spinners(Vec<Child>);

impl Spinners {
    /// Starts so many.
    pub fn start(count: usize) -> Self {
        let owner = std::process::id().to_string();
        let spin = || Command::new("sh").args(["-c", SPIN, &owner]).stdin(Stdio::null()).spawn().expect("a shell");
        Self((0..count).map(|_| spin()).collect())
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        for spinner in &mut self.0 {
            // Both fail only when it has ended already.
            let _ = spinner.kill();
            let _ = spinner.wait();
        }
    }
}
