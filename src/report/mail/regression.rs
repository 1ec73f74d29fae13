//! What proves that a failure is a regression: trials of a good commit and of a bad one.

use super::counts::Occurrence;
use super::mailbox::Mailbox;
use super::prose::{glued, paragraph};
use std::fmt::Write as _;

/// Digits of an abbreviated commit (Linux, `Documentation/process/submitting-patches.rst`).
const SHORT: usize = 12;

/// A good commit and a bad one after it, each with its trials, and what lies between.
#[derive(Debug, Clone, PartialEq)]
pub struct Regression {
    /// The last commit that is known to be good.
    pub good: TestedCommit,
    /// The first one that is known to be bad.
    pub bad: TestedCommit,
    /// The commit to blame, where further trials of it and of its parents agreed.
    pub first_bad: Option<FirstBad>,
    /// Whether releases have these commits, or those that they are backports of: others mean nothing on a list.
    pub is_published: bool,
}

/// A commit and its trials.
#[derive(Debug, Clone, PartialEq)]
pub struct TestedCommit {
    /// Its full hash.
    pub commit: String,
    /// Its trials.
    pub trials: Occurrence,
}

/// The commit to blame.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstBad {
    /// It and its trials.
    pub tested: TestedCommit,
    /// The first line of its message.
    pub subject: String,
    /// Its parents that were tried.
    pub parents: Vec<TestedCommit>,
    /// The commit that it is a backport of.
    pub upstream: Option<String>,
    /// The probability that it is the one.
    pub probability: f64,
    /// Its author, and those who signed it off or reviewed it.
    pub people: Vec<Mailbox>,
    /// The files that it changes.
    pub files: Vec<String>,
}

impl Regression {
    /// Whether the trials show it: chance does not explain the difference.
    pub fn is_shown(&self) -> bool {
        self.good.trials.is_good_beside(self.bad.trials)
    }

    /// What `#regzbot introduced:` takes: the commit, else the range.
    pub(super) fn introduced(&self) -> String {
        match &self.first_bad {
            Some(first) => short(first.upstream.as_ref().unwrap_or(&first.tested.commit)),
            None => format!("{}..{}", short(&self.good.commit), short(&self.bad.commit)),
        }
    }

    /// The paragraphs of a mail: what was bisected, the trials, and, of published commits, the command to regzbot.
    pub(super) fn text(&self) -> String {
        let mut out = match &self.first_bad {
            Some(first) => first.text(self),
            None => {
                let text = "The failure came with a commit between these two; those between them are not decided:";
                let rows = [("good", &self.good), ("bad", &self.bad)];
                paragraph(text) + "\n" + &table(rows.into_iter())
            }
        };
        if self.is_published {
            let _ = write!(out, "\n#regzbot introduced: {}\n", self.introduced());
        }
        out
    }
}

impl FirstBad {
    fn text(&self, regression: &Regression) -> String {
        let (short_hash, subject) = (short(&self.tested.commit), glued(&self.subject));
        let (good, bad) = (short(&regression.good.commit), short(&regression.bad.commit));
        let mut text = format!("The first bad commit is {short_hash} (\"{subject}\"), by bisection of {good}..{bad}");
        // More digits than that would claim a model to be exact.
        let probability = (1000.0 * self.probability).floor() / 10.0;
        let _ = write!(text, "; its probability is {:.1} %, further trials included.", probability.min(99.9));
        if let Some(upstream) = &self.upstream {
            let _ = write!(text, " It is the backport of upstream commit {}.", short(upstream));
        }
        let rows = std::iter::once(("first bad", &self.tested)).chain(self.parents.iter().map(|one| ("parent", one)));
        let fixed = short(self.upstream.as_ref().unwrap_or(&self.tested.commit));
        let hint = format!("A fix would name it (Fixes: {fixed} (\"{subject}\")).").replace("Fixes: ", "Fixes:\u{a0}");
        format!("{}\n{}\n{}", paragraph(&text), table(rows), paragraph(&hint))
    }
}

/// One line for each commit.
fn table<'a>(rows: impl Iterator<Item = (&'static str, &'a TestedCommit)>) -> String {
    rows.map(|(what, tested)| format!("  {what:9}  {}  {}\n", short(&tested.commit), tested.trials.words())).collect()
}

/// The abbreviated hash. A record may be another's, and have anything in its place.
pub(super) fn short(commit: &str) -> String {
    commit.chars().filter(char::is_ascii_hexdigit).take(SHORT).collect()
}

/// The upstream commit that the message of a backport names: `commit HASH upstream.` or `[ Upstream commit HASH ]` (Linux,
/// `Documentation/process/stable-kernel-rules.rst`).
pub fn upstream_commit(message: &str) -> Option<String> {
    let hash = |line: &str| {
        let line = line.trim().trim_start_matches('[').trim_end_matches(']').trim().trim_end_matches('.');
        let lower = line.to_ascii_lowercase();
        let rest = match lower.strip_prefix("upstream commit ") {
            Some(rest) => rest.to_owned(),
            None => lower.strip_prefix("commit ")?.strip_suffix(" upstream")?.to_owned(),
        };
        let hash = rest.trim();
        (hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| hash.to_owned())
    };
    message.lines().skip(1).find_map(hash)
}

/// The people of a commit: its author, and those of `Signed-off-by` and `Reviewed-by`; each once.
pub fn people(author: &str, message: &str) -> Vec<Mailbox> {
    let trailer = |line: &str| {
        let (tag, value) = line.split_once(':')?;
        let is_wanted = ["Signed-off-by", "Reviewed-by"].iter().any(|wanted| tag.eq_ignore_ascii_case(wanted));
        is_wanted.then(|| Mailbox::parse(value)).flatten()
    };
    let all = Mailbox::parse(author).into_iter().chain(message.lines().filter_map(trailer));
    let mut found: Vec<Mailbox> = Vec::new();
    for mailbox in all {
        if !found.iter().any(|known| known.is_same(&mailbox)) {
            found.push(mailbox);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn backport_names_its_upstream_commit() {
        for line in [
            format!("commit {HASH} upstream."),
            format!("[ Upstream commit {HASH} ]"),
            format!("Upstream commit {HASH}."),
        ] {
            assert_eq!(upstream_commit(&format!("mm: x\n\n{line}\n\ntext\n")).as_deref(), Some(HASH), "{line}");
        }
        for line in ["commit 0123456789ab upstream.", "This reverts commit 0123.", &format!("commit {HASH}")] {
            assert_eq!(upstream_commit(&format!("mm: x\n\n{line}\n")), None, "{line}");
        }
    }

    #[test]
    fn people_are_each_named_once() {
        let message = "mm: x\n\nReported-by: R <r@example.org>\nReviewed-by: B <b@example.org>\n\
                       Signed-off-by: A <A@example.org>\nsigned-off-by: M <m@example.org>\nSigned-off-by: no address\n";
        let found = people("A <a@example.org>", message);
        let addresses: Vec<&str> = found.iter().map(Mailbox::address).collect();
        assert_eq!(addresses, ["a@example.org", "b@example.org", "m@example.org"]);
    }
}
