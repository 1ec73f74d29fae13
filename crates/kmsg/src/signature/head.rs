//! What the first line of a report says.

use super::FailureKind;
use super::finding::{FailureReport, Finding};
use super::kind::ReportKind;
use crate::symbol;
use crate::task::TaskRef;

/// What one line of the kernel says: usually the first line of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The sort of report.
    pub kind: ReportKind,
    /// What the same report also is.
    pub also: Option<ReportKind>,
    /// The title without the place, for example `KASAN: use-after-free`.
    pub what: String,
    /// Where the place that names the problem is found.
    pub culprit: CulpritSource,
    /// The function that the line itself names.
    pub function: Option<String>,
    /// The task that the line names: stuck, crashed, or short of memory.
    pub task: Option<TaskRef>,
    /// The process that the line says was killed.
    pub victim: Option<TaskRef>,
    /// Whether a report begins here.
    pub role: Role,
    /// Whether it ends a report and repeats what that said: it counts where the log does not have the report's beginning.
    pub is_closing: bool,
    /// What the line alone says of the kernel's health.
    pub finding: Option<Finding>,
}

/// Where the function that names a problem stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CulpritSource {
    /// Nowhere: the words alone name the problem.
    Nowhere,
    /// In the head, else where the instruction pointer was, else in the call trace.
    Function,
    /// In the line that says which lock it is about (`…, at: function`), else in the call trace.
    Lock,
    /// In the line that says which lock is still held (`#0: …, at: function`), else in the call trace.
    HeldLock,
    /// In the call trace, the innermost specific one.
    Trace,
    /// In the call trace: the caller of the allocator.
    Allocation,
    /// In the call trace, where the kernel was entered: what runs below it is different each time one looks.
    Entry,
    /// The task, where no function names the problem.
    Task,
}

/// What a line does to the reports that are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A new report begins.
    Start,
    /// It continues a pending report of this kind, or starts one. Its kind is more specific.
    Refine(ReportKind),
    /// It says how an open report of this sort went on, and begins one where there is none; the report keeps its kind
    /// and its words.
    Append(ReportKind),
    /// It is a part of such a report, and stands for all of it where none is open: the log does not have its beginning.
    Fragment,
    /// It counts where it is printed for the third time.
    Repeated,
    /// A sysrq for the state of tasks, CPUs or memory, which follows: it is no report.
    AsksForDump,
    /// A sysrq for an OOM kill, which follows.
    AsksForKill,
    /// The machine stops, for any reason.
    End,
}

impl Head {
    /// A head that begins a report.
    pub(super) fn new(kind: ReportKind, what: impl Into<String>, culprit: CulpritSource) -> Self {
        Self {
            kind,
            also: None,
            what: what.into(),
            culprit,
            function: None,
            task: None,
            victim: None,
            role: Role::Start,
            is_closing: false,
            finding: None,
        }
    }

    /// With the function at the beginning of `text`, such as `tty_release+0x123/0x456 [module]`.
    pub(super) fn at(mut self, text: &str) -> Self {
        self.function = symbol::leading(text).filter(|_| !symbol::is_beyond_end(text)).map(str::to_owned);
        self
    }

    pub(super) fn with_task(mut self, task: Option<TaskRef>) -> Self {
        self.task = task;
        self
    }

    pub(super) fn with_victim(mut self, victim: Option<TaskRef>) -> Self {
        self.victim = victim;
        self
    }

    pub(super) fn with_role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// As the last line of a report, which repeats the first.
    pub(super) fn closing(mut self) -> Self {
        self.is_closing = true;
        self
    }

    pub(super) fn with_also(mut self, also: ReportKind) -> Self {
        self.also = Some(also);
        self
    }

    pub(super) fn with_finding(mut self, finding: Finding) -> Self {
        self.finding = Some(finding);
        self
    }

    /// Also a reason for a verdict of this kind, under this title.
    pub(super) fn with_failure(mut self, kind: FailureKind, title: impl Into<String>) -> Self {
        let task = self.task.as_ref().and_then(TaskRef::task);
        self.finding = Some(Finding::Failure(FailureReport { kind, title: title.into(), task }));
        self
    }
}
