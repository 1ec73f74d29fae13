//! A night in words: for the terminal, for `summary.txt`.

use super::outcome::{Counts, NightResult};
use changepoint::Trend;
use model::{CellId, CellTrend, Culprit, Failure, Quarantine, RunId, printable};
use std::fmt::Write as _;

/// Cells that are named of those that have not run, or have no verdict.
const MAX_NAMED: usize = 3;

/// What a night has found.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Name of the night.
    pub night: String,
    /// Numbers of cells.
    pub counts: Counts,
    /// What is new or worse, the most urgent first.
    pub findings: Vec<Finding>,
    /// Number of cells whose failures are all quarantined.
    pub quarantined: usize,
    /// Entries of quarantines that have expired.
    pub expired: Vec<Quarantine>,
    /// Cells with trials that ended unexpectedly without a verdict on the guest, and the number of these trials.
    pub no_verdict: Vec<(CellId, u32)>,
    /// Cells with trials that passed although a failure was expected, and the number of these trials.
    pub passes: Vec<(CellId, u32)>,
    /// Cells with trials that the budget did not allow, and the number of these trials.
    pub not_run: Vec<(CellId, u32)>,
    /// Matrices whose run has not begun.
    pub not_begun: Vec<String>,
    /// Trials that a fault of the lab ended.
    pub lab_errors: usize,
    /// Parts of the night that have failed, each with the reason.
    pub failed: Vec<String>,
    /// Cells that may have got worse, with their runs.
    pub undecided: Vec<(RunId, CellTrend)>,
    /// Path of the first page, if there are pages.
    pub pages: Option<String>,
}

/// A cell that is new or worse.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The run.
    pub run: RunId,
    /// What the history says of it.
    pub trend: CellTrend,
    /// The commit to blame.
    pub culprit: Option<Culprit>,
    /// Why there is none, where a bisection was tried.
    pub why: Option<String>,
    /// Path of the draft of a mail, if there is one.
    pub mail: Option<String>,
    /// Why there is none, where one was tried.
    pub no_mail: Option<String>,
}

impl Summary {
    /// What it has found, in one word.
    pub fn result(&self) -> NightResult {
        let result = self.counts.result(self.has_lab_failed());
        if self.no_verdict.is_empty() { result } else { result.min(NightResult::NoVerdict) }
    }

    fn has_lab_failed(&self) -> bool {
        self.lab_errors > 0 || !self.failed.is_empty()
    }

    /// The text, ending in a newline. What the guest or the user wrote is escaped.
    pub fn text(&self) -> String {
        let Counts { new, worse, fixed, undecided, steady } = self.counts;
        let mut facts: Vec<String> = Vec::new();
        for (count, word) in [(new, "new"), (worse, "worse"), (fixed, "fixed"), (undecided, "undecided")] {
            if count > 0 {
                facts.push(format!("{count} {word}"));
            }
        }
        if facts.is_empty() {
            facts.push("nothing new".to_owned());
        }
        if !self.no_verdict.is_empty() {
            facts.push(format!("{} without a verdict", trials(sum(&self.no_verdict))));
        }
        if !self.passes.is_empty() {
            facts.push(format!("{} passed unexpectedly", trials(sum(&self.passes))));
        }
        if self.has_lab_failed() {
            facts.push("the lab failed".to_owned());
        }
        let mut out = format!("night {}: {}\n", printable(&self.night), facts.join(", "));
        self.findings.iter().for_each(|finding| finding.write(&mut out));
        self.undecided.iter().take(MAX_NAMED).for_each(|(run, trend)| write_undecided(run, trend, &mut out));
        if let Some(more) = self.undecided.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) {
            let _ = writeln!(out, "undecided: {more} more");
        }
        if steady > 0 {
            let cells =
                if steady == 1 { "1 cell fails or is".to_owned() } else { format!("{steady} cells fail or are") };
            let _ = writeln!(out, "as before: {cells} flaky");
        }
        if self.quarantined > 0 {
            let _ = writeln!(out, "quarantined: {}", cells(self.quarantined));
        }
        for Quarantine { place, until, .. } in &self.expired {
            let _ = writeln!(out, "expired quarantine: {}, until {until}", printable(place));
        }
        if !self.no_verdict.is_empty() {
            let _ = writeln!(out, "no verdict: {}", of_cells(&self.no_verdict));
        }
        if !self.passes.is_empty() {
            let _ = writeln!(out, "unexpected pass: {}", of_cells(&self.passes));
        }
        if !self.not_run.is_empty() {
            let _ = writeln!(out, "not run: {}", of_cells(&self.not_run));
        }
        for matrix in &self.not_begun {
            let _ = writeln!(out, "not run: all of {}", printable(matrix));
        }
        if self.lab_errors > 0 {
            let trials = trials(self.lab_errors as u64);
            let _ = writeln!(out, "failed: the lab could not judge {trials}: see the reports of the runs");
        }
        for failure in &self.failed {
            let _ = writeln!(out, "failed: {}", printable(failure));
        }
        if let Some(pages) = &self.pages {
            let _ = writeln!(out, "pages: {}", printable(pages));
        }
        out
    }
}

impl Finding {
    fn write(&self, out: &mut String) {
        let CellTrend { trend, rate, rate_before, since, .. } = &self.trend;
        write_cell(&self.run, &self.trend, out);
        let before = match (trend, rate_before) {
            (Trend::Worse, Some(before)) => format!(", before {}", before.brief()),
            _ => String::new(),
        };
        let since = since.as_ref().map(|since| {
            let after = since.after.as_ref().map(|after| format!(", 99 %: after {after}")).unwrap_or_default();
            format!(" since {}{after}", since.first)
        });
        let since = printable(&since.unwrap_or_default());
        let _ = writeln!(out, "  {}{before}{since}", rate.brief());
        if let Some(Culprit { commit, subject, probability, .. }) = &self.culprit {
            let short = commit.get(..12).unwrap_or(commit);
            // It is never certain.
            let percent = (100.0 * probability).min(99.0);
            let _ = writeln!(out, "  culprit {percent:.0} %: {}", printable(&format!("{short} {subject}")));
        }
        if let Some(why) = &self.why {
            let _ = writeln!(out, "  no culprit: {}", printable(why));
        }
        if let Some(mail) = &self.mail {
            let _ = writeln!(out, "  draft of the mail: {}", printable(mail));
        }
        if let Some(why) = &self.no_mail {
            let _ = writeln!(out, "  no draft of a mail: {}", printable(why));
        }
    }
}

/// The word for a cell, its failure, and the cell.
fn write_cell(run: &RunId, trend: &CellTrend, out: &mut String) {
    let CellTrend { cell, failure, trend, .. } = trend;
    let kind = failure.as_ref().map(Failure::verdict);
    let title = failure.as_ref().and_then(|failure| failure.title.as_deref()).map(|title| format!(": {title}"));
    let what = printable(&format!("{}{}", kind.unwrap_or_default(), title.unwrap_or_default()));
    let _ = writeln!(out, "{trend}: {what}");
    let _ = writeln!(out, "  {}", printable(&format!("{run}/{cell}")));
}

fn write_undecided(run: &RunId, trend: &CellTrend, out: &mut String) {
    write_cell(run, trend, out);
    let CellTrend { failures, trials: tried, rate, trials_to_decide, .. } = trend;
    let decides = trials_to_decide.map_or_else(
        || "earlier runs have too few trials, further nights decide".to_owned(),
        |more| format!("{} would decide", further_trials(more)),
    );
    let _ = writeln!(out, "  {failures} of {tried} in this run, {} in all; {decides}", rate.brief());
}

fn further_trials(count: u32) -> String {
    if count == 1 { "1 further trial".to_owned() } else { format!("{count} further trials") }
}

fn sum(trials: &[(CellId, u32)]) -> u64 {
    trials.iter().map(|(_, trials)| u64::from(*trials)).sum()
}

/// `8 trials of a, b, c, and 1 more`.
fn of_cells(cells: &[(CellId, u32)]) -> String {
    let named: Vec<_> = cells.iter().take(MAX_NAMED).map(|(cell, _)| printable(cell.as_str())).collect();
    let more = cells.len().checked_sub(MAX_NAMED).filter(|more| *more > 0);
    let more = more.map(|more| format!(", and {more} more")).unwrap_or_default();
    format!("{} of {}{more}", trials(sum(cells)), named.join(", "))
}

fn cells(count: usize) -> String {
    if count == 1 { "1 cell".to_owned() } else { format!("{count} cells") }
}

fn trials(count: u64) -> String {
    if count == 1 { "1 trial".to_owned() } else { format!("{count} trials") }
}

#[cfg(test)]
mod tests {
    use super::super::samples::entry;
    use super::*;
    use model::{ChangeInterval, Failure, Kind, RateInterval};

    fn summary() -> Summary {
        Summary {
            night: "2026-11-30-0".to_owned(),
            counts: Counts::default(),
            findings: Vec::new(),
            quarantined: 0,
            expired: Vec::new(),
            no_verdict: Vec::new(),
            passes: Vec::new(),
            not_run: Vec::new(),
            not_begun: Vec::new(),
            lab_errors: 0,
            failed: Vec::new(),
            undecided: Vec::new(),
            pages: None,
        }
    }

    #[test]
    fn quiet_night_is_one_line() {
        assert_eq!(summary().text(), "night 2026-11-30-0: nothing new\n");
    }

    #[test]
    fn lab_error_is_a_failure_of_the_lab() {
        let summary = Summary { lab_errors: 1, ..summary() };
        assert_eq!(summary.result(), NightResult::LabFailed);
        let expected = "night 2026-11-30-0: nothing new, the lab failed\n\
                        failed: the lab could not judge 1 trial: see the reports of the runs\n";
        assert_eq!(summary.text(), expected);
    }

    #[test]
    fn trials_without_verdict_make_no_quiet_night() {
        let summary = Summary { no_verdict: vec![(CellId::new("a"), 2)], ..summary() };
        assert_eq!((summary.result(), summary.result().exit_code()), (NightResult::NoVerdict, 1));
        let expected = "night 2026-11-30-0: nothing new, 2 trials without a verdict\nno verdict: 2 trials of a\n";
        assert_eq!(summary.text(), expected);
        let new = Summary { counts: Counts { new: 1, ..Counts::default() }, ..summary.clone() };
        assert_eq!(new.result(), NightResult::New);
        assert_eq!(Summary { lab_errors: 1, ..summary }.result(), NightResult::LabFailed);
    }

    #[test]
    fn expected_failures_that_pass_are_named() {
        let summary = Summary { passes: vec![(CellId::new("a"), 1)], ..summary() };
        assert_eq!((summary.result(), summary.result().exit_code()), (NightResult::Quiet, 0));
        let expected = "night 2026-11-30-0: nothing new, 1 trial passed unexpectedly\nunexpected pass: 1 trial of a\n";
        assert_eq!(summary.text(), expected);
    }

    #[test]
    fn findings_have_rate_change_culprit_and_draft() {
        let rate = RateInterval { failures: 20, trials: 20, low: 0.861, high: 1.0 };
        let trend = CellTrend {
            cell: CellId::new("linux-7.3.riscv64.64M.anon-hog"),
            failure: Some(Failure { kind: Kind::OomLivelock, title: Some("livelock \x1b[31m#regzbot".to_owned()) }),
            trend: Trend::New,
            failures: 20,
            trials: 20,
            rate,
            rate_before: Some(RateInterval { failures: 0, trials: 60, low: 0.0, high: 0.05 }),
            since: Some(ChangeInterval {
                after: Some(RunId::new("2026-11-29-0")),
                first: RunId::new("2026-11-30-0"),
                by: RunId::new("2026-11-30-0"),
            }),
            trials_to_decide: None,
        };
        let culprit = Culprit {
            commit: "0123456789abcdef".to_owned(),
            subject: "mm: loop".to_owned(),
            author: "A".to_owned(),
            probability: 0.97,
            confirmed: true,
        };
        let of_cell = |(at, more): (usize, &Option<u32>)| {
            let rate = RateInterval { failures: 1, trials: 2, low: 0.09, high: 0.91 };
            let cell = CellId::new(format!("undecided-{at}"));
            let trend = Trend::Undecided;
            let one = CellTrend {
                cell,
                trend,
                failures: 1,
                trials: 1,
                rate,
                trials_to_decide: *more,
                failure: Some(Failure { kind: Kind::Oops, title: None }),
                rate_before: None,
                since: None,
            };
            (RunId::new("2026-11-30-0"), one)
        };
        let undecided = [Some(7), None, Some(1), Some(1)].iter().enumerate().map(of_cell).collect();
        let (run, mail) = (RunId::new("2026-11-30-0"), Some("runs/nights/2026-11-30-0/mail-1.txt".to_owned()));
        let text = Summary {
            counts: Counts { new: 1, undecided: 4, steady: 3, ..Counts::default() },
            findings: vec![Finding { run, trend, culprit: Some(culprit), why: None, mail, no_mail: None }],
            quarantined: 1,
            expired: vec![entry("quarantine.yaml:1")],
            not_run: ["a", "b", "c", "d"].map(|cell| (CellId::new(cell), 2)).to_vec(),
            not_begun: vec!["matrices/slow.yaml".to_owned()],
            failed: vec!["hook: exit status 3".to_owned()],
            undecided,
            pages: Some("www/index.html".to_owned()),
            ..summary()
        };
        assert_eq!(
            text.text(),
            "night 2026-11-30-0: 1 new, 4 undecided, the lab failed\n\
             new: hang/oom-livelock: livelock �[31m#regzbot\n\
             \x20 2026-11-30-0/linux-7.3.riscv64.64M.anon-hog\n\
             \x20 20 of 20 (at least 86 %) since 2026-11-30-0, 99 %: after 2026-11-29-0\n\
             \x20 culprit 97 %: 0123456789ab mm: loop\n\
             \x20 draft of the mail: runs/nights/2026-11-30-0/mail-1.txt\n\
             undecided: crash/oops\n\
             \x20 2026-11-30-0/undecided-0\n\
             \x20 1 of 1 in this run, 1 of 2 (9–91 %) in all; 7 further trials would decide\n\
             undecided: crash/oops\n\
             \x20 2026-11-30-0/undecided-1\n\
             \x20 1 of 1 in this run, 1 of 2 (9–91 %) in all; earlier runs have too few trials, further nights decide\n\
             undecided: crash/oops\n\
             \x20 2026-11-30-0/undecided-2\n\
             \x20 1 of 1 in this run, 1 of 2 (9–91 %) in all; 1 further trial would decide\n\
             undecided: 1 more\n\
             as before: 3 cells fail or are flaky\n\
             quarantined: 1 cell\n\
             expired quarantine: quarantine.yaml:1, until linux-7.4\n\
             not run: 8 trials of a, b, c, and 1 more\n\
             not run: all of matrices/slow.yaml\n\
             failed: hook: exit status 3\n\
             pages: www/index.html\n"
        );
    }
}
