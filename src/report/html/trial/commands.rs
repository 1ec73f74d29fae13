//! Commands to go on with from a trial.

use crate::report::text::shell_name;
use model::{Outcome, TrialRecord};

/// Commands, each with what it does.
pub(in crate::report::html) type Commands = Vec<(&'static str, String)>;

/// Those that work for this trial. `run_dir` is the run's folder as the user may type it.
pub(in crate::report::html) fn commands(run_dir: &str, trial: &TrialRecord) -> Commands {
    let name = shell_name(run_dir, &trial.folder());
    let mut commands = Vec::new();
    // A guest that the lab only watched cannot be booted again.
    if !trial.cell.is_watched() {
        commands.push(("run again", format!("oomlab repro {name}")));
        if matches!(trial.verdict.outcome(), Outcome::Hang | Outcome::Crash | Outcome::BootFailed) {
            let outcome = trial.verdict.outcome();
            commands.push(("keep the guest", format!("oomlab repro {name} --keep-on {outcome}")));
        }
        if !trial.command.is_empty() {
            commands.push(("pack it", format!("oomlab bundle {name}")));
        }
    }
    if !trial.verdict.rule.is_lab() {
        commands.push(("judge the record again", format!("oomlab replay {name} --timeline")));
    }
    commands
}

/// `victim pid 26 (hog)`.
pub(in crate::report::html) fn task(what: &str, task: &model::Task) -> String {
    crate::report::html::text::phrase(&format!("{what} pid {} ({})", task.pid, task.comm))
}
