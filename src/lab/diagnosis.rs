//! Diagnosis of a guest that has hung or crashed: steps in sequence, each with a timeout, while the console is read. The host's own
//! steps may precede sysrq-f; all others follow the verdict, which is on disk by then and does not change. Pure.

use super::answer::Answer;
use super::input::{Effect, StepWork};
use super::journal::Journal;
use super::step_error::StepError;
use crate::probe::DUMP_TIMEOUT;
use model::{Arch, BUNDLE_SCHEMA, Bundle, Stamp, Step, StepRecord, StepResult};
use std::time::Duration;

/// Folder of the bundle in a trial's folder.
pub(super) const FOLDER: &str = "bundle";

/// Timeout of a step: slightly above that of a QMP command.
const STEP_TIMEOUT: Duration = Duration::from_secs(6);

/// Timeout of all steps before the verdict, for which it waits.
const EARLY_TIMEOUT: Duration = Duration::from_secs(20);

/// Timeout of all steps after it, besides a dump.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(40);

/// Timeout for the first byte of the kernel's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Silence on the console that ends an answer.
const QUIET: Duration = Duration::from_millis(300);

/// How a kernel acknowledges a sysrq letter (`drivers/tty/sysrq.c`, `__handle_sysrq()`): since 4.20, and before.
const SYSRQ_ACKS: &[&str] = &["sysrq: ", "SysRq : "];

const EXITED: &str = "QEMU has exited";
const CANCELLED: &str = "the run was stopped";
const SHUT_DOWN: &str = "the machine is shut down";
/// Why a guest is not disturbed.
pub(super) const KEPT: &str = "the guest is kept as it is";

/// Capabilities of a diagnosis.
#[derive(Debug, Clone)]
pub(super) struct Means {
    pub arch: Arch,
    /// Whether the guest runs the agent.
    pub has_agent: bool,
    /// Whether the guest's RAM is dumped to a file.
    pub keeps_dump: bool,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    Late,
    Cancelled,
    Failed(String),
}

/// What the step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The host's part.
    Working,
    /// The kernel's answer on the console.
    Answering { quiet_at: Stamp },
}

/// How a step reaches the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It does not: the host reads the guest's memory or registers.
    Host,
    Break(char),
    Agent(char),
    Nmi,
}

/// The step in progress.
#[derive(Debug)]
struct Current {
    step: Step,
    began: Stamp,
    deadline: Stamp,
    before_verdict: bool,
    way: Way,
    stage: Stage,
    answer: Answer,
    result: Option<Result<String, Failure>>,
}

/// The diagnosis of one guest.
#[derive(Debug)]
pub(super) struct Diagnosis {
    means: Means,
    page_bytes: u32,
    bundle: Bundle,
    /// Index of the next step.
    next: usize,
    until: Stamp,
    is_judged: bool,
    has_provoked: bool,
    /// Whether the guest stays as it is, for a look at it.
    stays: bool,
    /// The trial of the same cell that has the diagnostics of this title.
    earlier: Option<u32>,
    is_shut_down: bool,
    /// Why all further steps are skipped.
    over: Option<&'static str>,
    /// Why all further sysrq letters are skipped.
    sysrq_failure: Option<String>,
    /// Why further sysrq letters are sent by the agent, not by a BREAK.
    break_failure: Option<String>,
    current: Option<Current>,
}

impl Diagnosis {
    /// Of a guest without a verdict. `has_provoked`: whether a probe of the watchdog has already disturbed the guest.
    pub fn begin(at: Stamp, means: Means, has_provoked: bool, page_bytes: u32) -> Self {
        Self {
            means,
            page_bytes,
            bundle: Bundle { schema: BUNDLE_SCHEMA, steps: Vec::new() },
            next: 0,
            until: at + EARLY_TIMEOUT,
            is_judged: false,
            has_provoked,
            stays: false,
            earlier: None,
            is_shut_down: false,
            over: None,
            sysrq_failure: None,
            break_failure: None,
            current: None,
        }
    }

    /// The verdict stands: all steps may be made, but for those that would disturb a guest that `stays`, and those that the
    /// trial `earlier` has made of the same cell and title.
    pub fn on_verdict(&mut self, at: Stamp, has_provoked: bool, stays: bool, earlier: Option<u32>) {
        self.is_judged = true;
        self.stays = stays;
        self.earlier = earlier;
        self.has_provoked |= has_provoked;
        self.until = at + TOTAL_TIMEOUT;
    }

    pub fn deadline(&self) -> Option<Stamp> {
        let current = self.current.as_ref()?;
        Some(match current.stage {
            Stage::Working => current.deadline,
            Stage::Answering { quiet_at } => quiet_at,
        })
    }

    /// The machine is shut down and paused: it can still be read.
    pub const fn on_shutdown(&mut self) {
        self.is_shut_down = true;
    }

    pub fn on_exit(&mut self) {
        self.over = Some(EXITED);
        self.set_result(Err(Failure::Failed(EXITED.to_owned())));
    }

    pub fn on_cancel(&mut self) {
        self.over = Some(CANCELLED);
        self.set_result(Err(Failure::Cancelled));
    }

    pub fn on_console(&mut self, at: Stamp, bytes: &[u8]) {
        let Some(current) = self.current.as_mut().filter(|current| current.way != Way::Host) else { return };
        current.answer.push(bytes);
        if let Stage::Answering { quiet_at } = &mut current.stage
            && current.answer.has_begun(current.way.acks())
        {
            *quiet_at = (at + QUIET).min(current.deadline);
        }
    }

    /// The host's part of the step has ended.
    pub fn on_result(&mut self, at: Stamp, found: Result<String, StepError>, effects: &mut Vec<Effect>) {
        let Some(current) = self.current.as_mut().filter(|current| current.stage == Stage::Working) else { return };
        match found {
            Ok(text) if current.way == Way::Host => current.result = Some(Ok(text)),
            Ok(_) => {
                let wait = if current.answer.has_begun(current.way.acks()) { QUIET } else { ANSWER_TIMEOUT };
                current.stage = Stage::Answering { quiet_at: (at + wait).min(current.deadline) };
            }
            Err(error) => self.fail(error.to_string(), effects),
        }
    }

    pub fn on_deadline(&mut self, at: Stamp, effects: &mut Vec<Effect>) {
        let Some(current) = &mut self.current else { return };
        match current.stage {
            Stage::Working if at >= current.deadline => current.result = Some(Err(Failure::Late)),
            Stage::Answering { quiet_at } if at >= quiet_at => {
                if current.answer.has_begun(current.way.acks()) {
                    current.result = Some(Ok(current.answer.text()));
                } else {
                    let seconds = ANSWER_TIMEOUT.as_secs();
                    self.fail(format!("the kernel did not answer within {seconds} s"), effects);
                }
            }
            _ => {}
        }
    }

    /// Starts the next step if the current one has ended; returns whether all that may run now have ended.
    pub fn advance(&mut self, at: Stamp, effects: &mut Vec<Effect>, journal: &mut dyn Journal) -> bool {
        loop {
            if let Some(current) = &mut self.current {
                let Some(result) = current.result.take() else { return false };
                self.end_step(at, result, effects, journal);
                continue;
            }
            let Some(&step) = Step::ALL.get(self.next) else { return true };
            if !self.is_judged && !step.precedes_verdict() {
                return true;
            }
            self.next += 1;
            match self.skip_reason(at, step) {
                Some(why) => self.record(step, (at, at), !self.is_judged, StepResult::Skipped { why }),
                None => self.begin_step(at, step, effects),
            }
        }
    }

    /// Writes `bundle.json`. An error is logged only.
    pub fn finish(&self, journal: &mut dyn Journal) {
        if let Err(error) = journal.bundle(&self.bundle) {
            tracing::warn!(%error, "the diagnosis is incomplete");
        }
    }

    fn set_result(&mut self, result: Result<String, Failure>) {
        if let Some(current) = &mut self.current {
            current.result = Some(result);
        }
    }

    /// Why a step is skipped; `None` if it is not.
    fn skip_reason(&self, at: Stamp, step: Step) -> Option<String> {
        if let Some(over) = self.over {
            return Some(over.to_owned());
        }
        if let Some(earlier) = self.earlier.filter(|_| step != Step::Dump) {
            return Some(format!("trial {earlier} has the diagnostics of this title"));
        }
        if let (Some(failure), Step::Sysrq(_)) = (&self.sysrq_failure, step) {
            return Some(failure.clone());
        }
        if at >= self.until {
            return Some("the steps before it took too long".to_owned());
        }
        if self.is_shut_down && (step.provokes() || step == Step::Profile) {
            return Some(SHUT_DOWN.to_owned());
        }
        match step {
            step if self.stays && step.provokes() => Some(KEPT.to_owned()),
            Step::Dump if !self.means.keeps_dump => Some("only with --dump".to_owned()),
            Step::Nmi if !self.means.arch.qemu.nmi => Some(format!("{} has none", self.means.arch)),
            _ => None,
        }
    }

    fn begin_step(&mut self, at: Stamp, step: Step, effects: &mut Vec<Effect>) {
        if step == Step::Dump {
            self.until = self.until + DUMP_TIMEOUT;
        }
        let (way, effect) = match step {
            Step::Sysrq(letter) if self.break_failure.is_none() => {
                (Way::Break(letter), Effect::Step(StepWork::BreakSysrq(letter)))
            }
            Step::Sysrq(letter) => (Way::Agent(letter), Effect::Step(StepWork::AgentSysrq(letter))),
            Step::Nmi => (Way::Nmi, Effect::Step(StepWork::Nmi)),
            Step::Dump => (Way::Host, Effect::Dump),
            _ => (Way::Host, Effect::Step(StepWork::Read { step, page_bytes: self.page_bytes })),
        };
        self.current = Some(Current {
            step,
            began: at,
            deadline: (at + timeout(step)).min(self.until),
            before_verdict: !self.is_judged,
            way,
            stage: Stage::Working,
            answer: Answer::default(),
            result: None,
        });
        match (way, &self.break_failure) {
            (Way::Agent(_), Some(why)) if !self.means.has_agent => {
                let why = why.clone();
                self.set_result(Err(Failure::Failed(why)));
            }
            _ => effects.push(effect),
        }
    }

    /// The kernel did not answer. After a failed BREAK the agent is tried.
    fn fail(&mut self, why: String, effects: &mut Vec<Effect>) {
        let Some(current) = &mut self.current else { return };
        match current.way {
            Way::Break(letter) => {
                self.break_failure = Some(why.clone());
                if self.means.has_agent {
                    current.way = Way::Agent(letter);
                    current.stage = Stage::Working;
                    current.answer = Answer::default();
                    effects.push(Effect::Step(StepWork::AgentSysrq(letter)));
                } else {
                    current.result = Some(Err(Failure::Failed(why)));
                }
            }
            Way::Agent(_) => {
                let by_break = self.break_failure.clone().unwrap_or_default();
                let why = format!("by a BREAK: {by_break}; by the agent: {why}");
                current.result = Some(Err(Failure::Failed(why)));
            }
            Way::Host | Way::Nmi => current.result = Some(Err(Failure::Failed(why))),
        }
    }

    fn end_step(
        &mut self,
        at: Stamp,
        found: Result<String, Failure>,
        effects: &mut Vec<Effect>,
        journal: &mut dyn Journal,
    ) {
        let Some(Current { step, began, before_verdict, .. }) = self.current.take() else { return };
        if found.is_err() {
            effects.push(Effect::AbortProbes);
        }
        if let (Err(Failure::Late | Failure::Failed(_)), Step::Sysrq(_)) = (&found, step) {
            self.sysrq_failure = Some(format!("{step} was not answered"));
        }
        let result = match found {
            Ok(text) => {
                let head = head(began, before_verdict, self.has_provoked);
                keep(step, &format!("{head}\n\n{text}"), journal)
            }
            Err(Failure::Late) => StepResult::Late { seconds: timeout(step).as_secs_f64() },
            Err(Failure::Cancelled) => StepResult::Skipped { why: CANCELLED.to_owned() },
            Err(Failure::Failed(why)) => StepResult::Failed { why },
        };
        self.record(step, (began, at), before_verdict, result);
    }

    fn record(&mut self, step: Step, (began, ended): (Stamp, Stamp), before_verdict: bool, result: StepResult) {
        let took_ms = u64::try_from(ended.since(began).as_millis()).unwrap_or(u64::MAX);
        let has_asked = step.provokes() && !matches!(result, StepResult::Skipped { .. });
        self.bundle.steps.push(StepRecord {
            step,
            began,
            took_ms,
            provoked: self.has_provoked,
            before_verdict,
            result,
        });
        self.has_provoked |= has_asked;
    }
}

impl Way {
    /// Texts that acknowledge the request; empty if there is none.
    const fn acks(self) -> &'static [&'static str] {
        match self {
            Self::Break(_) | Self::Agent(_) => SYSRQ_ACKS,
            Self::Host | Self::Nmi => &[],
        }
    }
}

/// The first line of a file of the bundle: its time, and whether the lab's own probes may show in it.
fn head(began: Stamp, before_verdict: bool, has_provoked: bool) -> String {
    let moment = if before_verdict { "before sysrq-f and the verdict" } else { "after the verdict" };
    let provoked =
        if has_provoked { "the lab had disturbed the guest before" } else { "the lab had not disturbed the guest" };
    format!("Taken {:.2} s after the start of QEMU, {moment}; {provoked}.", began.as_secs_f64())
}

/// Writes what a step has found; QEMU has written a dump itself.
fn keep(step: Step, text: &str, journal: &mut dyn Journal) -> StepResult {
    let file = format!("{FOLDER}/{}", step.file());
    if step == Step::Dump {
        return StepResult::Done { file };
    }
    match journal.file(&file, text.as_bytes()) {
        Ok(()) => StepResult::Done { file },
        Err(error) => StepResult::Failed { why: error.to_string() },
    }
}

fn timeout(step: Step) -> Duration {
    if step == Step::Dump { DUMP_TIMEOUT } else { STEP_TIMEOUT }
}
