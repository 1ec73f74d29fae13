//! Every signature reads the lines that it is for and leaves the ones that merely look like them.
//!
//! `tests/signatures/<name>.hit.log` has console lines, each with what is read out of it behind `=> `;
//! `<name>.miss.log` has lines that this signature must leave alone. Lines with `#` say where a line comes from.
//! `SNAPSHOTS=overwrite cargo test --test signatures` rewrites the `=> ` lines.

use console::printk;
use kmsg::TaskRef;
use kmsg::signature::{Finding, Head, Role, Signature};
use kmsg::{console, signature};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signatures")
}

fn log(signature: &Signature, kind: &str) -> PathBuf {
    folder().join(format!("{}.{kind}.log", signature.name))
}

/// The console lines of a log.
fn console_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '=']))
}

/// The signature that reads a line, and what it reads: the first wins, as in a trial.
fn read(line: &str) -> Option<(&'static str, Head)> {
    let text = printk::parse(line).text;
    let has_needle = |signature: &&Signature| signature.needles.iter().any(|needle| text.contains(needle));
    let found = signature::ALL
        .iter()
        .filter(has_needle)
        .find_map(|signature| (signature.read)(text).map(|head| (signature.name, head)));
    // The search for all needles at once finds the same.
    assert_eq!(signature::read(text), found.as_ref().and_then(|(_, head)| head.finding.clone()), "{line}");
    found
}

/// `kind: title words in function (task)`, what it does to a pending report, and its finding.
fn describe(head: &Head) -> String {
    let named = |task: &TaskRef| format!("{}{}", task.comm, task.pid.map(|pid| format!(":{pid}")).unwrap_or_default());
    let mut text = format!("{}: {}", head.kind, head.what);
    if let Some(function) = &head.function {
        text += &format!(" in {function}");
    }
    if let Some(task) = &head.task {
        text += &format!(", task {}", named(task));
    }
    if let Some(victim) = &head.victim {
        text += &format!(", victim {}", named(victim));
    }
    match head.role {
        Role::Start => {}
        Role::Refine(kind) => text += &format!(", refines {kind}"),
        Role::Append(kind) => text += &format!(", appends to {kind}"),
        Role::Fragment => text += ", fragment",
        Role::Repeated => text += ", counted",
        Role::AsksForDump => text += ", asks for a dump",
        Role::AsksForKill => text += ", asks for a kill",
        Role::End => text += ", ends",
    }
    match &head.finding {
        Some(Finding::Failure(failure)) => text += &format!(" | {}: {}", failure.kind, failure.title),
        Some(finding) => text += &format!(" | {finding:?}"),
        None => {}
    }
    text
}

#[test]
fn every_signature_has_its_logs_and_every_log_its_signature() {
    let wanted: BTreeSet<PathBuf> =
        signature::ALL.iter().flat_map(|signature| [log(signature, "hit"), log(signature, "miss")]).collect();
    let there: BTreeSet<PathBuf> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let missing: Vec<_> = wanted.difference(&there).collect();
    let stray: Vec<_> = there.difference(&wanted).collect();
    assert!(missing.is_empty() && stray.is_empty(), "missing: {missing:#?}\nof no signature: {stray:#?}");
}

#[test]
fn hits_are_read() {
    for signature in signature::ALL {
        let path = log(signature, "hit");
        let text = fs::read_to_string(&path).unwrap();
        let mut actual = String::new();
        for line in text.lines().filter(|line| !line.starts_with("=> ")) {
            actual += &format!("{line}\n");
            if console_lines(line).next().is_some() {
                let (by, found) =
                    read(line).unwrap_or_else(|| panic!("{}: no signature reads: {line}", path.display()));
                assert_eq!(by, signature.name, "{}: another signature reads: {line}", path.display());
                actual += &format!("=> {}\n", describe(&found));
            }
        }
        if std::env::var("SNAPSHOTS").as_deref() == Ok("overwrite") {
            fs::write(&path, &actual).unwrap();
        }
        assert!(console_lines(&text).next().is_some(), "{} has no line", path.display());
        assert_eq!(fs::read_to_string(&path).unwrap(), actual, "{}", path.display());
    }
}

#[test]
fn misses_are_left_alone() {
    for signature in signature::ALL {
        let path = log(signature, "miss");
        let text = fs::read_to_string(&path).unwrap();
        assert!(console_lines(&text).next().is_some(), "{} has no line", path.display());
        for line in console_lines(&text) {
            let by = read(line).map(|(by, _)| by);
            assert_ne!(by, Some(signature.name), "{}: it reads: {line}", path.display());
        }
    }
}

#[test]
fn lines_say_where_they_come_from() {
    for signature in signature::ALL {
        for kind in ["hit", "miss"] {
            let path = log(signature, kind);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.starts_with('#'), "{}: the first line names the source", path.display());
        }
    }
}

#[test]
fn healthy_boots_hold_no_finding() {
    let replays = Path::new(env!("CARGO_MANIFEST_DIR")).join("../watchdog/tests/replays");
    for case in ["idle-riscv64-nommu", "idle-x86_64", "idle-arm"] {
        let events = fs::read_to_string(replays.join(case).join("events.jsonl")).unwrap();
        let events: Vec<Value> = events.lines().map(|record| serde_json::from_str(record).unwrap()).collect();
        let lines =
            events.iter().filter(|record| record["event"] == "line").map(|record| record["text"].as_str().unwrap());
        let found: Vec<_> = lines.clone().filter(|line| read(line).is_some()).collect();
        assert!(lines.count() > 20 && found.is_empty(), "{case}: {found:?}");
    }
}
