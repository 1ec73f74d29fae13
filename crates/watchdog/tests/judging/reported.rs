//! Reports of the kernel beside the verdict, and trials that fail on them.

use crate::trial::{Trial, finish, memory, profile};
use model::{Also, AlsoKind, Caveat, Kind, Outcome, RuleId};
use watchdog::{Setup, Watchdog};

const WARNING: [&str; 3] = [
    "[    2.500000] WARNING: CPU: 0 PID: 26 at mm/page_alloc.c:4321 get_page_from_freelist+0x1/0x2",
    "[    2.500001] Call Trace:",
    "[    2.500002] ---[ end trace 0000000000000000 ]---",
];
const TITLE: &str = "WARNING in get_page_from_freelist";
const LEAK: &str = "[    2.600000] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)";

/// A booted trial that fails on these reports.
fn failing_on(fail_on: &[AlsoKind]) -> Trial {
    let mut trial = Trial::new(true);
    trial.setup = Setup { fail_on: fail_on.to_vec(), ..trial.setup };
    trial.watchdog = Watchdog::new(trial.setup.clone());
    trial.line("[    0.000000] Linux version 6.1");
    trial.hello();
    trial.second(0.3, 0.0, true);
    trial
}

fn warn(trial: &mut Trial) {
    WARNING.iter().for_each(|line| trial.line(line));
}

fn end(trial: &mut Trial) {
    trial.frame(finish(0));
    trial.power_off();
}

fn titles(trial: &Trial) -> Vec<String> {
    trial.watchdog.also().iter().map(ToString::to_string).collect()
}

#[test]
fn reports_of_a_pass_are_listed() {
    let mut trial = failing_on(&[]);
    trial.line(LEAK);
    trial.kill();
    (0..3).for_each(|_| warn(&mut trial));
    end(&mut trial);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.title), (Kind::Finished, None));
    let also = trial.watchdog.also();
    let warning = Also { kind: AlsoKind::Warning, title: TITLE.to_owned(), count: 3 };
    assert_eq!((&also[0], also[1].kind, also.len()), (&warning, AlsoKind::MemoryLeak, 2), "{also:?}");
}

#[test]
fn reports_are_bounded() {
    let mut trial = failing_on(&[]);
    for number in 0..20 {
        trial.line(&format!("[    1.000000] WARNING: CPU: 0 PID: 1 at mm/slub.c:1 f{number}+0x1/0x2"));
    }
    assert_eq!(trial.watchdog.also().len(), Also::MAX);
}

#[test]
fn fail_on_gives_a_verdict_in_place_of_a_pass() {
    for (fail_on, kind) in [
        (&[AlsoKind::Warning][..], Kind::Warned),
        (&[AlsoKind::MemoryLeak, AlsoKind::Warning], Kind::Warned),
        (&[AlsoKind::Lockdep], Kind::Finished),
        (&[], Kind::Finished),
    ] {
        let mut trial = failing_on(fail_on);
        warn(&mut trial);
        end(&mut trial);
        assert_eq!(trial.verdict().kind, kind, "{fail_on:?}");
    }
}

#[test]
fn warned_verdict_names_the_first_report() {
    let mut trial = failing_on(&[AlsoKind::Warning]);
    trial.line(LEAK);
    warn(&mut trial);
    trial.line("[    3.000000] WARNING: CPU: 0 PID: 26 at mm/slub.c:1 kfree+0x1/0x2");
    trial.frame(finish(0));
    trial.seconds(12, 1.0, 0.0, false);
    let verdict = trial.verdict();
    assert_eq!((verdict.outcome(), verdict.rule), (Outcome::Crash, RuleId::ConsoleReport));
    assert_eq!(verdict.title.as_deref(), Some(TITLE));
    assert_eq!(verdict.summary, format!("the kernel reported: {TITLE}"));
    assert_eq!(verdict.onset.and_then(|onset| onset.guest_s), Some(2.5));
    assert!(verdict.lines.len() == 2 && verdict.lines[0] == WARNING[0], "{:?}", verdict.lines);
    assert_eq!(verdict.caveats, [Caveat::NoPowerOff], "those of the pass");
    let titles = titles(&trial);
    assert!(titles.len() == 2 && titles[0] == "WARNING in kfree", "its own report is not listed again: {titles:?}");
}

#[test]
fn fail_on_leaves_other_verdicts() {
    let mut failed = failing_on(&[AlsoKind::Warning]);
    warn(&mut failed);
    failed.frame(finish(1));
    failed.power_off();
    assert_eq!(failed.verdict().kind, Kind::WorkloadFailed);

    let mut panicked = failing_on(&[AlsoKind::Warning]);
    warn(&mut panicked);
    panicked.line("[    3.000000] Kernel panic - not syncing: boom");
    panicked.exit(Some(0), None);
    assert_eq!((panicked.verdict().kind, titles(&panicked)), (Kind::Panic, vec![TITLE.to_owned()]));
}

#[test]
fn reports_that_the_lab_may_have_provoked_do_not_count() {
    let mut trial = failing_on(&[AlsoKind::Warning]);
    trial.answers.profile = Some(profile(&[("shrink_node", 94)], &[("__alloc_pages", 100)]));
    trial.answers.memory = [memory(900, 1000, 5000)].into();
    let answer = |letter: char| (letter, WARNING.map(str::to_owned).to_vec());
    trial.answers.sysrq = ['m', 'w', 'f'].map(answer).into();
    trial.until_verdict(60, 1.0, 0.0, true);
    assert_ne!(trial.verdict().outcome(), Outcome::Pass);
    assert!(trial.probes.iter().any(|(_, probe)| matches!(probe, model::Probe::Sysrq(_))), "{:?}", trial.probes);
    assert_eq!(titles(&trial), Vec::<String>::new());
    warn(&mut trial);
    assert_eq!(titles(&trial), Vec::<String>::new(), "it came after the verdict");
}
