//! Evidence that is collected before sysrq-f.

use super::*;

const SYSRQ_F: Action = Action::Probe(Probe::Sysrq('f'));

/// Lets the host's steps end until there is another effect; gives it with the names of the steps.
fn to_next_probe(trial: &mut Trial, mut at_s: f64) -> (Vec<Step>, Vec<Effect>) {
    let mut steps = Vec::new();
    loop {
        let effects = trial.took();
        let [Effect::Step(StepWork::Read { step, .. })] = effects[..] else { return (steps, effects) };
        steps.push(step);
        at_s += 0.01;
        trial.input(at_s, Input::Task(TaskResult::Step(Ok("text".to_owned()))));
    }
}

#[test]
fn host_evidence_precedes_sysrq_f() {
    let mut trial = Trial::watching();
    trial.conductor.act(Stamp::from_secs_f64(1.0), vec![SYSRQ_F], &mut trial.journal).unwrap();
    trial.input(1.0, Input::Task(TaskResult::Threads));
    let (steps, effects) = to_next_probe(&mut trial, 1.0);
    assert_eq!(steps, [Step::Registers, Step::Profile, Step::Memory, Step::KernelLog, Step::Tasks]);
    assert_eq!(effects, [Effect::Probe { probe: Probe::Sysrq('f'), page_bytes: PAGE_BYTES }]);
    assert_eq!(trial.journal.files.len(), 5);
    // After the verdict the other steps are made, and none again.
    trial.input(2.0, Input::Task(TaskResult::Probed(None)));
    trial.guest(3.0, GuestEvent::Console(PANIC.into()));
    trial.show_panic();
    trial.until(|trial| matches!(trial.conductor.phase, Phase::Diagnosing(_)));
    trial.exit(trial.now() + 0.1);
    let steps = trial.journal.bundle.as_ref().unwrap().steps.iter();
    let (before, after): (Vec<_>, Vec<_>) = steps.partition(|record| record.before_verdict);
    assert_eq!((before.len(), after.len()), (5, Step::ALL.len() - 5));
    assert!(before.iter().all(|record| !record.provoked && matches!(record.result, StepResult::Done { .. })));
    assert!(after.iter().all(|record| record.provoked), "{after:?}");
}

#[test]
fn late_evidence_does_not_hold_up_sysrq_f() {
    let mut trial = Trial::watching();
    trial.conductor.act(Stamp::from_secs_f64(1.0), vec![SYSRQ_F], &mut trial.journal).unwrap();
    trial.input(1.0, Input::Task(TaskResult::Threads));
    let sysrq_f = Effect::Probe { probe: Probe::Sysrq('f'), page_bytes: PAGE_BYTES };
    trial.until(|trial| trial.effects.contains(&sysrq_f));
    assert_eq!(trial.took().iter().filter(|effect| **effect == Effect::AbortProbes).count(), 4);
    assert!(trial.now() < 22.0, "{}", trial.now());
}

#[test]
fn shutdown_abandons_evidence_that_is_being_collected() {
    let mut trial = Trial::watching();
    trial.conductor.act(Stamp::from_secs_f64(1.0), vec![SYSRQ_F], &mut trial.journal).unwrap();
    trial.input(1.0, Input::Task(TaskResult::Threads));
    let registers = Effect::Step(StepWork::Read { step: Step::Registers, page_bytes: PAGE_BYTES });
    assert_eq!(trial.took(), [registers]);
    trial.shutdown(1.5);
    assert_eq!(trial.took(), [Effect::AbortProbes, Effect::FlushConsole]);
    trial.input(1.6, Input::Cancelled);
    assert!(trial.journal.bundle.is_none(), "a machine that is shut down is read after the verdict");
}

#[test]
fn cancel_keeps_the_evidence_collected_so_far() {
    let mut trial = Trial::watching();
    trial.conductor.act(Stamp::from_secs_f64(1.0), vec![SYSRQ_F], &mut trial.journal).unwrap();
    trial.input(1.0, Input::Task(TaskResult::Threads));
    trial.input(1.1, Input::Task(TaskResult::Step(Ok("pc 0".to_owned()))));
    trial.input(1.2, Input::Cancelled);
    assert_eq!(trial.journal.files, ["bundle/registers.txt"]);
    assert!(matches!(trial.step(Step::Registers), StepResult::Done { .. }));
}
