//! PID 1 beats on, and whoever allocates is stuck: the livelock signature.
//!
//! The kernel's own detectors stay silent in it: the looping tasks are runnable and call `cond_resched()`, which feeds
//! the soft-lockup watchdog (`kernel/watchdog.c`), and khungtaskd looks at sleeping tasks alone (`kernel/hung_task.c`).

use super::{Judgement, Rule};
use crate::model::{Kind, Onset, Verdict};
use crate::watchdog::clock::Moment;
use crate::watchdog::seen::Seen;

/// A stuck guest that wants at least this share of one CPU loops, one that wants less waits.
const BUSY: f64 = 0.8;

pub(super) const RULE: Rule = Rule { name: "canary-stuck", judge };

fn judge(seen: &Seen) -> Judgement {
    let (Some(hello), None) = (seen.hello, &seen.finished) else { return Judgement::No };
    let Some((beat_at, _)) = seen.beat else { return Judgement::No };
    let canary = seen.canary_moved.unwrap_or(hello);
    let progress = seen.progress();
    let stuck = seen.now().fair_since(progress);
    // Evidence must have stood for three times the threshold before it counts as a hang.
    let limit = 3.0 * seen.stuck_s();
    if stuck < limit {
        return Judgement::later(seen, limit, stuck);
    }
    let beats = beat_at.fair_since(canary) >= 0.8 * limit && seen.now().fair_since(beat_at) < seen.stuck_s();
    if !beats {
        // The beat is silent too: another rule's subject.
        return Judgement::No;
    }
    Judgement::is(verdict(seen, progress, stuck))
}

fn verdict(seen: &Seen, progress: Moment, stuck: f64) -> Verdict {
    let demand = seen.clock.demand(progress.host);
    let busy = demand.is_none_or(|demand| demand >= BUSY);
    let (kind, mut verdict) = match (&seen.kill, busy) {
        (Some(kill), true) => {
            let (pid, comm) = (kill.what.pid, &kill.what.comm);
            let summary = format!(
                "pid {pid} ({comm}) was killed and nothing has been allocated since: for {stuck:.0} s allocating tasks loop"
            );
            (Kind::OomLivelock, Verdict::new(Kind::OomLivelock, "", summary))
        }
        (None, true) => {
            let summary = format!("allocating tasks loop for {stuck:.0} s, and the OOM killer killed nobody");
            (Kind::SilentStall, Verdict::new(Kind::SilentStall, "", summary))
        }
        (_, false) => {
            let summary = format!("allocating tasks sleep for {stuck:.0} s and nobody wakes them");
            (Kind::ReclaimDeadlock, Verdict::new(Kind::ReclaimDeadlock, "", summary))
        }
    };
    verdict.confidence = if kind == Kind::OomLivelock && demand.is_some() { 0.95 } else { 0.7 };
    if demand.is_none() {
        verdict.against.push("the vCPUs' CPU time is not known".to_owned());
    }
    if let Some(reaped) = &seen.oom_reaped {
        verdict.against.push(format!("the OOM reaper freed pid {}", reaped.what.pid));
    }
    verdict.victim = seen.kill.as_ref().map(|kill| kill.what.clone());
    verdict.onset = Some(match &seen.kill {
        Some(kill) if kill.at == progress => kill.onset(),
        _ => Onset { host: progress.host, guest_s: None },
    });
    let invoked = seen.oom_invoked.iter().map(|noted| &noted.line);
    verdict.lines = invoked.chain(seen.kill.iter().map(|noted| &noted.line)).cloned().collect();
    verdict
}
