//! Recorded trials on a time axis, and why they were judged so: `tests/reports/{timeline,why}-*`.
//! `SNAPSHOTS=overwrite` rewrites them.

use crate::support::recorded;
use crate::support::trial;

use model::{
    Beat, Caveat, Course, Event, Evidence, Expectation, Frame, Kind, Memory, Onset, Outcome, Probe, Record, RuleId,
    Stage, Stamp, Task, ThreadTime, TrialRecord, Verdict,
};
use oomlab::report::{Style, needs_explanation, timeline, why};
use proptest::prelude::*;
use snapbox::{Assert, Data};
use std::path::Path;
use trial::Trial;
use watchdog::{Setup, retrace};

const RUN: &str = "runs/2026-11-24-0";

fn assert_golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports").join(name);
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(actual), Data::read_from(&path, None).raw());
}

fn drawn(case: &str, style: Style) -> String {
    let (record, events) = (recorded::trial(case), recorded::events(case));
    timeline(record.cell.id.as_str(), &events, &retrace(Setup::of(&record.cell), &events), style)
}

/// A made-up livelock: the lab looks into the guest, and its last question proves it.
fn livelock() -> Trial {
    let mut trial = Trial::booted();
    trial.answers.profile = Some(trial::profile(&[("get_page_from_freelist", 90)], &[]));
    trial.answers.memory = [trial::memory(4704, 4768, 100)].into();
    trial.answers.sysrq.insert('f', vec!["[   12.000000] Out of memory: Killed process 27 (b) x".to_owned()]);
    trial.recovers = true;
    trial.seconds(2, 0.4, 0.1, true);
    trial.kill();
    for _ in 0..16 {
        trial.beat.canary_age_ms += 1000;
        trial.beat.free_kib = 4700;
        trial.second(0.9, 0.1, true);
    }
    trial
}

fn drawn_trial(trial: &Trial, style: Style) -> String {
    timeline("made-up", &trial.records, &retrace(trial.setup.clone(), &trial.records), style)
}

/// The record of a made-up trial.
fn record_of(trial: &Trial) -> TrialRecord {
    TrialRecord { verdict: trial.verdict(), boot_s: Some(0.5), ..recorded::trial("idle-arm") }
}

#[test]
fn timeline_fits_every_width() {
    let livelock = "livelock-riscv64-nommu";
    assert_golden("timeline-livelock-80.txt", &drawn(livelock, Style::default()));
    assert_golden("timeline-livelock-120.txt", &drawn(livelock, Style { width: 120, ..Style::default() }));
    let narrow = Style { ascii: true, width: 60, ..Style::default() };
    assert_golden("timeline-livelock-ascii-60.txt", &drawn(livelock, narrow));
    assert_golden("timeline-pass-80.txt", &drawn("two-kills-x86_64", Style::default()));
    assert_golden("timeline-without-agent-80.txt", &drawn("boot-panic-without-agent-x86_64", Style::default()));
}

#[test]
fn timeline_shows_probes_at_their_time() {
    let shown = drawn_trial(&self::livelock(), Style::default());
    assert_golden("timeline-probes-80.txt", &shown);
    assert!(shown.contains("PCM        PMC         Tf "), "{shown}");
}

#[test]
fn timeline_without_colour_has_the_same_text() {
    let plain = drawn_trial(&livelock(), Style::default());
    let coloured = drawn_trial(&livelock(), Style { colour: true, ..Style::default() });
    assert_ne!(coloured, plain);
    assert_eq!(console::strip_ansi_codes(&coloured), plain);
    assert!(drawn_trial(&livelock(), Style { ascii: true, ..Style::default() }).is_ascii());
}

#[test]
fn timeline_breaks_at_lost_heartbeats() {
    let mut trial = Trial::booted();
    trial.seconds(5, 1.0, 0.0, true);
    trial.until_verdict(20, 1.0, 0.0, false);
    let shown = drawn_trial(&trial, Style::default());
    let beats = shown.lines().find(|line| line.trim_start().starts_with("beats")).unwrap();
    assert!(beats.contains("┼      ") && beats.ends_with("6 · gaps to 12 s"), "{beats}");
}

#[test]
fn timeline_of_an_empty_trial() {
    let nothing = Course { stages: Vec::new(), kills: Vec::new(), verdict: None };
    let shown = timeline("a", &[], &nothing, Style::default());
    assert!(shown.starts_with("a   no verdict\n") && shown.lines().count() == 3, "{shown}");
    let spawned = [Record { at: Stamp::from_micros(7), event: Event::Spawned { pid: 1 } }];
    let course = retrace(Trial::new(true).setup, &spawned);
    let shown = timeline("a", &spawned, &course, Style::default());
    assert!(shown.contains("booting") && shown.contains("goes on"), "{shown}");
}

fn any_event() -> impl Strategy<Value = Event> {
    let number = prop_oneof![Just(0), Just(u64::MAX), any::<u64>(), 0..100_000_u64];
    (0..8, number.clone(), number, any::<char>()).prop_map(|(sort, a, b, letter)| match sort {
        0 => Event::Line { text: format!("\x1b[2J{letter}") },
        1 => Event::LinesDropped { lines: a, bytes: b },
        2 => {
            let beat = Beat { free_kib: a, canary_us: b, canary_age_ms: a, oom_kills: b, ..Beat::default() };
            Event::Agent { seq: 0, frame: Frame::Beat(beat) }
        }
        3 => Event::Agent {
            seq: 0,
            frame: Frame::Hello { version: 1, arch: letter.to_string(), page_bytes: 0, ram_kib: a },
        },
        4 => Event::Vcpus { threads: vec![ThreadTime { ran_us: a, waited_us: b }; 2] },
        5 => Event::Probed { probe: Probe::Sysrq(letter) },
        6 => Event::Memory { memory: Memory { free_kib: b, ..Memory::default() } },
        _ => Event::ProbeFailed { probe: Probe::Profile, why: letter.to_string() },
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn timeline_of_any_record_keeps_to_the_width(
        events in prop::collection::vec((any::<u64>(), any_event()), 0..40),
        scale in 0..64_u32,
        name in any::<String>(),
        width in 0_usize..200,
        kills in any::<u64>(),
    ) {
        let records: Vec<Record> = events
            .into_iter()
            .map(|(at, event)| Record { at: Stamp::from_micros(at >> scale), event })
            .collect();
        let at = |index: usize| records.get(index).map_or(Stamp::ZERO, |record| record.at);
        let mut verdict = Verdict::new(Kind::Spin, RuleId::HeartbeatLost, "\x1b[2J");
        verdict.onset = Some(Onset { host: at(2), guest_s: None });
        let course = Course {
            stages: vec![(Stamp::ZERO, Stage::Booting), (at(1), Stage::Loading), (at(0), Stage::Judged)],
            kills: vec![(at(0), kills), (at(3), u64::MAX), (at(1), 2)],
            verdict: Some(verdict),
        };
        let shown = timeline(&name, &records, &course, Style { width, ..Style::default() });
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{}", shown);
        let wide = shown.lines().skip(2).find(|line| console::measure_text_width(line) > width.clamp(60, 120));
        prop_assert_eq!(wide, None);
    }
}

#[test]
fn explanations_of_recorded_trials() {
    for (case, name) in [
        ("livelock-riscv64-nommu", "why-livelock.md"),
        ("boot-panic-arm", "why-boot-panic.md"),
        ("no-killable-riscv64-nommu", "why-no-killable.md"),
    ] {
        let shown = why(RUN, &recorded::trial(case));
        assert_golden(name, &shown);
        let lines = shown.lines().filter(|line| !line.is_empty() && !line.starts_with("```")).count();
        assert!((6..=16).contains(&lines), "{lines}\n{shown}");
    }
    assert_golden("why-proven.md", &why(RUN, &record_of(&livelock())));
}

#[test]
fn explanations_of_missed_failure_and_lab_error() {
    let mut passed = recorded::trial("one-kill-riscv64-nommu");
    assert!(!needs_explanation(&passed));
    let reason = Some("exit_mmap() of `mm/nommu.c` never sets MMF_OOM_SKIP".to_owned());
    passed.cell.expect = Expectation { reason, ..Expectation::of(Kind::OomLivelock.into()) };
    assert!(needs_explanation(&passed));
    assert_golden("why-passed.md", &why(RUN, &passed));
    let mut failed = recorded::trial("idle-arm");
    failed.verdict = Verdict::new(Kind::KernelUnavailable, RuleId::Prepare, "no network: https://deb.example/x");
    failed.command.clear();
    assert_golden("why-lab-error.md", &why("/data/my runs/a", &failed));
    let said = "make failed:\n\u{1b}[31mmm/oom_kill.c:7: error: 'x'\u{1b}[0m\n\tint `x`;\n```\n# no heading\nmake: *** [all] Error 2";
    failed.verdict = Verdict::new(Kind::KernelUnavailable, RuleId::Prepare, said);
    assert_golden("why-lab-error-lines.md", &why("/data/my runs/a", &failed));
}

#[test]
fn pass_with_caveat_is_explained() {
    let mut passed = recorded::trial("one-kill-riscv64-nommu");
    assert!(!needs_explanation(&passed));
    passed.verdict.caveats.push(Caveat::NoPowerOff);
    assert!(needs_explanation(&passed));
    assert!(why(RUN, &passed).contains("\n- caveat: the guest did not power off afterwards\n"));
}

/// The kinds that an explanation rules out.
fn ruled_out(trial: &Trial) -> Vec<String> {
    let shown = why(RUN, &record_of(trial));
    let named = shown.lines().filter_map(|line| line.strip_prefix("- not `")?.split_once('`'));
    named.map(|(kind, _)| kind.to_owned()).collect()
}

#[test]
fn alternatives_follow_from_evidence() {
    let silent = |ran, irqs_off, echo: bool| {
        let mut trial = Trial::booted();
        let mut profile = trial::profile(&[("native_queued_spin_lock_slowpath", 100)], &[]);
        profile.irqs_off = irqs_off;
        trial.answers.profile = Some(profile);
        if echo {
            trial.answers.sysrq.insert('m', vec!["[   11.000000] sysrq: Show Memory".to_owned()]);
        }
        trial.until_verdict(20, ran, 0.0, false);
        (trial.verdict().kind, ruled_out(&trial))
    };
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(silent(1.0, 100, false), (Kind::Spin, words(&["agent-lost", "deadlock", "unresponsive", "crash"])));
    assert_eq!(silent(0.0, 0, false), (Kind::Deadlock, words(&["agent-lost", "spin", "crash"])));
    assert_eq!(silent(0.4, 0, false), (Kind::Unresponsive, words(&["agent-lost", "crash"])));
    assert_eq!(silent(0.0, 0, true), (Kind::AgentLost, words(&["spin", "deadlock", "crash"])));
    assert_eq!(ruled_out(&livelock()), ["silent-stall", "reclaim-deadlock", "agent-lost", "crash"]);
    let mut stall = Trial::booted();
    stall.until_verdict(20, 1.0, 0.0, true);
    assert_eq!(stall.verdict().kind, Kind::SilentStall);
    assert_eq!(ruled_out(&stall), ["oom-livelock", "reclaim-deadlock", "agent-lost", "crash"]);
    let mut asleep = Trial::booted();
    let task = "[    8.100000] sysrq: Show Blocked State
[    8.100000] task:dd              state:D stack:    0 pid:   31 ppid:     1 flags:0x00000000
[    8.100000]  schedule+0x10/0x20
[    8.100000]  rwsem_down_write_slowpath+0x10/0x20";
    asleep.answers.sysrq.insert('w', task.lines().map(str::to_owned).collect());
    asleep.until_verdict(20, 0.0, 0.0, true);
    assert_eq!(asleep.verdict().kind, Kind::LockDeadlock);
    assert_eq!(ruled_out(&asleep), ["oom-livelock", "reclaim-deadlock", "agent-lost", "crash"]);
}

#[test]
fn alternatives_need_evidence() {
    let mut bare = recorded::trial("idle-arm");
    for kind in Kind::ALL {
        bare.verdict = Verdict::new(*kind, RuleId::Driver, "x");
        assert!(!why(RUN, &bare).contains("- not `"), "{kind}");
    }
}

#[test]
fn verdicts_page_lists_the_rules_in_order() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verdicts.md")).unwrap();
    let (rules, outcomes) = page.split_once("## Outcomes").unwrap();
    let rows = rules.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let listed: Vec<&str> = rows.map(|(rule, _)| rule).collect();
    let watchdog: Vec<&str> = RuleId::ALL.iter().filter(|rule| !rule.is_lab()).map(|rule| rule.as_str()).collect();
    assert_eq!(listed, watchdog);
    for rule in RuleId::ALL {
        assert!(page.contains(&format!("`{rule}`")), "{rule}");
    }
    for outcome in Outcome::ALL {
        let row = outcomes.lines().find(|line| line.starts_with(&format!("| `{outcome}` |"))).unwrap();
        let kinds = Kind::ALL.iter().filter(|kind| kind.outcome() == *outcome).map(|kind| format!("`{kind}`"));
        assert!(row.ends_with(&format!("| {} |", kinds.collect::<Vec<_>>().join(", "))), "{row}");
    }
}

proptest! {
    #[test]
    fn explanation_escapes_guest_text(text in "[`~*_<>#\\[\\]()!| a\n\r\t\x1b\u{2028}-]{0,60}") {
        let summary = text.clone();
        let mut trial = recorded::trial("idle-arm");
        trial.verdict = Verdict::new(Kind::OomLivelock, RuleId::CanaryStuck, text.clone());
        trial.verdict.lines = vec![text.clone(); 3];
        trial.verdict.evidence = vec![Evidence::OomInvoked { comm: text.clone() }];
        trial.verdict.caveats = vec![Caveat::DiscountedReport { line: text.clone() }];
        trial.verdict.victim = Some(Task { pid: 1, comm: text.clone() });
        trial.kernel_release = Some(text);
        let shown = why(RUN, &trial);
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
        // A block ends behind its lines, and not before; there is one of a summary's lines and one of the guest's.
        let (mut outside, mut blocks, mut lines) = (Vec::new(), Vec::new(), shown.lines());
        while let Some(line) = lines.next() {
            match line.strip_suffix("text").filter(|fence| fence.len() > 2 && fence.chars().all(|c| c == '`')) {
                Some(fence) => {
                    let inner: Vec<&str> = lines.by_ref().take_while(|line| *line != fence).collect();
                    prop_assert!(!inner.iter().any(|line| line.trim().starts_with(fence)), "{}", shown);
                    prop_assert_eq!(lines.next(), Some(""));
                    blocks.push(inner.len());
                }
                None => outside.push(line),
            }
        }
        let more = summary.trim().lines().count().saturating_sub(1);
        prop_assert_eq!(blocks, if more > 0 { vec![more, 3] } else { vec![3] }, "{}", shown);
        prop_assert!(outside.iter().any(|line| line.starts_with("**Verdict**")));
        prop_assert_eq!(outside.iter().filter(|line| line.starts_with('#')).count(), 1, "the heading alone");
    }
}
