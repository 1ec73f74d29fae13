//! The agent never said hello.

use super::{Judgement, Rule, time_is_up};
use crate::clock::Moment;
use crate::seen::Seen;
use model::{Kind, Onset, Verdict};

/// How the last lines of OpenSBI's banner begin; the kernel comes next.
const LAST_OF_OPENSBI: &str = "Boot HART ";

/// More than one vCPU can use.
const SEVERAL_CPUS: f64 = 1.2;

/// OpenSBI 1.1, `lib/sbi/sbi_hsm.c`: `sbi_hsm_hart_start()` lets the hart go, and sets `next_addr` thereafter. Seen in 1 of 40
/// boots beside compilers: the boot hart waits for the other one, which runs the kernel's `_start` and makes the page tables
/// anew under it. Later versions set the address first.
const DOUBLE_START: &str = "nothing came after OpenSBI's own text, and several vCPUs are busy: OpenSBI 1.1 and older now and \
                            then start a second one at the kernel's first instruction";

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
            let busy = seen.clock.demand(moved.host).is_some_and(|cpus| cpus > SEVERAL_CPUS);
            if busy && seen.last_line.starts_with(LAST_OF_OPENSBI) {
                verdict.against.push(DOUBLE_START.to_owned());
            }
            verdict
        }
    };
    Judgement::is(verdict)
}
