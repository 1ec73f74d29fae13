mod evidence;
mod keep;

use super::*;
use crate::guest::StopSignal;
use crate::lab::diagnosis::Means;
use crate::lab::input::StepWork;
use crate::lab::step_error::StepError;
use crate::store::StoreError;
use model::{Bundle, Counters, Kind, Record, ShutdownCause, Step, StepResult, Timeouts, Verdict};
use std::collections::BTreeMap;
use watchdog::Setup;

/// Keeps what is written.
#[derive(Debug, Default)]
struct Memory {
    console: Vec<u8>,
    events: Vec<Record>,
    verdict: Option<Verdict>,
    files: Vec<String>,
    bundle: Option<Bundle>,
}

impl Journal for Memory {
    fn console(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.console.extend_from_slice(bytes);
        Ok(())
    }

    fn events(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.events.extend_from_slice(records);
        Ok(())
    }

    fn verdict(&mut self, verdict: &Verdict) -> Result<(), StoreError> {
        self.verdict = Some(verdict.clone());
        Ok(())
    }

    fn file(&mut self, name: &str, _: &[u8]) -> Result<(), StoreError> {
        self.files.push(name.to_owned());
        Ok(())
    }

    fn bundle(&mut self, bundle: &Bundle) -> Result<(), StoreError> {
        self.bundle = Some(bundle.clone());
        Ok(())
    }
}

/// A trial of a guest without the agent.
struct Trial {
    conductor: Conductor,
    journal: Memory,
    effects: Vec<Effect>,
}

const PANIC: &str = "[    1.000000] Kernel panic - not syncing: sysrq triggered crash\n";

impl Trial {
    fn new(is_managed: bool, has_agent: bool) -> Self {
        let timeouts = Timeouts { boot_s: 30.0, load_s: 60.0, stuck_s: 5.0 };
        let conditions = Conditions {
            setup: Setup::new(has_agent, timeouts),
            pid: Some(7),
            is_managed,
            vcpu_stop_percent: None,
            keep: Vec::new(),
            diagnosed: BTreeMap::new(),
            diagnosis: Means { arch: "riscv64".parse().unwrap(), has_agent, keeps_dump: false },
        };
        let mut trial =
            Self { conductor: Conductor::new(conditions, true), journal: Memory::default(), effects: Vec::new() };
        trial.conductor.spawned(Stamp::ZERO, &mut trial.journal).unwrap();
        trial
    }

    fn watching() -> Self {
        let mut trial = Self::new(true, false);
        trial.guest(0.1, GuestEvent::ConsoleReady);
        trial
    }

    /// A guest whose kernel has panicked, at the first step of its diagnosis.
    fn diagnosing(has_agent: bool) -> Self {
        let mut trial = Self::new(true, has_agent);
        trial.guest(0.1, GuestEvent::ConsoleReady);
        trial.guest(1.0, GuestEvent::Console(PANIC.into()));
        trial.show_panic();
        trial.until(|trial| matches!(trial.conductor.phase, Phase::Diagnosing(_)));
        trial
    }

    /// Answers the look at the kernel's counters that a panic calls for.
    fn show_panic(&mut self) {
        let is_look = |effect: &Effect| matches!(effect, Effect::Probe { probe: Probe::Counters, .. });
        self.until(|trial| trial.effects.iter().any(is_look));
        self.effects.retain(|effect| !is_look(effect));
        let counters = Box::new(Counters { panicked: Some(true), ..Counters::default() });
        self.input(self.now(), Input::Task(TaskResult::Probed(Some(Event::Counters { counters }))));
    }

    fn input(&mut self, at_s: f64, input: Input) {
        let effects = self.conductor.on_input(Stamp::from_secs_f64(at_s), input, &mut self.journal).unwrap();
        self.effects.extend(effects.into_iter().filter(|effect| !matches!(effect, Effect::Show(_))));
    }

    fn guest(&mut self, at_s: f64, event: GuestEvent) {
        self.input(at_s, Input::Guest(event));
    }

    fn shutdown(&mut self, at_s: f64) {
        self.guest(at_s, GuestEvent::Qmp(QmpEvent::Shutdown(ShutdownCause::GuestShutdown)));
    }

    fn exit(&mut self, at_s: f64) {
        self.guest(at_s, GuestEvent::Exited(Ok(Exit { code: Some(0), ..Exit::default() })));
        self.guest(at_s, GuestEvent::ConsoleEnd);
        self.guest(at_s, GuestEvent::QmpEnd);
    }

    /// Lets every deadline pass until `done`.
    fn until(&mut self, done: impl Fn(&Self) -> bool) {
        for _ in 0..1000 {
            if done(self) {
                return;
            }
            let deadline = self.conductor.deadline().expect("a phase that waits has a deadline");
            self.input(deadline.as_secs_f64(), Input::Deadline);
        }
        panic!("{:?}", self.conductor.phase);
    }

    fn took(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    fn now(&self) -> f64 {
        self.journal.events.last().map_or(0.0, |record| record.at.as_secs_f64())
    }

    fn kind(&self) -> Option<Kind> {
        self.conductor.recorder.watchdog.verdict().map(|verdict| verdict.kind)
    }

    fn step(&self, step: Step) -> StepResult {
        let bundle = self.journal.bundle.as_ref().expect("a bundle");
        bundle.steps.iter().find(|record| record.step == step).expect("every step is recorded").result.clone()
    }
}

#[test]
fn silence_does_not_count_before_console_is_open() {
    let mut trial = Trial::new(true, false);
    assert_eq!(trial.conductor.deadline(), None);
    trial.guest(29.0, GuestEvent::ConsoleReady);
    assert!(trial.conductor.deadline().is_some());
}

#[test]
fn console_that_never_opens_is_a_lab_error() {
    let mut trial = Trial::new(true, false);
    let event = GuestEvent::ConsoleUnreachable(std::io::ErrorKind::TimedOut.into());
    let result = trial.conductor.on_input(Stamp::from_secs_f64(30.0), Input::Guest(event), &mut trial.journal);
    assert!(matches!(result, Err(LabError::Console { .. })), "{result:?}");
}

#[test]
fn shut_down_machine_is_judged_after_its_last_console_bytes() {
    let mut trial = Trial::watching();
    trial.guest(0.2, GuestEvent::Qmp(QmpEvent::Connected));
    assert_eq!(trial.took(), [Effect::PauseOnShutdown, Effect::QueryVcpus]);
    trial.input(0.3, Input::Task(TaskResult::ShutdownAction(true)));
    trial.shutdown(2.0);
    assert_eq!(trial.took(), [Effect::AbortProbes, Effect::FlushConsole]);
    trial.guest(2.1, GuestEvent::Console(b"[    2.0] reboot: Power down\n".to_vec()));
    assert_eq!(trial.kind(), None);
    trial.input(2.2, Input::Task(TaskResult::Flushed));
    assert_eq!(trial.kind(), Some(Kind::Finished));
    assert_eq!(trial.took(), [Effect::AbortProbes, Effect::AbortProbes, Effect::Quit]);
    let down = trial.journal.events.iter().position(|record| record.event == Event::Down).unwrap();
    let line = trial.journal.events.iter().position(|record| matches!(record.event, Event::Line { .. })).unwrap();
    assert!(line < down, "{:?}", trial.journal.events);
    trial.exit(2.3);
    assert!(trial.conductor.is_over());
    assert!(matches!(trial.journal.events.last().unwrap().event, Event::Exited { code: Some(0), .. }));
}

#[test]
fn qemu_that_does_not_exit_after_shutdown_is_killed() {
    let mut trial = Trial::watching();
    trial.input(0.3, Input::Task(TaskResult::ShutdownAction(false)));
    trial.shutdown(2.0);
    trial.took();
    let deadline = trial.conductor.deadline().unwrap();
    assert_eq!(deadline, Stamp::from_secs_f64(2.0) + EXIT_TIMEOUT);
    trial.input(deadline.as_secs_f64(), Input::Deadline);
    assert_eq!(trial.took(), [Effect::Signal(StopSignal::Kill)]);
    trial.exit(3.5);
    assert!(trial.conductor.is_over());
}

/// The time of an input alone: the lab was starved, and has not read yet what arrived meanwhile.
fn starve(trial: &mut Trial, until_s: f64) {
    let sample = HostSample { late: Duration::from_secs(60), psi_cpu_avg10: None, is_stopped: false };
    trial.input(until_s, Input::Host(sample));
}

#[test]
fn starved_lab_reads_the_console_before_it_judges_a_shutdown() {
    let mut trial = Trial::watching();
    trial.shutdown(2.0);
    starve(&mut trial, 60.0);
    assert!(matches!(trial.conductor.phase, Phase::Flushing { .. }), "{:?}", trial.conductor.phase);
    trial.input(60.0, Input::Deadline);
    assert!(!matches!(trial.conductor.phase, Phase::Flushing { .. }), "{:?}", trial.conductor.phase);
}

#[test]
fn starved_lab_reads_the_console_before_it_judges_an_exit() {
    let mut trial = Trial::watching();
    trial.guest(2.0, GuestEvent::Exited(Ok(Exit { code: Some(0), ..Exit::default() })));
    starve(&mut trial, 60.0);
    trial.guest(60.0, GuestEvent::Console(b"[    2.0] reboot: Power down\n".to_vec()));
    assert!(!trial.conductor.is_over());
    trial.input(60.0, Input::Deadline);
    assert!(trial.conductor.is_over());
    let line = trial.journal.events.iter().position(|record| matches!(record.event, Event::Line { .. })).unwrap();
    let exit = trial.journal.events.iter().position(|record| matches!(record.event, Event::Exited { .. })).unwrap();
    assert!(line < exit, "{:?}", trial.journal.events);
}

#[test]
fn unanswered_shutdown_action_holds_up_nothing_for_long() {
    let mut trial = Trial::watching();
    trial.shutdown(2.0);
    trial.input(2.1, Input::Task(TaskResult::Flushed));
    assert!(matches!(trial.conductor.phase, Phase::Flushing { .. }));
    trial.until(|trial| trial.effects.contains(&Effect::Signal(StopSignal::Kill)));
}

#[test]
fn qemu_that_survives_sigkill_is_an_error() {
    let mut trial = Trial::watching();
    trial.input(1.0, Input::Cancelled);
    assert_eq!(trial.kind(), Some(Kind::Interrupted));
    assert_eq!(trial.took().last(), Some(&Effect::Quit));
    trial.until(|trial| trial.effects.contains(&Effect::Signal(StopSignal::Kill)));
    assert_eq!(trial.took(), [Effect::Signal(StopSignal::Terminate), Effect::Signal(StopSignal::Kill)]);
    let deadline = trial.conductor.deadline().unwrap();
    let result = trial.conductor.on_input(deadline, Input::Deadline, &mut trial.journal);
    assert!(matches!(result, Err(LabError::Io { .. })), "{result:?}");
}

#[test]
fn cancel_ends_a_trial_whose_console_is_not_open() {
    let mut trial = Trial::new(true, false);
    trial.input(1.0, Input::Cancelled);
    assert_eq!(trial.kind(), Some(Kind::Interrupted));
    assert_eq!(trial.took().last(), Some(&Effect::Quit));
}

#[test]
fn attached_qemu_is_left_running() {
    let mut trial = Trial::new(false, false);
    trial.guest(0.1, GuestEvent::ConsoleReady);
    trial.guest(0.2, GuestEvent::Qmp(QmpEvent::Connected));
    assert_eq!(trial.took(), [Effect::QueryVcpus]);
    trial.input(1.0, Input::Cancelled);
    assert!(trial.conductor.is_over());
    assert_eq!(trial.took(), [Effect::AbortProbes, Effect::AbortProbes]);
}

#[test]
fn one_probe_runs_at_a_time() {
    let mut trial = Trial::watching();
    let probes = [Action::Probe(Probe::Profile), Action::Probe(Probe::Memory)];
    trial.conductor.act(Stamp::from_secs_f64(1.0), probes.to_vec(), &mut trial.journal).unwrap();
    trial.input(1.0, Input::Task(TaskResult::Threads));
    assert_eq!(trial.took(), [Effect::Probe { probe: Probe::Profile, page_bytes: PAGE_BYTES }]);
    trial.input(2.0, Input::Task(TaskResult::Probed(None)));
    assert_eq!(trial.took(), [Effect::Probe { probe: Probe::Memory, page_bytes: PAGE_BYTES }]);
    trial.shutdown(3.0);
    trial.input(3.1, Input::Task(TaskResult::Probed(None)));
    assert!(!trial.took().iter().any(|effect| matches!(effect, Effect::Probe { .. })));
}

#[test]
fn verdict_is_on_disk_before_evidence_is_collected() {
    let mut trial = Trial::diagnosing(false);
    assert_eq!(trial.journal.verdict.as_ref().map(|verdict| verdict.kind), Some(Kind::Panic));
    let step = StepWork::Read { step: Step::Registers, page_bytes: PAGE_BYTES };
    assert_eq!(trial.took().last(), Some(&Effect::Step(step)));
    let at_s = trial.now();
    trial.input(at_s, Input::Task(TaskResult::Step(Ok("pc 0".to_owned()))));
    assert_eq!(trial.journal.files, ["bundle/registers.txt"]);
}

#[test]
fn exit_ends_the_diagnosis_and_bundle_says_so() {
    let mut trial = Trial::diagnosing(false);
    let at_s = trial.now();
    trial.exit(at_s);
    assert!(trial.conductor.is_over());
    assert!(matches!(trial.step(Step::Registers), StepResult::Failed { .. }));
    assert_eq!(trial.step(Step::Nmi), StepResult::Skipped { why: "QEMU has exited".to_owned() });
}

#[test]
fn cancel_skips_the_rest_of_the_diagnosis() {
    let mut trial = Trial::diagnosing(false);
    let at_s = trial.now();
    trial.input(at_s, Input::Cancelled);
    assert_eq!(trial.step(Step::Registers), StepResult::Skipped { why: "the run was stopped".to_owned() });
    assert_eq!(trial.took().last(), Some(&Effect::Quit));
}

#[test]
fn late_step_is_aborted_and_the_next_one_begins() {
    let mut trial = Trial::diagnosing(false);
    trial.took();
    let deadline = trial.conductor.deadline().unwrap();
    trial.input(deadline.as_secs_f64(), Input::Deadline);
    let profile = StepWork::Read { step: Step::Profile, page_bytes: PAGE_BYTES };
    assert_eq!(trial.took(), [Effect::AbortProbes, Effect::Step(profile)]);
}

/// Fails every step that the host makes until the first sysrq letter is tried; gives the time.
fn to_sysrq(trial: &mut Trial) -> f64 {
    let mut at_s = trial.now();
    for _ in 0..16 {
        let effects = trial.took();
        if effects.iter().any(|effect| matches!(effect, Effect::Step(StepWork::BreakSysrq('m')))) {
            return at_s;
        }
        at_s += 0.01;
        trial.input(at_s, Input::Task(TaskResult::Step(Err(StepError::NoQmp))));
    }
    panic!("no sysrq letter is tried");
}

#[test]
fn agent_is_asked_where_a_break_does_not_reach_the_kernel() {
    let mut trial = Trial::diagnosing(true);
    let at_s = to_sysrq(&mut trial);
    trial.input(at_s, Input::Task(TaskResult::Step(Ok(String::new()))));
    let deadline = trial.conductor.deadline().unwrap();
    trial.input(deadline.as_secs_f64(), Input::Deadline);
    assert_eq!(trial.took(), [Effect::Step(StepWork::AgentSysrq('m'))]);
    let at_s = deadline.as_secs_f64() + 0.1;
    trial.input(at_s, Input::Task(TaskResult::Step(Ok(String::new()))));
    trial.guest(at_s + 0.1, GuestEvent::Console(b"[    9.0] sysrq: Show Memory\n".to_vec()));
    let quiet = trial.conductor.deadline().unwrap();
    assert_eq!(quiet, Stamp::from_secs_f64(at_s + 0.1) + Duration::from_millis(300));
    trial.input(quiet.as_secs_f64(), Input::Deadline);
    assert!(trial.journal.files.contains(&"bundle/sysrq-m.txt".to_owned()));
    // What is known of the BREAK holds for the next letter.
    assert_eq!(trial.took(), [Effect::Step(StepWork::AgentSysrq('w'))]);
}

#[test]
fn kernel_that_does_not_answer_is_asked_once() {
    let mut trial = Trial::diagnosing(false);
    let at_s = to_sysrq(&mut trial);
    trial.input(at_s, Input::Task(TaskResult::Step(Ok(String::new()))));
    trial.until(|trial| trial.journal.bundle.is_some());
    assert!(matches!(trial.step(Step::Sysrq('m')), StepResult::Failed { .. }));
    assert_eq!(trial.step(Step::Sysrq('t')), StepResult::Skipped { why: "sysrq-m was not answered".to_owned() });
}
