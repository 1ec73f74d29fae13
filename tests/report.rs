//! Reports of one run with a bit of everything: `tests/reports/*`. `UPDATE_GOLDENS=1` writes them anew.

use model::{
    Accel, Cell, Digest, Evidence, Expectation, Faults, Kind, Needs, Onset, Outcome, Payload, RUN_SCHEMA, RamMib,
    RunRecord, ScratchDisk, Stamp, Task, Throttle, Timeouts, TrialRecord, Verdict,
};
use oomlab::report::{Style, json, junit, script, text};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const REASON: &str = "without an MMU there is no OOM reaper, and exit_mmap() of mm/nommu.c never sets MMF_OOM_SKIP";

fn trial(kernel: &str, arch: &str, ram: u32, rest: &str, verdict: Verdict) -> TrialRecord {
    let workload = rest.split(['.', '+']).next().unwrap_or(rest);
    let cell = Cell {
        id: format!("{kernel}.{arch}.{}.{rest}", RamMib(ram)).as_str().into(),
        kernel: kernel.into(),
        arch: arch::find(arch).unwrap(),
        ram: RamMib(ram),
        vcpus: 1,
        payload: Payload::Workload { name: workload.into(), options: BTreeMap::new() },
        needs: Needs::default(),
        faults: Faults::default(),
        axes: BTreeMap::new(),
        append: Vec::new(),
        qemu: Vec::new(),
        timeouts: Timeouts::default(),
        repeat: 1,
        expect: Expectation::pass(),
    };
    let command = [
        "qemu-system-riscv64",
        "-name",
        cell.id.as_str(),
        "-m",
        "32M",
        "-display",
        "none",
        "-chardev",
        "socket,id=serial0,path=/run/o,,1/serial,server=on,wait=off",
        "-serial",
        "chardev:serial0",
        "-chardev",
        "socket,id=qmp0,path=/run/o/qmp,server=on,wait=off",
        "-mon",
        "chardev=qmp0,mode=control",
        "-kernel",
        "/home/me/.cache/oomlab/Image",
        "-initrd",
        "/home/me/my cache/initrd",
        "-append",
        "console=ttyS0 quiet",
    ];
    let evidence = |file: &str| Evidence { file: file.to_owned(), bytes: 4711, sha256: Digest::new("cd".repeat(32)) };
    TrialRecord {
        schema: RUN_SCHEMA,
        command: command.map(str::to_owned).to_vec(),
        cell,
        trial: 1,
        verdict,
        started: "2026-11-24T10:00:00Z".to_owned(),
        duration_s: 6.1234,
        boot_s: Some(2.0),
        oom_kills: 0,
        accel: Accel::Tcg,
        kernel_release: Some("6.1.192".to_owned()),
        kernel_digest: Some(Digest::new("ab".repeat(32))),
        kernel_commit: None,
        initrd_digest: None,
        evidence: vec![evidence("console.log"), evidence("why.md")],
    }
}

fn finished() -> Verdict {
    Verdict::new(Kind::Finished, "finished", "the workload ended as its manifest says")
}

fn livelock() -> Verdict {
    let mut verdict = Verdict::new(
        Kind::OomLivelock,
        "canary-stuck",
        "victim pid 26 (pipe-fill) is a zombie; pid 27 loops in __alloc_pages_slowpath (94 % of samples)",
    );
    verdict.onset = Some(Onset { host: Stamp::from_secs_f64(1.4), guest_s: Some(0.56) });
    verdict.victim = Some(Task { pid: 26, comm: "pipe-fill".to_owned() });
    verdict.grounds = vec![
        "the beat goes on, and the canary has been stuck for 15 s".to_owned(),
        "91 % __alloc_pages_slowpath, 6 % shrink_node (64 samples in 2.1 s)".to_owned(),
    ];
    verdict.against = vec!["the host was short of CPU time (PSI some avg10 63 %)".to_owned()];
    verdict.lines = vec![
        "[    0.564100] pipe-fill invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=500"
            .to_owned(),
        "[    0.564737] Out of memory: Killed process 26 (pipe-fill) total-vm:6228kB, anon-rss:0kB, file-rss:0kB"
            .to_owned(),
    ];
    verdict
}

/// A run with a pass, a known failure, a known failure that passed, repeats, and one of each unexpected kind.
fn run() -> RunRecord {
    let known = Expectation { outcome: Outcome::Hang, kind: Some(Kind::OomLivelock), reason: Some(REASON.to_owned()) };
    let mut trials = vec![
        trial("debian-6.1", "x86_64", 128, "anon-hog", finished()),
        trial("linux-6.1", "riscv64-nommu", 32, "zombie-victim", livelock()),
        trial("linux-7.3", "riscv64-nommu", 32, "zombie-victim+hogs=3,probability=0.4.2cpu", finished()),
        trial("linux-7.3", "riscv64-nommu", 32, "pipe-fill", livelock()),
        trial("debian-6.1", "x86_64", 128, "idle", finished()),
        trial(
            "debian-6.1",
            "x86_64",
            128,
            "tmpfs-fill",
            Verdict::new(Kind::QemuDied, "exit", "QEMU ended with signal 9"),
        ),
        trial("debian-6.1", "x86_64", 256, "idle", Verdict::new(Kind::Interrupted, "user", "stopped by the user")),
    ];
    trials[0].oom_kills = 1;
    trials[0].initrd_digest = Some(Digest::new("ef".repeat(32)));
    trials[1].cell.expect = known.clone();
    trials[2].cell.expect = known;
    for number in 1..=3 {
        let verdict = if number == 2 {
            Verdict::new(Kind::LoadTimeout, "deadline", "the workload made progress for 120 s and did not end")
        } else {
            finished()
        };
        let mut repeated = trial("debian-6.1", "arm", 128, "anon-hog", verdict);
        repeated.trial = number;
        repeated.cell.repeat = 3;
        trials.push(repeated);
    }
    RunRecord {
        schema: RUN_SCHEMA,
        id: "2026-11-24-0".into(),
        name: "smoke".to_owned(),
        dir: "runs/2026-11-24-0".to_owned(),
        started: "2026-11-24T10:00:00Z".to_owned(),
        duration_s: 92.4,
        planned: 12,
        interrupted: true,
        trials,
    }
}

fn hostile(text: &str) -> RunRecord {
    let mut run = run();
    run.name = text.to_owned();
    run.dir = format!("runs/{text}");
    run.id = text.into();
    for trial in &mut run.trials {
        trial.verdict.summary = text.to_owned();
        trial.verdict.lines = vec![text.to_owned(); 3];
        trial.verdict.grounds = vec![text.to_owned(); 2];
        trial.verdict.against = vec![text.to_owned(); 2];
        trial.cell.kernel = text.into();
        trial.cell.expect.reason = Some(text.to_owned());
        trial.kernel_release = Some(text.to_owned());
        trial.command.push(text.to_owned());
    }
    run
}

fn assert_golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports").join(name);
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name} differs; UPDATE_GOLDENS=1 writes it anew");
}

#[test]
fn the_text_says_what_matters_first() {
    assert_golden("run.txt", &text(&run(), Style::default()));
    assert_golden("run-ascii-60.txt", &text(&run(), Style { ascii: true, width: 60, ..Style::default() }));
    let coloured = text(&run(), Style { colour: true, ..Style::default() });
    assert_eq!(console::strip_ansi_codes(&coloured), text(&run(), Style::default()));
    assert_ne!(coloured, text(&run(), Style::default()));
}

#[test]
fn a_run_as_expected_has_no_unexpected_part() {
    let mut run = run();
    run.trials.truncate(2);
    (run.planned, run.interrupted) = (2, false);
    let shown = text(&run, Style::default());
    assert!(!shown.contains("UNEXPECTED"), "{shown}");
    assert!(shown.ends_with("1 pass · 1 expected hang · 92 s · report runs/2026-11-24-0/\n"), "{shown}");
    run.trials.clear();
    assert_eq!(text(&run, Style::default()), "2 to go · 92 s · report runs/2026-11-24-0/\n");
}

#[test]
fn console_lines_and_rows_keep_to_the_width() {
    for width in [40, 80, 200] {
        let shown = text(&run(), Style { width, ..Style::default() });
        // Paths, commands and headings are never cut: they are there to be copied.
        let starts: &[&str] = if width < 80 { &["  ["] } else { &["  [", "  ✓ ", "  ● ", "  ✗ ", "  – "] };
        let mut lines = shown.lines().filter(|line| starts.iter().any(|start| line.starts_with(start))).peekable();
        assert!(lines.peek().is_some());
        assert_eq!(lines.find(|line| console::measure_text_width(line) > width), None);
    }
}

#[test]
fn the_json_document_is_stable_and_explained() {
    let document = json(&run());
    assert_golden("run.json", &document);
    let explained = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report-json.md")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&document).unwrap();
    for object in [&value, &value["run"], &value["cells"][0], &value["cells"][0]["expectation"]] {
        for key in object.as_object().unwrap().keys() {
            assert!(explained.contains(&format!("`{key}`")), "docs/report-json.md does not explain `{key}`");
        }
    }
    let keys = |cell: &serde_json::Value| cell.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let cells = value["cells"].as_array().unwrap();
    assert!(cells.iter().all(|cell| keys(cell) == keys(&cells[0])), "every cell has every key");
}

#[test]
fn the_junit_document_counts_as_ci_servers_do() {
    let xml = junit(&run()).unwrap();
    assert_golden("run.xml", &xml);
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    let totals = (report.tests, report.failures, report.errors);
    assert_eq!(totals, (10, 3, 1), "a livelock, a known one that is gone, a timeout; and a dead QEMU");
}

#[test]
fn the_script_makes_the_guests_disk_and_removes_it() {
    let mut run = run();
    let trial = &mut run.trials[0];
    trial.cell.needs.disk = Some(ScratchDisk { bytes: 3 << 20, throttle: Throttle::default(), filesystem: None });
    // A QEMU that shows what it is given and what its disk is like.
    trial.command = vec![
        "sh".to_owned(),
        "-c".to_owned(),
        "echo $0; f=${0#file=}; stat -c %s ${f%%,*}".to_owned(),
        "file=/proc/1/fd/9,if=none,id=oomlab-scratch,format=raw".to_owned(),
    ];
    let output = Command::new("sh").args(["-c", &script(&run.id, &run.trials[0]).unwrap()]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let (drive, size) = shown.trim_end().split_once('\n').unwrap_or_else(|| panic!("{shown}"));
    let disk = drive.strip_prefix("file=").unwrap().strip_suffix(",if=none,id=oomlab-scratch,format=raw").unwrap();
    assert!(disk.starts_with("/var/tmp/oomlab-scratch."), "{disk}");
    assert_eq!(size, (3 << 20).to_string());
    assert!(!std::path::Path::new(disk).exists());
}

#[test]
fn the_script_puts_the_console_on_the_terminal() {
    let run = run();
    let shown = script(&run.id, &run.trials[1]).unwrap();
    assert_golden("trial.sh", &shown);
    assert!(!shown.contains("serial0") && !shown.contains("qmp0"));
}

/// Runs a script whose QEMU is `printf`, and gives back the arguments that it got.
fn arguments(script: &str) -> Vec<String> {
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn a_missing_kernel_is_named() {
    let run = run();
    let output = Command::new("sh").args(["-c", &script(&run.id, &run.trials[0]).unwrap()]).output().unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "missing: /home/me/.cache/oomlab/Image\n");
}

const HOSTILE: &[&str] = &[
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
];

#[test]
fn hostile_text_reaches_neither_terminal_nor_markup() {
    for hostile_text in HOSTILE {
        let run = hostile(hostile_text);
        let shown = text(&run, Style::default());
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        assert!(!shown.contains('\u{202e}'));
        let xml = junit(&run).unwrap();
        quick_junit::Report::deserialize_from_str(&xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
        let document: serde_json::Value = serde_json::from_str(&json(&run)).unwrap();
        assert_eq!(document["cells"][0]["summary"], *hostile_text);
        assert!(json(&run).chars().all(|c| c == '\n' || !c.is_ascii_control()));
    }
}

#[test]
fn a_line_of_a_megabyte_is_cut() {
    let run = hostile(&"x".repeat(1 << 20));
    let shown = text(&RunRecord { name: "n".into(), dir: "d".into(), id: "i".into(), ..run.clone() }, Style::default());
    let lines = shown.lines().filter(|line| line.starts_with("  xxx") && line.ends_with('…'));
    assert!(lines.clone().count() >= 3 && lines.clone().all(|line| line.chars().count() == 80));
}

#[test]
fn a_run_outside_the_usual_folder_is_named_by_its_own() {
    let run = RunRecord { dir: "/data/nightly/".to_owned(), ..run() };
    let document: serde_json::Value = serde_json::from_str(&json(&run)).unwrap();
    assert_eq!(document["cells"][0]["repro"], "oomlab repro /data/nightly/debian-6.1.x86_64.128M.anon-hog");
    assert!(text(&run, Style::default()).contains("oomlab repro /data/nightly/"));
}

#[test]
fn the_junit_document_stays_small() {
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
    fn a_script_gives_qemu_the_same_words(words in prop::collection::vec("[^\0]{0,20}", 0..6), note in "\\PC{0,20}\n?") {
        let mut run = run();
        let trial = &mut run.trials[0];
        trial.verdict.summary = note;
        trial.command = ["printf", "%s\\0"].map(str::to_owned).into_iter().chain(words.iter().cloned()).collect();
        // These would be taken for files to look for.
        prop_assume!(!words.iter().any(|word| word == "-kernel" || word == "-initrd"));
        let mut expected = words;
        expected.extend(["-serial", "mon:stdio"].map(str::to_owned));
        prop_assert_eq!(arguments(&script(&run.id, &run.trials[0]).unwrap()), expected);
    }

    #[test]
    fn any_text_makes_reports(foreign in any::<String>(), width in 0_usize..300) {
        let run = hostile(&foreign);
        let shown = text(&run, Style { width, ..Style::default() });
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
        prop_assert!(junit(&run).is_ok());
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json(&run)).is_ok());
    }
}

#[test]
fn a_nul_in_an_argument_is_refused() {
    let mut run = run();
    run.trials[0].command.push("a\0b".to_owned());
    let error = script(&run.id, &run.trials[0]).unwrap_err();
    assert_eq!(error.to_string(), "an argument of QEMU's command line has a NUL character: `a\u{fffd}b`");
}
