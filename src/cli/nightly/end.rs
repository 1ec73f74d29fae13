//! What comes after the trials: the summary, retention, the hook.

use super::night::Night;
use crate::cli::error::CliError;
use crate::cli::interrupt::EXIT_INTERRUPTED;
use crate::cli::output::{notify, print_plain, write_file};
use crate::cli::prune;
use crate::host::now;
use crate::nightly::{Counts, Finding, JobError, RunTrends, Summary, run_job, unexpected};
use model::{CellTrend, Outcome, Quarantine, Regression, RunId, Trend};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

impl Night<'_> {
    /// Ends the night; returns the program's exit status.
    ///
    /// # Errors
    /// When the state of the night or its summary cannot be written.
    pub fn end(&mut self) -> Result<u8, CliError> {
        self.prune()?;
        let path = self.dir.path().join("summary.txt");
        let mut summary = self.summary();
        self.draft_mails(&mut summary.findings);
        if let Some(folder) = self.config.pages.clone() {
            self.write_pages(&folder, &mut summary)?;
        }
        // The hook reads it.
        write_file(&path, &summary.text())?;
        if self.hook(&summary, &path)? {
            return Ok(EXIT_INTERRUPTED);
        }
        let told = summary.result();
        summary.failed.clone_from(&self.dir.night().failed);
        let result = summary.result();
        if let Some(folder) = self.config.pages.clone().filter(|_| result != told) {
            self.write_pages(&folder, &mut summary)?;
        }
        write_file(&path, &summary.text())?;
        self.dir.update(|night| {
            night.counts = Some(summary.counts);
            night.result = Some(result);
        })?;
        print_plain(&summary.text())?;
        Ok(result.exit_code())
    }

    /// Writes the pages, with what the summary says of this night; a failure is part of it.
    fn write_pages(&mut self, folder: &Path, summary: &mut Summary) -> Result<(), CliError> {
        match self.pages(folder, summary.result(), summary.counts) {
            Ok(page) => summary.pages = Some(page.display().to_string()),
            Err(error) => self.fail(&format!("pages: {}", error.reason()))?,
        }
        summary.failed.clone_from(&self.dir.night().failed);
        Ok(())
    }

    fn summary(&self) -> Summary {
        let mut counts = Counts::default();
        self.trends.values().for_each(|trends| counts.add(Counts::of(&trends.open)));
        let (mut not_run, mut no_verdict, mut passes, mut lab_errors) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for run in self.begun() {
            let Ok(record) = run.record() else { continue };
            let stopped = record.trials.iter().filter(|trial| trial.is_interrupted());
            not_run.extend(stopped.map(|trial| (trial.cell.id.clone(), 1)));
            let missing =
                |cell: &model::NotRun| (cell.cell.id.clone(), u32::try_from(cell.trials.len()).unwrap_or(u32::MAX));
            not_run.extend(record.not_run.iter().map(missing));
            no_verdict.extend(unexpected(&record.trials, Outcome::Inconclusive));
            passes.extend(unexpected(&record.trials, Outcome::Pass));
            lab_errors += record.trials.iter().filter(|trial| trial.verdict.outcome() == Outcome::LabError).count();
        }
        let not_begun = self.dir.night().runs.iter().filter(|run| run.run.is_none());
        Summary {
            night: self.dir.night().id.clone(),
            counts,
            findings: self.findings(),
            quarantined: self.trends.values().map(|trends| trends.quarantined).sum(),
            expired: self.expired(),
            no_verdict,
            passes,
            not_run,
            not_begun: not_begun.map(|run| run.matrix.display().to_string()).collect(),
            lab_errors,
            failed: self.dir.night().failed.clone(),
            undecided: self.undecided(),
            pages: None,
        }
    }

    /// Entries of quarantines that have expired; matrices may share them.
    fn expired(&self) -> Vec<Quarantine> {
        let mut entries: Vec<Quarantine> = Vec::new();
        for entry in self.dir.night().runs.iter().flat_map(|run| &run.expired) {
            if !entries.contains(entry) {
                entries.push(entry.clone());
            }
        }
        entries
    }

    fn undecided(&self) -> Vec<(RunId, CellTrend)> {
        let of_run = |(run, trends): (&RunId, &RunTrends)| {
            let open = trends.open.iter().filter(|trend| trend.trend == Trend::Undecided);
            open.map(|trend| (run.clone(), trend.clone())).collect::<Vec<_>>()
        };
        self.trends.iter().flat_map(of_run).collect()
    }

    /// What is new or worse, the most urgent first.
    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for run in self.begun() {
            let id = RunId::new(run.path().file_name().unwrap_or_default().to_string_lossy());
            let regressions = run.regressions().unwrap_or_default();
            let worse = |trend: &&CellTrend| matches!(trend.trend, Trend::New | Trend::Worse);
            for trend in self.trends.get(&id).into_iter().flat_map(|trends| &trends.open).filter(worse) {
                let is_it = |one: &&Regression| {
                    trend.failure.as_ref().is_some_and(|failure| one.is_about(&trend.cell, failure))
                };
                let bisected = regressions.iter().find(is_it);
                let (culprit, why) =
                    bisected.cloned().map_or((None, None), |Regression { culprit, why, .. }| (culprit, why));
                findings.push(Finding {
                    run: id.clone(),
                    trend: trend.clone(),
                    culprit,
                    why,
                    mail: None,
                    no_mail: None,
                });
            }
        }
        findings.sort_by_key(|finding| finding.trend.trend);
        findings
    }

    fn prune(&mut self) -> Result<(), CliError> {
        if self.config.retention == crate::retention::Retention::default() {
            return Ok(());
        }
        match prune::prune(&self.config.runs, &self.config.retention, now(), false) {
            Ok(pruned) => {
                if !pruned.runs.is_empty() {
                    notify(prune::total(&pruned, false).trim_end());
                }
                for (run, why) in &pruned.failed {
                    self.fail(&format!("retention of {run}: {why}"))?;
                }
                Ok(())
            }
            Err(error) => self.fail(&format!("retention: {}", error.reason())),
        }
    }

    /// Runs the user's hook; returns whether the user has interrupted it.
    fn hook(&mut self, summary: &Summary, path: &Path) -> Result<bool, CliError> {
        let Some(job) = &self.config.hook else { return Ok(false) };
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let runs = self.begun().into_iter().map(|run| absolute(run.path()).into());
        // Several failures may have one.
        let culprits: BTreeSet<&str> =
            summary.findings.iter().filter_map(|finding| Some(finding.culprit.as_ref()?.commit.as_str())).collect();
        let mails =
            summary.findings.iter().filter_map(|finding| Some(absolute(finding.mail.as_deref()?.as_ref()).into()));
        let count = |count: usize| OsString::from(count.to_string());
        let Counts { new, worse, fixed, undecided, steady: _ } = summary.counts;
        // Only names of the lab's own and numbers: what the guest printed is in the summary alone, escaped.
        let variables = [
            ("OOMLAB_RUNS", lines(runs)),
            ("OOMLAB_RESULT", summary.result().as_str().into()),
            ("OOMLAB_NEW", count(new)),
            ("OOMLAB_WORSE", count(worse)),
            ("OOMLAB_FIXED", count(fixed)),
            ("OOMLAB_UNDECIDED", count(undecided)),
            ("OOMLAB_CULPRITS", lines(culprits.into_iter().map(OsString::from))),
            ("OOMLAB_MAILS", lines(mails)),
            ("OOMLAB_PAGES", summary.pages.as_deref().map(|page| absolute(page.as_ref()).into()).unwrap_or_default()),
            ("OOMLAB_SUMMARY", absolute(path).into()),
        ];
        let log = absolute(&self.dir.path().join("hook.log"));
        match self.runtime.block_on(run_job(job, &self.config.folder, &variables, &log, &self.cancel)) {
            Err(JobError::Interrupted) => return Ok(true),
            Err(error) => self.fail(&format!("hook: {error}"))?,
            Ok(()) => {}
        }
        Ok(false)
    }
}

/// One a line.
fn lines(items: impl Iterator<Item = OsString>) -> OsString {
    let mut lines = OsString::new();
    for item in items {
        lines.push(if lines.is_empty() { "" } else { "\n" });
        lines.push(item);
    }
    lines
}
