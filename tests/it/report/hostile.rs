//! Foreign text in reports: escaped, and bounded.

use super::{hostile, run};
use model::RunRecord;
use oomlab::report::{Style, json, junit, text};
use proptest::prelude::*;

pub(super) const HOSTILE: &[&str] = &[
    "\u{1b}[2J\u{1b}]0;title\u{7}",
    "nul\0nul",
    "<![CDATA[ ]]> & \" ' <x>",
    "line\nbreak\rreturn",
    "$(touch x) `id` 'q' \"q\" \\",
    "\u{202e}esrever",
    "\u{9b}31m",
    "",
    "漢字 é \u{301}",
    "~ -x --",
    "\u{fffe}\u{ffff}]]>\u{b}",
];

#[test]
fn hostile_text_is_escaped() {
    for hostile_text in HOSTILE {
        let run = hostile(hostile_text);
        let shown = text(&run, Style::default());
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        assert!(!shown.contains('\u{202e}'));
        let xml = junit(&run).unwrap();
        assert!(!xml.contains(['\u{fffe}', '\u{ffff}', '\u{b}']), "no characters of XML 1.0: {xml}");
        quick_junit::Report::deserialize_from_str(&xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
        let document: serde_json::Value = serde_json::from_str(&json(&run)).unwrap();
        assert_eq!(document["cells"][0]["summary"], *hostile_text);
        assert!(json(&run).chars().all(|c| c == '\n' || !c.is_ascii_control()));
    }
}

#[test]
fn text_report_cuts_huge_lines() {
    let run = hostile(&"x".repeat(1 << 20));
    let shown = text(&RunRecord { name: "n".into(), dir: "d".into(), id: "i".into(), ..run.clone() }, Style::default());
    let lines = shown.lines().filter(|line| line.starts_with("  xxx") && line.ends_with('…'));
    assert!(lines.clone().count() >= 3 && lines.clone().all(|line| line.chars().count() == 80));
}

#[test]
fn junit_size_is_bounded() {
    let mut run = run();
    for trial in &mut run.trials {
        trial.verdict.summary = "x".repeat(1 << 20);
        trial.verdict.lines = vec!["y".repeat(1 << 20); 3];
    }
    assert!(junit(&run).unwrap().len() < 200_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn reports_accept_any_text(foreign in any::<String>(), width in 0_usize..300) {
        let run = hostile(&foreign);
        let shown = text(&run, Style { width, ..Style::default() });
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
        prop_assert!(junit(&run).is_ok());
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json(&run)).is_ok());
    }
}
