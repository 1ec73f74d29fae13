//! The driver over a guest whose console is a script, by a clock that the test sets: a lab that is stopped sees all its timers overdue at
//! once, and reads afterwards what arrived meanwhile.

use super::*;
use crate::guest::StopSignal;
use crate::host::{QmpCommands, Serial, SerialInput};
use crate::lab::diagnosis::Means;
use crate::lab::observer::Status;
use crate::lab::performer::Reach;
use crate::lab::phase::Conditions;
use kmsg::console::encode_frame;
use model::{Cell, Kind, Outcome, Timeouts, TrialRecord, Verdict};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::task::{Context, Poll};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use watchdog::Setup;

/// Seconds for which the guest may be silent; three times as long is a hang.
const STUCK_S: f64 = 2.0;

/// A console that prints a script, and a task that reads it as it arrives.
struct Scripted {
    chunks: mpsc::UnboundedReceiver<Vec<u8>>,
    flushes: mpsc::UnboundedSender<oneshot::Sender<()>>,
    input: SerialInput,
    is_ready: bool,
    has_ended: bool,
    reader: JoinHandle<()>,
}

impl Scripted {
    fn new(script: Vec<(f64, String)>) -> Self {
        let (chunks_in, chunks) = mpsc::unbounded_channel();
        let (flushes, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
        let begun = Instant::now();
        let reader = tokio::spawn(async move {
            let mut script =
                script.into_iter().map(|(at, text)| (begun + Duration::from_secs_f64(at), text)).peekable();
            while let Some((at, _)) = script.peek() {
                let flush = tokio::select! {
                    () = sleep_until(*at) => None,
                    flush = asked.recv() => flush,
                };
                while let Some((_, text)) = script.next_if(|(at, _)| *at <= Instant::now()) {
                    let _ = chunks_in.send(text.into_bytes());
                }
                flush.map(|flush| flush.send(()));
            }
        });
        let input = Serial::stream(std::io::empty()).input().clone();
        Self { chunks, flushes, input, is_ready: false, has_ended: false, reader }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Guest for Scripted {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<GuestEvent> {
        if !std::mem::replace(&mut self.is_ready, true) {
            return Poll::Ready(GuestEvent::ConsoleReady);
        }
        if self.has_ended {
            return Poll::Pending;
        }
        self.chunks.poll_recv(cx).map(|chunk| {
            self.has_ended = chunk.is_none();
            chunk.map_or(GuestEvent::ConsoleEnd, GuestEvent::Console)
        })
    }

    fn buffered_console(&mut self) -> Option<Vec<u8>> {
        self.chunks.try_recv().ok()
    }

    fn is_console_behind(&self) -> bool {
        false
    }

    fn flush_console(&self) -> Flush {
        let (done, flushed) = oneshot::channel();
        let _ = self.flushes.send(done);
        Box::pin(async move { drop(flushed.await) })
    }

    fn input(&self) -> SerialInput {
        self.input.clone()
    }

    fn control(&self) -> Option<QmpCommands> {
        None
    }

    fn signal(&mut self, _: StopSignal) {}
}

struct Unseen;

impl Observer for Unseen {
    fn started(&self, _: usize, _: &Cell, _: u32) {}
    fn status(&self, _: usize, _: Status) {}
    fn finished(&self, _: usize, _: &TrialRecord) {}
}

/// A healthy guest: a beat a second, and an end after `beats`.
fn healthy(beats: u32) -> Vec<(f64, String)> {
    let mut script = Vec::new();
    let mut seq = 0;
    let mut say = |at: f64, words: &str| {
        script.push((at, encode_frame(&format!("{seq} {words}")) + "\r\n"));
        seq += 1;
    };
    say(0.5, "hello v=1 arch=riscv64-nommu page=4096 ram=30000");
    say(0.5, "started workload=idle pid=20");
    for beat in 1..=beats {
        let at = 0.5 + f64::from(beat);
        let ms = beat * 1000;
        say(at, &format!("beat t={ms} free=20000 rounds={} us=50 age=0 kills=0 reclaim=0 units={beat}", beat * 10));
    }
    say(f64::from(beats) + 1.0, "finished status=0 units=0");
    say(f64::from(beats) + 1.0, "bye");
    script
}

/// The verdict on a script when the lab is stopped for `first` seconds between the spawn and its loop, and at these times, each for so long.
async fn judge(script: Vec<(f64, String)>, first: f64, pauses: Vec<(f64, f64)>) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(true, Timeouts { boot_s: 30.0, load_s: 120.0, stuck_s: STUCK_S });
    let means = Means { arch: "riscv64-nommu".parse().unwrap(), has_agent: true, keeps_dump: false };
    let conditions = Conditions {
        setup,
        pid: None,
        is_managed: false,
        vcpu_stop_percent: None,
        diagnosis: means,
        keep: Vec::new(),
        diagnosed: BTreeMap::new(),
    };
    let guest = Scripted::new(script);
    let reach = Reach { prober: None, test: None, serial: guest.input(), pid: None, max_dump: None };
    let mut driver = Driver {
        guest: Box::new(guest),
        conductor: Conductor::new(conditions, false),
        performer: Performer::new(reach),
        dir: TrialDir::create(folder.path()).unwrap(),
        clock: Clock::start(),
        cancel: CancellationToken::new(),
        observer: &Unseen,
        index: 0,
    };
    tokio::time::advance(Duration::from_secs_f64(first)).await;
    let stopper = tokio::spawn(async move {
        for (after, length) in pauses {
            tokio::time::sleep(Duration::from_secs_f64(after)).await;
            tokio::time::advance(Duration::from_secs_f64(length)).await;
        }
    });
    driver.drive().await.unwrap();
    stopper.abort();
    driver.conductor.recorder.watchdog.verdict().unwrap()
}

fn run(script: Vec<(f64, String)>, first: f64, pauses: Vec<(f64, f64)>) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(judge(script, first, pauses))
}

#[test]
fn a_guest_that_falls_silent_is_judged_beside_pauses() {
    let mut script = healthy(20);
    script.truncate(8);
    // Its console stays open.
    script.push((1000.0, String::new()));
    let verdict = run(script, 0.0, vec![(7.0, 17.0), (1.0, 25.0)]);
    assert_eq!(verdict.kind, Kind::Unresponsive, "{verdict:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stopped_lab_lets_a_healthy_guest_pass(
        first in prop_oneof![Just(0.0), 0.0..90.0_f64],
        pauses in prop::collection::vec((0.0..12.0_f64, 0.0..60.0_f64), 1..4),
    ) {
        let verdict = run(healthy(20), first, pauses.clone());
        prop_assert_eq!(verdict.outcome(), Outcome::Pass, "{} {:?}: {:?}", first, pauses, verdict);
    }
}
