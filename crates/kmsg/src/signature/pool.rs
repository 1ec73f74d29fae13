//! What `BUG: workqueue lockup` is followed by: every pool's workers and what they are at (`kernel/workqueue.c`,
//! `show_all_workqueues()`).

use crate::symbol;
use crate::text::between;

/// The pool that is stuck, and what its workers do.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    /// `cpus=0 node=0 flags=0x0 nice=0`.
    attributes: String,
    /// The lines that follow are of this pool.
    is_shown: bool,
    /// What the first of its workers is at.
    pub in_flight: Option<String>,
}

impl Pool {
    /// Of the line that says which pool is stuck.
    pub fn stuck(line: &str) -> Option<Self> {
        let attributes = between(line, "BUG: workqueue lockup - pool ", " stuck for ")?.trim().to_owned();
        Some(Self { attributes, is_shown: false, in_flight: None })
    }

    /// Takes a line; whether it is about the pools.
    pub fn take(&mut self, line: &str) -> bool {
        if let Some(workers) = line.strip_prefix("in-flight: ") {
            if self.is_shown && self.in_flight.is_none() {
                self.in_flight = workers.split_once(':').and_then(|(_, work)| symbol::leading(work)).map(str::to_owned);
            }
            return true;
        }
        if let Some(pool) = line.strip_prefix("pwq ") {
            self.is_shown = pool
                .split_once(": ")
                .is_some_and(|(_, pool)| pool.strip_prefix(&self.attributes).is_some_and(|rest| rest.starts_with(' ')));
            return true;
        }
        ["workqueue ", "pool ", "pending: ", "inactive: ", "delayed: ", "Showing busy workqueues"]
            .iter()
            .any(|start| line.starts_with(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_work(lines: &[&str]) -> Option<String> {
        let mut pool =
            Pool::stuck("BUG: workqueue lockup - pool cpus=3 node=0 flags=0x0 nice=0 stuck for 38s!").unwrap();
        assert!(lines.iter().all(|line| pool.take(line)), "{lines:?}");
        pool.in_flight
    }

    #[test]
    fn in_flight_work_of_the_stuck_pool_is_read() {
        let other = ["pwq 0: cpus=0 node=0 flags=0x0 nice=0 active=1/256 refcnt=2", "in-flight: 7:f"];
        let ours = "pwq 6: cpus=3 node=0 flags=0x0 nice=0 active=2/256 refcnt=3";
        let all = |last| [&other[..], &[ours, last]].concat();
        assert_eq!(at_work(&all("in-flight: 12:g [kvm], 13:h")).as_deref(), Some("g"));
        assert_eq!(at_work(&all("in-flight: 12(RESCUER):g BAR(9) ,13:h")).as_deref(), Some("g"));
        assert_eq!(at_work(&all("pending: g")), None);
        assert_eq!(at_work(&["pwq 6: cpus=3 node=0 flags=0x0 nice=0-5 active=2/256", "in-flight: 12:g"]), None);
    }

    #[test]
    fn other_lines_are_no_pool() {
        let mut pool = Pool::stuck("BUG: workqueue lockup - pool cpus=3 nice=0 stuck for 38s!").unwrap();
        assert!(!pool.take("Call Trace:"));
        assert!(Pool::stuck("BUG: soft lockup").is_none());
    }
}
