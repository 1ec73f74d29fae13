//! Known failures: issues, and the tests that show whether they still occur.

use super::id::Ids;
use super::object::{Incident, Issue};
use model::{Outcome, Quarantine, TrialRecord, printable, printable_lines};
use std::collections::BTreeMap;

/// The issues of a run.
#[derive(Default)]
pub(super) struct Issues {
    /// By id.
    issues: BTreeMap<String, Issue>,
    incidents: Vec<Incident>,
}

impl Issues {
    /// Adds what a trial tells of the failures that are known of its cell: by its quarantine, and by an expectation with a reason. A pass
    /// tells that they did not occur, another failure nothing.
    pub fn add(&mut self, ids: &Ids<'_>, trial: &TrialRecord, test: &str) {
        for known in &trial.cell.quarantine {
            let occurs = known.matches(&trial.verdict) && !trial.as_expected();
            if let Some(present) = present(trial, occurs) {
                self.note(ids, quarantined(ids, known), test, present);
            }
        }
        let expect = &trial.cell.expect;
        if let Some(reason) = expect.reason.as_ref().filter(|_| expect.is_failure()) {
            let occurs = trial.as_expected() && trial.verdict.outcome() != Outcome::Pass;
            if let Some(present) = present(trial, occurs) {
                let expected = expect.to_string();
                let issue = Issue {
                    id: ids.issue("expected", [reason.as_str(), &expected]),
                    version: Issue::VERSION,
                    origin: ids.origin().to_owned(),
                    report_url: None,
                    comment: printable_lines(&format!("{expected}: {reason}")),
                };
                self.note(ids, issue, test, present);
            }
        }
    }

    fn note(&mut self, ids: &Ids<'_>, issue: Issue, test: &str, present: bool) {
        self.incidents.push(Incident {
            id: ids.incident(&issue.id, test),
            origin: ids.origin().to_owned(),
            issue_id: issue.id.clone(),
            issue_version: issue.version,
            test_id: test.to_owned(),
            present,
        });
        self.issues.entry(issue.id.clone()).or_insert(issue);
    }

    pub fn into_objects(self) -> (Vec<Issue>, Vec<Incident>) {
        (self.issues.into_values().collect(), self.incidents)
    }
}

/// Whether a known failure occurred in a trial; `None` where the trial does not tell.
fn present(trial: &TrialRecord, occurs: bool) -> Option<bool> {
    (occurs || trial.verdict.outcome() == Outcome::Pass).then_some(occurs)
}

fn quarantined(ids: &Ids<'_>, known: &Quarantine) -> Issue {
    let failures = known.failures();
    Issue {
        id: ids.issue("quarantine", [known.link.as_str(), &failures]),
        version: Issue::VERSION,
        origin: ids.origin().to_owned(),
        report_url: Some(known.link.clone()),
        comment: printable(&format!("{failures}: {}", known.reason)),
    }
}
