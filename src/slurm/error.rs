//! Failures of Slurm's commands.

use crate::host::{RunError, SpawnError};

/// A command of Slurm that failed.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// The client is not installed.
    #[error(
        "cannot find `{program}`: install Slurm's commands (Debian: `apt install slurm-client`) on the host that submits, or use \
         another `--executor`"
    )]
    Missing {
        /// Name of the program.
        program: &'static str,
    },
    /// slurmctld does not answer.
    #[error(
        "`{program}`: no answer from Slurm's controller: {said}; is slurmctld running, and does SLURM_CONF name its configuration?"
    )]
    Unreachable {
        /// Name of the program.
        program: &'static str,
        /// What it printed.
        said: String,
    },
    /// Slurm refuses the job.
    #[error("`sbatch` refuses the tasks: {said}; see `--partition`, `--account` and `--slurm-arg`")]
    Refused {
        /// What it printed.
        said: String,
    },
    /// Slurm accepts no more jobs now.
    #[error("`sbatch`: Slurm accepts no more jobs now: {said}")]
    Full {
        /// What it printed.
        said: String,
    },
    /// It prints something else than it did in the versions that are known.
    #[error("`{program}` printed something unexpected: {said}")]
    Unexpected {
        /// Name of the program.
        program: &'static str,
        /// What it printed.
        said: String,
    },
    /// The cluster's configuration.
    #[error("the cluster has no job arrays: MaxArraySize is {0} in slurm.conf")]
    NoArrays(u32),
    /// Anything else.
    #[error("`{program}`: {source}")]
    Run {
        /// Name of the program.
        program: &'static str,
        /// Why it failed.
        source: RunError,
    },
}

/// Beginnings of what the commands print when slurmctld cannot be reached, or is too busy (Slurm 22.05, `slurm_errno.c`,
/// `parse_config.c`).
const UNREACHABLE: [&str; 6] = [
    "Unable to contact slurm controller",
    "Socket timed out",
    "Unable to process configuration file",
    "Zero Bytes were transmitted or received",
    "Slurm backup controller in standby mode",
    "Controller is in standby mode",
];

/// Reasons for which a job is refused that would be accepted later (Slurm 22.05, `slurm_errno.c`).
const FULL: [&str; 4] = [
    "Job violates accounting/QOS policy",
    "Slurm temporarily unable to accept job",
    "Resource temporarily unavailable",
    "job submit limit",
];

impl SlurmError {
    pub(super) fn run(program: &'static str, source: RunError) -> Self {
        match source {
            RunError::Spawn(SpawnError::Missing { .. }) => Self::Missing { program },
            RunError::TimedOut { seconds, .. } => {
                Self::Unreachable { program, said: format!("it did not end within {seconds} s") }
            }
            RunError::Failed { stderr, .. } if UNREACHABLE.iter().any(|words| stderr.contains(words)) => {
                Self::Unreachable { program, said: one_line(&stderr) }
            }
            RunError::Failed { stderr, .. } if program == "sbatch" => {
                let said = one_line(&stderr);
                if FULL.iter().any(|words| said.contains(words)) { Self::Full { said } } else { Self::Refused { said } }
            }
            source => Self::Run { program, source },
        }
    }
}

impl SlurmError {
    /// Whether a later call may succeed: slurmctld does not answer; or a command failed with words that are not known, as when munged
    /// restarts, or could not be started on a busy host. `sbatch` refuses with words of its own, and one that cannot be started stays so.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Run { program, .. } => *program != "sbatch",
            _ => false,
        }
    }
}

/// The lines of a message without the program's name.
fn one_line(stderr: &str) -> String {
    let lines = stderr.lines().map(|line| line.trim_start_matches("sbatch: ").trim_start_matches("error: ").trim());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn failed(program: &'static str, stderr: &str) -> SlurmError {
        SlurmError::run(program, RunError::Failed { status: ExitStatus::from_raw(256), stderr: stderr.to_owned() })
    }

    // As Slurm 22.05.8 prints them.
    #[test]
    fn refusals_and_outages_are_told_apart() {
        let refused = failed(
            "sbatch",
            "sbatch: error: invalid partition specified: nope\n\
             sbatch: error: Batch job submission failed: Invalid partition name specified",
        );
        assert!(matches!(refused, SlurmError::Refused { .. }));
        assert!(
            refused.to_string().contains("refuses the tasks: invalid partition specified: nope; Batch job"),
            "{refused}"
        );
        for stderr in [
            "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
            "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
            "squeue: error: ClusterName needs to be specified\nsqueue: fatal: Unable to process configuration file",
            "slurm_load_jobs error: Slurm backup controller in standby mode",
            "sbatch: error: Batch job submission failed: Controller is in standby mode, try a different controller",
        ] {
            let error = failed("sbatch", stderr);
            assert!(matches!(error, SlurmError::Unreachable { .. }), "{error}");
        }
        let full = "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, \
                    user's size and/or time limits)";
        assert!(matches!(failed("sbatch", full), SlurmError::Full { .. }));
        assert!(matches!(failed("scancel", "no"), SlurmError::Run { .. }));
        assert!(failed("squeue", "Protocol authentication error").may_pass() && !failed("sbatch", "no").may_pass());
    }
}
