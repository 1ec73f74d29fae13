//! PID 1 does not beat any more, and nothing else comes over the console. PID 1 allocates nothing, so memory pressure
//! alone does not silence it; a console that something else floods does.

use super::{Judgement, Rule};
use crate::model::{Kind, Onset, Verdict};
use crate::watchdog::seen::Seen;

/// A vCPU that wants more than this share of a CPU is busy, one that wants less than a tenth is idle.
const BUSY: f64 = 0.8;
const IDLE: f64 = 0.1;

pub(super) const RULE: Rule = Rule { name: "beat-silent", judge };

fn judge(seen: &Seen) -> Judgement {
    let (Some(hello), None) = (seen.hello, &seen.finished) else { return Judgement::No };
    let last = seen.console_moved.unwrap_or(hello);
    let limit = 3.0 * seen.stuck_s();
    let passed = seen.now().fair_since(last);
    if passed < limit {
        return Judgement::later(seen, limit, passed);
    }
    let (kind, how) = match seen.clock.demand(last.host) {
        Some(demand) if demand >= BUSY => (Kind::Spin, "while a vCPU is busy"),
        Some(demand) if demand <= IDLE => (Kind::Deadlock, "and no vCPU is busy"),
        _ => (Kind::Unresponsive, "and its CPU use does not say why"),
    };
    let mut verdict = Verdict::new(kind, "", format!("PID 1 and the kernel have been silent for {passed:.0} s, {how}"));
    verdict.confidence = 0.7;
    verdict.onset = Some(Onset { host: last.host, guest_s: seen.beat.map(|(_, beat)| beat.mono_ms as f64 / 1e3) });
    verdict.victim = seen.kill.as_ref().map(|kill| kill.what.clone());
    verdict.lines = seen.kill.iter().map(|kill| kill.line.clone()).collect();
    if !seen.last_line.is_empty() && !verdict.lines.contains(&seen.last_line) {
        verdict.lines.push(seen.last_line.clone());
    }
    Judgement::is(verdict)
}
