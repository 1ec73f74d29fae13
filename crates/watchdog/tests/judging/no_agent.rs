//! Guests without the agent.

use crate::trial::{Trial, memory, profile};
use model::{Caveat, Kind, Outcome, Probe, RuleId};

const LOOPING: &[(&str, u32)] = &[("get_page_from_freelist", 90)];

#[test]
fn power_off_without_agent_passes() {
    let mut trial = Trial::new(false);
    trial.line("hello from my own init");
    trial.power_off();
    assert_eq!((trial.verdict().kind, trial.verdict().outcome()), (Kind::Finished, Outcome::Pass));
}

#[test]
fn silence_after_kill_is_oom_livelock() {
    let mut trial = Trial::new(false);
    trial.kill();
    assert_eq!(trial.until_verdict(40, 1.0, 0.0, false), 24);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.rule), (Kind::OomLivelock, RuleId::NoAgent));
    assert_eq!(verdict.victim.as_ref().unwrap().pid, 26);
    assert_eq!(verdict.onset.unwrap().guest_s, Some(0.564737));
    assert!(verdict.confidence < 0.6 && verdict.caveats.contains(&Caveat::NoAgent));
    let (one, two) = (Probe::Profile, Probe::Memory);
    assert_eq!(trial.probes, [(8, one), (8, two), (16, one), (16, two)]);
}

#[test]
fn silence_in_allocator_is_silent_stall() {
    for (spots, kind) in [(LOOPING, Kind::SilentStall), (&[("memcpy", 90)], Kind::LoadTimeout)] {
        let mut trial = Trial::new(false);
        trial.line("starting");
        trial.answers.profile = Some(profile(spots, &[]));
        trial.answers.memory = [memory(100, 200, 0)].into();
        trial.until_verdict(100, 1.0, 0.0, false);
        assert_eq!(trial.verdict().kind, kind);
    }
    let mut unseen = Trial::new(false);
    unseen.line("computing");
    unseen.until_verdict(100, 1.0, 0.0, false);
    assert_eq!(unseen.verdict().kind, Kind::LoadTimeout, "a busy guest without a profile may be computing");
}

#[test]
fn user_space_load_after_kill_is_no_hang() {
    let mut trial = Trial::new(false);
    trial.kill();
    trial.answers.profile = Some(profile(&[("memcpy", 90)], &[]));
    trial.until_verdict(100, 1.0, 0.0, false);
    assert_eq!(trial.verdict().kind, Kind::LoadTimeout);
}

#[test]
fn idle_shell_is_no_hang() {
    let mut idle = Trial::new(false);
    idle.line("a shell prompt");
    assert_eq!(idle.until_verdict(200, 0.01, 0.0, false), 90);
    let verdict = idle.verdict();
    assert_eq!(verdict.kind, Kind::LoadTimeout);
    assert_eq!(verdict.lines, ["a shell prompt"]);
    assert!(idle.probes.is_empty());
}

#[test]
fn empty_console_is_boot_silent() {
    let mut trial = Trial::new(false);
    trial.until_verdict(200, 0.01, 0.0, false);
    assert_eq!(trial.verdict().kind, Kind::BootSilent);
}
