//! The report of a search, as markdown.

use super::config::{CellSubject, Subject, Variation};
use super::entry::{JournalEntry, TrialResult};
use super::format::{format_duration, format_estimate, format_probability};
use super::premise;
use super::search::Search;
use crate::git::{Commit, CommitId};
use bisect::{Answer, Candidate};
use model::{printable, printable_lines};
use std::fmt;
use std::path::Path;

/// Commits with less probability are not listed.
const MIN_LISTED: f64 = 0.001;

/// A report: the findings, and the table of all trials behind them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The answer, or the state of a search without one.
    pub findings: String,
    /// All trials.
    pub trials: String,
}

impl Report {
    /// The report of a search, with or without an answer, whose session is in `dir`.
    pub fn new(search: &Search, dir: &Path) -> Self {
        let mut lines = Lines::default();
        match search.answer() {
            Some(answer) => lines.answer(search, &answer, dir),
            None => {
                let subject = search.config().subject.describe();
                lines.add(format!("# Bisection of {subject}: not finished\n"));
                lines.candidates(search, &search.progress().leaders);
            }
        }
        lines.other_failures(search);
        lines.figures(search);
        // A session's folder may be another user's: so may the command and the verdicts in it.
        Self { findings: printable_lines(&lines.0), trials: printable_lines(&trials(search)) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.findings, self.trials)
    }
}

/// Markdown under construction.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, line: impl fmt::Display) {
        self.0 += &format!("{line}\n");
    }

    /// One line with parts that may be another's: a line feed in them starts no line.
    fn add_foreign(&mut self, line: &str) {
        self.add(printable(line));
    }

    fn answer(&mut self, search: &Search, answer: &Answer, dir: &Path) {
        match answer {
            Answer::Culprit { commit, probability, confirmed, runners_up } => {
                let commit = search.commit(*commit);
                self.title(search, commit);
                self.add(format!("- probability {}", format_probability(*probability)));
                self.add(if *confirmed {
                    "- confirmed by further trials of it and of its parents"
                } else {
                    "- not confirmed"
                });
                if runners_up.iter().any(|one| one.probability >= MIN_LISTED) {
                    self.add("\n## Runners-up\n");
                    self.candidates(search, runners_up);
                }
                if !search.config().is_list() {
                    self.mail(search, commit, *probability, dir);
                }
            }
            Answer::Set { candidates, probability, .. } => {
                let count = search.config().count(candidates.len());
                let probability = format_probability(*probability);
                self.add(format!("# One of {count}, with probability {probability}\n"));
                self.add("The revisions between them cannot be tried, or the search stopped early.\n");
                self.candidates(search, candidates);
            }
            Answer::InvalidPremise { .. } => {
                self.add("# No culprit between these ends\n");
                let remedy = premise::remedy(search, answer, dir).map(|remedy| format!("; {remedy}"));
                let why = premise::explain(search, answer).unwrap_or_default();
                self.add(format!("{why}{}", remedy.unwrap_or_default()));
            }
        }
    }

    fn title(&mut self, search: &Search, commit: &Commit) {
        let config = search.config();
        if config.is_list() {
            let before = commit.parents.first().map(CommitId::as_str).unwrap_or_default();
            let (from, up_to) = if config.fix { ("passes", "fails") } else { ("fails", "passes") };
            self.add(format!("# {}: {from} from there on, {up_to} up to {before}\n", commit.id));
            self.add(format!("- {}", config.subject.describe()));
            self.add(format!("- cell {}", commit.subject));
            return;
        }
        let what = if config.fix { "The fix is" } else { "The culprit is" };
        self.add(format!("# {what} {} (\"{}\")\n", commit.id.short(), commit.subject));
        self.add(format!("- commit {}", commit.id));
        self.add(format!("- author {}, {}", commit.author, commit.date));
    }

    fn candidates(&mut self, search: &Search, candidates: &[Candidate]) {
        for Candidate { revision, probability } in candidates.iter().filter(|one| one.probability >= MIN_LISTED) {
            let commit = search.commit(*revision);
            self.add(format!("- {} {} {}", format_probability(*probability), commit.id.short(), commit.subject));
        }
    }

    /// How to get a draft of a mail; for a session that has none, the figures to write one with.
    fn mail(&mut self, search: &Search, commit: &Commit, probability: f64, dir: &Path) {
        let config = search.config();
        let is_of_commits = |cell: &CellSubject| matches!(cell.variation, Variation::Commit { .. });
        if !config.fix && matches!(&config.subject, Subject::Cell(cell) if is_of_commits(cell)) {
            self.add("\n## For a mail\n");
            self.add_foreign(&format!("`oomlab report mail {}` drafts one.", dir.display()));
            return;
        }
        let (short, subject) = (commit.id.short(), &commit.subject);
        let verb = if config.fix { "was fixed by" } else { "was introduced by" };
        self.add("\n## For a mail\n\n```text");
        self.add(format!("The failure of {} {verb}\n\n    {short} (\"{subject}\")\n", config.subject.describe()));
        let old = config.old.iter().map(CommitId::short).collect::<Vec<_>>().join(" ");
        self.add(format!(
            "Bisected {} commits ({old}..{}) with {} trials of {} of them.\nProbability: {}",
            search.candidates(),
            config.new.short(),
            search.progress().trials,
            search.tried(),
            format_probability(probability)
        ));
        let count = |id: &CommitId| {
            let of = |result| search.entries().iter().filter(|e| e.commit == *id && e.result == result).count();
            let (bad, good) = (of(TrialResult::Bad), of(TrialResult::Good));
            format!("{bad} of {} trials failed", bad + good)
        };
        self.add(format!("At the commit: {}", count(&commit.id)));
        for parent in &commit.parents {
            self.add(format!("At its parent {}: {}", parent.short(), count(parent)));
        }
        self.add("```");
    }

    fn figures(&mut self, search: &Search) {
        let (progress, config) = (search.progress(), search.config());
        let seconds: f64 = search.entries().iter().map(|entry| entry.seconds).sum();
        let (p, q) = if config.fix {
            ("pass rate with the fix", "without it")
        } else {
            ("failure rate with the culprit", "without it")
        };
        self.add("\n## Figures\n");
        self.add(format!("- {} candidates before the first trial", search.candidates()));
        self.add(format!(
            "- {} trials of {}, {} skipped, {} other failures, {} of work",
            progress.trials,
            config.count(search.tried()),
            progress.skipped,
            progress.others,
            format_duration(seconds)
        ));
        self.add(format!("- {p} {}, {q} {}", format_estimate(&progress.p), format_estimate(&progress.q)));
        if let Subject::Command { command, .. } = &config.subject {
            self.add(format!("- to repeat a trial: `git checkout --detach COMMIT && {command}`"));
        }
    }

    /// Failures that are evidence for neither side.
    fn other_failures(&mut self, search: &Search) {
        let mut kinds: Vec<(String, &CommitId, usize)> = Vec::new();
        for entry in search.entries().iter().filter(|entry| entry.result == TrialResult::Other) {
            let exit = entry.exit.map(|exit| format!("exit status {exit}"));
            let what = entry.title.clone().or_else(|| entry.verdict.clone()).or(exit).unwrap_or_default();
            match kinds.iter_mut().find(|(known, ..)| *known == what) {
                Some((.., times)) => *times += 1,
                None => kinds.push((what, &entry.commit, 1)),
            }
        }
        if !kinds.is_empty() {
            self.add("\n## Other failures\n");
        }
        for (what, commit, times) in kinds {
            self.add_foreign(&format!("- {what}: {times} times, first at {}", commit.short()));
        }
    }
}

fn trials(search: &Search) -> String {
    let mut lines = Lines::default();
    lines
        .add("## Trials\n\n| commit | result | exit or verdict | seconds | purpose | log |\n|---|---|---|---|---|---|");
    for JournalEntry { commit, result, seconds, exit, verdict, log, purpose, .. } in search.entries() {
        let exit = exit.map(|exit| exit.to_string());
        let exit = verdict.clone().or(exit).unwrap_or_else(|| "–".to_owned());
        let (commit, result) = (commit.short(), result.as_str());
        lines.add_foreign(&format!("| {commit} | {result} | {exit} | {seconds:.1} | {purpose} | {log} |"));
    }
    lines.0
}

#[cfg(test)]
mod tests {
    use super::super::config::{BadCriterion, SESSION_SCHEMA, SessionConfig};
    use super::super::lists::linear_history;
    use super::*;

    fn mail(subject: Subject, fix: bool) -> String {
        let config = SessionConfig {
            schema: SESSION_SCHEMA,
            started: "2026-11-24T10:00:00Z".to_owned(),
            repository: None,
            old: vec![CommitId::new("0")],
            new: CommitId::new("1"),
            fix,
            subject,
            jobs: 1,
            settings: bisect::Settings::default(),
            older: None,
            starts: Vec::new(),
        };
        let history = linear_history(["0", "1"].map(|id| (id.to_owned(), String::new())));
        let search = Search::new(config, history.clone(), Vec::new()).unwrap();
        let mut lines = Lines::default();
        lines.mail(&search, &history[0], 0.9, Path::new("bisections/x"));
        lines.0
    }

    #[test]
    fn mail_is_drafted_or_has_figures_without_tag() {
        let cell = r#"{"id": "a", "kernel": "k", "arch": "arm", "ram_mib": 64, "vcpus": 1,
            "payload": {"type": "workload", "name": "idle"}, "timeouts": {"boot_s": 60.0, "load_s": 120.0, "stuck_s": 5.0},
            "repeat": 1, "expect": {"outcome": "pass"}}"#;
        let cell = CellSubject {
            cell: serde_json::from_str(cell).unwrap(),
            variation: Variation::Commit { config: Vec::new() },
            criterion: BadCriterion::Any,
        };
        let subject = Subject::Cell(Box::new(cell));
        assert_eq!(mail(subject.clone(), false), "\n## For a mail\n\n`oomlab report mail bisections/x` drafts one.\n");
        let command = Subject::Command { command: "true".to_owned(), timeout_s: None };
        for text in [mail(subject, true), mail(command, false)] {
            assert!(text.contains("Probability: 90") && !text.contains("Fixes:"), "{text}");
        }
    }
}
