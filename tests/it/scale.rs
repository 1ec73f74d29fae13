//! Many guests at once: what the lab itself needs for them.
//!
//! `OOMLAB_SCALE=2000 cargo nextest run scale::` runs two thousand; without it, a hundred show the same slope.

use crate::support::scripted::Scripted;
use model::{Cell, Event, Frame, Outcome, TrialRecord};
use oomlab::lab::{Observer, Status};
use oomlab::store::read_events;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Resident memory of the lab that two thousand guests may need, in KiB.
const MAX_RSS_KIB: u64 = 250_000_000 / 1024;

/// Lines of an OOM report that each guest prints at once.
const NOISE: usize = 200;

#[derive(Default)]
struct Crowd {
    now: AtomicU32,
    most: AtomicU32,
}

impl Observer for Crowd {
    fn started(&self, _: usize, _: &Cell, _: u32) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
    }
    fn status(&self, _: usize, _: Status) {}
    fn finished(&self, _: usize, _: &TrialRecord) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_crowd_of_guests_fits_into_little_memory() {
    let guests: u32 = std::env::var("OOMLAB_SCALE").map_or(100, |text| text.parse().expect("a number"));
    let boot = "say [    0.000000] Linux version 6.1.0\n\
        frame hello v=1 arch=riscv64-nommu page=4096 ram=28000\nframe speed us=1000\n\
        frame started name=scripted pid=20\n";
    let kill = "say [    0.564737] Out of memory: Killed process 26 (hog) total-vm:6228kB\n";
    let noise: String =
        (0..NOISE).map(|n| format!("say [    1.{n:06}] Mem-Info: some line of a report that is not short\n")).collect();
    // Long enough that the first is still there when the last has come, on a slow host too.
    let beats = 20 + guests as usize / 10;
    let script = format!(
        "{boot}{kill}{noise}beats {beats} 500 moving\nframe finished status=0 units=3\nframe bye\nevent SHUTDOWN guest-shutdown\nexit 0\n"
    );
    let mut scripted = Scripted::default();
    let cell = scripted.cell("cell", &script);
    cell.repeat = guests;
    cell.timeouts.boot_s = 300.0;
    cell.timeouts.load_s = 600.0;
    cell.timeouts.stuck_s = 60.0;
    scripted.budget.jobs = Some(guests);
    scripted.budget.ram_mib = u64::MAX;
    let crowd = Arc::new(Crowd::default());
    scripted.observer = Arc::clone(&crowd) as Arc<dyn Observer>;
    // What any run loads is there after one guest.
    Scripted::one("exit 0\n").await;
    let before = peak_rss_kib();
    let run = scripted.run_dir();
    scripted.run_into(&run).await.expect("the lab works");
    let needed = peak_rss_kib();
    let record = run.record().expect("a record");
    let passed = record.trials.iter().filter(|trial| trial.verdict.outcome() == Outcome::Pass).count();
    assert_eq!(passed, guests as usize, "{:?}", record.trials.iter().find(|trial| !trial.as_expected()));
    // On a slow host the first of thousands have ended before the last begin.
    let most = crowd.most.load(Ordering::Relaxed);
    assert!(most >= guests.min(100).max(guests / 2), "at most {most} of {guests} were there at once");
    for trial in 1..=guests {
        let events = read_events(&run.trial_folder("cell", trial).join("events.jsonl")).expect("events");
        let count = |is: fn(&Event) -> bool| events.iter().filter(|record| is(&record.event)).count();
        let lines = count(|event| matches!(event, Event::Line { text } if text.contains("Mem-Info")));
        let arrived = count(|event| matches!(event, Event::Agent { frame: Frame::Beat(_), .. }));
        assert_eq!((lines, arrived), (NOISE, beats), "trial {trial}");
    }
    println!("{most} of {guests} guests at once: {needed} KiB resident at most, {before} KiB before");
    let allowed = before + (MAX_RSS_KIB - before) * u64::from(guests) / 2000;
    assert!(needed <= allowed.max(before + 32 * 1024), "{needed} KiB for {guests} guests, allowed are {allowed}");
}

/// The most that this process has had resident so far (proc(5), `VmHWM`).
fn peak_rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
