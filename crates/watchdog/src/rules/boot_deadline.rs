//! The agent never said hello.

use super::{Judgement, time_is_up};
use crate::clock::Moment;
use crate::seen::Seen;
use model::{Caveat, Kind, Onset, RuleId, Verdict};

/// How the last lines of OpenSBI's banner begin; the kernel comes next.
const LAST_OF_OPENSBI: &str = "Boot HART ";

/// More than one vCPU can use.
const SEVERAL_CPUS: f64 = 1.2;

pub(super) fn judge(seen: &Seen) -> Judgement {
    if !seen.setup.agent || seen.hello.is_some() {
        return Judgement::No;
    }
    let limit = seen.setup.timeouts.boot_s;
    if let Err(judgement) = time_is_up(seen, RuleId::BootDeadline, Moment::default(), limit) {
        return judgement;
    }
    let verdict = match seen.console_moved {
        None => {
            Verdict::new(Kind::BootSilent, RuleId::BootDeadline, format!("the console stayed empty for {limit:.0} s"))
        }
        Some(moved) => {
            let summary = format!("the agent did not come up within {limit:.0} s");
            let mut verdict = Verdict::new(Kind::BootTimeout, RuleId::BootDeadline, summary);
            verdict.onset = Some(Onset { host: moved.host, guest_s: None });
            verdict.lines = vec![seen.last_line.clone()];
            let busy = seen.clock.demand(moved.host).is_some_and(|cpus| cpus > SEVERAL_CPUS);
            // OpenSBI 1.1, `lib/sbi/sbi_hsm.c`: `sbi_hsm_hart_start()` lets the hart go, and sets `next_addr` thereafter. Seen in
            // 1 of 40 boots beside compilers: the boot hart waits for the other one, which runs the kernel's `_start` and makes
            // the page tables again under it. Later versions set the address first.
            if busy && seen.last_line.starts_with(LAST_OF_OPENSBI) {
                verdict.caveats.push(Caveat::DoubleHartStart);
            }
            verdict
        }
    };
    Judgement::is(verdict)
}
