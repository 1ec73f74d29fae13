//! Making one step after the other, while the guest's console is read. Each has a deadline; what goes wrong in one is noted, and
//! the rest goes on.

use crate::lab::driver::Driver;
use crate::probe::{DUMP_TIMEOUT, dump};
use kmsg::console::{Command, encode_command};
use model::{BUNDLE_SCHEMA, Bundle, Event, QmpEvent, Step, StepRecord, StepResult};
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Where the bundle lies in a trial's folder.
const FOLDER: &str = "bundle";

/// How long a step may take: a little longer than QEMU may take to answer one command.
const DEADLINE: Duration = Duration::from_secs(6);

/// How long all of them may take together, besides a dump.
const ALL: Duration = Duration::from_secs(40);

/// How long a kernel may take to begin its answer.
const FIRST_WORD: Duration = Duration::from_secs(2);

/// A console that has been silent for so long has said what there was to say.
const QUIET: Duration = Duration::from_millis(300);

/// The most of an answer that is kept. sysrq-t on a machine with many tasks prints a megabyte.
const ANSWER_BYTES: usize = 4 << 20;

const GONE: &str = "QEMU has ended";
const STOPPED: &str = "the run was stopped";

/// Why a step did not come to its end.
enum Cut {
    /// Its deadline.
    Late,
    /// QEMU has ended.
    Gone,
    /// The user wants the run to end.
    Cancelled,
    /// Something said no.
    Failed(String),
}

impl Driver<'_> {
    /// Makes all steps and writes down how they went. Never fails: what cannot be written is left out, and says so in the record
    /// that can.
    pub(in crate::lab) async fn diagnose(&mut self) {
        let (mut until, mut provoked) = (Instant::now() + ALL, self.provoked);
        let mut bundle = Bundle { schema: BUNDLE_SCHEMA, steps: Vec::new() };
        // Why nothing more is tried, and why no sysrq letter is.
        let (mut over, mut mute) = (None, None);
        for &step in Step::ALL {
            let began = self.recorder.clock.now();
            let deaf = mute.clone().filter(|_| matches!(step, Step::Sysrq(_)));
            let late = (Instant::now() >= until).then(|| "the steps before it took too long".to_owned());
            let result = match over.clone().or(deaf).or(late).or_else(|| self.why_not(step)) {
                Some(why) => StepResult::Skipped { why },
                None => {
                    if step == Step::Dump {
                        until += DUMP_TIMEOUT;
                    }
                    let found = self.step(step, (Instant::now() + deadline(step)).min(until)).await;
                    match (&found, step) {
                        (Err(Cut::Gone), _) => over = Some(GONE.to_owned()),
                        (Err(Cut::Cancelled), _) => over = Some(STOPPED.to_owned()),
                        (Err(_), Step::Sysrq(_)) => mute = Some(format!("{step} was not answered")),
                        _ => {}
                    }
                    self.keep(step, found)
                }
            };
            let took_ms = u64::try_from(self.recorder.clock.now().since(began).as_millis()).unwrap_or(u64::MAX);
            let asked = step.provokes() && !matches!(result, StepResult::Skipped { .. });
            bundle.steps.push(StepRecord { step, began, took_ms, provoked, result });
            provoked |= asked;
        }
        if let Err(error) = self.recorder.dir.bundle(&bundle) {
            tracing::warn!(%error, "the diagnosis is incomplete");
        }
    }

    fn why_not(&self, step: Step) -> Option<String> {
        if step.provokes() && self.down {
            return Some("the machine is down".to_owned());
        }
        match step {
            Step::Dump if self.drive.dump.is_none() => Some("only with --dump".to_owned()),
            Step::Profile if self.down => Some("the machine is down".to_owned()),
            Step::Nmi if !self.drive.arch.qemu.nmi => Some(format!("{} has none", self.drive.arch.name)),
            _ => None,
        }
    }

    async fn step(&mut self, step: Step, deadline: Instant) -> Result<String, Cut> {
        match step {
            Step::Sysrq(letter) => self.sysrq(letter, deadline).await,
            Step::Nmi => {
                let asking = self.qmp.commands().execute(qapi_qmp::inject_nmi {}, DEADLINE);
                let asking = async move { asking.await.map(drop).map_err(|error| error.to_string()) };
                self.answer_to(asking, &[], deadline).await
            }
            Step::Dump => self.dump(deadline).await,
            _ => {
                let (prober, at) = (self.prober.clone(), self.recorder.clock.now());
                let mut console = Answer::default();
                let found = self.meanwhile(async move { prober.collect(step, at).await }, deadline, &mut console).await;
                found?.map_err(Cut::Failed)
            }
        }
    }

    /// QEMU writes the file itself; a part of one is not left.
    async fn dump(&mut self, deadline: Instant) -> Result<String, Cut> {
        let Some(most) = self.drive.dump else { return Err(Cut::Failed("nobody asked for it".to_owned())) };
        let file = self.recorder.dir.path().join(FOLDER).join(Step::Dump.file());
        let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.map_err(|error| Cut::Failed(error.to_string()))?;
        let (qmp, path) = (self.qmp.commands().clone(), file.clone());
        let mut console = Answer::default();
        let dumping = async move { dump(&qmp, &path, most).await.map(|()| String::new()).map_err(Cut::Failed) };
        let dumped = self.meanwhile(dumping, deadline, &mut console).await.and_then(|dumped| dumped);
        if dumped.is_err() {
            // There may be none.
            let _ = std::fs::remove_file(file);
        }
        dumped
    }

    /// Asks the kernel by a BREAK; where that does not reach it, the agent, which may still be there.
    async fn sysrq(&mut self, letter: char, deadline: Instant) -> Result<String, Cut> {
        const ECHOES: &[&str] = &["sysrq: ", "SysRq : "];
        let why = match self.break_fails.clone() {
            Some(why) => why,
            None => {
                let prober = self.prober.clone();
                let answer = self.answer_to(async move { prober.send_sysrq(letter).await }, ECHOES, deadline).await;
                let Err(Cut::Failed(why)) = answer else { return answer };
                self.break_fails = Some(why.clone());
                why
            }
        };
        if !self.drive.setup.agent {
            return Err(Cut::Failed(why));
        }
        let input = self.serial.input().clone();
        let sending = async move {
            // Letters that the kernel did not take stand on the agent's line.
            let line = format!("\n{}", encode_command(Command::Sysrq(letter)));
            let sent = input.send(line.into_bytes(), DEADLINE).await;
            sent.map_err(|error| error.to_string())
        };
        let answer = self.answer_to(sending, ECHOES, deadline).await;
        answer.map_err(|cut| match cut {
            Cut::Failed(agent) => Cut::Failed(format!("by a BREAK: {why}; by the agent: {agent}")),
            cut => cut,
        })
    }

    /// What the kernel prints when it is asked in this way; one of the `echoes` must be in it, if there are any.
    async fn answer_to(
        &mut self,
        asking: impl Future<Output = Result<(), String>>,
        echoes: &[&str],
        deadline: Instant,
    ) -> Result<String, Cut> {
        let mut answer = Answer::default();
        self.meanwhile(asking, deadline, &mut answer).await?.map_err(Cut::Failed)?;
        let first_word = (Instant::now() + FIRST_WORD).min(deadline);
        loop {
            let begun = answer.has_begun(echoes);
            let until = if begun { (Instant::now() + QUIET).min(deadline) } else { first_word };
            let mut nothing = pin!(timeout_at(until, std::future::pending::<()>()));
            match self.listen(nothing.as_mut()).await? {
                Heard::Bytes(bytes) => answer.take(&bytes),
                Heard::Done(_) if begun => return Ok(answer.text()),
                Heard::Done(_) => {
                    let why = format!("the kernel did not answer within {} s", FIRST_WORD.as_secs());
                    return Err(Cut::Failed(why));
                }
            }
        }
    }

    /// Waits for some work, and reads the console meanwhile: a full one may hold up all of QEMU.
    async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = T>,
        deadline: Instant,
        console: &mut Answer,
    ) -> Result<T, Cut> {
        let mut work = pin!(timeout_at(deadline, work));
        loop {
            match self.listen(work.as_mut()).await? {
                Heard::Done(done) => return done.map_err(|_| Cut::Late),
                Heard::Bytes(bytes) => console.take(&bytes),
            }
        }
    }

    /// Waits for some work or the next bytes of the console.
    async fn listen<T>(&mut self, mut work: Pin<&mut impl Future<Output = T>>) -> Result<Heard<T>, Cut> {
        loop {
            tokio::select! {
                done = &mut work => return Ok(Heard::Done(done)),
                Some(bytes) = self.serial.read() => {
                    // The verdict stands: what cannot be recorded any more takes nothing away from it.
                    let _ = self.recorder.console(&bytes);
                    return Ok(Heard::Bytes(bytes));
                }
                Some(what) = self.qmp.event() => {
                    self.down |= matches!(what, QmpEvent::Shutdown(_)) && self.keeps().await;
                    let _ = self.recorder.event(Event::Qmp { what });
                }
                _ = self.guest.wait() => return Err(Cut::Gone),
                () = self.drive.cancel.cancelled() => return Err(Cut::Cancelled),
            }
        }
    }

    /// Writes what a step has found.
    fn keep(&self, step: Step, found: Result<String, Cut>) -> StepResult {
        let why = match found {
            Ok(text) => {
                let file = format!("{FOLDER}/{}", step.file());
                if step == Step::Dump {
                    return StepResult::Done { file };
                }
                match self.recorder.dir.file(&file, text.as_bytes()) {
                    Ok(()) => return StepResult::Done { file },
                    Err(error) => error.to_string(),
                }
            }
            Err(Cut::Late) => return StepResult::Late { seconds: deadline(step).as_secs_f64() },
            Err(Cut::Gone) => GONE.to_owned(),
            Err(Cut::Cancelled) => return StepResult::Skipped { why: STOPPED.to_owned() },
            Err(Cut::Failed(why)) => why,
        };
        StepResult::Failed { why }
    }
}

fn deadline(step: Step) -> Duration {
    if step == Step::Dump { DUMP_TIMEOUT } else { DEADLINE }
}

/// What was heard first.
enum Heard<T> {
    Done(T),
    Bytes(Vec<u8>),
}

/// What a kernel says when it is asked.
#[derive(Default)]
struct Answer(Vec<u8>);

impl Answer {
    fn take(&mut self, bytes: &[u8]) {
        let room = ANSWER_BYTES.saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn has_begun(&self, echoes: &[&str]) -> bool {
        let text = self.text();
        if echoes.is_empty() { !text.is_empty() } else { echoes.iter().any(|echo| text.contains(echo)) }
    }

    /// Without the frames of the agent, which goes on with its own.
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        text.lines().filter(|line| !line.starts_with("@oomlab ")).map(|line| format!("{line}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_the_kernel_says() {
        let mut answer = Answer::default();
        answer.take(b"@oomlab 57 beat t=57012 *0badcafe\r\n");
        assert!(!answer.has_begun(&["sysrq: "]) && !answer.has_begun(&[]));
        answer.take(b"[    9.0] sysrq: Show Memory\r\n[    9.0] Mem-Info:\r\n");
        assert!(answer.has_begun(&["sysrq: "]) && answer.has_begun(&[]));
        assert_eq!(answer.text(), "[    9.0] sysrq: Show Memory\n[    9.0] Mem-Info:\n");
    }

    #[test]
    fn an_endless_answer_is_cut() {
        let mut answer = Answer::default();
        (0..100).for_each(|_| answer.take(&[b'x'; 1 << 20]));
        assert_eq!(answer.text().len(), ANSWER_BYTES + 1);
    }
}
