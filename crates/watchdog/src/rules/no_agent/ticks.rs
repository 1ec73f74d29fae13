//! The timer's ticks stand still: a CPU has its interrupts off.
//!
//! A CPU that is idle may stop its ticks (`CONFIG_NO_HZ_IDLE`), and a kernel need not answer sysrq. So a busy CPU must have its interrupts off
//! while it does not tick, and an idle one must wait outside of the kernel's idle loop.

use super::super::{CONFIRM_PERIODS, Judgement, MIN_IRQS_OFF_SHARE};
use crate::counter_log::Still;
use crate::observations::Observations;
use crate::probe_log::{ANSWER_TIMEOUT_S, summary};
use crate::stall::MIN_BUSY_CPUS;
use model::{Evidence, Kind, Onset, Probe, Profile, RuleId, Verdict};

pub(super) fn judge(observed: &Observations) -> Judgement {
    let counters = &observed.probes.counters;
    let Some(last) = &counters.last else { return Judgement::NotApplicable };
    let all = counters.ticks().filter(|ticks| ticks.looks > 0).map(|ticks| (None, ticks));
    let since = |(_, still): &(u32, Still)| still.since.host;
    let one = || counters.silent_cpus().min_by_key(since).map(|(cpu, still)| (Some(cpu), still));
    let Some((cpu, still)) = all.or_else(one) else { return Judgement::NotApplicable };
    let (lasted, threshold) = (still.lasted_s(last.at), observed.stuck_s());
    if lasted < threshold {
        return Judgement::NotApplicable;
    }
    // Host first, guest last.
    for probe in [Probe::Profile, Probe::Sysrq('m')] {
        if observed.probes.count_since(probe, still.since) == 0 {
            return Judgement::Probe(probe);
        }
    }
    if lasted < f64::from(CONFIRM_PERIODS) * threshold {
        return Judgement::NotApplicable;
    }
    if !observed.probes.are_answers_due(observed.now(), ANSWER_TIMEOUT_S) {
        return Judgement::recheck(observed, ANSWER_TIMEOUT_S, 0.0);
    }
    // Where others tick, one of them may answer.
    if cpu.is_none() && observed.probes.sysrq_acked_since(still.since) {
        return Judgement::NotApplicable;
    }
    let Some(profile) = observed.probes.profile(still.since) else { return Judgement::NotApplicable };
    let cpus = counters.last.as_ref().map_or(1, |look| look.counters.cpus.len().max(1));
    let share = f64::from(profile.irqs_off) / f64::from(profile.samples.max(1));
    let least = if cpu.is_some() { MIN_IRQS_OFF_SHARE / cpus as f64 } else { MIN_IRQS_OFF_SHARE };
    if share < least {
        return Judgement::NotApplicable;
    }
    Judgement::verdict(verdict(observed, (cpu, still), lasted, &profile))
}

fn verdict(observed: &Observations, (cpu, still): (Option<u32>, Still), lasted: f64, profile: &Profile) -> Verdict {
    let demand = observed.clock.demand(still.since.host);
    let is_busy = demand.is_none_or(|demand| demand >= MIN_BUSY_CPUS);
    let (kind, how) =
        if is_busy { (Kind::Spin, "while a vCPU is busy") } else { (Kind::Deadlock, "and no vCPU is busy") };
    let what = cpu.map_or("the kernel's clock stands still".to_owned(), |cpu| format!("CPU {cpu} does not tick"));
    let mut verdict =
        Verdict::new(kind, RuleId::NoAgent, format!("{what} for {lasted:.0} s with interrupts off, {how}"));
    verdict.confidence = 0.9;
    verdict.evidence = vec![Evidence::TicksStill { still_s: lasted, cpu }];
    if cpu.is_none() && observed.probes.sysrq_failed().is_none() {
        verdict.evidence.push(Evidence::SysrqUnanswered { letter: 'm' });
    }
    verdict.evidence.extend(demand.map(|cpus| Evidence::CpuDemand { cpus }));
    let share = f64::from(profile.irqs_off) / f64::from(profile.samples.max(1));
    verdict.evidence.extend([Evidence::Profile(summary(profile)), Evidence::InterruptsOff { share }]);
    verdict.onset = Some(Onset { host: still.since.host, guest_s: None });
    verdict.victim = observed.oom_kills.victim().map(|kill| kill.what.clone());
    if !observed.last_line.is_empty() {
        verdict.lines.push(observed.last_line.clone());
    }
    verdict
}
