//! `oomlab report --kcidb`.

use crate::support::guests::{AGENT, END, RUN, matrix, read_json};
use crate::support::program::Program;

#[test]
fn recorded_run_is_reported_to_kcidb() {
    let program = Program::new();
    let good = format!("{AGENT}{END}");
    matrix(&program, &[("good", &good)], "");
    let run = program.run([&RUN[..], &["--repeat", "2", "--out", "runs/first"]].concat());
    assert_eq!(run.status, Some(0), "{run:?}");
    let report = |more: &[&str]| program.run([&["report", "first", "--kcidb", "kcidb.json"], more].concat());
    let done = report(&["--origin", "my_lab", "--logs-url", "https://ci.example.org/first", "--tree-name", "mainline"]);
    assert_eq!(done.status, Some(0), "{done:?}");
    let document = read_json(&program.dir().join("kcidb.json"));
    let statuses: Vec<_> = document["tests"].as_array().unwrap().iter().map(|test| &test["status"]).collect();
    assert_eq!(statuses, ["PASS", "PASS"]);
    assert_eq!(document["checkouts"][0]["tree_name"], "mainline");
    let log = "https://ci.example.org/first/cells/mine.riscv64-nommu.32M.idle.guest=good~2/console.log";
    assert_eq!(document["tests"][1]["log_url"], log);
    // It names this CI system, or it is not made.
    assert_eq!(report(&[]).status, Some(2));
    let wrong = report(&["--origin", "My Lab"]);
    assert_eq!((wrong.status, wrong.stdout.as_str()), (Some(2), ""));
    assert!(wrong.stderr.starts_with("error: `My Lab` is not an origin of KCIDB: "), "{}", wrong.stderr);
}
