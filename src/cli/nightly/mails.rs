//! Drafts of mails about what is new or worse.

use super::night::Night;
use crate::cli::mail::{self, MailArgs};
use crate::nightly::Finding;
use crate::store::{RunDir, read_trial};
use model::{Failure, Kind, TrialRecord};
use std::path::PathBuf;

/// Drafts of a night: more are not read.
const MAX_DRAFTS: usize = 10;

impl Night<'_> {
    /// Writes a draft for each finding, as far as it is something to report.
    pub fn draft_mails(&self, findings: &mut [Finding]) {
        for (index, finding) in findings.iter_mut().enumerate().take(MAX_DRAFTS) {
            let Some(trial) = self.failing_trial(finding) else { continue };
            let out = self.dir.path().join(format!("mail-{}.txt", index + 1));
            // A resumed night drafts its mails again: they are not edited before its end.
            let _ = std::fs::remove_file(&out);
            let subject = trial.display().to_string();
            let args = MailArgs { subject, out: Some(out.clone()), tree: None, bundle: None };
            match mail::run(&args, self.context) {
                Ok(_) => finding.mail = Some(out.display().to_string()),
                Err(error) => finding.no_mail = Some(error.reason()),
            }
        }
    }

    /// The folder of the first trial of the run that shows the failure.
    fn failing_trial(&self, finding: &Finding) -> Option<PathBuf> {
        let run = RunDir::open(&self.config.runs.join(finding.run.as_str())).ok()?;
        let Failure { kind, title } = finding.trend.failure.as_ref()?;
        let fails = |trial: &TrialRecord| is(trial, *kind, title.as_deref());
        let numbers = 1..=finding.trend.trials.saturating_add(MAX_WITHOUT_VERDICT);
        let mut folders = numbers.map(|number| run.trial_folder(finding.trend.cell.as_str(), number));
        folders.find(|folder| read_trial(folder).is_ok_and(|trial| fails(&trial)))
    }
}

/// Trials without a verdict on the guest that a cell may have beside the others.
const MAX_WITHOUT_VERDICT: u32 = 100;

fn is(trial: &TrialRecord, kind: Kind, title: Option<&str>) -> bool {
    trial.verdict.kind == kind && trial.verdict.title.as_deref() == title
}
