//! Tasks of arrays, as `squeue` lists them. Pure.

use super::error::SlurmError;
use super::state::TaskState;
use std::fmt;

/// The columns that [`Task::parse_list`] reads, each with the separator behind it (squeue(1), `--Format`).
pub(super) const COLUMNS: &str = "ArrayJobID:|,ArrayTaskID:|,State:|,exit_code:|,NodeList:|,Reason:|,Name:|";

/// A task of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId {
    /// The array's job id.
    pub array: u32,
    /// Its index in the array.
    pub index: u32,
}

impl TaskId {
    /// In place of an index: the tasks of the array that were cancelled together while they waited. They are listed as one, without
    /// index (as Slurm 22.05 does it).
    pub const REST: u32 = u32::MAX;
}

/// `17_3`, as Slurm's commands take it.
impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.array, self.index)
    }
}

/// How a task's script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExitCode {
    /// Its exit code.
    pub code: u8,
    /// The signal that ended it; 0 for none.
    pub signal: u8,
}

impl ExitCode {
    /// Where slurmstepd cannot open the file for the output, the status is an error number of Slurm's own, 4021: this in its low
    /// seven bits (as Slurm 22.05 does it).
    const NO_OUTPUT: u8 = 53;

    /// A status of wait(2), in which `squeue` prints it, or `code:signal`.
    fn parse(text: &str) -> Option<Self> {
        if let Some((code, signal)) = text.split_once(':') {
            return Some(Self { code: code.parse().ok()?, signal: signal.parse().ok()? });
        }
        let status: u32 = text.parse().ok()?;
        Some(Self { code: (status >> 8 & 0xff) as u8, signal: (status & 0x7f) as u8 })
    }

    /// Whether the node could not open the file for the task's output.
    pub const fn lacks_output(self) -> bool {
        self.signal == Self::NO_OUTPUT
    }
}

impl fmt::Display for ExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.signal {
            0 => write!(f, "exit code {}", self.code),
            signal => write!(f, "signal {signal}"),
        }
    }
}

/// A task with its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Which one.
    pub id: TaskId,
    /// Its state.
    pub state: TaskState,
    /// The state's name, as Slurm has it: `NODE_FAIL`.
    pub word: String,
    /// How its script ended, once it has; `None` if Slurm does not say.
    pub exit: Option<ExitCode>,
    /// The node; empty until it has one.
    pub node: String,
    /// Why it waits, or has failed: `Resources`.
    pub reason: String,
    /// Name of its job.
    pub name: String,
}

/// Reasons for which a task waits indefinitely (squeue(1), "JOB REASON CODES").
const UNSCHEDULABLE: [&str; 5] =
    ["PartitionTimeLimit", "AssociationTimeLimit", "BadConstraints", "InvalidAccount", "InvalidQOS"];

impl Task {
    /// Whether it waits for something that does not change by itself.
    pub fn is_unschedulable(&self) -> bool {
        // `QOSMaxWallDurationPerJobLimit` and its like: limits of a QOS or an association on each job.
        let is_per_job = self.reason.contains("PerJob");
        self.state == TaskState::Waiting && (is_per_job || UNSCHEDULABLE.contains(&self.reason.as_str()))
    }

    /// The tasks in the output of `squeue`. Lines of jobs that are no tasks of arrays are left out.
    ///
    /// # Errors
    /// When a line of the lab's own jobs cannot be read: a task that is missing would count as one that Slurm has forgotten.
    pub(super) fn parse_list(text: &str) -> Result<Vec<Self>, SlurmError> {
        let mut tasks = Vec::new();
        for line in text.lines() {
            match Self::parse(line) {
                Some(task) => tasks.push(task),
                None if line.contains("|oomlab-") => {
                    return Err(SlurmError::Unexpected { program: "squeue", said: line.to_owned() });
                }
                None => {}
            }
        }
        Ok(tasks)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(7, '|').map(str::trim);
        let mut next = || fields.next();
        let (array, index) = (next()?.parse().ok()?, next()?);
        let is_rest = index == "N/A" && line.contains("|oomlab-");
        let id = TaskId { array, index: if is_rest { TaskId::REST } else { index.parse().ok()? } };
        let word = next()?.to_owned();
        let (exit, node, reason) = (ExitCode::parse(next()?), next()?.to_owned(), next()?.to_owned());
        let name = next()?.trim_end_matches('|').to_owned();
        Some(Self { id, state: TaskState::of(&word), word, exit, node, reason, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slurm::state::Ending;

    #[test]
    fn list_of_squeue_is_parsed() {
        let tasks = Task::parse_list(include_str!("fixtures/squeue-22.05.txt")).unwrap();
        let rows: Vec<String> = tasks
            .iter()
            .map(|task| {
                let exit = task.exit.unwrap();
                format!("{} {:?} {exit} {} {} {}", task.id, task.state, task.node, task.reason, task.name)
            })
            .collect();
        let expected = [
            "1_0 Ended(Completed) exit code 0 n1 None oomlab-abc.1",
            "1_3 Ended(Failed) signal 9 n2 JobLaunchFailure oomlab-abc.1",
            "1_1 Ended(Failed) exit code 7 n1 NonZeroExitCode oomlab-abc.1",
            "1_4 Waiting exit code 0  Resources oomlab-abc.1",
            "1_2 Running exit code 0 n2 None oomlab-abc.1",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn line_of_the_lab_that_cannot_be_read_is_reported() {
        let unknown = Task::parse_list("1|0|RUNNING|N/A|n1|None|oomlab-abc.1|\n").unwrap();
        assert_eq!((unknown.len(), unknown[0].exit), (1, None), "an exit code that is not known yet");
        let error = Task::parse_list("1|x|RUNNING|0|n1|None|oomlab-abc.1|\n").unwrap_err();
        assert!(error.to_string().contains("1|x|RUNNING"), "{error}");
        let rest = Task::parse_list("1|N/A|CANCELLED|0||PartitionTimeLimit|oomlab-abc.1|\n").unwrap();
        assert_eq!((rest[0].id.index, rest[0].state), (TaskId::REST, TaskState::Ended(Ending::Cancelled)));
        assert_eq!(Task::parse_list("7|N/A|PENDING|0||None|of\nothers|\n").unwrap(), []);
    }

    #[test]
    fn states_are_grouped_by_what_follows() {
        let of = TaskState::of;
        assert_eq!(of("NODE_FAIL"), TaskState::Ended(Ending::Lost));
        assert_eq!(of("CANCELLED"), TaskState::Ended(Ending::Cancelled));
        assert_eq!(of("OUT_OF_MEMORY"), TaskState::Ended(Ending::Failed));
        assert_eq!((of("SUSPENDED"), of("REQUEUED")), (TaskState::Running, TaskState::Waiting));
        assert!(!of("COMPLETING").is_over());
    }

    #[test]
    fn exit_codes_are_read_in_both_forms() {
        let parse = |text| ExitCode::parse(text).map(|exit| exit.to_string());
        assert_eq!(parse("1792").as_deref(), Some("exit code 7"));
        assert_eq!(parse("0:15").as_deref(), Some("signal 15"));
        assert_eq!(parse("N/A"), None);
        assert!(ExitCode::parse("4021").unwrap().lacks_output());
    }
}
