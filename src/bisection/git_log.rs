//! A search in the format of `git bisect log`, for `git bisect replay`.

use super::entry::TrialResult;
use super::search::Search;
use bisect::Revision;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The log. A revision that failed once is bad. One that only passed is good, unless it contains the most probable culprit:
/// it is left out then, since its passes were luck.
pub fn git_log(search: &Search) -> String {
    let config = search.config();
    let (new_word, old_word) = if config.fix { ("fixed", "broken") } else { ("bad", "good") };
    let mut out = String::new();
    let history = search.bisection().history();
    let mut add = |word: &str, revision: Revision| {
        let commit = search.commit(revision);
        let _ = writeln!(out, "# {word}: [{}] {}\ngit bisect {word} {}", commit.id, commit.subject, commit.id);
    };
    add(new_word, history.bad());
    for &good in history.good() {
        add(old_word, good);
    }
    let leader = search.progress().leaders.first().map(|candidate| candidate.revision);
    // To git the last bad revision is the bad end: the oldest comes last.
    for (revision, [bad, good, skip]) in tried(search).into_iter().rev() {
        if revision == history.bad() || history.good().contains(&revision) {
            continue;
        }
        let contains = leader.is_some_and(|leader| search.contains(revision, leader));
        // In search of a fix, the passes of a revision without the fix were luck.
        let lucky = if config.fix { !contains } else { contains };
        match (bad > 0, good > 0, skip > 0) {
            (true, ..) => add(if config.fix { old_word } else { new_word }, revision),
            (false, true, _) if lucky => {}
            (false, true, _) => add(if config.fix { new_word } else { old_word }, revision),
            (false, false, true) => add("skip", revision),
            (false, false, false) => {}
        }
    }
    let start = if config.fix { "git bisect start --term-new=fixed --term-old=broken\n" } else { "git bisect start\n" };
    format!("{start}{out}")
}

/// For each revision, in the order of the history, the number of bad, good and skipped trials.
fn tried(search: &Search) -> BTreeMap<Revision, [u32; 3]> {
    let mut all: BTreeMap<Revision, [u32; 3]> = BTreeMap::new();
    for entry in search.entries() {
        let at = match entry.result {
            TrialResult::Bad => 0,
            TrialResult::Good => 1,
            TrialResult::Skip => 2,
            TrialResult::Other | TrialResult::Built => continue,
        };
        if let Some(revision) = search.revision(&entry.commit) {
            all.entry(revision).or_default()[at] += 1;
        }
    }
    all
}
