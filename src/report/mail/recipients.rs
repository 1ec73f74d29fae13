//! Whom to write to.

use super::mailbox::Mailbox;
use super::maintainers::Maintainers;
use super::regression::Regression;
use super::release::{Line, line};
use super::topic::files;
use model::TrialRecord;

/// Changed files that are looked up: a commit to all of the tree is not for all of its maintainers.
const MAX_FILES: usize = 12;

/// The list of memory management.
const LINUX_MM: &str = "linux-mm@kvack.org";
/// The list of all that has no other.
const LKML: &str = "linux-kernel@vger.kernel.org";
/// The list of regressions (Linux, `Documentation/admin-guide/reporting-regressions.rst`).
pub(super) const REGRESSIONS: &str = "regressions@lists.linux.dev";
/// The list of the stable series.
pub(super) const STABLE: &str = "stable@vger.kernel.org";

/// Whom to write to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recipients {
    /// `To`.
    pub to: Vec<Mailbox>,
    /// `Cc`.
    pub cc: Vec<Mailbox>,
    /// Files whose maintainers could not be looked up.
    pub unknown: Vec<String>,
}

impl Recipients {
    fn to(&mut self, mailbox: &Mailbox) {
        if !self.has(mailbox) {
            self.to.push(mailbox.clone());
        }
    }

    fn cc(&mut self, mailbox: &Mailbox) {
        if !self.has(mailbox) {
            self.cc.push(mailbox.clone());
        }
    }

    fn has(&self, mailbox: &Mailbox) -> bool {
        self.to.iter().chain(&self.cc).any(|known| known.is_same(mailbox))
    }
}

/// The maintainers and lists of the files that a failure is about: those of the commit to blame, else those of the kind of failure, of which
/// only the first one's maintainers are written to, and the others get a copy. Then the people of that commit, and the lists of
/// regressions. Without `MAINTAINERS` the lists alone.
pub fn recipients(
    trial: &TrialRecord,
    maintainers: Option<&Maintainers>,
    regression: Option<&Regression>,
) -> Recipients {
    let regression = regression.filter(|regression| regression.is_published);
    let first_bad = regression.and_then(|regression| regression.first_bad.as_ref());
    let changed = first_bad.map(|first| first.files.clone()).filter(|files| !files.is_empty());
    // Of a kind of failure the first file is the nearest one; of a commit all are.
    let primary = if changed.is_some() { MAX_FILES } else { 1 };
    let files = changed.unwrap_or_else(|| files(trial).into_iter().map(str::to_owned).collect());
    let mut found = Recipients::default();
    let mut others: Vec<Mailbox> = Vec::new();
    for (index, file) in files.iter().take(MAX_FILES).enumerate() {
        let sections = maintainers.map(|maintainers| maintainers.of_file(file)).unwrap_or_default();
        if sections.is_empty() {
            found.unknown.push(file.clone());
        }
        for section in sections {
            others.extend_from_slice(&section.lists);
            if index < primary {
                section.maintainers.iter().for_each(|mailbox| found.to(mailbox));
                section.reviewers.iter().for_each(|mailbox| found.cc(mailbox));
            } else {
                others.extend_from_slice(&section.maintainers);
            }
        }
    }
    others.iter().for_each(|mailbox| found.cc(mailbox));
    let list = Mailbox::list(if files.is_empty() { LKML } else { LINUX_MM });
    if found.to.is_empty() {
        found.cc.retain(|known| !known.is_same(&list));
        found.to(&list);
    }
    first_bad.iter().flat_map(|first| &first.people).for_each(|mailbox| found.cc(mailbox));
    found.cc(&Mailbox::list(LKML));
    if regression.is_some() {
        found.cc(&Mailbox::list(REGRESSIONS));
        if trial.kernel_release.as_deref().map(line) == Some(Line::Stable) {
            found.cc(&Mailbox::list(STABLE));
        }
    }
    found
}
