//! Guests that stay after their verdict.

use super::*;
use model::Outcome;

/// A guest that stays after these outcomes.
fn kept_on(outcomes: &[Outcome]) -> Trial {
    let mut trial = Trial::new(true, false);
    trial.conductor.conditions.keep = outcomes.to_vec();
    trial.guest(0.1, GuestEvent::ConsoleReady);
    trial
}

fn panic(trial: &mut Trial) {
    trial.guest(1.0, GuestEvent::Console(PANIC.into()));
    trial.show_panic();
    trial.until(|trial| trial.conductor.is_over() || matches!(trial.conductor.phase, Phase::Stopping(_)));
}

#[test]
fn guest_with_that_outcome_is_not_stopped_nor_disturbed() {
    let mut trial = kept_on(&[Outcome::Crash]);
    panic(&mut trial);
    assert!(trial.conductor.is_over() && trial.conductor.is_kept());
    let stops = |effect: &Effect| matches!(effect, Effect::Quit | Effect::Signal(_));
    let asks = |effect: &Effect| matches!(effect, Effect::Step(StepWork::BreakSysrq(_) | StepWork::Nmi));
    assert!(!trial.effects.iter().any(|effect| stops(effect) || asks(effect)), "{:?}", trial.effects);
    assert_eq!(trial.step(Step::Sysrq('t')), StepResult::Skipped { why: "the guest is kept as it is".to_owned() });
}

#[test]
fn guest_with_another_outcome_is_stopped() {
    let mut trial = kept_on(&[Outcome::Hang]);
    panic(&mut trial);
    assert!(!trial.conductor.is_kept() && trial.effects.contains(&Effect::Quit));
}

#[test]
fn cancelled_trial_keeps_nothing() {
    let mut trial = kept_on(&[Outcome::Crash]);
    trial.guest(1.0, GuestEvent::Console(PANIC.into()));
    trial.show_panic();
    trial.until(|trial| matches!(trial.conductor.phase, Phase::Diagnosing(_)));
    trial.input(trial.now() + 0.1, Input::Cancelled);
    assert!(!trial.conductor.is_kept() && trial.effects.contains(&Effect::Quit));
}

#[test]
fn hang_is_not_confirmed_by_a_kill() {
    let mut trial = kept_on(&[Outcome::Hang]);
    let probe = Probe::Sysrq('f');
    trial.conductor.act(Stamp::from_secs_f64(1.0), vec![Action::Probe(probe)], &mut trial.journal).unwrap();
    trial.until(|trial| trial.journal.events.iter().any(|record| matches!(record.event, Event::ProbeFailed { .. })));
    let is_sent = |effect: &Effect| matches!(effect, Effect::Probe { probe: Probe::Sysrq(_), .. });
    assert!(!trial.effects.iter().any(is_sent), "{:?}", trial.effects);
    let failed = Event::ProbeFailed { probe, why: "the guest is kept as it is".to_owned() };
    assert!(trial.journal.events.iter().any(|record| record.event == failed));
}
