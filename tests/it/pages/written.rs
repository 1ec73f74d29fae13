//! The pages that the program writes: when, where, and that their links lead to files.

use crate::support::browser::Browser;
use crate::support::guests::{HEALTHY, boot_args, lab, read_json};
use crate::support::program::Program;

use std::path::PathBuf;

const PANIC: &str = "say [    0.000000] Linux version 6.1.0\n\
    say [    1.500000] Kernel panic - not syncing: sysrq triggered crash\n\
    event SHUTDOWN guest-reset\nexit 0\n";
const CELL: &str = "kernel.riscv64-nommu.32M.initrd";

fn booted(script: &str, status: i32) -> (Program, PathBuf) {
    let program = lab();
    let out = ["--out".to_owned(), "runs/r".to_owned()].to_vec();
    let finished = program.run([boot_args(&program, script), out].concat());
    assert_eq!(finished.status, Some(status), "{finished:?}");
    assert!(!finished.stderr.contains("report.html"), "{}", finished.stderr);
    let run = program.dir().join("runs/r");
    (program, run)
}

/// The links of an open page that lead to no file.
fn dead_links(browser: &mut Browser) -> Vec<String> {
    let links = browser.eval(
        "[...document.querySelectorAll('a[href]')].filter((one) => one.pathname !== location.pathname) \
         .map((one) => decodeURIComponent(one.pathname))",
    );
    let links: Vec<String> = serde_json::from_value(links).unwrap();
    assert!(!links.is_empty());
    links.into_iter().filter(|path| !PathBuf::from(path).exists()).collect()
}

#[test]
fn failed_run_has_pages_whose_links_lead_to_files() {
    let (program, run) = booted(PANIC, 1);
    let trial = run.join("cells").join(CELL).join("report.html");
    let mut browser = Browser::start();
    for page in [run.join("report.html"), trial] {
        browser.open(&page, "");
        assert_eq!(dead_links(&mut browser), [""; 0], "{}", page.display());
        let text = browser.eval("document.body.textContent");
        let text = text.as_str().unwrap();
        for words in ["crash/panic", "sysrq triggered crash", &format!("oomlab repro r/{CELL}")] {
            assert!(text.contains(words), "{words} is not in {text}");
        }
    }
    // A page elsewhere leads to the same files.
    std::fs::create_dir(program.dir().join("a b")).unwrap();
    for (name, of) in [("run.html", "r".to_owned()), ("trial.html", format!("r/{CELL}"))] {
        let file = program.dir().join("a b").join(name);
        let finished = program.run(["report", &of, "--html", file.to_str().unwrap()]);
        assert_eq!(finished.status, Some(0), "{finished:?}");
        browser.open(&file, "");
        assert_eq!(dead_links(&mut browser), [""; 0], "{name}");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn passed_trial_has_a_page_on_request() {
    let (program, run) = booted(HEALTHY, 0);
    assert!(run.join("report.html").is_file());
    assert!(!run.join("cells").join(CELL).join("report.html").exists());
    let printed = program.run(["report", &format!("r/{CELL}"), "--html", "-"]);
    assert_eq!(printed.status, Some(0), "{printed:?}");
    assert!(printed.stdout.starts_with("<!DOCTYPE html>") && printed.stdout.contains("pass/"), "{}", printed.stdout);
    let run_page = program.run(["report", "r", "--html", "-"]);
    assert!(run_page.stdout.starts_with("<!DOCTYPE html>") && run_page.stderr.contains("1 pass"), "{run_page:?}");
    for (args, words) in [
        (vec!["report", "r", "--html", "-", "--json", "-"], "standard output takes one document"),
        (
            vec!["report", "r/kernel.riscv64-nommu.32M.initrd"],
            "is a trial: name its run; of one trial there are a page",
        ),
        (vec!["report", "r", "--html", "none/x.html"], "cannot write none/x.html"),
    ] {
        let refused = program.run(&args);
        assert!(refused.status != Some(0) && refused.stderr.contains(words), "{refused:?}");
    }
}

#[test]
fn page_that_cannot_be_written_is_a_warning() {
    let program = lab();
    // A folder stands where the page would be.
    std::fs::create_dir_all(program.dir().join("runs/r/report.html")).unwrap();
    let args = [boot_args(&program, HEALTHY), ["--out", "runs/r"].map(str::to_owned).to_vec()].concat();
    let finished = program.run(args);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert!(finished.stderr.contains("the run has no report.html: cannot write "), "{}", finished.stderr);
}

#[test]
fn pruned_run_has_no_links_to_removed_pages() {
    let (program, run) = booted(HEALTHY, 0);
    let page = run.join("cells").join(CELL).join("report.html");
    let written = program.run(["report", &format!("r/{CELL}"), "--html", page.to_str().unwrap()]);
    assert_eq!(written.status, Some(0), "{written:?}");
    let run_page = run.join("report.html");
    let links = || std::fs::read_to_string(&run_page).unwrap().contains(&format!("{CELL}/report.html"));
    assert_eq!(program.run(["report", "r", "--html", run_page.to_str().unwrap()]).status, Some(0));
    assert!(links() && page.is_file());
    let head = std::fs::read_to_string(run.join("run.json")).unwrap();
    let started = read_json(&run.join("run.json"))["started"].as_str().unwrap().to_owned();
    std::fs::write(run.join("run.json"), head.replace(&started, "2020-01-01T00:00:00Z")).unwrap();
    assert_eq!(program.run(["prune", "--thin", "30d"]).status, Some(0));
    assert!(!links() && !page.exists());
    // A page that is made later says why it has no console.
    let later = program.run(["report", &format!("r/{CELL}"), "--html", "-"]);
    assert!(later.stdout.contains("removed by `oomlab prune`") && !later.stdout.contains("0 lines"), "{later:?}");
}
