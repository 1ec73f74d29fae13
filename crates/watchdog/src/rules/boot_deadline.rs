//! The agent never came up.

use super::{Judgement, check_deadline};
use crate::clock::Moment;
use crate::observations::Observations;
use model::{Caveat, Kind, Onset, RuleId, Verdict};

/// How the last lines of OpenSBI's banner begin; the kernel comes next.
const OPENSBI_BANNER_END: &str = "Boot HART ";

/// More CPU demand than one vCPU can have.
const SEVERAL_CPUS: f64 = 1.2;

pub(super) fn judge(observed: &Observations) -> Judgement {
    if !observed.setup.agent || observed.agent_up.is_some() {
        return Judgement::NotApplicable;
    }
    let limit = observed.setup.timeouts.boot_s;
    if let Err(judgement) = check_deadline(observed, RuleId::BootDeadline, Moment::default(), limit) {
        return judgement;
    }
    let verdict = match observed.console_activity {
        None => {
            Verdict::new(Kind::BootSilent, RuleId::BootDeadline, format!("the console stayed empty for {limit:.0} s"))
        }
        Some(moved) => {
            let summary = format!("the agent did not come up within {limit:.0} s");
            let mut verdict = Verdict::new(Kind::BootTimeout, RuleId::BootDeadline, summary);
            verdict.onset = Some(Onset { host: moved.host, guest_s: None });
            verdict.lines = vec![observed.last_line.clone()];
            let busy = observed.clock.demand(moved.host).is_some_and(|cpus| cpus > SEVERAL_CPUS);
            // OpenSBI 1.1, `lib/sbi/sbi_hsm.c`: `sbi_hsm_hart_start()` lets the hart go, and sets `next_addr` thereafter. Seen in
            // 1 of 40 boots beside compilers: the boot hart waits for the other one, which runs the kernel's `_start` and makes
            // the page tables again under it.
            let is_sound = observed.opensbi.is_some_and(|version| !version.is_unsound());
            if busy && !is_sound && observed.last_line.starts_with(OPENSBI_BANNER_END) {
                verdict.caveats.push(Caveat::DoubleHartStart);
            }
            verdict
        }
    };
    Judgement::verdict(verdict)
}
