//! PID 1 does not beat any more. It allocates nothing, so memory pressure alone does not silence it; a console that something
//! else floods may, for a while.

use super::{Judgement, PROOF};
use crate::clock::Moment;
use crate::inquiry::summary;
use crate::seen::Seen;
use crate::stall::{self, BUSY};
use model::{Caveat, Evidence, Kind, Onset, Probe, RuleId, Verdict};

/// A guest that wants less than this share of a CPU is idle.
const IDLE: f64 = 0.1;

/// A vCPU with interrupts off in at least this share of the samples has them off for good.
const MASKED: f64 = 0.5;

/// How many times longer the beat may be silent while the console goes on without it.
const FLOODED: f64 = 4.0;

pub(super) fn judge(seen: &Seen) -> Judgement {
    let (Some(hello), None) = (seen.hello, &seen.finished) else { return Judgement::No };
    let beat = seen.beat.map_or(hello, |(at, _)| at);
    let threshold = seen.stuck_s();
    let limit = f64::from(PROOF) * threshold;
    let silent = seen.now().fair_since(beat);
    if silent < threshold {
        return Judgement::later(seen, threshold, silent);
    }
    // Host first, guest last.
    for probe in [Probe::Profile, Probe::Sysrq('m')] {
        if seen.inquiry.asked(probe, beat) == 0 {
            return Judgement::Ask(probe);
        }
    }
    if silent < limit {
        return Judgement::later(seen, limit, silent);
    }
    let console = seen.console_moved.unwrap_or(hello);
    let quiet = seen.now().fair_since(console);
    if quiet < limit && silent < FLOODED * limit {
        return Judgement::later(seen, (limit - quiet).min(FLOODED * limit - silent), 0.0);
    }
    if seen.inquiry.echoed(beat) && stall::allocates(seen, beat) == Some(true) {
        let progress = seen.progress();
        let mut verdict = stall::verdict(seen, RuleId::HeartbeatLost, progress, seen.now().fair_since(progress));
        verdict.caveats.push(Caveat::HeartbeatLost { silent_s: silent });
        return Judgement::is(verdict);
    }
    Judgement::is(verdict(seen, beat, silent))
}

fn verdict(seen: &Seen, beat: Moment, silent: f64) -> Verdict {
    let demand = seen.clock.demand(beat.host);
    let profile = seen.inquiry.profile(beat);
    let echo = seen.inquiry.echoed(beat);
    let masked = profile.as_ref().map(|profile| f64::from(profile.irqs_off) / f64::from(profile.samples.max(1)));
    let (kind, sentence) = if echo {
        (Kind::AgentLost, format!("PID 1 has been silent for {silent:.0} s, but the kernel answers"))
    } else {
        let (kind, how) = match demand {
            // A console may print from a thread of its own (`kernel/printk/nbcon.c`): no answer alone does not prove that
            // interrupts are off.
            Some(demand) if demand >= BUSY && masked.is_some_and(|masked| masked < MASKED) => {
                (Kind::Unresponsive, "while a vCPU is busy with interrupts on")
            }
            Some(demand) if demand >= BUSY => (Kind::Spin, "while a vCPU is busy"),
            Some(demand) if demand <= IDLE => (Kind::Deadlock, "and no vCPU is busy"),
            _ => (Kind::Unresponsive, "and its CPU use does not say why"),
        };
        (kind, format!("PID 1 and the kernel have been silent for {silent:.0} s, {how}"))
    };
    let mut verdict = Verdict::new(kind, RuleId::HeartbeatLost, sentence);
    verdict.confidence = 0.8;
    if echo {
        verdict.evidence.push(Evidence::SysrqAnswered { letter: 'm' });
    } else if let Some((letter, why)) = seen.inquiry.sysrq_failed() {
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
    let quiet = seen.console_moved.unwrap_or(beat);
    verdict.onset = Some(Onset {
        host: if echo { beat.host } else { quiet.host.max(beat.host) },
        guest_s: seen.beat.map(|(_, beat)| beat.mono_ms as f64 / 1e3),
    });
    verdict.victim = seen.kill.as_ref().map(|kill| kill.what.clone());
    verdict.lines = seen.kill.iter().map(|kill| kill.line.clone()).collect();
    if !seen.last_line.is_empty() && !verdict.lines.contains(&seen.last_line) {
        verdict.lines.push(seen.last_line.clone());
    }
    verdict
}
