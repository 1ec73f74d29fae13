//! Whole logs: what is wrong in each, as `oomlab classify` prints it.
//!
//! `tests/logs/<name>.log` is a console log, put together from the messages of the kernel's sources as the architecture and
//! version in its lines print them; `<name>.json` is what is read out of it. `SNAPSHOTS=overwrite cargo test --test logs`
//! rewrites it.

use kmsg::console::MAX_LINE;
use kmsg::signature::{Classification, Log, Reader, ReportKind};
use proptest::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs")
}

/// Name and content of every log.
static LOGS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let mut logs: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    logs.sort();
    logs
});

fn classify<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Classification {
    let mut log = Log::default();
    pieces.into_iter().for_each(|piece| log.push(piece));
    log.finish()
}

#[test]
fn logs_are_read_as_before() {
    assert!(LOGS.len() > 20, "{} logs", LOGS.len());
    for (name, bytes) in LOGS.iter() {
        let actual = format!("{:#}\n", serde_json::to_value(classify([&bytes[..]])).unwrap());
        let path = folder().join(format!("{name}.json"));
        if std::env::var("SNAPSHOTS").as_deref() == Ok("overwrite") {
            fs::write(&path, &actual).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap_or_default(), actual, "{name}");
    }
}

#[test]
fn titles_are_the_same_from_boot_to_boot() {
    for (name, bytes) in LOGS.iter() {
        for known in classify([&bytes[..]]).reports {
            let title = known.report.title;
            let address = title.split(|c: char| !c.is_ascii_hexdigit()).any(|word| word.len() >= 8);
            assert!(!address && !title.contains("+0x") && !title.contains("CPU#"), "{name}: {title}");
        }
    }
}

/// Prefixes that say nothing of the message.
#[test]
fn prefixes_of_log_daemons_change_nothing() {
    let plain = fs::read_to_string(folder().join("rcu-stall-x86.log")).unwrap();
    let expected = classify([plain.as_bytes()]);
    assert_eq!(expected.kind, ReportKind::RcuStall);
    for prefix in [
        "<6>",
        "Nov 24 10:00:00 host kernel: ",
        "kern  :warn  : ",
        "2026-11-24T10:00:00.123456+01:00 host kernel: ",
        "ноя 24 10:00:00 host kernel: ",
        "\x1b[0m",
        "> >> ",
    ] {
        let lines: String = plain.lines().map(|line| format!("{prefix}{line}\r\n")).collect();
        assert_eq!(classify([lines.as_bytes()]), expected, "{prefix:?}");
    }
}

/// The recorded trials of the lab itself: what their consoles show.
#[test]
fn consoles_of_recorded_trials_are_read() {
    use ReportKind as K;
    for (case, kind, also) in [
        ("idle-x86_64", K::None, vec![]),
        ("idle-arm", K::None, vec![]),
        ("idle-riscv64-nommu", K::None, vec![]),
        ("one-kill-riscv64-nommu", K::OomKill, vec![]),
        ("two-kills-x86_64", K::OomKill, vec![]),
        ("livelock-riscv64-nommu", K::OomKill, vec![]),
        ("no-killable-riscv64-nommu", K::OomNoKillable, vec![K::Panic]),
        ("boot-panic-arm", K::BootFailure, vec![K::Panic]),
        ("boot-panic-without-agent-x86_64", K::BootFailure, vec![K::Panic]),
    ] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../watchdog/tests/replays").join(case).join("events.jsonl");
        let mut log = Log::default();
        for record in fs::read_to_string(&path).unwrap().lines() {
            let record: Value = serde_json::from_str(record).unwrap();
            if record["event"] == "line" {
                log.push(record["text"].as_str().unwrap().as_bytes());
                log.push(b"\n");
            }
        }
        let found = log.finish();
        assert_eq!((found.kind, found.also), (kind, also), "{case}: {}", found.title);
    }
}

#[test]
fn incomplete_reports_are_classified() {
    let mut reader = Reader::default();
    let title = |reader: &Reader| reader.clone().finish().title;
    for (number, line, expected) in [
        (1, "[    1.0] nothing", ""),
        (
            2,
            "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000010",
            "kernel NULL pointer dereference",
        ),
        (3, "[    1.000001] RIP: 0010:tipc_sk_lookup+0x131/0xfa0", "kernel NULL pointer dereference in tipc_sk_lookup"),
        (4, "[    1.000002] ---[ end trace 0000000000000000 ]---", "kernel NULL pointer dereference in tipc_sk_lookup"),
    ] {
        reader.push(number, line, |_| {});
        assert_eq!(title(&reader), expected, "line {number}");
    }
    let found = reader.finish();
    assert_eq!((found.reports.len(), found.line, found.last_line), (1, Some(2), Some(4)));
}

#[test]
fn floods_of_reports_are_bounded() {
    let mut log = Log::default();
    for number in 0..1_000 {
        log.push(format!("[    1.000000] WARNING: CPU: 0 PID: 1 at mm/x.c:1 function_{number}+0x1/0x2\n").as_bytes());
        log.push(&[b'x'; MAX_LINE * 2]);
    }
    let found = log.finish();
    assert_eq!(found.kind, ReportKind::Warning);
    assert!(found.reports.len() <= 256, "{}", found.reports.len());
}

/// Heads of reports, whole and in parts, and what may stand within them on a console.
const PIECES: &[&[u8]] = &[
    b"\n",
    b"\n",
    b"\r",
    b"[    1.000000] ",
    b"nothing",
    b"BUG: soft lock",
    b"up - CPU#0 stuck for 22s! [a:7]\n",
    b"WARNING: CPU: 0 PID: 1 at mm/x.c:1 f+0x1/0x2\n",
    b"Out of memory: Killed process 5 (x)\n",
    b"Killed pro",
    b"cess 6 (y)\n",
    b"---[ end trace 0 ]---\n",
    b"\0",
    b"\x1b[31m",
    b"\x1b",
    b"@oomlab 4 finished status=0 units=5 *",
    b"\xff",
];

proptest! {
    // A case reads a whole log or more, unoptimised.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn reads_may_be_cut_anywhere(which in any::<prop::sample::Index>(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let (name, bytes) = which.get(&LOGS);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let mut from = 0;
        let mut pieces = Vec::new();
        for cut in cuts {
            pieces.push(&bytes[from..cut]);
            from = cut;
        }
        pieces.push(&bytes[from..]);
        prop_assert_eq!(classify(pieces), classify([&bytes[..]]), "{}", name);
    }

    #[test]
    fn skipped_bytes_hold_no_report(picks in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..60)) {
        let bytes: Vec<u8> = picks.concat();
        // A byte at a time there is next to nothing to pass over.
        prop_assert_eq!(classify(bytes.chunks(1)), classify([&bytes[..]]), "{}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn lines_may_come_in_any_order(seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..60)) {
        let lines: Vec<&[u8]> = LOGS.iter().flat_map(|(_, bytes)| bytes.split_inclusive(|byte| *byte == b'\n')).collect();
        let found = classify(seeds.iter().map(|seed| *seed.get(&lines)));
        prop_assert_eq!(found.kind == ReportKind::None, found.reports.is_empty());
        prop_assert!(found.line <= found.last_line);
    }
}
