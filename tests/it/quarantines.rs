//! Quarantine files: `tests/quarantine/*.yaml`, with what is wrong in them → `*.txt` (`SNAPSHOTS=overwrite` rewrites them); and runs
//! of scripted guests with one.

use crate::support::guests::{AGENT, END, RUN, matrix, read_json, run_dir};
use crate::support::program::{Finished, Program};
use oomlab::diagnostic::Diagnostic;
use oomlab::matrix::{QuarantineFile, quarantine_schema};
use proptest::prelude::*;
use std::path::Path;

const PANIC: &str = "say [    1.0] Kernel panic - not syncing: x\nevent SHUTDOWN guest-reset\nexit 0\n";

/// An entry for the cell of the guest `bad`.
const ENTRY: &str = "- cells: guest=bad\n  verdict: crash/panic\n  reason: it panics on purpose\n  \
    link: https://example.org/1\n  until: 9999-12-31\n";

fn guests(rest: &str) -> Program {
    let program = Program::new();
    let (good, bad) = (format!("{AGENT}{END}"), format!("{AGENT}{PANIC}"));
    matrix(&program, &[("good", &good), ("bad", &bad)], rest);
    program
}

fn run(program: &Program, more: &[&str]) -> Finished {
    program.run([&RUN[..], more].concat())
}

#[test]
fn wrong_files_report_every_error() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/quarantine");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    assert!(!files.is_empty());
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let errors = QuarantineFile::read(std::fs::read(&file).unwrap(), name).unwrap_err();
        let shown = errors.iter().map(|found| found.render(false)).collect::<Vec<_>>().join("\n");
        let path = file.with_extension("txt");
        if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
            std::fs::write(&path, &shown).unwrap();
        }
        assert_eq!(shown, std::fs::read_to_string(&path).unwrap_or_default(), "{}", path.display());
    }
}

#[test]
fn documentation_example_is_valid() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/quarantine.md")).unwrap();
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let read = QuarantineFile::read(example, "quarantine.md");
    let shown = |errors: Vec<Diagnostic>| errors.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n");
    read.map_err(shown).unwrap();
    let keys = quarantine_schema();
    let keys = keys.pointer("/items/properties").unwrap().as_object().unwrap();
    assert!(keys.keys().all(|key| page.contains(&format!("| `{key}`"))), "the page explains every key");
}

#[test]
fn schema_of_the_quarantine_is_printed() {
    let printed = Program::new().run(["schema", "quarantine"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&printed.stdout).unwrap(), quarantine_schema());
}

#[test]
fn quarantined_failure_leaves_the_run_green() {
    let program = guests("");
    program.write("quarantine.yaml", ENTRY);
    let green = run(&program, &["--repeat", "3", "--json", "report.json", "--junit", "report.xml"]);
    assert_eq!(green.status, Some(0), "{green:?}");
    assert!(green.stdout.contains("quarantine.yaml:1: 1 of 1 still crash/panic\n"), "{}", green.stdout);
    assert!(green.stdout.contains("3 pass · 1 quarantined crash"), "{}", green.stdout);
    assert!(green.stderr.contains("· 1 quarantined ·"), "{}", green.stderr);
    let report = read_json(&program.dir().join("report.json"));
    assert_eq!((&report["run"]["planned"], &report["run"]["unexpected"]), (&4.into(), &0.into()));
    assert!(std::fs::read_to_string(program.dir().join("report.xml")).unwrap().contains("<skipped "));
    // A recorded run needs no quarantine file.
    let plan = read_json(&run_dir(&program).join("plan.json"));
    assert_eq!(plan["cells"][1]["quarantine"][0]["until"], "9999-12-31");
    let red = run(&program, &["--no-quarantine", "--filter", "guest=bad"]);
    assert_eq!(red.status, Some(1), "{red:?}");
}

#[test]
fn other_failure_of_a_quarantined_cell_turns_the_run_red() {
    let program = guests("");
    program.write("mine.yaml", &ENTRY.replace("crash/panic", "hang"));
    let red = run(&program, &["--quarantine", "mine.yaml"]);
    assert_eq!(red.status, Some(1), "{red:?}");
    assert!(red.stdout.contains("mine.yaml:1 covers hang alone"), "{}", red.stdout);
}

#[test]
fn verification_runs_all_trials_of_quarantined_cells() {
    let program = guests("");
    program.write("quarantine.yaml", &format!("{ENTRY}{}", ENTRY.replace("guest=bad", "guest=good")));
    let args = ["--quarantine-verify", "--repeat", "19"];
    let verified = run(&program, &args);
    assert_eq!(verified.status, Some(0), "{verified:?}");
    assert!(verified.stdout.contains("quarantine.yaml:1: 19 of 19 still crash/panic\n"), "{}", verified.stdout);
    let drop = "quarantine.yaml:6: passes now: 0 of 19, rate below 15 % (95 %): drop it\n";
    assert!(verified.stdout.contains(drop), "{}", verified.stdout);
    program.write("quarantine.yaml", "");
    let nothing = run(&program, &args);
    assert_eq!(nothing.status, Some(2));
    assert_eq!(nothing.stderr, "error: nothing to verify: no cell of the matrix is quarantined\n");
}

#[test]
fn expired_entry_is_an_error_before_anything_boots() {
    let program = guests("");
    program.write("quarantine.yaml", &ENTRY.replace("9999", "2020"));
    let expired = run(&program, &[]);
    assert_eq!((expired.status, expired.stdout.as_str()), (Some(2), ""));
    let start = "error: this entry has expired\n  ╭─ quarantine.yaml:5:10\n5 │   until: 2020-12-31\n  │          ────────── today is ";
    assert!(expired.stderr.starts_with(start) && expired.stderr.contains("--quarantine-verify"), "{}", expired.stderr);
    assert!(!program.dir().join("runs").exists());
    let verified = run(&program, &["--quarantine-verify"]);
    assert!(
        verified.status == Some(0) && verified.stderr.starts_with("warning: this entry has expired"),
        "{verified:?}"
    );
}

#[test]
fn entry_expires_with_a_kernel_version() {
    let program = guests("");
    program.write("kernel", "\0Linux version 7.4.0-rc1-mine (me)");
    let plan = |until: &str| {
        program.write("quarantine.yaml", &ENTRY.replace("9999-12-31", until));
        program.run(["plan", "matrix.yaml"])
    };
    let holds = plan("linux-7.5");
    assert!(holds.status == Some(0) && holds.stdout.contains("pass/finished, quarantined  mine."), "{holds:?}");
    let expired = plan("linux-7.4");
    assert_eq!(expired.status, Some(2));
    let label = "the kernel of mine.riscv64-nommu.32M.idle.guest=bad is 7.4.0-rc1-mine";
    assert!(expired.stderr.contains(label), "{}", expired.stderr);
}

#[test]
fn entry_without_a_cell_is_a_warning() {
    let program = guests("");
    let plan = |cells: &str| {
        program.write("quarantine.yaml", &ENTRY.replace("guest=bad", cells));
        let plan = program.run(["plan", "matrix.yaml"]);
        assert_eq!(plan.status, Some(0), "{plan:?}");
        plan.stderr
    };
    let warning =
        "warning: no cell of the matrix matches this entry\n  ╭─ quarantine.yaml:1:10\n1 │ - cells: arch=arm\n";
    assert!(plan("arch=arm").starts_with(warning));
    let unknown = plan("'arch=riscv* guets=bad'");
    let place = "warning: unknown key `guets`\n  ╭─ quarantine.yaml:1:23\n";
    assert!(unknown.starts_with(place) && unknown.contains("did you mean `guest`?"), "{unknown}");
    // The filter of the command line comes later.
    let filtered = run(&program, &["--filter", "guest=good", "--no-quarantine"]);
    assert_eq!(filtered.stderr.matches("warning").count(), 0, "{filtered:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_yaml_like_text_is_read_or_refused(
        words in prop::collection::vec(prop::sample::select(vec![
            "- cells: ", "  until: ", "  link: ", "  verdict: ", "arch=arm", "ram<=", "\n", "- ", "[", "]", "{", "}", ",",
            "2026-12-31", "linux-7.4", "hang", "|", "'", "\"", "#", "~", "\t", "é", "&a", "*a",
        ]), 0..40),
    ) {
        if let Err(errors) = QuarantineFile::read(words.concat(), "q.yaml") {
            prop_assert!(!errors.is_empty() && errors.iter().all(|error| !error.render(false).is_empty()));
        }
    }
}
