//! The lines behind the head of a report: the place, the task, the call trace.

use super::pool::Pool;
use super::registers;
use super::tasks;
use crate::symbol;
use crate::task::TaskRef;
use crate::text::Prefixes;
use crate::trace::{self, frame};

/// Reliable frames that are kept of one report.
const MAX_FRAMES: usize = 128;
/// Unreliable ones: they matter only where there is nothing else.
const MAX_UNRELIABLE: usize = 32;

/// What stands before the first frame of a call trace.
static TRACE_STARTS: Prefixes = Prefixes::new(&["Call Trace:", "Call trace:", "Backtrace:"]);

/// What a report shows behind its own trace.
static ENDS: Prefixes = Prefixes::new(&[
    "Allocated by task ",
    "Freed by task ",
    "The buggy address belongs",
    "Memory state around",
    "Uninit was ",
    "Local variable ",
    "Last potentially related work",
    "Last call_rcu",
    "Showing all locks held",
    "Showing busy workqueues",
    "Mem-Info:",
    "allocated by task ",
]);

/// A function in a call trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub name: String,
    /// Not marked by `? `: the unwinder is sure that it was called.
    pub sure: bool,
    /// The trace that it stands in, of several in one report.
    pub trace: u16,
}

/// What is known of a report besides its head.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    /// Where the instruction pointer was.
    pub pointer: Option<String>,
    /// Where the function there would have returned to.
    pub link: Option<String>,
    /// The function that acquires the lock of the report.
    pub lock: Option<String>,
    /// The function that took the first of the locks that are held.
    pub held: Option<String>,
    /// The call trace, innermost first.
    pub frames: Vec<Frame>,
    /// The task in whose context it happened.
    pub task: Option<TaskRef>,
    /// The current trace.
    trace: u16,
    /// The next function acquires the lock of the report.
    lock_follows: bool,
    /// The next function is where preemption was disabled, which is not where the kernel slept (`kernel/sched/core.c`,
    /// `print_preempt_disable_ip()`).
    preemption_follows: bool,
    /// The next line is of the task that a stalled CPU runs.
    dump_follows: bool,
    /// What the worker that the report is about was to do.
    pub work: Option<String>,
    /// The pool of workers that the report is about.
    pub pool: Option<Pool>,
    /// What a sanitizer calls the access: `Read` or `Write`.
    pub access: Option<&'static str>,
    /// The rest belongs to others: the allocation of the memory, the locks that other tasks hold.
    ended: bool,
}

impl Body {
    /// Of the report that begins with this line.
    pub fn behind(head: &str) -> Self {
        Self { pool: Pool::stuck(head), ..Self::default() }
    }

    /// Takes a line; whether it belonged to the report.
    pub fn take(&mut self, text: &str) -> bool {
        let line = text.trim_start();
        if self.ended || line.is_empty() {
            return false;
        }
        let Some(frame) = frame(line) else { return self.take_words(line) };
        if std::mem::take(&mut self.preemption_follows) {
            return true;
        }
        if std::mem::take(&mut self.lock_follows) {
            self.lock.get_or_insert_with(|| frame.function.to_owned());
        }
        if frame.is_reliable || !symbol::is_at_end(line) {
            self.push_frame(frame);
        }
        true
    }

    fn push_frame(&mut self, frame: trace::Frame<'_>) {
        let last = self.frames.last().map(|last| last.name.as_str());
        frame.functions(last).for_each(|name| self.push(name, frame.is_reliable));
    }

    /// Whether its call trace has begun: more than where the CPU was is known.
    pub fn has_trace(&self) -> bool {
        self.frames.len() > 2
    }

    /// Whether a function stands in its call trace.
    pub fn has(&self, function: &str) -> bool {
        self.frames.iter().any(|frame| frame.name == function)
    }

    fn push(&mut self, name: &str, sure: bool) {
        let most = if sure { MAX_FRAMES } else { MAX_UNRELIABLE };
        if self.frames.iter().filter(|frame| frame.sure == sure).count() < most {
            self.frames.push(Frame { name: name.to_owned(), sure, trace: self.trace });
        }
    }

    /// Lines with words of their own.
    fn take_words(&mut self, line: &str) -> bool {
        if let Some(rest) = TRACE_STARTS.strip(line) {
            // Where the CPU was may stand before its trace.
            let frames = self.frames.iter().filter(|frame| frame.trace == self.trace).count();
            self.trace = self.trace.saturating_add(u16::from(frames > 1));
            // m68k has the first function in the same line.
            if let Some(frame) = frame(rest) {
                self.push_frame(frame);
            }
            return true;
        }
        if line == "stack backtrace:" {
            // Before it, lockdep shows how others took the locks.
            self.frames.clear();
            return true;
        }
        if let Some(function) = line.strip_prefix("last function: ").and_then(symbol::leading) {
            // kernel/workqueue.c, process_one_work()
            self.push(function, true);
            return true;
        }
        if self.pool.as_mut().is_some_and(|pool| pool.take(line)) {
            return true;
        }
        if let Some(link) = registers::link(line) {
            self.link.get_or_insert_with(|| link.to_owned());
            return true;
        }
        if ENDS.strip(line).is_some() || line.starts_with("kfence-#") && line.contains("allocated by") {
            self.ended = true;
            return true;
        }
        if std::mem::take(&mut self.dump_follows) && self.take_task(tasks::dumped_on_a_line(line)) {
            return true;
        }
        if line.starts_with("Preemption disabled at:") {
            self.preemption_follows = line.ends_with(':');
            return true;
        }
        if line.starts_with("Task dump for CPU ") {
            self.dump_follows = true;
            return true;
        }
        // Those that begin with a word of theirs come first: they cost no search.
        if self.take_task(tasks::current(line))
            || self.take_task(tasks::dumped(line))
            || self.take_access(line)
            || self.take_work(line)
            || self.take_pointer(line)
        {
            return true;
        }
        let is_locking = self.take_task(tasks::locking(line));
        self.take_lock(line) || is_locking
    }

    /// `Workqueue: events moom_callback`, `Workqueue: writeback wb_workfn (flush-8:0)` (`kernel/workqueue.c`,
    /// `print_worker_info()`): the queue, the function, its module, what it does.
    fn take_work(&mut self, line: &str) -> bool {
        let Some(rest) = line.strip_prefix("Workqueue: ") else { return false };
        let rest = rest.split_once(" (").map_or(rest, |(rest, _)| rest);
        let rest = rest.split_once(" [").map_or(rest, |(rest, _)| rest);
        if let Some((_, function)) = rest.trim_end().rsplit_once(' ')
            && let Some(function) = symbol::leading(function)
        {
            self.work.get_or_insert_with(|| function.to_owned());
        }
        true
    }

    /// The task that it happened to; the first counts.
    fn take_task(&mut self, task: Option<TaskRef>) -> bool {
        let known = task.is_some();
        self.task = self.task.take().or(task);
        known
    }

    /// Where the CPU was.
    fn take_pointer(&mut self, line: &str) -> bool {
        let Some(rest) = registers::pointer(line) else { return false };
        // User code's segments: the trace ends there.
        if line.starts_with("RIP: ") && (rest.starts_with("0033:") || rest.starts_with("0023:")) {
            return true;
        }
        if let Some((_, name)) = symbol::find(rest).or_else(|| symbol::decoded(rest))
            && !symbol::is_beyond_end(rest)
        {
            self.pointer.get_or_insert_with(|| name.to_owned());
            self.push(name, true);
        }
        true
    }

    /// `Read of size 8 at addr … by task name/12`; `Write of size …`.
    fn take_access(&mut self, line: &str) -> bool {
        let access = match line {
            _ if line.starts_with("Read of size ") || line.starts_with("Read at addr ") => "Read",
            _ if line.starts_with("Write of size ") || line.starts_with("Write at addr ") => "Write",
            _ => return false,
        };
        self.access.get_or_insert(access);
        if let Some((_, task)) = line.rsplit_once(" by task ") {
            self.task = self.task.take().or_else(|| TaskRef::from_comm_slash_pid(task.trim_end()));
        }
        true
    }

    /// The lock that a report of lockdep is about: the first `(lock){+.+.}, at: [<…>] f+0x…`, where `at:` may end the line
    /// (a mail program's too) and the function stand in the next. `#0: (lock){+.+.}, at: …` is a lock that is merely held.
    fn take_lock(&mut self, line: &str) -> bool {
        let Some((lock, place)) = line.split_once(", at: ") else {
            let line = line.trim_end();
            let wrapped = line.ends_with(", at:") && !line.starts_with('#');
            let follows = wrapped || line.ends_with(" at:") && line.contains(" release lock (");
            self.lock_follows |= follows;
            return follows;
        };
        self.lock_follows |= place.trim_end().is_empty() && !lock.starts_with('#');
        let known = if lock.starts_with('#') { &mut self.held } else { &mut self.lock };
        if known.is_none() {
            let behind_address = place.strip_prefix("[<").and_then(|rest| rest.split_once(">] "));
            *known = symbol::leading(behind_address.map_or(place, |(_, function)| function)).map(str::to_owned);
        }
        true
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
