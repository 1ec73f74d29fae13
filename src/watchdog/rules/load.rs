//! The workload neither ended nor got stuck within its time.

use super::finish::advancing;
use super::{Judgement, Rule, time_is_up};
use crate::model::{Kind, Verdict};
use crate::watchdog::seen::Seen;

pub(super) const RULE: Rule = Rule { name: "load-deadline", judge };

fn judge(seen: &Seen) -> Judgement {
    let (Some(since), None) = (seen.started.or(seen.hello), &seen.finished) else { return Judgement::No };
    let limit = seen.setup.timeouts.load_s * seen.slowness();
    if let Err(judgement) = time_is_up(seen, since, limit) {
        return judgement;
    }
    let last = seen.now().fair_since(seen.progress());
    let done = format!("the workload did not end within {limit:.0} s");
    let advances = if last < seen.stuck_s() { advancing(seen, &done) } else { None };
    let mut verdict = advances.unwrap_or_else(|| {
        Verdict::new(Kind::LoadTimeout, "", format!("{done}; it last made progress {last:.0} s ago"))
    });
    verdict.victim = seen.kill.as_ref().map(|kill| kill.what.clone());
    verdict.lines = seen.kill.iter().map(|kill| kill.line.clone()).collect();
    Judgement::is(verdict)
}
