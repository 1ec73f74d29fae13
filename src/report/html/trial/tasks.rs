//! The tasks that decide a verdict on stuck allocations.

use crate::report::html::text::phrase;
use model::{Stamp, TaskFacts, Tasks};

/// The tasks at one moment.
pub(super) struct TaskView {
    pub at: String,
    pub tasks: Vec<TaskLine>,
    pub left_out: u32,
}

/// One task.
pub(super) struct TaskLine {
    pub pid: u32,
    pub comm: String,
    pub state: char,
    /// What makes it decisive.
    pub roles: Vec<String>,
    pub frames: Vec<String>,
}

impl TaskView {
    pub fn of(at: Stamp, tasks: &Tasks) -> Self {
        let line = |facts: &TaskFacts| TaskLine {
            pid: facts.pid,
            comm: phrase(&facts.comm),
            state: facts.state,
            roles: roles(tasks, facts),
            frames: facts.frames.iter().map(|frame| phrase(frame)).collect(),
        };
        Self {
            at: format!("{:.1} s", at.as_secs_f64()),
            tasks: tasks.tasks.iter().map(line).collect(),
            left_out: tasks.left_out,
        }
    }
}

fn roles(tasks: &Tasks, facts: &TaskFacts) -> Vec<String> {
    let mut roles = Vec::new();
    if let Some(victim) = facts.victim {
        roles.push(match victim.oom_skip {
            Some(true) => "OOM victim with MMF_OOM_SKIP".to_owned(),
            Some(false) => "OOM victim without MMF_OOM_SKIP".to_owned(),
            None => "OOM victim".to_owned(),
        });
    }
    if tasks.holds_lock(facts.pid) {
        roles.push("holds a lock that another task waits for".to_owned());
    }
    if facts.allocates {
        let request = facts.request.as_ref();
        let request = request.map(|request| format!(" {}, order {}", request.gfp, request.order)).unwrap_or_default();
        roles.push(phrase(&format!("allocates{request}")));
    }
    if let Some(lock) = &facts.lock {
        let owner = lock.owner.as_ref().map(|owner| format!(" of pid {} ({})", owner.pid, owner.comm));
        roles.push(phrase(&format!("waits for the {}{}", lock.sort, owner.unwrap_or_default())));
    }
    roles
}
