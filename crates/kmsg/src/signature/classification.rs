//! Classification of a log: all its reports, and the one that a kernel developer would read first.

use super::kind::ReportKind;
use super::report::Report;
use crate::task::TaskRef;
use serde::Serialize;

/// Different reports that are kept of one log.
const MAX_REPORTS: usize = 256;

/// What is wrong in a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    /// The sort of the earliest cause; [`ReportKind::None`] where nothing is wrong.
    pub kind: ReportKind,
    /// Its title; empty where nothing is wrong.
    pub title: String,
    /// Other sorts of reports in the log, in order.
    pub also: Vec<ReportKind>,
    /// The process that was killed for its memory.
    pub victim: Option<TaskRef>,
    /// The task that is stuck, crashed or short of memory.
    pub task: Option<TaskRef>,
    /// First line of the report that is the cause, counted from 1.
    pub line: Option<u64>,
    /// Its last line.
    pub last_line: Option<u64>,
    /// Every report, earliest first, provoked ones too; at most 256 different ones.
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

/// Collects the reports of a log; bounded for any log.
#[derive(Debug, Clone, Default)]
pub struct Reports {
    different: Vec<Repeated>,
}

impl Reports {
    /// Takes one report. They may come in the order in which they ended.
    pub fn push(&mut self, report: Report) {
        let same = |known: &&mut Repeated| {
            let known = &known.report;
            known.kind == report.kind && known.title == report.title && known.provoked == report.provoked
        };
        if let Some(known) = self.different.iter_mut().find(same) {
            known.count += 1;
            if report.line < known.report.line {
                known.report = report;
            }
        } else if self.different.len() < MAX_REPORTS {
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
        let known = unprovoked(&reports).filter(|report| !(cause.kind.is_oom() && is_open_ended(report)));
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
    let first = unprovoked(reports).next()?;
    if is_open_ended(first) {
        let outcome = |report: &&Report| report.kind.is_oom() && !is_open_ended(report);
        return unprovoked(reports).find(outcome).or(Some(first));
    }
    if first.kind == ReportKind::AllocFailure {
        let broken = |report: &&Report| matches!(report.kind, ReportKind::Oops | ReportKind::Sanitizer);
        return unprovoked(reports).find(broken).or(Some(first));
    }
    Some(first)
}

/// The reports that were not provoked.
fn unprovoked(reports: &[Repeated]) -> impl Iterator<Item = &Report> {
    reports.iter().map(|known| &known.report).filter(|report| !report.provoked)
}

/// The OOM killer was invoked, and the log does not say with which outcome.
fn is_open_ended(report: &Report) -> bool {
    matches!(report.kind, ReportKind::OomKill | ReportKind::OomKillMemcg) && report.victim.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kind: ReportKind, title: &str, line: u64, victim: Option<&str>) -> Report {
        let victim = victim.map(TaskRef::named);
        Report {
            kind,
            title: title.to_owned(),
            also: Vec::new(),
            victim,
            task: None,
            provoked: false,
            line,
            last_line: line,
        }
    }

    fn classify(reports: impl IntoIterator<Item = Report>) -> Classification {
        let mut all = Reports::default();
        reports.into_iter().for_each(|report| all.push(report));
        all.classify()
    }

    #[test]
    fn repeated_reports_are_counted() {
        use ReportKind::{Oops, Warning};
        let lines = |a, b| [report(Oops, "in f", a, None), report(Oops, "in f", b, None)];
        for reports in [lines(3, 7), lines(7, 3), lines(3, 3)] {
            let found = classify(reports);
            assert_eq!((found.reports.len(), found.reports[0].count, found.line), (1, 2, Some(3)));
        }
        let others = [report(Oops, "in f", 1, None), report(Oops, "in g", 2, None), report(Warning, "in f", 3, None)];
        assert_eq!(classify(others).reports.iter().map(|known| known.count).collect::<Vec<_>>(), [1, 1, 1]);
    }

    #[test]
    fn reports_are_bounded() {
        let found = classify((0..300).map(|line| report(ReportKind::Oops, &format!("in f{line}"), line, None)));
        assert_eq!(found.reports.len(), MAX_REPORTS);
    }

    #[test]
    fn oom_kill_outranks_an_invocation() {
        use ReportKind::{OomKill, OomKillMemcg, OomNoKillable, Oops};
        let call = || report(OomKill, "OOM kill for a", 1, None);
        let kill = |kind| report(kind, "OOM kill of b", 9, Some("b"));
        for kind in [OomKill, OomKillMemcg] {
            let found = classify([call(), kill(kind)]);
            assert_eq!((found.kind, found.line, found.also.len()), (kind, Some(9), 0), "{found:?}");
        }
        assert_eq!(classify([call(), report(OomNoKillable, "none", 9, None)]).kind, OomNoKillable);
        // Another call says no more, and an oops is no outcome.
        let open = classify([call(), report(OomKillMemcg, "OOM kill for c", 5, None), report(Oops, "in f", 9, None)]);
        assert_eq!((open.kind, open.line, open.also), (OomKill, Some(1), vec![Oops]));
        let told = classify([report(OomKill, "OOM kill of a", 1, Some("a")), kill(OomKillMemcg)]);
        assert_eq!((told.line, told.also), (Some(1), vec![OomKillMemcg]));
    }

    #[test]
    fn oops_outranks_an_allocation_failure() {
        use ReportKind::{AllocFailure, Oops, Sanitizer, Warning};
        let failed = || report(AllocFailure, "allocation failed", 1, None);
        for (behind, cause) in [(Oops, Oops), (Sanitizer, Sanitizer), (Warning, AllocFailure)] {
            let found = classify([failed(), report(behind, "in f", 9, None)]);
            let other = if cause == behind { AllocFailure } else { behind };
            assert_eq!((found.kind, found.also), (cause, vec![other]));
        }
        assert_eq!(classify([report(Warning, "in f", 1, None), report(Oops, "in f", 2, None)]).kind, Warning);
    }

    #[test]
    fn classification_without_reports_is_none() {
        let none = classify([]);
        assert_eq!((none.kind, none.title.as_str(), none.line), (ReportKind::None, "", None));
    }
}
