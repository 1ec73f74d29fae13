//! The submission of trials that wait.

use super::batch::{BATCH_SCHEMA, Batch, BatchTrial, TaskFiles};
use super::dispatcher::{Dispatcher, OpenTask, OpenTrial};
use super::folder::JobsFolder;
use super::grouping::{Group, Waiting, group, max_s, max_time, task_mib};
use super::task_tracker::TaskTracker;
use crate::lab::LabError;
use crate::schedule::Need;
use crate::slurm::{Array, Resources, SlurmError, TaskId};
use crate::store::write_json;
use model::printable;
use std::io;
use std::path::{Path, PathBuf};

/// Batches of trials with equal needs, as many as tasks an array may have.
#[derive(Debug)]
pub(super) struct Draft {
    need: Need,
    batches: Vec<Vec<OpenTrial>>,
}

/// An array that `sbatch` was given and has not confirmed.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    /// Its number within the run.
    number: u32,
    dir: PathBuf,
    batches: Vec<Vec<OpenTrial>>,
}

impl Dispatcher {
    /// Number of tasks that may be submitted.
    pub(super) fn slots(&self) -> usize {
        let open = self.tasks.iter().filter(|task| task.tracker.over().is_none()).count();
        self.options.max_tasks.map_or(usize::MAX, |max| (max as usize).saturating_sub(open))
    }

    /// Submits the trials that wait, as far as tasks are admitted.
    pub(super) async fn submit(&mut self) -> Result<(), LabError> {
        let jobs = match &self.jobs {
            Some(jobs) => jobs.clone(),
            None => self.jobs.insert(JobsFolder::create(&self.run)?).clone(),
        };
        self.draft();
        let mut done = Ok(());
        while done.is_ok()
            && let Some(array) = self.next_array()
        {
            done = self.send(&jobs, array).await;
        }
        let rest = self.drafts.drain(..).flat_map(|draft| draft.batches);
        self.waiting.extend(rest.flatten());
        done
    }

    /// Groups the trials that wait.
    fn draft(&mut self) {
        let cells = self.waiting.iter().map(|trial| &trial.request.spec.cell);
        let trials: Vec<Waiting> = cells
            .map(|cell| Waiting { need: Need::of(cell), cost_s: self.costs.trial_s(cell), max_s: max_s(cell) })
            .collect();
        let mut waiting: Vec<Option<OpenTrial>> = self.waiting.drain(..).map(Some).collect();
        let mut take = |at: usize| waiting.get_mut(at).and_then(Option::take);
        for Group { need, batches } in group(&trials) {
            let batches = batches.into_iter().map(|batch| batch.into_iter().filter_map(&mut take).collect());
            self.drafts.push_back(Draft { need, batches: batches.collect() });
        }
    }

    /// The next array of the drafts; `None` if Slurm or the user admits no further task now.
    fn next_array(&mut self) -> Option<Draft> {
        let max = self.slots().min(self.intake.size(self.clock.elapsed()) as usize);
        let draft = self.drafts.front_mut().filter(|_| max > 0)?;
        let rest = draft.batches.split_off(max.min(draft.batches.len()));
        let array = Draft { need: draft.need, batches: std::mem::replace(&mut draft.batches, rest) };
        if draft.batches.is_empty() {
            self.drafts.pop_front();
        }
        Some(array)
    }

    /// Submits an array with a task for each batch. If Slurm does not take it, its trials wait again.
    async fn send(&mut self, jobs: &JobsFolder, Draft { need, batches }: Draft) -> Result<(), LabError> {
        self.arrays += 1;
        let number = self.arrays;
        let (name, dir) = (jobs.job_name(number), jobs.array(number));
        let tasks = u32::try_from(batches.len()).unwrap_or(u32::MAX);
        let times = batches.iter().map(|batch| max_time(batch.iter().map(|trial| &trial.request.spec.cell)));
        let max_time = times.max().unwrap_or_default();
        let resources = Resources { cpus: need.cpus, ram_mib: task_mib(need), max_time };
        let script = self.write_array(&dir, &batches);
        self.unconfirmed = Some(Unconfirmed { number, dir: dir.clone(), batches });
        let script = match script {
            Ok(script) => script,
            Err(source) => {
                self.withdraw();
                return Err(LabError::Io { what: "writing a batch for Slurm", source });
            }
        };
        let array = Array { name: &name, tasks, resources, script: &script, logs: &dir };
        match self.options.slurm.submit(&array).await {
            Ok(job) => {
                self.intake.accepted();
                self.adopt(job);
                Ok(())
            }
            Err(error @ SlurmError::Full { .. }) => {
                self.withdraw();
                let goes_on = self.intake.refused(self.clock.elapsed(), tasks, self.tasks.is_empty());
                if !goes_on {
                    return Err(error.into());
                }
                self.note_once(format!("{}; trying again", printable(&error.to_string())));
                Ok(())
            }
            Err(error @ (SlurmError::Refused { .. } | SlurmError::Missing { .. })) => {
                self.withdraw();
                Err(error.into())
            }
            // Slurm may have it all the same.
            Err(error) => Err(error.into()),
        }
    }

    /// Finds out by its name whether Slurm has the array that it did not confirm.
    ///
    /// # Errors
    /// When Slurm does not answer.
    pub(super) async fn confirm(&mut self) -> Result<(), LabError> {
        let Some((jobs, unconfirmed)) = self.jobs.as_ref().zip(self.unconfirmed.as_ref()) else { return Ok(()) };
        let name = jobs.job_name(unconfirmed.number);
        let tasks = self.options.slurm.mine(&name).await?;
        match tasks.iter().find(|task| task.name == name) {
            Some(task) => self.adopt(task.id.array),
            None => {
                // The controller may still have the request before it.
                self.may_have_duplicates = true;
                self.withdraw();
            }
        }
        Ok(())
    }

    /// Takes the unconfirmed array as one that Slurm has, with this job id.
    fn adopt(&mut self, job: u32) {
        let Some(Unconfirmed { number, dir, batches }) = self.unconfirmed.take() else { return };
        let (tasks, trials) = (batches.len(), batches.iter().map(Vec::len).sum());
        self.tasks.extend((0..).zip(batches).map(|(index, batch)| OpenTask {
            id: TaskId { array: job, index },
            files: TaskFiles::of_task(&dir, index),
            trials: batch.into_iter().enumerate().collect(),
            tracker: TaskTracker::default(),
            progress: None,
        }));
        self.observer.note(&format!("slurm: job {job}: {} as {}", counted(trials, "trial"), counted(tasks, "task")));
        let written = self.jobs.as_ref().map(|jobs| jobs.submitted(number, job, tasks));
        if let Some(Err(error)) = written {
            // It is for people.
            self.observer.note(&format!("slurm: job {job}: {}", printable(&error.to_string())));
        }
    }

    /// Takes the trials of the unconfirmed array back. If Slurm has it without having said so, its tasks find nothing to do.
    fn withdraw(&mut self) {
        let Some(Unconfirmed { dir, batches, .. }) = self.unconfirmed.take() else { return };
        let _ = std::fs::remove_dir_all(&dir);
        self.waiting.extend(batches.into_iter().flatten());
    }

    /// Takes all trials back that are not in the queue.
    pub(super) fn take_back(&mut self) {
        self.withdraw();
        let drafts = self.drafts.drain(..).flat_map(|draft| draft.batches);
        self.waiting.extend(drafts.flatten());
    }

    /// Writes the batches and the script that runs them; returns the script's path.
    fn write_array(&self, dir: &Path, batches: &[Vec<OpenTrial>]) -> io::Result<PathBuf> {
        std::fs::create_dir_all(dir)?;
        let cells = std::path::absolute(self.run.join("cells"))?;
        std::fs::create_dir_all(&cells)?;
        for (index, batch) in (0..).zip(batches) {
            let trials =
                batch.iter().map(|trial| BatchTrial { folder: trial.request.name(), spec: trial.request.spec.clone() });
            let batch = Batch { schema: BATCH_SCHEMA, cells: cells.clone(), trials: trials.collect() };
            write_json(TaskFiles::of_task(dir, index).batch(), &batch).map_err(io::Error::other)?;
        }
        let script = dir.join("batch.sh");
        let quoted = |path: &Path| shlex::try_quote(&path.display().to_string()).map(|word| word.into_owned());
        let program = quoted(&self.options.program).map_err(io::Error::other)?;
        let folder = quoted(dir).map_err(io::Error::other)?;
        std::fs::write(&script, format!("#!/bin/sh\nexec {program} batch {folder}/\"$SLURM_ARRAY_TASK_ID\".json\n"))?;
        Ok(script)
    }
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
