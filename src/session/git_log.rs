//! A search as `git bisect log` tells it, for `git bisect replay`.

use super::record::Ended;
use super::search::Search;
use bisect::Revision;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The log. A revision that is known to be bad since it failed once, is; one that passed is good, unless it has the commit that is
/// the most probable culprit by now: how often it passed does not count then.
pub fn git_log(search: &Search) -> String {
    let head = search.head();
    let (new_word, old_word) = if head.fix { ("fixed", "broken") } else { ("bad", "good") };
    let mut out = String::new();
    let history = search.bisection().history();
    let mut say = |word: &str, revision: Revision| {
        let commit = search.commit(revision);
        let _ = writeln!(out, "# {word}: [{}] {}\ngit bisect {word} {}", commit.id, commit.subject, commit.id);
    };
    say(new_word, history.bad());
    for &good in history.good() {
        say(old_word, good);
    }
    let leader = search.standing().leaders.first().map(|candidate| candidate.revision);
    // git takes the last one that is called bad for the bad end: the oldest has to come last.
    for (revision, [bad, good, skip]) in tried(search).into_iter().rev() {
        if revision == history.bad() || history.good().contains(&revision) {
            continue;
        }
        let has = leader.is_some_and(|leader| search.contains(revision, leader));
        // Of a fix, what fails has it not, and what passes may only have been lucky.
        let (hung, has_not) = if head.fix { (bad > 0, !has) } else { (bad > 0, has) };
        match (hung, good > 0, skip > 0) {
            (true, ..) => say(if head.fix { old_word } else { new_word }, revision),
            (false, true, _) if has_not => {}
            (false, true, _) => say(if head.fix { new_word } else { old_word }, revision),
            (false, false, true) => say("skip", revision),
            (false, false, false) => {}
        }
    }
    let start = if head.fix { "git bisect start --term-new=fixed --term-old=broken\n" } else { "git bisect start\n" };
    format!("{start}{out}")
}

/// For each revision, in the order of the history, how many trials ended bad, good and skipped.
fn tried(search: &Search) -> BTreeMap<Revision, [u32; 3]> {
    let mut all: BTreeMap<Revision, [u32; 3]> = BTreeMap::new();
    for entry in search.entries() {
        let at = match entry.ended {
            Ended::Bad => 0,
            Ended::Good => 1,
            Ended::Skip => 2,
            Ended::Other | Ended::Built => continue,
        };
        if let Some(revision) = search.revision(&entry.commit) {
            all.entry(revision).or_default()[at] += 1;
        }
    }
    all
}
