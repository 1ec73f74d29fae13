//! Logs read the same however collectors wrap them: every plain log of `tests/logs/` in each wrapping.

use kmsg::signature::{Classification, Log};
use proptest::prelude::*;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// Lines that nearly all begin with a time, by the log's name. Not those that tell more behind or in place of the time, and would
/// lose it.
static PLAIN: LazyLock<Vec<(String, Vec<String>)>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs");
    let mut logs: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .filter_map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = String::from_utf8(fs::read(&path).unwrap()).ok()?;
            let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
            let stamped = lines.iter().filter(|line| line.starts_with('[')).count();
            let is_plain = !text.contains("][") && !name.starts_with("vendor-") && !name.starts_with("dmesg-t-");
            (is_plain && lines.len() > 5 && stamped * 10 >= lines.len() * 9).then_some((name, lines))
        })
        .collect();
    logs.sort();
    logs
});

fn classify(bytes: &[u8]) -> Classification {
    let mut log = Log::default();
    log.push(bytes);
    log.finish()
}

/// What stands behind the time of a line.
fn bare(line: &str) -> &str {
    line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(line, |(_, text)| text)
}

fn lines(lines: &[String], wrap: impl Fn(&str) -> String) -> String {
    lines.iter().map(|line| wrap(line) + "\n").collect()
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#x27;")
}

/// Rows of a terminal.
fn rows(line: &str, columns: usize) -> String {
    let chars: Vec<char> = line.chars().collect();
    let rows: Vec<String> = chars.chunks(columns).map(|row| row.iter().collect()).collect();
    rows.join("\r\n")
}

type Wrapping = (&'static str, fn(&[String]) -> String);

const TIME: &str = "2026-11-24T10:00:00.123456789Z";

/// Records, one a line or a list of them.
const RECORDS: &[Wrapping] = &[
    ("journalctl -o json", |log| {
        lines(log, |line| {
            json!({"_TRANSPORT": "kernel", "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": bare(line)}).to_string()
        })
    }),
    ("journalctl -o json, bytes", |log| lines(log, |line| json!({"MESSAGE": bare(line).as_bytes()}).to_string())),
    ("journalctl -o json-pretty", |log| {
        lines(log, |line| format!("{{\n\t\"_TRANSPORT\" : \"kernel\",\n\t\"MESSAGE\" : {}\n}}", quoted(bare(line))))
    }),
    ("journalctl -o export", |log| lines(log, |line| format!("__CURSOR=s=1\n_BOOT_ID=2\nMESSAGE={}\n", bare(line)))),
    ("journalctl -o verbose", |log| {
        lines(log, |line| format!("Tue 2026-11-24 10:00:00 UTC [s=1;i=2]\n    _BOOT_ID=2\n    MESSAGE={}", bare(line)))
    }),
    ("Docker", |log| {
        lines(log, |line| json!({"log": format!("{line}\n"), "stream": "stdout", "time": TIME}).to_string())
    }),
    ("Docker in a CI job", |log| lines(log, |line| format!("{TIME} {}", json!({"log": format!("{line}\n")})))),
    ("LAVA", |log| {
        lines(log, |line| format!("- {{\"dt\": \"{TIME}\", \"lvl\": \"target\", \"msg\": {}}}", quoted(line)))
    }),
    ("LAVA before 2019", |log| {
        lines(log, |line| format!("- {{dt: '{TIME}', lvl: target, msg: '{}'}}", line.replace('\'', "''")))
    }),
    ("Loki", |log| {
        let values: Vec<_> = log.iter().map(|line| [TIME.len().to_string(), line.clone()]).collect();
        json!({"data": {"result": [{"stream": {"job": "console"}, "values": values}]}}).to_string()
    }),
    ("Elastic", |log| lines(log, |line| json!({"_source": {"log": {"file": "x"}, "message": line}}).to_string())),
    ("a list in one line", |log| {
        json!(log.iter().map(|line| json!({"message": line})).collect::<Vec<_>>()).to_string()
    }),
    ("a list of texts", |log| serde_json::to_string_pretty(log).unwrap()),
    ("dmesg --json", |log| {
        let all: Vec<_> = log.iter().map(|line| json!({"pri": 4, "time": 1.5, "msg": bare(line)})).collect();
        serde_json::to_string_pretty(&json!({"dmesg": all})).unwrap()
    }),
    ("logfmt", |log| lines(log, |line| format!("time={TIME} level=warn msg={}", quoted(bare(line))))),
    ("CSV", |log| {
        let doubled = |line: &str| format!("{TIME},host,\"{}\"", line.replace('"', "\"\""));
        "time,host,message\n".to_owned() + &lines(log, doubled)
    }),
    ("Python's bytes", |log| {
        lines(log, |line| format!("b'{}\\r\\n'", line.replace('\\', "\\\\").replace('\'', "\\'")))
    }),
];

/// What stands before, behind and around lines.
const MARGINS: &[Wrapping] = &[
    ("a page", |log| format!("<pre>{}</pre>", lines(log, escaped))),
    ("a page's lines", |log| format!("<p>{}</p>", lines(log, |line| escaped(bare(line))).replace('\n', "<br>"))),
    ("JUnit", |log| format!("<?xml version=\"1.0\"?>\n<system-out><![CDATA[{}]]></system-out>", log.join("\n"))),
    ("80 columns", |log| lines(log, |line| rows(line, 80))),
    ("132 columns", |log| lines(log, |line| rows(line, 132))),
    ("Kubernetes", |log| lines(log, |line| format!("{TIME} stdout F {}", bare(line)))),
    ("Docker Compose", |log| lines(log, |line| format!("console-1  | {}", bare(line)))),
    ("RFC 5424", |log| lines(log, |line| format!("<4>1 {TIME} host kernel - - - {}", bare(line)))),
    ("GitHub Actions", |log| lines(log, |line| format!("2026-11-24T10:00:00.1234567Z {}", bare(line)))),
    ("Azure Pipelines", |log| lines(log, |line| format!("2026-11-24T10:00:00.1234567Z ##[error]{}", bare(line)))),
    ("Jenkins", |log| lines(log, |line| format!("[2026-11-24T10:00:00.123Z] {}", bare(line)))),
    ("Buildkite", |log| lines(log, |line| format!("\x1b_bk;t=1764000000000\x07{line}"))),
    ("systemd-cat", |log| lines(log, |line| format!("Nov 24 10:00:00 host console[12]: {line}"))),
    ("journalctl -o short-monotonic", |log| lines(log, |line| line.replacen("] ", "] host kernel: ", 1))),
    ("dmesg -H", |log| lines(log, |line| format!("[  +0.000012] {}", bare(line)))),
    ("logcat", |log| lines(log, |line| format!("11-24 10:00:00.123     0     0 W kernel  : {}", bare(line)))),
    ("ts", |log| lines(log, |line| format!("Nov 24 10:00:00 {}", bare(line)))),
    ("script", |log| format!("Script started on 2026-11-24\n{}\nScript done on 2026-11-24\n", log.join("\r\n"))),
    ("colours", |log| lines(log, |line| format!("\x1b[33m{}\x1b[0m", bare(line)))),
    ("a mail", |log| lines(log, |line| format!("> > {line}"))),
    ("cat -n", |log| (1..).zip(log).map(|(number, line)| format!("{number:6}\t{line}\n")).collect()),
];

#[test]
fn wrapped_logs_are_read_as_plain_ones() {
    let mut wrong = Vec::new();
    assert!(PLAIN.len() > 30, "{} logs", PLAIN.len());
    for (wrapping, wrap) in RECORDS.iter().chain(MARGINS) {
        for (name, log) in PLAIN.iter() {
            let (expected, found) = (classify(log.join("\n").as_bytes()), classify(wrap(log).as_bytes()));
            if (found.kind, &found.title) != (expected.kind, &expected.title) {
                wrong.push(format!("{name} in {wrapping}: {}, not {}", found.title, expected.title));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn wrapped_logs_keep_their_line_numbers() {
    let (_, log) = PLAIN.iter().find(|(name, _)| name == "oops-mips").unwrap();
    let plain = classify(log.join("\n").as_bytes());
    let (_, docker) = RECORDS.iter().find(|(name, _)| *name == "Docker").unwrap();
    let found = classify(docker(log).as_bytes());
    assert_eq!((found.line, found.last_line), (plain.line, plain.last_line));
}

#[test]
fn utf_16_is_read_below_records() {
    let (_, log) = PLAIN.iter().find(|(name, _)| name == "oops-mips").unwrap();
    let (_, docker) = RECORDS.iter().find(|(name, _)| *name == "Docker").unwrap();
    let units = |text: &str| "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let bytes: Vec<u8> = units(&docker(log));
    assert_eq!(classify(&bytes).title, classify(log.join("\n").as_bytes()).title);
}

/// What records are made of, whole and in parts.
const PIECES: &[&str] = &[
    "{\"log\":\"",
    "BUG: soft lockup - CPU#0 stuck for 22s! [a:7]",
    "\\n\"}",
    "\"}\n",
    "\n",
    "\"",
    "\\",
    "{",
    "[",
    "}",
    "<pre>",
    "&lt;",
    "&#x",
    "msg=\"",
    "a=b ",
    ",",
    "- {msg: '",
    "MESSAGE=",
    "_BOOT_ID=1\n",
    " | ",
    "é",
    "\u{1b}_",
];

proptest! {
    // A case reads a whole log or more, unoptimised.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn wrapped_reads_may_be_cut_anywhere(
        which in any::<prop::sample::Index>(),
        wrapping in prop::sample::select([RECORDS, MARGINS].concat()),
        cut in any::<prop::sample::Index>(),
    ) {
        let (_, log) = which.get(&PLAIN);
        let wrapped = wrapping.1(log);
        let cut = cut.index(wrapped.len() + 1);
        let mut pieces = Log::default();
        pieces.push(&wrapped.as_bytes()[..cut]);
        pieces.push(&wrapped.as_bytes()[cut..]);
        prop_assert_eq!(pieces.finish(), classify(wrapped.as_bytes()), "{} at {}", wrapping.0, cut);
    }

    #[test]
    fn broken_records_do_no_harm(
        picks in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..80),
        times in 1_usize..50,
    ) {
        let text = picks.concat().repeat(times);
        let found = classify(text.as_bytes());
        prop_assert!(found.line <= found.last_line);
    }
}

#[test]
fn endless_records_are_bounded() {
    for start in ["{\"log\":\"", "[{\"log\":\"x\"},", "{{{{{{{{{{", "msg=\"", "<pre", "\"a\",\"", "[[[[[[[["] {
        let mut log = Log::default();
        log.push(start.as_bytes());
        let more = start.repeat(8 * 1024);
        (0..20).for_each(|_| log.push(more.as_bytes()));
        log.finish();
    }
}
