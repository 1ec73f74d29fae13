//! `oomlab history`, `compare` and `flaky`. The transcripts are `tests/cmd/history-*.txt`, `compare-*.txt` and `flaky-*.txt`.

use crate::support::nights::{Night, NightCell, cell, failing, id};
use crate::support::program::{Program, finish};
use crate::support::transcript::assert_transcript;
use console::measure_text_width;
use model::{Expectation, Kind};
use oomlab::history::{Index, IndexedCell, Keep};
use oomlab::report::Style;
use oomlab::report::history as text;
use std::path::PathBuf;

/// Escapes, characters that reorder text, quotes and commands.
const HOSTILE: &str =
    "BUG: \u{1b}[2J\u{1b}]0;x\u{7} \u{202e}\"'; DROP TABLE run; --\r\n\0 in a_very_long_function_name";

/// Sixteen nights of a matrix, and a run of another one. Each cell has a story.
fn nights() -> Program {
    let program = Program::new();
    for day in 0..16 {
        let titled = |mut night: NightCell, title: &str| {
            for (kind, known) in &mut night.trials {
                *known = (*kind == Kind::OomLivelock).then(|| title.to_owned());
            }
            night
        };
        let livelock = |failures| failing("zombie-victim", failures, 5);
        let mut cells = vec![
            failing("idle", 0, 5),
            titled(livelock(if day < 9 { 0 } else { 5 }), "OOM livelock in dump_tasks"),
            titled(failing("anon-hog", [1, 0, 2, 1, 1][day as usize % 5], 5), HOSTILE),
            NightCell { expect: Expectation::of(Kind::OomLivelock.into()), ..failing("no-killable", 5, 5) },
            failing("fork-hog", if day == 15 { 0 } else { 5 }, 5),
            failing("slab-hog", usize::from(day == 15), 5),
        ];
        cells.push(if day == 15 { cell("late", &[Kind::HostOverloaded; 5]) } else { failing("late", 0, 5) });
        Night { runs: &program.dir().join("runs"), matrix: "nightly", day, cells: &cells }.write();
    }
    Night { runs: &program.dir().join("runs"), matrix: "boot", day: 20, cells: &[failing("idle", 1, 1)] }.write();
    program
}

#[test]
fn history_lists_runs_and_cells() {
    let program = nights();
    assert_transcript(&program, "history-runs", &["history"], 0);
    assert_transcript(&program, "history-last", &["history", "--matrix", "nightly", "--last", "2"], 0);
    assert_transcript(&program, "history-cell", &["history", &id("zombie-victim")], 0);
    assert_transcript(&program, "history-pattern", &["history", "*-hog"], 0);
    assert_transcript(&program, "history-passing", &["history", &id("idle")], 0);
    assert_transcript(&program, "history-json", &["history", "--last", "1", "--json"], 0);
    assert_transcript(&program, "history-cell-json", &["history", &id("fork-hog"), "--json"], 0);
}

#[test]
fn history_says_what_is_wrong_with_its_arguments() {
    let empty = Program::new();
    assert_transcript(&empty, "history-nowhere", &["history"], 2);
    let program = nights();
    assert_transcript(&program, "history-unknown-cell", &["history", &id("zombie-victm")], 2);
    assert_transcript(&program, "history-unknown-matrix", &["history", "--matrix", "nihgtly"], 2);
    program.write("runs/2026-01-03-0/run.json", r#"{"schema": 99}"#);
    program.write("runs/2026-01-04-0/plan.json", "{\u{1b}");
    assert_transcript(&program, "history-left-out", &["history", "--last", "1"], 0);
}

#[test]
fn compare_tells_what_is_worse_by_its_exit_status() {
    let program = nights();
    assert_transcript(&program, "compare-worse", &["compare", "2026-01-09-0", "2026-01-10-0"], 1);
    assert_transcript(&program, "compare-fixed", &["compare", "2026-01-15-0", "runs/2026-01-16-0"], 0);
    assert_transcript(&program, "compare-json", &["compare", "2026-01-15-0", "2026-01-16-0", "--json"], 0);
    assert_transcript(&program, "compare-unknown", &["compare", "2026-01-15-0", "2026-01-17-0"], 2);
    let latest = program.run(["compare", "latest", "latest"]);
    assert_eq!((latest.status, latest.stdout.lines().last()), (Some(0), Some("1 still failing")));
    // The same runs, elsewhere.
    std::fs::rename(program.dir().join("runs/2026-01-21-0"), program.dir().join("elsewhere")).unwrap();
    let before = program.run(["compare", "latest~6", "latest"]);
    assert_eq!(before.status, Some(0), "{before:?}");
    assert!(before.stdout.starts_with("2026-01-10-0 → 2026-01-16-0\n"), "{}", before.stdout);
    let other = program.run(["compare", "latest", "elsewhere"]);
    assert_eq!(other.stdout.matches("not run").count(), 7, "{other:?}");
    let unknown = program.run(["compare", "elsewhere", "latest"]);
    assert_eq!(unknown.status, Some(1), "cells that fail are new where nothing is known of them: {unknown:?}");
    assert!(!program.dir().join("index.sqlite").exists(), "that folder is not the lab's");
    assert_eq!(program.run(["compare", "latest~99", "latest"]).status, Some(2));
}

#[test]
fn flaky_lists_steady_rates() {
    let program = nights();
    assert_transcript(&program, "flaky", &["flaky"], 0);
    assert_transcript(&program, "flaky-json", &["flaky", "--json"], 0);
    assert_transcript(&program, "flaky-none", &["flaky", "--matrix", "boot"], 0);
}

#[test]
fn terminal_gets_no_control_characters_and_no_long_lines() {
    let program = nights();
    let runs: PathBuf = program.dir().join("runs");
    let index = Index::open(&runs, Keep::File).unwrap();
    let overview = index.overview(None, 100).unwrap();
    for (width, ascii) in [(80, false), (80, true), (60, false)] {
        let style = Style { colour: false, ascii, width };
        let mut texts = vec![text::flaky(&index.flaky(None).unwrap(), style)];
        for cell in index.cells(None).unwrap() {
            texts.push(text::cell(&index.cell(&cell).unwrap().unwrap(), style));
        }
        if width >= 80 {
            texts.push(text::runs(&overview, 99, style));
        }
        for shown in texts {
            for line in shown.lines() {
                assert!(measure_text_width(line) <= width, "{width}: {line}");
                assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
                assert!(!ascii || line.is_ascii() || line.contains('\u{fffd}'), "{line}");
            }
        }
    }
    let cell = IndexedCell { matrix: "nightly".to_owned(), cell: id("idle").as_str().into() };
    let many = (0..300).map(|_| index.cell(&cell).unwrap().unwrap()).reduce(|mut all, one| {
        all.runs.extend(one.runs);
        all
    });
    let shown = text::cell(&many.unwrap(), Style::default());
    assert!(shown.lines().count() > 70 && shown.lines().all(|line| measure_text_width(line) <= 80));
}

#[test]
fn colour_is_left_out_on_request() {
    let program = nights();
    for args in [&["history"][..], &["history", "*-hog"], &["compare", "2026-01-09-0", "2026-01-10-0"], &["flaky"]] {
        let plain = program.run(args.iter().copied());
        let coloured = program.run([args, &["--color", "always"]].concat());
        assert!(coloured.stdout.contains("\x1b[") && !plain.stdout.contains('\x1b'), "{}", plain.stdout);
        assert_eq!(console::strip_ansi_codes(&coloured.stdout), plain.stdout);
        let none = finish(program.command([args, &["--color", "auto"]].concat()).env("NO_COLOR", "1"));
        assert_eq!(none.stdout, plain.stdout);
    }
}
