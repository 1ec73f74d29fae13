//! Guests without the agent.

use crate::trial::{Trial, memory, profile};
use model::{Caveat, Kind, Outcome, Probe, RuleId};

const LOOPING: &[(&str, u32)] = &[("get_page_from_freelist", 90)];

#[test]
fn a_guest_that_ends_by_itself_passes() {
    let mut trial = Trial::new(false);
    trial.line("hello from my own init");
    trial.power_off();
    assert_eq!((trial.verdict().kind, trial.verdict().outcome()), (Kind::Finished, Outcome::Pass));
}

#[test]
fn silence_after_a_kill_on_a_busy_cpu_is_a_livelock_with_reservations() {
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
fn silence_in_the_allocator_without_a_kill_is_a_silent_stall() {
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
    assert_eq!(unseen.verdict().kind, Kind::LoadTimeout, "a busy guest that nobody could look into may be computing");
}

#[test]
fn a_guest_that_computes_after_a_kill_is_not_hung() {
    let mut trial = Trial::new(false);
    trial.kill();
    trial.answers.profile = Some(profile(&[("memcpy", 90)], &[]));
    trial.until_verdict(100, 1.0, 0.0, false);
    assert_eq!(trial.verdict().kind, Kind::LoadTimeout);
}

#[test]
fn a_shell_that_waits_is_not_hung() {
    let mut idle = Trial::new(false);
    idle.line("a shell prompt");
    assert_eq!(idle.until_verdict(200, 0.01, 0.0, false), 90);
    let verdict = idle.verdict();
    assert_eq!(verdict.kind, Kind::LoadTimeout);
    assert_eq!(verdict.lines, ["a shell prompt"]);
    assert!(idle.probes.is_empty());
}

#[test]
fn a_guest_that_never_said_anything_is_silent_from_boot() {
    let mut trial = Trial::new(false);
    trial.until_verdict(200, 0.01, 0.0, false);
    assert_eq!(trial.verdict().kind, Kind::BootSilent);
}
