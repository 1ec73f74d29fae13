//! The session over which the test runs did not come up, or broke off, and the guest lives.

use super::{CONFIRM_PERIODS, Judgement, check_deadline};
use crate::observations::Observations;
use model::{Kind, RuleId, Verdict};

pub(super) fn judge(observed: &Observations) -> Judgement {
    if !observed.setup.ssh || observed.finished.is_some() {
        return Judgement::NotApplicable;
    }
    let Some(agent_up) = observed.agent_up else { return Judgement::NotApplicable };
    let session = &observed.session;
    if let Some((at, why)) = &session.failed {
        // A hang breaks the session, too, and takes longer to show.
        let limit = f64::from(CONFIRM_PERIODS + 1) * observed.stuck_s();
        let passed = observed.now().granted_since(*at);
        if passed < limit {
            return Judgement::recheck(observed, limit, passed);
        }
        return Judgement::verdict(failed(format!("{why}; the guest lives")));
    }
    if observed.started.is_some() {
        return Judgement::NotApplicable;
    }
    let limit = observed.setup.timeouts.boot_s * observed.slowness();
    match check_deadline(observed, RuleId::SshFailed, agent_up, limit) {
        Ok(()) => Judgement::verdict(failed(format!(
            "the test was not started over SSH within {limit:.0} s after the agent was up; the guest lives"
        ))),
        Err(judgement) => judgement,
    }
}

fn failed(summary: String) -> Verdict {
    Verdict::new(Kind::SshFailed, RuleId::SshFailed, summary)
}
