//! The agent never said hello.

use super::{Judgement, Rule, time_is_up};
use crate::model::{Kind, Onset, Verdict};
use crate::watchdog::clock::Moment;
use crate::watchdog::seen::Seen;

pub(super) const RULE: Rule = Rule { name: "boot-deadline", judge };

fn judge(seen: &Seen) -> Judgement {
    if !seen.setup.agent || seen.hello.is_some() {
        return Judgement::No;
    }
    let limit = seen.setup.timeouts.boot_s;
    if let Err(judgement) = time_is_up(seen, Moment::default(), limit) {
        return judgement;
    }
    let verdict = match seen.console_moved {
        None => Verdict::new(Kind::BootSilent, "", format!("the console stayed empty for {limit:.0} s")),
        Some(moved) => {
            let summary = format!("the agent did not come up within {limit:.0} s");
            let mut verdict = Verdict::new(Kind::BootTimeout, "", summary);
            verdict.onset = Some(Onset { host: moved.host, guest_s: None });
            verdict.lines = vec![seen.last_line.clone()];
            verdict
        }
    };
    Judgement::is(verdict)
}
