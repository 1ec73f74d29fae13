//! Requests by sysrq, and the kernel's answers to them.

use super::finding::Finding;
use super::head::Head;
use super::pending::Position;

/// Lines that an answer may have: every task's trace, as slow as a serial console is.
const MAX_ANSWER: u64 = 50_000;

/// The requests that an answer may still come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Requests {
    dump: Option<Position>,
    kill: Option<Position>,
}

impl Requests {
    /// Tasks, CPUs or memory are shown from here on.
    pub fn dump(&mut self, at: Position) {
        self.dump = Some(at);
    }

    /// The OOM killer was called here.
    pub fn kill(&mut self, at: Position) {
        self.kill = Some(at);
    }

    /// Whether a call trace may be of a task that was merely shown.
    pub fn is_dumping(&self, at: Position) -> bool {
        self.dump.is_some_and(|asked| at.since(asked) <= MAX_ANSWER)
    }

    /// Whether this line of the OOM killer is the answer to a request. A worker runs the killer then (`moom_callback()` of
    /// `drivers/tty/sysrq.c`); a task that runs out of memory in the meantime invokes it on its own account, and what
    /// `awaits_kill` is then killed for it.
    pub fn explain(&mut self, head: &Head, at: Position, awaits_kill: bool) -> bool {
        if !head.kind.is_oom() || self.kill.is_none_or(|asked| at.since(asked) > MAX_ANSWER) {
            return false;
        }
        let answers = match &head.finding {
            Some(Finding::OomInvoked { comm }) => comm.starts_with("kworker/") || comm.starts_with("events/"),
            Some(Finding::OomReaped(_) | Finding::OomNotReaped(_)) => false,
            _ => !awaits_kill,
        };
        if answers {
            self.kill = None;
        }
        answers
    }
}
