//! Ends that are not what they were said to be, in words: what the trials show, and what to do.

use super::config::{SessionConfig, Subject, Variation};
use super::search::Search;
use crate::git::{Commit, CommitId};
use bisect::{Answer, Counts, InvalidPremise, Revision, Tally};
use std::path::Path;

/// A rate is looked for that is so many times rarer than the one that was excluded.
const RARER: f64 = 10.0;

/// The ends of a search, as the user counts their failures.
struct Ends<'a> {
    search: &'a Search,
    /// The end that should fail.
    bad: (Revision, Tally),
    /// The end that should pass.
    good: (Revision, Tally),
}

/// Why the ends are not what they were said to be, with the numbers of trials; `None` if they are.
pub(super) fn explain(search: &Search, answer: &Answer) -> Option<String> {
    let Answer::InvalidPremise { reason, bad, good } = answer else { return None };
    let end = |revision: Revision| name(search.commit(revision));
    Some(match reason {
        InvalidPremise::BadEndPasses | InvalidPremise::GoodEndHangs => {
            let ends = Ends::new(search, *bad, *good);
            if neither_fails(search.config(), *reason) { ends.neither_fails() } else { ends.both_fail() }
        }
        InvalidPremise::OtherFailures(revision) => {
            let trials = search.trials_of(&search.commit(*revision).id);
            format!("{} fails, but with other failures only, in {trials} trials", end(*revision))
        }
        InvalidPremise::EndSkipped(revision) => {
            let why = match &search.config().subject {
                Subject::Command { .. } => "the command exits with 125 (skip)",
                Subject::Cell(_) => "it does not build or boot; its logs are in the session's folder",
            };
            format!("{} cannot be tried: {why}", end(*revision))
        }
    })
}

/// What to do about an answer of the session in `dir`: a command or an option, and its effect.
pub(super) fn remedy(search: &Search, answer: &Answer, dir: &Path) -> Option<String> {
    let config = search.config();
    let Answer::InvalidPremise { reason, .. } = answer else { return None };
    match reason {
        reason if neither_fails(config, *reason) => {
            let rate = number(config.settings.min_p / RARER);
            Some(match (&config.subject, dir.parent()) {
                (Subject::Cell(cell), Some(parent)) if matches!(cell.variation, Variation::Configs(_)) => {
                    format!("the same command with `--out {} --rate {rate}` looks for rarer ones", parent.display())
                }
                _ => format!("`oomlab bisect resume {} --rate {rate}` looks for rarer ones", dir.display()),
            })
        }
        InvalidPremise::BadEndPasses | InvalidPremise::GoodEndHangs => {
            config.older.as_ref().map(|older| format!("try `--from {older}`"))
        }
        InvalidPremise::OtherFailures(_) | InvalidPremise::EndSkipped(_) => None,
    }
}

/// Whether neither end fails; else both do. The engine's bad end is the user's good one in search of a fix.
fn neither_fails(config: &SessionConfig, reason: InvalidPremise) -> bool {
    reason == if config.fix { InvalidPremise::GoodEndHangs } else { InvalidPremise::BadEndPasses }
}

impl<'a> Ends<'a> {
    fn new(search: &'a Search, new: Counts, old: Counts) -> Self {
        let history = search.bisection().history();
        let is_fix = search.config().fix;
        let failures = |counts: Counts| {
            let Tally { hangs, passes } = counts.tally();
            if is_fix { Tally { hangs: passes, passes: hangs } } else { Tally { hangs, passes } }
        };
        let (new, old) = ((history.bad(), failures(new)), (history.good()[0], failures(old)));
        let (bad, good) = if is_fix { (old, new) } else { (new, old) };
        Self { search, bad, good }
    }

    fn neither_fails(&self) -> String {
        let settings = &self.search.config().settings;
        let (rate, confidence) = (number(100.0 * settings.min_p), number(100.0 * settings.target));
        let excluded = format!("a failure rate above {rate} % is excluded with {confidence} %");
        let (end, Tally { hangs, passes }) = (self.search.commit(self.bad.0), self.bad.1);
        match (self.is_of_cells(), hangs + self.good.1.hangs) {
            (true, 0) => format!("passes at both ends: {}; {excluded}", self.list()),
            (true, _) => format!("hardly fails at either end: {}; {excluded}", self.list()),
            (false, 0) => format!("the bad end {} passed {passes} times: {excluded}", name(end)),
            (false, _) => {
                let (here, there) = (counted(self.bad.1), counted(self.good.1));
                format!(
                    "the bad end {} hardly fails: {here} failed there, {there} at the good end; {excluded}",
                    name(end)
                )
            }
        }
    }

    fn both_fail(&self) -> String {
        let config = self.search.config();
        if self.is_of_cells() {
            let first = config.old[0].as_str();
            return match &config.older {
                Some(_) => format!("already failing at {first}: {}", self.list()),
                None => format!("fails at both ends: {}", self.list()),
            };
        }
        let (there, at_bad) = (counted(self.good.1), counted(self.bad.1));
        if config.fix {
            let end = name(self.search.commit(self.good.0));
            return format!("the good end {end} still fails: {there} failed there, {at_bad} at the bad end");
        }
        let old: Vec<&str> = config.old.iter().map(CommitId::short).collect();
        format!(
            "the good end {} is bad too: {there} failed there, {at_bad} at the bad end; the culprit is older, or the trial \
             does not distinguish the ends",
            old.join(", ")
        )
    }

    /// Whether the ends are cells of a list: their names say all.
    fn is_of_cells(&self) -> bool {
        matches!(&self.search.config().subject, Subject::Cell(cell) if matches!(cell.variation, Variation::Cells(_)))
    }

    /// Failures at both ends of a list, the first one first.
    fn list(&self) -> String {
        let mut ends = [self.bad, self.good];
        ends.sort_by_key(|(revision, _)| *revision);
        let at = |(revision, tally): (Revision, Tally)| {
            format!("{} {} of {}", self.search.commit(revision).id, tally.hangs, tally.trials())
        };
        ends.map(at).join(", ")
    }
}

fn name(commit: &Commit) -> String {
    format!("{} ({})", commit.id.short(), commit.subject)
}

fn counted(tally: Tally) -> String {
    format!("{} of {} trials", tally.hangs, tally.trials())
}

/// A number with the digits that it needs, at most six.
fn number(value: f64) -> String {
    format!("{}", (value * 1e6).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_has_no_digits_of_rounding() {
        assert_eq!([0.1 / 10.0, 0.01 / 10.0, 100.0 * 0.07, 99.5].map(number), ["0.01", "0.001", "7", "99.5"]);
    }
}
