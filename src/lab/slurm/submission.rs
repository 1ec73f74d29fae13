//! The submission of trials that wait.

use super::batch::{BATCH_SCHEMA, Batch, BatchTrial, TaskFiles};
use super::dispatcher::{Dispatcher, OpenTask, OpenTrial};
use super::folder::JobsFolder;
use super::grouping::{Group, group, max_time, task_mib};
use crate::lab::LabError;
use crate::schedule::Need;
use crate::slurm::{Array, Resources, TaskId};
use crate::store::write_json;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time until a submission that failed for the moment is tried again.
const RETRY: Duration = Duration::from_secs(10);

impl Dispatcher {
    /// Number of tasks that may be submitted.
    pub(super) fn slots(&self) -> usize {
        let open = self.tasks.iter().filter(|task| task.over.is_none()).count();
        self.options.max_tasks.map_or(usize::MAX, |max| (max as usize).saturating_sub(open))
    }

    /// Submits the trials that wait, as far as tasks are admitted.
    pub(super) async fn submit(&mut self) -> Result<(), LabError> {
        let mut slots = self.slots();
        let mut waiting: Vec<Option<OpenTrial>> = std::mem::take(&mut self.waiting).into_iter().map(Some).collect();
        let cells = waiting.iter().flatten().map(|trial| &trial.request.spec.cell);
        let needs: Vec<(Need, f64)> = cells.map(|cell| (Need::of(cell), self.costs.trial_s(cell))).collect();
        let mut done = Ok(());
        for Group { need, batches } in group(&needs) {
            for array in batches.chunks(self.options.max_array as usize) {
                let array = &array[..array.len().min(slots)];
                if done.is_err() || array.is_empty() {
                    continue;
                }
                let mut take = |at: &usize| waiting.get_mut(*at).and_then(Option::take);
                let batches = array.iter().map(|batch| batch.iter().filter_map(&mut take).collect()).collect();
                slots -= array.len();
                done = self.submit_array(need, batches).await;
            }
        }
        self.waiting.extend(waiting.into_iter().flatten());
        if done.is_err() {
            self.submit_at = self.clock.elapsed() + RETRY;
        }
        done
    }

    /// Submits an array with a task for each batch. If that fails, their trials wait again.
    async fn submit_array(&mut self, need: Need, batches: Vec<Vec<OpenTrial>>) -> Result<(), LabError> {
        let jobs = match &self.jobs {
            Some(jobs) => jobs.clone(),
            None => self.jobs.insert(JobsFolder::create(&self.run)?).clone(),
        };
        self.arrays += 1;
        let (number, tasks) = (self.arrays, u32::try_from(batches.len()).unwrap_or(u32::MAX));
        let (name, dir) = (jobs.job_name(number), jobs.array(number));
        let cells = batches.iter().map(|batch| max_time(batch.iter().map(|trial| &trial.request.spec.cell)));
        let max_time = cells.max().unwrap_or_default();
        let resources = Resources { cpus: need.cpus, ram_mib: task_mib(need), max_time };
        let submitted = match self.write_array(&dir, &batches) {
            Ok(script) => {
                let array = Array { name: &name, tasks, resources, script: &script, logs: &dir };
                self.options.slurm.submit(&array).await.map_err(LabError::from)
            }
            Err(source) => Err(LabError::Io { what: "writing a batch for Slurm", source }),
        };
        match submitted {
            Ok(job) => {
                jobs.submitted(number, job, tasks)?;
                let trials: usize = batches.iter().map(Vec::len).sum();
                let texts = (counted(trials, "trial"), counted(batches.len(), "task"));
                self.observer.note(&format!("slurm: job {job}: {} as {}", texts.0, texts.1));
                self.tasks.extend((0..).zip(batches).map(|(index, batch)| OpenTask {
                    id: TaskId { array: job, index },
                    files: TaskFiles::of_task(&dir, index),
                    trials: batch.into_iter().enumerate().collect(),
                    seen: None,
                    over: None,
                }));
                Ok(())
            }
            Err(error) => {
                // If Slurm has the array without having said so, its tasks find nothing to do.
                let _ = std::fs::remove_dir_all(&dir);
                self.waiting.extend(batches.into_iter().flatten());
                Err(error)
            }
        }
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
