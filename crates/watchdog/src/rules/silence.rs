//! PID 1 does not beat any more. It allocates nothing, so memory pressure alone does not silence it; a console that something
//! else floods may, for a while.

use super::{Judgement, PROOF, Rule};
use crate::clock::Moment;
use crate::inquiry::in_words;
use crate::seen::Seen;
use crate::stall::{self, BUSY};
use model::{Kind, Onset, Probe, Verdict};

/// A guest that wants less than this share of a CPU is idle.
const IDLE: f64 = 0.1;

/// A vCPU with interrupts off in at least this share of the samples has them off for good.
const MASKED: f64 = 0.5;

/// How many times longer the beat may be silent while the console goes on without it.
const FLOODED: f64 = 4.0;

pub(super) const RULE: Rule = Rule { name: "beat-silent", judge };

fn judge(seen: &Seen) -> Judgement {
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
        let mut verdict = stall::verdict(seen, progress, seen.now().fair_since(progress));
        verdict.against.push(format!("PID 1 has been silent for {silent:.0} s as well"));
        return Judgement::is(verdict);
    }
    Judgement::is(verdict(seen, beat, silent))
}

fn verdict(seen: &Seen, beat: Moment, silent: f64) -> Verdict {
    let demand = seen.clock.demand(beat.host);
    let profile = seen.inquiry.profile(beat);
    let echo = seen.inquiry.echoed(beat);
    let masked = profile.as_ref().map(|profile| f64::from(profile.irqs_off) / f64::from(profile.samples.max(1)));
    let (kind, summary) = if echo {
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
    let mut verdict = Verdict::new(kind, "", summary);
    verdict.confidence = 0.8;
    if echo {
        verdict.grounds.push("the kernel answered sysrq-m".to_owned());
    } else if let Some(why) = seen.inquiry.sysrq_failed() {
        verdict.against.push(format!("the kernel could not be asked: {why}"));
        verdict.confidence -= 0.15;
    } else {
        verdict.grounds.push("the kernel did not answer sysrq-m".to_owned());
    }
    verdict.grounds.extend(demand.map(|demand| format!("the guest wanted {demand:.2} CPUs")));
    if let Some(profile) = &profile {
        verdict.grounds.push(in_words(profile));
    }
    if let (Kind::Spin, Some(masked)) = (kind, masked) {
        verdict.grounds.push(format!("interrupts were off in {:.0} % of the samples", 100.0 * masked));
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
