//! Reports of one run with a bit of everything: `tests/reports/*`. `SNAPSHOTS=overwrite` rewrites them.

mod evidence;
mod hostile;
mod junit;
mod kcidb;
mod quarantine;
mod script;

use crate::support::json_schema;

use evidence::all_evidence;
use json_schema::{names, violations};
use model::{
    Accel, Also, AlsoKind, Artifact, Caveat, Cell, Culprit, Digest, Evidence, Expectation, FunctionShare, Kind, NotRun,
    Onset, ProfileSummary, RUN_SCHEMA, RamMib, Regression, RuleId, RunRecord, ScratchDisk, Stamp, Task, Throttle,
    TrialRecord, Verdict,
};
use oomlab::report::{GuestFile, Lookup, Style, json, json_schema, junit, script, text};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const REASON: &str = "without an MMU there is no OOM reaper, and exit_mmap() of mm/nommu.c never sets MMF_OOM_SKIP";

fn trial(kernel: &str, arch: &str, ram: u32, rest: &str, verdict: Verdict) -> TrialRecord {
    let workload = rest.split(['.', '+']).next().unwrap_or(rest);
    let cell = Cell {
        kernel: kernel.into(),
        ram: RamMib(ram),
        ..model::samples::cell(&format!("{kernel}.{arch}.{}.{rest}", RamMib(ram)), arch::find(arch).unwrap(), workload)
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
        "socket,id=serial0,path=/run/o,,1/serial,server=on,wait=on",
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
    let artifact = |file: &str| Artifact { file: file.to_owned(), bytes: 4711, sha256: Digest::new("cd".repeat(32)) };
    TrialRecord {
        command: command.map(str::to_owned).to_vec(),
        duration_s: 6.1234,
        boot_s: Some(2.0),
        kernel_release: Some("6.1.192".to_owned()),
        kernel_digest: Some(Digest::new("ab".repeat(32))),
        artifacts: vec![artifact("console.log"), artifact("why.md")],
        ..TrialRecord::new(cell, 1, Accel::Tcg, "2026-11-24T10:00:00Z".to_owned(), verdict)
    }
}

fn finished() -> Verdict {
    Verdict::new(Kind::Finished, RuleId::WorkloadEnded, "the workload ended as its manifest says")
}

fn profile() -> ProfileSummary {
    let function = |symbol: &str, share| FunctionShare { symbol: symbol.to_owned(), share };
    let functions = vec![function("__alloc_pages_slowpath", 0.91), function("shrink_node", 0.0625)];
    ProfileSummary { samples: 64, span_ms: 2100, functions, user: 0.0, idle: 0.0, allocator: None }
}

fn livelock() -> Verdict {
    let mut verdict = Verdict::new(
        Kind::OomLivelock,
        RuleId::CanaryStuck,
        "victim pid 26 (pipe-fill) is a zombie; pid 27 loops in __alloc_pages_slowpath (94 % of samples)",
    );
    verdict.onset = Some(Onset { host: Stamp::from_secs_f64(1.4), guest_s: Some(0.56) });
    verdict.victim = Some(Task { pid: 26, comm: "pipe-fill".to_owned() });
    verdict.evidence = vec![Evidence::HeartbeatAlive { canary_stuck_s: 15.0 }, Evidence::Profile(profile())];
    verdict.caveats = vec![Caveat::HostPressure { psi_some_avg10: 63.0 }];
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
    let known = Expectation { reason: Some(REASON.to_owned()), ..Expectation::of(Kind::OomLivelock.into()) };
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
            Verdict::new(Kind::QemuDied, RuleId::MachineDown, "QEMU ended with signal 9"),
        ),
        trial(
            "debian-6.1",
            "x86_64",
            256,
            "idle",
            Verdict::new(Kind::Interrupted, RuleId::Interrupted, "stopped by the user"),
        ),
    ];
    trials[0].oom_kills = 1;
    let also = |kind, title: &str, count| Also { kind, title: title.to_owned(), count };
    trials[0].also = vec![
        also(AlsoKind::Warning, "WARNING in get_page_from_freelist", 3),
        also(AlsoKind::AllocFailure, "page allocation failure in pipe_write", 1),
    ];
    trials[3].also = vec![also(AlsoKind::Lockdep, "possible recursive locking in __lru_add_drain_all", 1)];
    trials[0].initrd_digest = Some(Digest::new("ef".repeat(32)));
    trials[1].cell.expect = known.clone();
    trials[2].cell.expect = known;
    for number in 1..=3 {
        let verdict = if number == 2 {
            Verdict::new(
                Kind::LoadTimeout,
                RuleId::LoadDeadline,
                "the workload made progress for 120 s and did not end",
            )
        } else {
            finished()
        };
        let mut repeated = trial("debian-6.1", "arm", 128, "anon-hog", verdict);
        repeated.trial = number;
        repeated.cell.repeat = 3;
        repeated.also = if number == 3 { trials[0].also.clone() } else { Vec::new() };
        trials.push(repeated);
    }
    let [not_run, mut repeated, alone, last] = [
        trial("debian-6.1", "x86_64", 512, "idle", finished()),
        trial("linux-7.3", "riscv64-nommu", 64, "idle", finished()),
        trial("linux-7.4", "riscv64-nommu", 64, "idle", finished()),
        trial("linux-7.5", "riscv64-nommu", 64, "idle", finished()),
    ];
    repeated.cell.repeat = 3;
    RunRecord {
        schema: RUN_SCHEMA,
        id: "2026-11-24-0".into(),
        name: "smoke".to_owned(),
        dir: "runs/2026-11-24-0".to_owned(),
        started: "2026-11-24T10:00:00Z".to_owned(),
        duration_s: 92.4,
        planned: 15,
        interrupted: true,
        resumed: 1,
        trials,
        not_run: vec![
            NotRun { cell: not_run.cell, trials: vec![1] },
            NotRun { cell: repeated.cell, trials: vec![2, 3] },
            NotRun { cell: alone.cell, trials: vec![1] },
            NotRun { cell: last.cell, trials: vec![1] },
        ],
        regressions: vec![bisected(), not_bisected()],
    }
}

fn bisected() -> Regression {
    let culprit = Culprit {
        commit: "1f0e".repeat(10),
        subject: "mm: change 9".to_owned(),
        author: "A Developer <dev@example.org>".to_owned(),
        probability: 0.993,
        confirmed: true,
    };
    Regression {
        bad: Some("bad0".repeat(10)),
        good: Some("900d".repeat(10)),
        good_run: Some("2026-11-23-0".into()),
        session: Some("bisections/x".to_owned()),
        culprit: Some(culprit),
        why: None,
        ..not_bisected()
    }
}

fn not_bisected() -> Regression {
    let failure = model::Failure { kind: Kind::OomLivelock, title: None };
    Regression::skipped("linux-7.3.riscv64-nommu.32M.zombie-victim".into(), failure, "no time left".to_owned())
}

fn hostile(text: &str) -> RunRecord {
    let mut run = run();
    run.name = text.to_owned();
    run.dir = format!("runs/{text}");
    run.id = text.into();
    for trial in &mut run.trials {
        trial.verdict.summary = text.to_owned();
        trial.verdict.lines = vec![text.to_owned(); 3];
        trial.also = vec![Also { kind: AlsoKind::Warning, title: text.to_owned(), count: 2 }];
        trial.verdict.evidence = vec![Evidence::OomInvoked { comm: text.to_owned() }; 2];
        trial.verdict.caveats = vec![Caveat::DiscountedReport { line: text.to_owned() }; 2];
        trial.cell.kernel = text.into();
        trial.cell.expect.reason = Some(text.to_owned());
        trial.kernel_release = Some(text.to_owned());
        trial.command.push(text.to_owned());
    }
    for cell in run.not_run.iter_mut().map(|not_run| &mut not_run.cell) {
        (cell.id, cell.kernel) = (text.into(), text.into());
    }
    run
}

fn assert_golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports").join(name);
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name} differs; SNAPSHOTS=overwrite rewrites it");
}

#[test]
fn text_report_is_stable() {
    assert_golden("run.txt", &text(&run(), Style::default()));
    assert_golden("run-ascii-60.txt", &text(&run(), Style { ascii: true, width: 60, ..Style::default() }));
    let coloured = text(&run(), Style { colour: true, ..Style::default() });
    assert_eq!(console::strip_ansi_codes(&coloured), text(&run(), Style::default()));
    assert_ne!(coloured, text(&run(), Style::default()));
}

#[test]
fn text_report_of_an_expected_run() {
    let mut run = run();
    run.trials.truncate(2);
    (run.planned, run.interrupted) = (2, false);
    run.not_run.clear();
    let shown = text(&run, Style::default());
    assert!(!shown.contains("UNEXPECTED"), "{shown}");
    let total = "1 pass · 1 expected hang · 1 with kernel reports · 92 s\nreport runs/2026-11-24-0/\n";
    assert!(shown.ends_with(total), "{shown}");
    run.trials.clear();
    assert_eq!(text(&run, Style::default()), "2 to go · 92 s · report runs/2026-11-24-0/\n");
}

#[test]
fn text_report_rows_keep_to_the_width() {
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
fn json_document_is_stable() {
    let document = json(&run());
    assert_golden("run.json", &document);
    let value: serde_json::Value = serde_json::from_str(&document).unwrap();
    let keys = |cell: &serde_json::Value| cell.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let cells = value["cells"].as_array().unwrap();
    assert!(cells.iter().all(|cell| keys(cell) == keys(&cells[0])), "every cell has every key");
}

#[test]
fn json_document_keeps_to_its_schema() {
    let mut run = run();
    run.trials.push(all_evidence());
    let schema = json_schema();
    let mut document: serde_json::Value = serde_json::from_str(&json(&run)).unwrap();
    assert_eq!(violations(&schema, &document), [""; 0]);
    // The trial above has every tag that the schema names.
    let trial = document["cells"].as_array().unwrap().last().unwrap();
    let entries = ["evidence", "caveats"].map(|key| trial[key].as_array().unwrap());
    let tags: BTreeSet<&str> = entries.iter().copied().flatten().map(|entry| entry["tag"].as_str().unwrap()).collect();
    let named = names(&schema);
    let unused: Vec<&String> =
        named.iter().filter(|name| name.contains('-') && !tags.contains(name.as_str())).collect();
    assert_eq!((unused, tags.len()), (Vec::new(), 34));

    document["cells"][0]["rule"] = "console".into();
    document["cells"][1]["oom_kills"] = (-1).into();
    document["run"]["user"] = "me".into();
    document["cells"][2]["evidence"] = serde_json::json!([{ "tag": "cpu-demand", "text": "x" }]);
    let places: Vec<String> = violations(&schema, &document);
    for place in ["$.cells[0].rule", "$.cells[1].oom_kills", "$.run.user", "$.cells[2].evidence[0]"] {
        assert!(places.iter().any(|wrong| wrong.starts_with(place)), "{place}: {places:?}");
    }
}

#[test]
fn json_page_explains_every_key_and_tag() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report-json.md")).unwrap();
    let names = names(&json_schema());
    assert!(names.len() > 60, "{names:?}");
    let missing: Vec<&String> = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

#[test]
fn junit_totals_match_ci_servers() {
    let xml = junit(&run()).unwrap();
    assert_golden("run.xml", &xml);
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    let totals = (report.tests, report.failures, report.errors);
    assert_eq!(totals, (15, 3, 1), "a livelock, a known one that is gone, a timeout; and a dead QEMU");
    assert_eq!(xml.matches("<skipped message=\"not run\">not run</skipped>").count(), 5);
    assert!(!xml.contains("name=\"smoke\" tests=\"15\" skipped"), "Jenkins and GitLab know it of suites alone");
}

#[test]
fn repro_command_uses_the_run_folder() {
    let run = RunRecord { dir: "/data/nightly/".to_owned(), ..run() };
    let document: serde_json::Value = serde_json::from_str(&json(&run)).unwrap();
    assert_eq!(document["cells"][0]["repro"], "oomlab repro /data/nightly/debian-6.1.x86_64.128M.anon-hog");
    assert!(text(&run, Style::default()).contains("oomlab repro /data/nightly/"));
}
