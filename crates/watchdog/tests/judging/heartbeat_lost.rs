//! PID 1 sends no heartbeat.

use crate::trial::{Trial, profile, top_function};
use model::{Caveat, Evidence, Kind, Outcome, Probe, RuleId};

fn echo() -> Vec<String> {
    vec!["[   11.000000] sysrq: Show Memory".to_owned(), "[   11.000100] Mem-Info:".to_owned()]
}

#[test]
fn lost_heartbeat_kind_depends_on_cpu() {
    for (ran, kind) in [(1.0, Kind::Spin), (0.0, Kind::Deadlock), (0.4, Kind::Unresponsive)] {
        let mut trial = Trial::booted();
        trial.line("[    1.000000] the last word");
        trial.second(0.5, 0.0, true);
        assert_eq!(trial.until_verdict(20, ran, 0.0, false), 12);
        let verdict = trial.verdict();
        assert_eq!((verdict.kind, verdict.outcome()), (kind, Outcome::Hang));
        let first_sysrq = trial.probes.iter().position(|(_, probe)| *probe == Probe::Sysrq('m')).unwrap();
        assert_eq!(trial.probes[first_sysrq].0, 5);
        assert_eq!(trial.probes[0].1, Probe::Profile, "the host comes first");
        assert_eq!(verdict.onset.unwrap().host.as_secs_f64(), 1.0);
        assert_eq!(verdict.onset.unwrap().guest_s, Some(1.0));
        assert_eq!(verdict.lines, ["[    1.000000] the last word"]);
        assert_eq!(verdict.evidence[0], Evidence::SysrqUnanswered { letter: 'm' });
        assert!((verdict.confidence - 0.8).abs() < 1e-6);
    }
}

#[test]
fn spin_needs_interrupts_off() {
    let judged = |irqs_off| {
        let mut trial = Trial::booted();
        let mut spinning = profile(&[("native_queued_spin_lock_slowpath", 100)], &[]);
        spinning.irqs_off = irqs_off;
        trial.answers.profile = Some(spinning);
        trial.until_verdict(20, 1.0, 0.0, false);
        let verdict = trial.verdict();
        let spins = |shown| top_function(shown) == Some("native_queued_spin_lock_slowpath");
        assert!(verdict.evidence.iter().any(spins), "{:?}", verdict.evidence);
        (verdict.kind, verdict.confidence)
    };
    assert_eq!(judged(100), (Kind::Spin, 0.95));
    assert_eq!(judged(50), (Kind::Spin, 0.95));
    assert_eq!(judged(49), (Kind::Unresponsive, 0.8));
}

#[test]
fn answering_kernel_is_agent_lost() {
    let mut trial = Trial::booted();
    trial.answers.sysrq.insert('m', echo());
    assert_eq!(trial.until_verdict(20, 0.0, 0.0, false), 12, "the answer is no sign of life of PID 1");
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::AgentLost, Outcome::Hang));
    assert_eq!(verdict.evidence[0], Evidence::SysrqAnswered { letter: 'm' });
    assert!(!verdict.lines.iter().any(|line| line.contains("Mem-Info")), "what the lab provoked is no evidence");
}

#[test]
fn earlier_sysrq_ack_does_not_count() {
    let mut trial = Trial::booted();
    trial.answers.sysrq.insert('m', echo());
    trial.seconds(6, 0.0, 0.0, false);
    trial.beat.canary_rounds += 1;
    trial.second(0.0, 0.0, true);
    trial.answers.sysrq.clear();
    trial.until_verdict(30, 0.0, 0.0, false);
    assert_eq!(trial.verdict().kind, Kind::Deadlock);
}

#[test]
fn failed_sysrq_is_a_caveat() {
    let mut trial = Trial::booted();
    trial.answers.unasked = Some("the console is not connected".to_owned());
    trial.until_verdict(20, 0.0, 0.0, false);
    let verdict = trial.verdict();
    assert_eq!(verdict.kind, Kind::Deadlock);
    let why = "the console is not connected".to_owned();
    assert_eq!(verdict.caveats, [Caveat::SysrqFailed { letter: 'w', why }]);
    assert!(verdict.confidence < 0.7);
}

#[test]
fn lost_heartbeat_in_allocator_is_livelock() {
    for (symbol, kind) in [("get_page_from_freelist", Kind::OomLivelock), ("memcpy", Kind::AgentLost)] {
        let mut trial = Trial::booted();
        trial.kill();
        trial.answers.profile = Some(profile(&[(symbol, 90)], &[]));
        trial.answers.sysrq.insert('m', echo());
        trial.until_verdict(30, 1.0, 0.0, false);
        let verdict = trial.verdict();
        assert_eq!((verdict.kind, verdict.victim.unwrap().pid), (kind, 26), "{symbol}");
        assert_eq!(verdict.rule, RuleId::HeartbeatLost);
        assert_eq!(
            verdict.caveats.iter().any(|caveat| matches!(caveat, Caveat::HeartbeatLost { .. })),
            kind == Kind::OomLivelock
        );
    }
}

#[test]
fn flooded_console_defers_agent_lost() {
    let mut trial = Trial::booted();
    trial.answers.sysrq.insert('m', echo());
    let mut seconds = 0;
    while trial.watchdog.verdict().is_none() && seconds < 59 {
        trial.line(&format!("flood {seconds}"));
        trial.second(1.0, 0.0, false);
        seconds += 1;
    }
    assert_eq!((seconds, trial.verdict().kind), (48, Kind::AgentLost));

    let mut recovers = Trial::booted();
    for second in 0..40 {
        recovers.line("flood");
        recovers.beat.canary_rounds += 1;
        recovers.second(1.0, 0.0, second % 20 == 19);
    }
    assert!(recovers.watchdog.verdict().is_none());
}

#[test]
fn flooded_console_deadline_is_bounded() {
    let mut trial = Trial::booted();
    let mut deadlines = Vec::new();
    for _ in 0..46 {
        trial.second(1.0, 0.0, false);
        trial.line("[    1.000000] the same again");
        deadlines.push(trial.watchdog.deadline().unwrap().as_secs_f64());
    }
    // Three times 4 s of silence on the console, or four times as long without a beat.
    for (second, deadline) in [(13, 25.0), (20, 32.0), (46, 48.0)] {
        let found = deadlines[second - 1];
        assert!((found - deadline).abs() < 0.002, "at {second} s: {found} instead of {deadline}");
    }
}

#[test]
fn last_line_is_shown_once() {
    let mut trial = Trial::booted();
    trial.kill();
    trial.until_verdict(60, 1.0, 0.0, false);
    let lines = trial.verdict().lines;
    assert!(lines.len() == 1 && lines[0].contains("Killed process 26"), "{lines:?}");
    let mut trial = Trial::booted();
    trial.kill();
    trial.line("[    0.600000] another");
    trial.until_verdict(60, 1.0, 0.0, false);
    assert_eq!(trial.verdict().lines.len(), 2);
}
