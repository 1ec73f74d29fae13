//! The driver, the scheduler and the run directory on scripted guests that misbehave in every way.

use crate::support::scripted::Scripted;
use model::{Accel, Artifact, Cell, Event, Kind, Outcome, Probe, QmpEvent, TrialRecord};
use oomlab::host::Accelerator;
use oomlab::lab::{Observer, Status};
use oomlab::store::{RunDir, digest_file, read_events};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc::unbounded_channel;
use watchdog::{Setup, replay};

const BOOT: &str = "say [    0.000000] Linux version 6.1.0\n\
    frame hello v=1 arch=riscv64-nommu page=4096 ram=28000\n\
    frame speed us=1000\n\
    frame beat t=300 free=20000 rounds=1 us=50 age=0 kills=0 reclaim=0 units=0\n\
    frame started name=scripted pid=20\n";
const END: &str = "frame finished status=0 units=3\nframe bye\nevent SHUTDOWN guest-shutdown\nexit 0\n";

#[tokio::test]
async fn a_healthy_guest_passes_and_all_of_it_is_on_disk() {
    let (scripted, trial) = Scripted::one(&format!("{BOOT}say [    0.500000] all is well\n{END}")).await;
    assert_eq!(trial.verdict.kind, Kind::Finished, "{:?}", trial.verdict);
    assert!(trial.boot_s.is_some() && trial.as_expected());
    let cell = scripted.dir.path().join("runs/2026-01-02-0/cells/cell");
    let console = std::fs::read_to_string(cell.join("console.log")).unwrap();
    assert!(console.contains("all is well") && console.starts_with("[    0.000000] Linux"), "{console}");
    for name in ["events.jsonl", "verdict.json", "trial.json", "qemu.sh", "qemu.log"] {
        assert!(cell.join(name).is_file(), "{name}");
    }
    assert!(!cell.join("why.md").exists(), "there is nothing to explain");
    let events = read_events(&cell.join("events.jsonl")).unwrap();
    assert_eq!(replay(Setup::of(&trial.cell), &events), Some(trial.verdict), "the record judges alike");
}

#[tokio::test]
async fn a_kvm_that_cannot_go_on_is_told_from_the_kernel_and_done_without() {
    // What has come up may have run into what no KVM can execute; what has not says that this KVM is none.
    let scripts = [(format!("{BOOT}kvm-error\n{END}"), Accel::Kvm), (format!("kvm-error\n{BOOT}{END}"), Accel::Tcg)];
    for (script, next) in scripts {
        let mut scripted = Scripted::default();
        scripted.cell("cell", &script);
        let accelerator = Accelerator::from(Accel::Kvm);
        scripted.prepared.get_mut(&"cell".into()).unwrap().as_mut().unwrap().accelerator = accelerator.clone();
        let record = scripted.run().await;
        let trial = &record.trials[0];
        assert_eq!((record.trials.len(), trial.verdict.kind), (1, Kind::Finished), "{:?}", trial.verdict);
        let folder = scripted.dir.path().join("runs/2026-01-02-0/cells/cell");
        assert!(!folder.join("why.md").exists() && !folder.join("bundle").exists(), "of the first boot");
        assert_eq!((trial.accel, accelerator.accel()), (Accel::Tcg, next));
    }
}

/// The explanation of a trial, which must be part of its evidence.
fn explanation(scripted: &Scripted, trial: &TrialRecord) -> String {
    let path = scripted.dir.path().join("runs/2026-01-02-0/cells").join(trial.folder()).join("why.md");
    let (bytes, sha256) = digest_file(&path).unwrap();
    assert!(trial.artifacts.contains(&Artifact { file: "why.md".to_owned(), bytes, sha256 }), "{:?}", trial.artifacts);
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn a_livelock_is_found_with_its_victim() {
    let script = format!(
        "{BOOT}spin on\nsay [    0.564737] Out of memory: Killed process 26 (hog) total-vm:6228kB\nbeats 1000 200 stuck\nhang\n"
    );
    let (scripted, trial) = Scripted::one(&script).await;
    assert_eq!(trial.verdict.kind, Kind::OomLivelock, "{:?}", trial.verdict);
    assert_eq!(trial.verdict.victim.as_ref().map(|task| task.pid), Some(26));
    assert!(!trial.as_expected());
    let why = explanation(&scripted, &trial);
    assert!(why.contains("Killed process 26 (hog)") && why.contains("- not `silent-stall`"), "{why}");
}

#[tokio::test]
async fn a_qemu_that_does_not_start_shows_its_own_message() {
    let (_, trial) = Scripted::one("stderr fake-qemu: could not load kernel 'x'\nexit 1\n").await;
    assert_eq!((trial.verdict.kind, trial.verdict.outcome()), (Kind::QemuFailed, Outcome::LabError));
    assert!(trial.verdict.summary.contains("could not load kernel"), "{}", trial.verdict.summary);
}

#[tokio::test]
async fn a_missing_qemu_is_the_labs_fault_and_names_the_remedy() {
    let mut scripted = Scripted::default();
    scripted.cell("cell", "exit 0\n");
    scripted.qemu = "/nonexistent/qemu".into();
    let record = scripted.run().await;
    assert_eq!(record.trials[0].verdict.kind, Kind::QemuFailed);
    assert!(record.trials[0].verdict.summary.contains("oomlab doctor --fix"));
    assert!(explanation(&scripted, &record.trials[0]).contains("oomlab doctor --fix"));
    assert_eq!(record.exit_code(), 3);
}

/// What the lab never heard is not silence of the guest.
#[tokio::test]
async fn a_console_that_is_never_there_is_the_labs_fault() {
    let mut scripted = Scripted::default();
    scripted.cell("cell", "exit 0\n").timeouts.boot_s = 1.0;
    scripted.qemu = scripted.dir.path().join("qemu");
    let mut file = std::fs::File::create(&scripted.qemu).unwrap();
    file.write_all(b"#!/bin/sh\nexec sleep 600\n").unwrap();
    file.set_permissions(std::fs::Permissions::from_mode(0o755)).unwrap();
    drop(file);
    let record = scripted.run().await;
    let verdict = &record.trials[0].verdict;
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::QemuFailed, Outcome::LabError), "{verdict:?}");
    assert!(verdict.summary.contains("QEMU did not open the serial socket"), "{verdict:?}");
}

#[tokio::test]
async fn a_qemu_that_dies_is_no_verdict_on_the_kernel() {
    let (_, trial) = Scripted::one(&format!("{BOOT}abort\n")).await;
    assert_eq!((trial.verdict.kind, trial.verdict.outcome()), (Kind::QemuDied, Outcome::LabError));
}

#[tokio::test]
async fn a_kernel_that_panics_at_boot_and_one_that_prints_nothing_failed_to_boot() {
    let panic = "say [    0.1] x\nsay [    0.200000] Kernel panic - not syncing: No working init found.\n\
        event SHUTDOWN guest-reset\nexit 0\n";
    let (_, trial) = Scripted::one(panic).await;
    assert_eq!(trial.verdict.kind, Kind::BootPanic);
    let (_, trial) = Scripted::one("hang\n").await;
    assert_eq!(trial.verdict.kind, Kind::BootSilent);
}

#[tokio::test]
async fn damaged_frames_do_not_fill_the_disk() {
    let frame = format!("@oomlab 3 started name={}", "x".repeat(400));
    let script = format!("{BOOT}repeat 24 {frame}\nsay [    9.000000] Out of memory: Killed process 77 (late)\n{END}");
    let (scripted, trial) = Scripted::one(&script).await;
    assert_eq!(trial.verdict.outcome(), Outcome::Pass, "{:?}", trial.verdict);
    assert_eq!(trial.oom_kills, 1, "a line behind them is still read");
    let events = scripted.dir.path().join("runs/2026-01-02-0/cells/cell/events.jsonl");
    let bytes = std::fs::metadata(events).unwrap().len();
    assert!(bytes < 6 << 20, "{bytes}");
}

#[tokio::test]
async fn a_hundred_megabytes_of_console_lose_nothing_that_matters() {
    let script = format!("{BOOT}flood 100\nsay [    9.000000] Out of memory: Killed process 77 (late)\n{END}");
    let (scripted, trial) = Scripted::one(&script).await;
    // Beside other tests it may be slow, too.
    assert_eq!(trial.verdict.outcome(), Outcome::Pass, "{:?}", trial.verdict);
    assert_eq!(trial.oom_kills, 1, "a line behind the flood is still read");
    let cell = scripted.dir.path().join("runs/2026-01-02-0/cells/cell");
    let size = |name: &str| std::fs::metadata(cell.join(name)).unwrap().len();
    assert_eq!(size("console.log"), 64 << 20, "the console is kept up to its limit");
    assert!(size("events.jsonl") < 20 << 20, "{}", size("events.jsonl"));
    let events = read_events(&cell.join("events.jsonl")).unwrap();
    let dropped: u64 =
        events.iter().map(|record| if let Event::LinesDropped { bytes, .. } = record.event { bytes } else { 0 }).sum();
    assert!(dropped > 80 << 20, "what was left out is counted: {dropped}");
}

#[tokio::test]
async fn kernel_line_inside_a_frame_is_read() {
    let torn = "part @oomlab 9 beat t=400 fr\nsay [    0.564737] Out of memory: Killed process 26 (hog)\n\
        say ee=1000 rounds=2 us=50 age=0 kills=1 reclaim=0 units=0 *00000000\n";
    let (scripted, trial) = Scripted::one(&format!("{BOOT}{torn}{END}")).await;
    assert_eq!((trial.verdict.kind, trial.oom_kills), (Kind::Finished, 1), "{:?}", trial.verdict);
    let cell = scripted.dir.path().join("runs/2026-01-02-0/cells/cell");
    let events = read_events(&cell.join("events.jsonl")).unwrap();
    assert!(events.iter().any(|record| matches!(record.event, Event::FrameDamaged { .. })), "and the damage is kept");
}

#[tokio::test]
async fn garbage_without_a_line_end_does_no_harm() {
    let (_, trial) = Scripted::one(&format!("{BOOT}garbage 8\nsay\n{END}")).await;
    assert_eq!(trial.verdict.kind, Kind::Finished, "{:?}", trial.verdict);
}

#[tokio::test]
async fn a_guest_that_ignores_every_request_to_end_is_killed() {
    let script = format!("ignore-term\n{BOOT}say [    1.000000] Kernel panic - not syncing: Fatal exception\nhang\n");
    let (_, trial) = Scripted::one(&script).await;
    assert_eq!(trial.verdict.kind, Kind::Panic);
    assert!(trial.duration_s < 20.0, "{}", trial.duration_s);
}

#[tokio::test]
async fn hung_qmp_costs_only_the_cpu_times() {
    let (_, trial) = Scripted::one(&format!("qmp-hang\n{BOOT}sleep 300\n{END}")).await;
    assert_eq!(trial.verdict.kind, Kind::Finished, "{:?}", trial.verdict);
}

/// The events of the only trial.
fn events(scripted: &Scripted) -> Vec<Event> {
    let cell = scripted.dir.path().join("runs/2026-01-02-0/cells/cell");
    read_events(&cell.join("events.jsonl")).unwrap().into_iter().map(|record| record.event).collect()
}

/// A guest whose canary gets stuck while its vCPU is busy.
fn stuck(more: &str) -> String {
    format!(
        "{BOOT}{more}spin on\nsay [    0.564737] Out of memory: Killed process 26 (hog) x\nbeats 1000 200 stuck\nhang\n"
    )
}

/// Its kernel has one function.
fn give_symbols(scripted: &mut Scripted) {
    let map = scripted.dir.path().join("System.map");
    std::fs::write(&map, "80001000 T _stext\n80001000 T shrink_node\n80002000 T _etext\n").unwrap();
    scripted.prepared.get_mut(&"cell".into()).unwrap().as_mut().unwrap().kernel.system_map = Some(map);
}

#[tokio::test]
async fn probes_are_answered_one_after_the_other_and_the_labs_own_stops_are_no_pause() {
    let mut scripted = Scripted::default();
    scripted.cell("cell", &stuck("at 80001010\n"));
    give_symbols(&mut scripted);
    let record = scripted.run().await;
    assert_eq!(record.trials[0].verdict.kind, Kind::OomLivelock, "{:?}", record.trials[0].verdict);
    let events = events(&scripted);
    let mut asked = None;
    let mut profiles = 0;
    for event in &events {
        match event {
            Event::Probed { probe } => {
                assert!(asked.is_none_or(|asked| matches!(asked, Probe::Sysrq(_))), "two at once: {asked:?} {probe:?}");
                asked = Some(*probe);
            }
            Event::Profile { profile } => {
                assert_eq!(asked.take(), Some(Probe::Profile));
                assert!(profile.samples >= 16, "{profile:?}");
                assert_eq!(profile.spots[0].symbol, "shrink_node");
                profiles += 1;
            }
            Event::ProbeFailed { probe, why } => {
                assert_eq!(asked.take(), Some(*probe));
                let missing = if *probe == Probe::Tasks { "no debug information" } else { "vm_zone_stat" };
                assert!(why.contains(missing), "{why}");
            }
            Event::Qmp { what } => assert!(!matches!(what, QmpEvent::Stop | QmpEvent::Resume), "{what:?}"),
            _ => {}
        }
    }
    assert!(profiles > 0, "{events:?}");
}

#[tokio::test]
async fn qmp_hang_ends_the_probe_and_not_the_trial() {
    let mut scripted = Scripted::default();
    scripted.cell("cell", &stuck("sleep 500\nqmp-hang\n"));
    give_symbols(&mut scripted);
    let record = scripted.run().await;
    assert_eq!(record.trials[0].verdict.kind, Kind::OomLivelock, "{:?}", record.trials[0].verdict);
    let events = events(&scripted);
    let at = |wanted: fn(&Event) -> bool| events.iter().position(wanted).expect("such an event");
    let begin = at(|event| matches!(event, Event::Probed { .. }));
    let end = at(|event| matches!(event, Event::ProbeFailed { .. }));
    let beats = events[begin..end].iter().filter(|event| matches!(event, Event::Agent { .. }));
    assert!(beats.count() > 5, "the console was read meanwhile");
}

#[tokio::test]
async fn a_qemu_that_hangs_after_the_shutdown_is_ended() {
    let (_, trial) = Scripted::one(&format!("{BOOT}ignore-term\nevent SHUTDOWN guest-shutdown\nhang\n")).await;
    assert_eq!(trial.verdict.kind, Kind::EarlyPowerOff, "{:?}", trial.verdict);
    assert!(trial.duration_s < 30.0, "{}", trial.duration_s);
}

#[tokio::test]
async fn interrupted_run_keeps_finished_trials() {
    let mut scripted = Scripted::default();
    scripted.cell("quick", &format!("{BOOT}{END}"));
    scripted.cell("endless", &format!("{BOOT}beats 1000 100 moving\n"));
    scripted.cell("waiting", &format!("{BOOT}{END}"));
    scripted.budget.jobs = Some(1);
    let run = scripted.run_dir();
    let cancel = scripted.cancel.clone();
    let stopper = {
        let done = run.path().join("cells/quick/trial.json");
        let begun = run.path().join("cells/endless/console.log");
        tokio::spawn(async move {
            while !(done.is_file() && begun.metadata().is_ok_and(|data| data.len() > 0)) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            cancel.cancel();
        })
    };
    scripted.run_into(&run).await.unwrap();
    stopper.await.unwrap();
    let record = run.record().unwrap();
    let kinds: Vec<Kind> = record.trials.iter().map(|trial| trial.verdict.kind).collect();
    assert_eq!(kinds, [Kind::Finished, Kind::Interrupted], "the waiting one never began");
    assert!(record.interrupted);
    assert_eq!((record.exit_code(), record.planned), (130, 3));
}

/// Tells when a trial has ended.
struct EndObserver(tokio::sync::mpsc::UnboundedSender<String>);

impl Observer for EndObserver {
    fn started(&self, _: usize, _: &Cell, _: u32) {}
    fn status(&self, _: usize, _: Status) {}
    fn finished(&self, _: usize, record: &TrialRecord) {
        let _ = self.0.send(record.cell.id.to_string());
    }
}

#[tokio::test]
async fn prepared_cells_boot_while_others_are_prepared() {
    let (ended, mut ends) = unbounded_channel();
    let mut scripted = Scripted { observer: Arc::new(EndObserver(ended)), ..Scripted::default() };
    for name in ["late", "early", "never"] {
        scripted.cell(name, &format!("{BOOT}{END}"));
    }
    let (prepare, preparations) = unbounded_channel();
    let (lab, run) = (scripted.lab(), scripted.run_dir());
    let mut prepared = scripted.prepared.clone();
    let steps = async move {
        for name in ["early", "late"] {
            prepare.send(prepared.remove_entry(&name.into()).unwrap()).unwrap();
            assert_eq!(ends.recv().await.as_deref(), Some(name));
        }
    };
    let (result, ()) = tokio::join!(lab.run(&scripted.plan, preparations, &run), steps);
    result.unwrap();
    let kinds: Vec<Kind> = run.record().unwrap().trials.iter().map(|trial| trial.verdict.kind).collect();
    assert_eq!(kinds, [Kind::Finished, Kind::Finished, Kind::KernelUnavailable]);
}

#[tokio::test]
async fn interrupted_run_does_not_wait_for_preparations() {
    let mut scripted = Scripted::default();
    scripted.cell("cell", BOOT);
    let (_prepare, preparations) = unbounded_channel();
    let run = scripted.run_dir();
    scripted.cancel.cancel();
    scripted.lab().run(&scripted.plan, preparations, &run).await.unwrap();
    let record = run.record().unwrap();
    assert!(record.interrupted && record.trials.is_empty());
}

#[tokio::test]
async fn repeated_trials_have_folders_of_their_own() {
    let mut scripted = Scripted::default();
    scripted.cell("cell", &format!("{BOOT}{END}")).repeat = 3;
    let record = scripted.run().await;
    let folders: Vec<String> = record.trials.iter().map(model::TrialRecord::folder).collect();
    assert_eq!(folders, ["cell", "cell~2", "cell~3"]);
}

#[tokio::test]
async fn many_guests_run_at_once() {
    let mut scripted = Scripted::default();
    for number in 0..60 {
        scripted.cell(&format!("cell-{number}"), &format!("{BOOT}sleep 200\n{END}"));
    }
    scripted.budget =
        oomlab::schedule::Budget { cpus: 60, ram_mib: 1 << 20, reserve_mib: None, jobs: Some(60), guests: u32::MAX };
    let record = scripted.run().await;
    assert_eq!(record.trials.len(), 60);
    let wrong: Vec<_> = record.trials.iter().filter(|trial| !trial.as_expected()).map(|t| &t.verdict).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn a_full_disk_ends_the_run_with_the_reason() {
    let mut scripted = Scripted::default();
    scripted.cell("cell", &format!("{BOOT}{END}"));
    let run = scripted.run_dir();
    // A file in the place of the folder for cells: no trial can be written, as on a full disk.
    std::fs::write(run.path().join("cells"), "").unwrap();
    let error = scripted.run_into(&run).await.unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("cells"), "{error}");
    assert!(!run.is_complete().unwrap(), "it can be resumed");
    std::fs::remove_file(run.path().join("cells")).unwrap();
    drop(run);
    let (run, _) = RunDir::resume(&scripted.dir.path().join("runs/2026-01-02-0")).unwrap();
    scripted.run_into(&run).await.unwrap();
    assert!(run.is_complete().unwrap());
}

#[test]
fn a_run_of_a_newer_program_is_left_alone() {
    let scripted = Scripted::default();
    let run = scripted.run_dir();
    let head = run.path().join("run.json");
    let schema = format!("\"schema\": {}", model::RUN_SCHEMA);
    let text = std::fs::read_to_string(&head).unwrap().replace(&schema, "\"schema\": 99");
    std::fs::write(&head, &text).unwrap();
    let error = run.finish(1.0, false).unwrap_err().to_string();
    assert!(error.contains("format 99"), "{error}");
    assert_eq!(std::fs::read_to_string(&head).unwrap(), text);
}

#[test]
fn a_record_that_a_killed_lab_left_is_read_up_to_its_last_whole_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    std::fs::write(&path, "{\"us\":5,\"event\":\"tick\"}\n{\"us\":6,\"ev").unwrap();
    assert_eq!(read_events(&path).unwrap().len(), 1);
    std::fs::write(&path, "nonsense\n{\"us\":5,\"event\":\"tick\"}\n").unwrap();
    assert!(read_events(&path).unwrap_err().to_string().contains("line 1"));
    assert!(read_events(Path::new("/nonexistent/events.jsonl")).is_err());
}
