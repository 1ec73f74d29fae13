//! OOM kills on the console, and which victim stays.

use super::console_hit::ConsoleHit;
use kmsg::Task;
use std::collections::VecDeque;

/// Kills that are kept: the last ones.
const MAX_KILLS: usize = 64;

/// The kills of one trial.
#[derive(Debug, Clone, Default)]
pub(super) struct OomKills {
    kills: VecDeque<ConsoleHit<Task>>,
    /// The last victim that the OOM reaper gave up on.
    not_reaped: Option<u32>,
}

impl OomKills {
    pub fn push(&mut self, kill: ConsoleHit<Task>) {
        if self.kills.len() >= MAX_KILLS {
            self.kills.pop_front();
        }
        self.kills.push_back(kill);
    }

    /// The OOM reaper gave up on this task.
    pub fn give_up(&mut self, task: &Task) {
        self.not_reaped = Some(task.pid);
    }

    /// The last kill.
    pub fn last(&self) -> Option<&ConsoleHit<Task>> {
        self.kills.back()
    }

    /// The kill whose victim stays: the one that the OOM reaper gave up on, or else the last one. The OOM killer chooses the next victim only
    /// when the memory of the one before is free or given up (`mm/oom_kill.c`, `oom_evaluate_task()`).
    pub fn victim(&self) -> Option<&ConsoleHit<Task>> {
        let given_up = self.not_reaped.and_then(|pid| self.kills.iter().rfind(|kill| kill.what.pid == pid));
        given_up.or_else(|| self.last())
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::Moment;
    use super::*;

    fn kill(pid: u32) -> ConsoleHit<Task> {
        let what = Task { pid, comm: "hog".to_owned() };
        ConsoleHit { at: Moment::default(), guest_s: None, line: String::new(), what, lasted_s: 0.0 }
    }

    #[test]
    fn the_victim_that_the_reaper_gave_up_on_stays() {
        let mut kills = OomKills::default();
        let victim = |kills: &OomKills| kills.victim().map(|kill| kill.what.pid);
        assert_eq!(victim(&kills), None);
        (86..90).for_each(|pid| kills.push(kill(pid)));
        assert_eq!(victim(&kills), Some(89));
        kills.give_up(&kill(87).what);
        kills.push(kill(90));
        assert_eq!((victim(&kills), kills.last().unwrap().what.pid), (Some(87), 90));
        (0..100).for_each(|_| kills.push(kill(91)));
        assert_eq!((victim(&kills), kills.kills.len()), (Some(91), MAX_KILLS), "one that is forgotten is not named");
    }
}
