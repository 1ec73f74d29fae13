//! PID 1 sends no heartbeat. It allocates nothing, so memory pressure alone does not silence it; a flooded console may, for a
//! while.

use super::{CONFIRM_PERIODS, Judgement, MIN_IRQS_OFF_SHARE};
use crate::clock::Moment;
use crate::observations::Observations;
use crate::probe_log::{ANSWER_TIMEOUT_S, summary};
use crate::stall::{self, MIN_BUSY_CPUS};
use model::{Caveat, Evidence, Kind, Onset, Probe, RuleId, Verdict};

/// A guest with at most this CPU demand is idle.
const MAX_IDLE_CPUS: f64 = 0.1;

/// How many times longer the heartbeat may be missing while the console is active.
const MAX_FLOOD_FACTOR: f64 = 4.0;

pub(super) fn judge(observed: &Observations) -> Judgement {
    let (Some(agent_up), None) = (observed.agent_up, &observed.finished) else { return Judgement::NotApplicable };
    let beat = observed.beat.map_or(agent_up, |(at, _)| at);
    let threshold = observed.stuck_s();
    let limit = f64::from(CONFIRM_PERIODS) * threshold;
    let silent = observed.now().granted_since(beat);
    if silent < threshold {
        return Judgement::recheck(observed, threshold, silent);
    }
    // Host first, guest last.
    for probe in [Probe::Profile, Probe::Sysrq('m')] {
        if observed.probes.count_since(probe, beat) == 0 {
            return Judgement::Probe(probe);
        }
    }
    if silent < limit {
        return Judgement::recheck(observed, limit, silent);
    }
    let acked = observed.probes.sysrq_acked_since(beat);
    if !acked && !observed.probes.are_answers_due(observed.now(), ANSWER_TIMEOUT_S) {
        return Judgement::recheck(observed, ANSWER_TIMEOUT_S, 0.0);
    }
    let console = observed.console_activity.unwrap_or(agent_up);
    let quiet = observed.now().granted_since(console);
    if quiet < limit && silent < MAX_FLOOD_FACTOR * limit {
        return Judgement::recheck(observed, (limit - quiet).min(MAX_FLOOD_FACTOR * limit - silent), 0.0);
    }
    if acked && stall::allocates(observed, beat) == Some(true) {
        let progress = observed.progress();
        let mut verdict =
            stall::verdict(observed, RuleId::HeartbeatLost, progress, observed.now().granted_since(progress));
        verdict.caveats.push(Caveat::HeartbeatLost { silent_s: silent });
        return Judgement::verdict(verdict);
    }
    Judgement::verdict(verdict(observed, beat, silent))
}

fn verdict(observed: &Observations, beat: Moment, silent: f64) -> Verdict {
    let demand = observed.clock.demand(beat.host);
    let profile = observed.probes.profile(beat);
    let acked = observed.probes.sysrq_acked_since(beat);
    let masked = profile.as_ref().map(|profile| f64::from(profile.irqs_off) / f64::from(profile.samples.max(1)));
    let (kind, sentence) = if acked {
        (Kind::AgentLost, format!("no heartbeat of PID 1 for {silent:.0} s, but the kernel answers sysrq"))
    } else {
        let (kind, how) = match demand {
            // A console may print from a thread of its own (`kernel/printk/nbcon.c`): no answer alone does not prove that
            // interrupts are off.
            Some(demand) if demand >= MIN_BUSY_CPUS && masked.is_some_and(|masked| masked < MIN_IRQS_OFF_SHARE) => {
                (Kind::Unresponsive, "while a vCPU is busy with interrupts on")
            }
            Some(demand) if demand >= MIN_BUSY_CPUS => (Kind::Spin, "while a vCPU is busy"),
            Some(demand) if demand <= MAX_IDLE_CPUS => (Kind::Deadlock, "and no vCPU is busy"),
            _ => (Kind::Unresponsive, "and its CPU use does not say why"),
        };
        (kind, format!("no heartbeat of PID 1 and no answer to sysrq for {silent:.0} s, {how}"))
    };
    let mut verdict = Verdict::new(kind, RuleId::HeartbeatLost, sentence);
    verdict.confidence = 0.8;
    if acked {
        verdict.evidence.push(Evidence::SysrqAnswered { letter: 'm' });
    } else if let Some((letter, why)) = observed.probes.sysrq_failed() {
        verdict.caveats.push(Caveat::SysrqFailed { letter, why: why.to_owned() });
        verdict.confidence -= 0.15;
    } else {
        verdict.evidence.push(Evidence::SysrqUnanswered { letter: 'm' });
    }
    verdict.evidence.extend(demand.map(|cpus| Evidence::CpuDemand { cpus }));
    if let Some(profile) = &profile {
        verdict.evidence.push(Evidence::Profile(summary(profile)));
    }
    if let (Kind::Spin, Some(share)) = (kind, masked) {
        verdict.evidence.push(Evidence::InterruptsOff { share });
        verdict.confidence = 0.95;
    }
    let quiet = observed.console_activity.unwrap_or(beat);
    verdict.onset = Some(Onset {
        host: if acked { beat.host } else { quiet.host.max(beat.host) },
        guest_s: observed.beat.map(|(_, beat)| beat.mono_ms as f64 / 1e3),
    });
    verdict.victim = observed.oom_kills.victim().map(|kill| kill.what.clone());
    verdict.lines = observed.oom_kills.victim().iter().map(|kill| kill.line.clone()).collect();
    if !observed.last_line.is_empty() && !verdict.lines.contains(&observed.last_line) {
        verdict.lines.push(observed.last_line.clone());
    }
    verdict
}
