//! What is collected of a guest that hung or crashed, on scripted guests that make it difficult. The verdict never changes.

use crate::support::scripted::Scripted;
use model::{Bundle, Kind, RamMib, Step, StepRecord, StepResult, TrialRecord};
use oomlab::store::read_events;
use std::path::PathBuf;
use std::time::Duration;
use watchdog::{Setup, replay};

/// A livelock: beats go on, the canary is stuck, a vCPU is busy, and nothing comes after the kill.
const LIVELOCK: &str = "say [    0.000000] Linux version 6.1.0\n\
    frame hello v=1 arch=riscv64-nommu page=4096 ram=28000\n\
    frame speed us=1000\n\
    frame beat t=300 free=20000 rounds=1 us=50 age=0 kills=0 reclaim=0 units=0\n\
    frame started name=scripted pid=20\n\
    spin on\n\
    say [    0.564737] Out of memory: Killed process 26 (hog) total-vm:6228kB\n";
const STUCK: &str = "beats 1000 200 stuck\nhang\n";
const PANIC: &str = "say [    0.700000] Kernel panic - not syncing: sysrq triggered crash\n";

fn folder(scripted: &Scripted) -> PathBuf {
    scripted.dir.path().join("runs/2026-01-02-0/cells/cell")
}

fn bundle(scripted: &Scripted) -> Vec<StepRecord> {
    let text = std::fs::read_to_string(folder(scripted).join("bundle.json")).expect("a bundle");
    let bundle: Bundle = serde_json::from_str(&text).expect("that can be read");
    assert_eq!(bundle.steps.iter().map(|record| record.step).collect::<Vec<_>>(), Step::ALL);
    bundle.steps
}

fn result(steps: &[StepRecord], step: Step) -> &StepResult {
    &steps.iter().find(|record| record.step == step).expect("every step is there").result
}

fn is_done(steps: &[StepRecord], step: Step) -> bool {
    matches!(result(steps, step), StepResult::Done { .. })
}

/// The verdict is this one, also in the files, and a replay gives it.
fn assert_kept(scripted: &Scripted, trial: &TrialRecord, kind: Kind) {
    assert_eq!(trial.verdict.kind, kind, "{:?}", trial.verdict);
    let events = read_events(&folder(scripted).join("events.jsonl")).unwrap();
    assert_eq!(replay(Setup::of(&trial.cell), &events).as_ref(), Some(&trial.verdict));
    let alone = std::fs::read_to_string(folder(scripted).join("verdict.json")).unwrap();
    assert_eq!(serde_json::from_str::<model::Verdict>(&alone).unwrap(), trial.verdict);
}

#[tokio::test]
async fn a_hang_is_asked_for_everything_the_host_first() {
    let (scripted, trial) = Scripted::one(&format!("{LIVELOCK}{STUCK}")).await;
    assert_kept(&scripted, &trial, Kind::OomLivelock);
    let steps = bundle(&scripted);
    assert!(is_done(&steps, Step::Registers));
    for letter in ['m', 'w', 'l', 't', 'f'] {
        assert!(is_done(&steps, Step::Sysrq(letter)), "{letter}: {:?}", result(&steps, Step::Sysrq(letter)));
    }
    let read = |name: &str| std::fs::read_to_string(folder(&scripted).join("bundle").join(name)).unwrap();
    assert!(read("registers.txt").contains("x2/sp"));
    let head = |name: &str| read(name).lines().next().unwrap_or_default().to_owned();
    assert!(head("sysrq-w.txt").ends_with(" after the verdict; the lab had disturbed the guest before."));
    assert!(head("registers.txt").starts_with("Taken "), "{}", head("registers.txt"));
    let answer = read("sysrq-m.txt");
    assert!(answer.contains("sysrq: Show Memory") && !answer.contains("@oomlab"), "{answer}");
    let refused = StepResult::Failed { why: "the kernel has no symbols (CONFIG_KALLSYMS)".to_owned() };
    assert_eq!(result(&steps, Step::Memory), &refused, "a step that cannot be made says why, and the rest goes on");
    let kept: Vec<&str> = trial.artifacts.iter().map(|artifact| artifact.file.as_str()).collect();
    assert!(kept.contains(&"bundle.json") && kept.contains(&"bundle/sysrq-t.txt"), "{kept:?}");
    assert!(steps.last().unwrap().provoked, "what comes after a sysrq letter was provoked");
}

#[tokio::test]
async fn ram_is_kept_where_the_user_wants_it_and_it_is_not_too_much() {
    for (most, expected) in [
        (None, StepResult::Skipped { why: "only with --dump".to_owned() }),
        (Some(32), StepResult::Done { file: "bundle/memory.kdump".to_owned() }),
        (
            Some(16),
            StepResult::Failed { why: "32 MiB of RAM are more than 16M, the most that --dump keeps".to_owned() },
        ),
    ] {
        let mut scripted = Scripted::default();
        scripted.cell("cell", &format!("{LIVELOCK}spin off\n{PANIC}down guest-reset\n"));
        scripted.dump = most.map(RamMib);
        let trial = scripted.run().await.trials.remove(0);
        assert_kept(&scripted, &trial, Kind::Panic);
        assert_eq!(result(&bundle(&scripted), Step::Dump), &expected);
        let kept = trial.artifacts.iter().any(|artifact| artifact.file == "bundle/memory.kdump");
        assert_eq!(kept, most == Some(32), "{:?}", trial.artifacts);
    }
}

#[tokio::test]
async fn a_crashed_machine_is_kept_and_looked_at_from_outside() {
    let (scripted, trial) = Scripted::one(&format!("{LIVELOCK}spin off\n{PANIC}down guest-reset\n")).await;
    assert_kept(&scripted, &trial, Kind::Panic);
    let steps = bundle(&scripted);
    assert!(is_done(&steps, Step::Registers), "{:?}", result(&steps, Step::Registers));
    let down = StepResult::Skipped { why: "the machine is shut down".to_owned() };
    assert_eq!((result(&steps, Step::Sysrq('m')), result(&steps, Step::Profile)), (&down, &down));
    assert!(trial.duration_s < 60.0, "no step waits for a machine that is shut down");
}

#[tokio::test]
async fn a_qemu_that_does_not_keep_the_machine_leaves_the_verdict() {
    let (scripted, trial) =
        Scripted::one(&format!("{LIVELOCK}spin off\n{PANIC}event SHUTDOWN guest-reset\nexit 0\n")).await;
    assert_kept(&scripted, &trial, Kind::Panic);
}

#[tokio::test]
async fn a_healthy_guest_has_no_bundle() {
    let (scripted, trial) =
        Scripted::one(&format!("{LIVELOCK}frame finished status=0 units=3\nframe bye\ndown guest-shutdown\n")).await;
    assert_kept(&scripted, &trial, Kind::Finished);
    assert!(!folder(&scripted).join("bundle.json").exists());
}

#[tokio::test]
async fn sysrq_falls_back_to_the_agent_when_qmp_hangs() {
    let (scripted, trial) = Scripted::one(&format!("{LIVELOCK}qmp-hang\n{STUCK}")).await;
    assert_kept(&scripted, &trial, Kind::OomLivelock);
    let steps = bundle(&scripted);
    let StepResult::Failed { why } = result(&steps, Step::Registers) else { panic!("{steps:?}") };
    assert!(why.contains("QEMU"), "{why}");
    assert!(is_done(&steps, Step::Sysrq('m')), "{:?}", result(&steps, Step::Sysrq('m')));
}

#[tokio::test]
async fn sysrq_falls_back_to_the_agent_when_breaks_are_lost() {
    let (scripted, trial) = Scripted::one(&format!("{LIVELOCK}no-break\n{STUCK}")).await;
    assert_kept(&scripted, &trial, Kind::OomLivelock);
    let steps = bundle(&scripted);
    assert!(is_done(&steps, Step::Sysrq('t')), "{steps:?}");
}

#[tokio::test]
async fn unanswered_sysrq_is_sent_once() {
    let (scripted, trial) = Scripted::one(&format!("{LIVELOCK}no-sysrq\n{STUCK}")).await;
    assert_kept(&scripted, &trial, Kind::OomLivelock);
    let steps = bundle(&scripted);
    let StepResult::Failed { why } = result(&steps, Step::Sysrq('m')) else { panic!("{steps:?}") };
    assert!(why.starts_with("by a BREAK: the kernel did not answer within 2 s; by the agent: "), "{why}");
    let skipped = StepResult::Skipped { why: "sysrq-m was not answered".to_owned() };
    assert_eq!(result(&steps, Step::Sysrq('t')), &skipped);
    assert!(is_done(&steps, Step::Registers));
}

#[tokio::test]
async fn a_bundle_that_cannot_be_written_is_noted_and_the_verdict_kept() {
    let mut scripted = Scripted::default();
    scripted.cell("cell", &format!("{LIVELOCK}{STUCK}"));
    let run = scripted.run_dir();
    let folder = run.path().join("cells/cell");
    // A file in the place of the bundle's folder: nothing can be written there, as on a full disk. What lies there before the trial
    // begins is removed.
    let block = async {
        while !folder.join("console.log").is_file() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        std::fs::write(folder.join("bundle"), "").unwrap();
    };
    let (ran, blocked) = tokio::join!(scripted.run_into(&run), tokio::time::timeout(Duration::from_secs(60), block));
    ran.unwrap();
    blocked.unwrap();
    let trial = run.record().unwrap().trials.remove(0);
    assert_kept(&scripted, &trial, Kind::OomLivelock);
    let steps = bundle(&scripted);
    let StepResult::Failed { why } = result(&steps, Step::Registers) else { panic!("{steps:?}") };
    assert!(why.contains("cannot write") && why.contains("bundle"), "{why}");
    assert!(matches!(result(&steps, Step::Sysrq('m')), StepResult::Failed { .. }));
}

#[tokio::test]
async fn bundle_keeps_the_steps_before_qemu_exits() {
    let script = format!("{LIVELOCK}fatal l\n{STUCK}");
    let (scripted, trial) = Scripted::one(&script).await;
    assert_kept(&scripted, &trial, Kind::OomLivelock);
    let steps = bundle(&scripted);
    assert!(is_done(&steps, Step::Sysrq('w')));
    assert_eq!(result(&steps, Step::Sysrq('l')), &StepResult::Failed { why: "QEMU has exited".to_owned() });
    assert_eq!(result(&steps, Step::Sysrq('t')), &StepResult::Skipped { why: "QEMU has exited".to_owned() });
}

#[tokio::test]
async fn second_trial_of_a_title_is_not_diagnosed_again() {
    let mut scripted = Scripted::default();
    scripted.budget.jobs = Some(1);
    scripted.cell("cell", &format!("{LIVELOCK}{STUCK}")).repeat = 2;
    let trials = scripted.run().await.trials;
    let title = |trial: &TrialRecord| trial.verdict.title.clone();
    assert!(title(&trials[0]).is_some() && title(&trials[0]) == title(&trials[1]), "{:?}", title(&trials[1]));
    assert!(is_done(&bundle(&scripted), Step::Sysrq('m')));
    let second = std::fs::read_to_string(folder(&scripted).with_file_name("cell~2").join("bundle.json")).unwrap();
    let second: Bundle = serde_json::from_str(&second).unwrap();
    let skipped = StepResult::Skipped { why: "trial 1 has the diagnostics of this title".to_owned() };
    assert_eq!(result(&second.steps, Step::Sysrq('m')), &skipped);
    assert_eq!(result(&second.steps, Step::Dump), &StepResult::Skipped { why: "only with --dump".to_owned() });
}
