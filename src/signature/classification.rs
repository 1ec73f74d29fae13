//! What is in a log: all its reports, and the one that a kernel developer would look at first.

use super::kind::ReportKind;
use super::report::Report;
use super::who::Who;
use serde::Serialize;

/// The most different reports that are kept of one log.
const MOST_REPORTS: usize = 256;

/// What is wrong in a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    /// The sort of the earliest cause; [`ReportKind::None`] where nothing is wrong.
    pub kind: ReportKind,
    /// Its title; empty where nothing is wrong.
    pub title: String,
    /// Other sorts of trouble that the log tells of, in order.
    pub also: Vec<ReportKind>,
    /// The process that was killed for its memory.
    pub victim: Option<Who>,
    /// The task that is stuck, crashed or short of memory.
    pub task: Option<Who>,
    /// First line of the report that is the cause, counted from 1.
    pub line: Option<u64>,
    /// Its last line.
    pub last_line: Option<u64>,
    /// Every report, earliest first; at most 256 different ones.
    pub reports: Vec<Repeated>,
}

/// A report, and how often one with this title was printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repeated {
    /// The first one.
    #[serde(flatten)]
    pub report: Report,
    /// How often.
    pub count: u64,
}

/// Gathers the reports of a log; bounded, whatever the log holds.
#[derive(Debug, Clone, Default)]
pub struct Reports {
    different: Vec<Repeated>,
}

impl Reports {
    /// Takes one report. They may come in the order in which they ended.
    pub fn push(&mut self, report: Report) {
        let same = |known: &&mut Repeated| known.report.kind == report.kind && known.report.title == report.title;
        if let Some(known) = self.different.iter_mut().find(same) {
            known.count += 1;
            if report.line < known.report.line {
                known.report = report;
            }
        } else if self.different.len() < MOST_REPORTS {
            self.different.push(Repeated { report, count: 1 });
        }
    }

    /// What they say together.
    pub fn classify(mut self) -> Classification {
        self.different.sort_by_key(|known| known.report.line);
        let reports = self.different;
        let Some(cause) = cause(&reports) else {
            return Classification {
                kind: ReportKind::None,
                title: String::new(),
                also: Vec::new(),
                victim: None,
                task: None,
                line: None,
                last_line: None,
                reports,
            };
        };
        let cause = cause.clone();
        let mut also = Vec::new();
        let known =
            reports.iter().map(|known| &known.report).filter(|report| !(cause.kind.is_oom() && is_open_ended(report)));
        let kinds = known.flat_map(|report| std::iter::once(report.kind).chain(report.also.iter().copied()));
        for kind in cause.also.iter().copied().chain(kinds) {
            if kind != cause.kind && !also.contains(&kind) {
                also.push(kind);
            }
        }
        Classification {
            kind: cause.kind,
            title: cause.title,
            also,
            victim: cause.victim,
            task: cause.task,
            line: Some(cause.line),
            last_line: Some(cause.last_line),
            reports,
        }
    }
}

/// The earliest report, but for two: a call for the OOM killer alone does not say how it ended, and a later one that does is
/// the better witness of the same shortage; and an allocation that failed is what the kernel must live with, while an oops
/// behind it is a bug.
fn cause(reports: &[Repeated]) -> Option<&Report> {
    let first = &reports.first()?.report;
    if is_open_ended(first) {
        let outcome = |report: &&Report| report.kind.is_oom() && !is_open_ended(report);
        return reports.iter().map(|known| &known.report).find(outcome).or(Some(first));
    }
    if first.kind == ReportKind::AllocFailure {
        let broken = |report: &&Report| matches!(report.kind, ReportKind::Oops | ReportKind::Sanitizer);
        return reports.iter().map(|known| &known.report).find(broken).or(Some(first));
    }
    Some(first)
}

/// The OOM killer was called, and what came of it is not told.
fn is_open_ended(report: &Report) -> bool {
    matches!(report.kind, ReportKind::OomKill | ReportKind::OomKillMemcg) && report.victim.is_none()
}
