//! Nights with scripted guests.

use crate::processes::{eventually, is_alive};
use crate::support::guests::{AGENT, END, FAKE_QEMU, matrix, read_json};
use crate::support::program::{Finished, Program, finish, start, wait};
use crate::support::transcript::assert_transcript;
use rustix::process::Pid;
use std::path::PathBuf;
use std::process::Command;

const PANIC: &str = "say [    1.000000] Kernel panic - not syncing: x\nevent SHUTDOWN guest-reset\nexit 0\n";

/// A guest that runs until it is killed.
const ENDLESS: &str = "beats 100000 20 moving\n";

/// Writes what the hook gets.
const HOOK: &str = "hook: env | grep ^OOMLAB_ | sort > hook.env; cp \"$OOMLAB_SUMMARY\" hook.summary\n";

struct Lab {
    program: Program,
}

impl Lab {
    /// Two cells, both healthy.
    fn new(repeat: u32, config: &str) -> Self {
        let program = Program::new();
        let healthy = format!("{AGENT}{END}");
        matrix(&program, &[("one", &healthy), ("two", &healthy)], "");
        let text = std::fs::read_to_string(program.dir().join("matrix.yaml")).unwrap();
        program.write("matrix.yaml", &text.replace("defaults:\n", &format!("defaults:\n  repeat: {repeat}\n")));
        program.write("nightly.yaml", &format!("matrices: matrix.yaml\n{config}"));
        Self { program }
    }

    /// From now on the guest of a cell does this after its workload has begun.
    fn set(&self, cell: &str, end: &str) {
        self.program.write(&format!("{cell}.script"), &format!("{AGENT}{end}"));
        // A kernel that fails where another one did not is another kernel.
        self.program.write("kernel", &format!("\0a kernel {}", end.len()));
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.program.command(args);
        command.env("OOMLAB_QEMU", FAKE_QEMU);
        command
    }

    fn night(&self) -> Finished {
        finish(&mut self.command(&["nightly", "nightly.yaml"]))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.program.dir().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The runs below `runs`, or the nights below `runs/nights`, by name.
    fn folders(&self, below: &str, file: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path(below)).into_iter().flatten();
        let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        folders.retain(|folder| folder.join(file).is_file());
        folders.sort();
        folders
    }

    fn runs(&self) -> Vec<PathBuf> {
        self.folders("runs", "run.json")
    }

    fn nights(&self) -> Vec<PathBuf> {
        self.folders("runs/nights", "night.json")
    }
}

#[test]
fn new_failure_is_told_in_summary_hook_and_exit_status() {
    let lab = Lab::new(8, &format!("decide: 0%\npages: www\n{HOOK}"));
    for _ in 0..2 {
        let quiet = lab.night();
        assert_eq!(quiet.status, Some(0), "{quiet:?}");
        assert!(quiet.stdout.contains(": nothing new\n"), "{}", quiet.stdout);
        assert!(lab.read("hook.env").contains("OOMLAB_RESULT=quiet\n"));
    }
    lab.set("one", PANIC);
    let red = lab.night();
    assert_eq!(red.status, Some(1), "{red:?}");
    let runs = lab.runs();
    let run = runs[2].file_name().unwrap().to_str().unwrap();
    let summary = lab.read("hook.summary");
    assert!(red.stdout.ends_with(&summary), "{}", red.stdout);
    assert!(summary.contains(": 1 new\nnew: crash/panic: panic: x\n"), "{summary}");
    assert!(summary.contains(&format!("  {run}/mine.riscv64-nommu.32M.idle.guest=one\n  8 of 8 (")), "{summary}");
    assert!(summary.contains(&format!(" since {run}")), "{summary}");
    // A kernel of a file has no release: there is nothing to write to a list.
    assert!(summary.contains("\n  no draft of a mail: "), "{summary}");
    let environment = lab.read("hook.env");
    for line in ["OOMLAB_FIXED=0", "OOMLAB_NEW=1", "OOMLAB_RESULT=new", "OOMLAB_UNDECIDED=0", "OOMLAB_WORSE=0"] {
        assert!(environment.lines().any(|found| found == line), "{line}\n{environment}");
    }
    assert!(
        environment.contains(&format!("OOMLAB_RUNS={}\n", runs[2].canonicalize().unwrap().display())),
        "{environment}"
    );
    let night = read_json(&lab.nights()[2].join("night.json"));
    assert_eq!((&night["result"], &night["runs"][0]["ran"]), (&"new".into(), &true.into()));
    assert!(lab.nights()[2].join(format!("junit-{run}.xml")).is_file());
    assert!(environment.contains(&format!("OOMLAB_PAGES={}\n", lab.path("www/index.html").display())), "{environment}");
    let (index, history) = (lab.read("www/index.html"), lab.read("www/history.html"));
    assert!(index.contains(&format!("<a href=\"../runs/{run}/report.html\">{run}</a>")), "{index}");
    assert!(index.contains(&format!("../runs/nights/{run}/summary.txt")) && index.contains(">new</span>"), "{index}");
    assert!(history.contains("mine.riscv64-nommu.32M.idle.guest=one"), "{history}");
    let page = std::fs::read_to_string(runs[2].join("report.html")).unwrap();
    assert!(page.contains(">new</span>"), "{page}");
}

#[test]
fn undecided_cell_gets_further_trials_in_the_same_run() {
    let lab = Lab::new(4, "decide: 100%\n");
    for _ in 0..2 {
        assert_eq!(lab.night().status, Some(0));
    }
    lab.set("one", PANIC);
    let red = lab.night();
    let runs = lab.runs();
    assert_eq!(runs.len(), 3);
    let further = read_json(&runs[2].join("further.json"))["trials"].clone();
    let trials = further["mine.riscv64-nommu.32M.idle.guest=one"].as_u64().unwrap();
    assert!((1..=8).contains(&trials) && further.as_object().unwrap().len() == 1, "{further}");
    let read = |run: &PathBuf| std::fs::read_to_string(run.join("plan.json")).unwrap();
    assert_eq!(read(&runs[2]), read(&runs[1]), "the plan stays as it was");
    let report = |args: &[&str]| {
        let printed = finish(&mut lab.command(&[args, &["--json", "-"]].concat()));
        serde_json::from_str::<serde_json::Value>(&printed.stdout).unwrap()["run"].clone()
    };
    let run = report(&["report", "latest"]);
    assert_eq!((&run["planned"], &run["finished"]), (&(8 + trials).into(), &(8 + trials).into()), "{run}");
    // The matrix is compared with the plan as it was; what is missing of the further trials runs.
    std::fs::remove_dir_all(runs[2].join("cells/mine.riscv64-nommu.32M.idle.guest=one~5")).unwrap();
    let name = runs[2].file_name().unwrap().to_str().unwrap();
    let resumed = report(&["run", "matrix.yaml", "--resume", name]);
    assert_eq!((&resumed["finished"], &resumed["resumed"]), (&(8 + trials).into(), &2.into()), "{resumed}");
    let again = report(&["rerun", "latest"]);
    assert_eq!((&again["planned"], &again["finished"]), (&8.into(), &8.into()), "{again}");
    assert!(red.stderr.contains("further trials of undecided cells: "), "{}", red.stderr);
    assert_eq!(red.status, Some(1), "{red:?}");
}

#[test]
fn budget_ends_trials_and_lists_what_has_not_run() {
    let lab = Lab::new(2, "budget: 3s\n");
    lab.set("one", ENDLESS);
    let text = lab.read("matrix.yaml");
    lab.program.write("later.yaml", &text);
    lab.program.write("nightly.yaml", "matrices: [matrix.yaml, later.yaml]\nbudget: 3s\nhook: touch hooked\n");
    let finished = lab.night();
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert!(finished.stdout.contains("\nnot run: "), "{}", finished.stdout);
    assert!(finished.stdout.contains("guest=one"), "{}", finished.stdout);
    assert!(finished.stdout.ends_with("\nnot run: all of later.yaml\n"), "{}", finished.stdout);
    assert!(lab.path("hooked").is_file());
    assert_eq!((lab.runs().len(), &read_json(&lab.nights()[0].join("night.json"))["result"]), (1, &"quiet".into()));
}

#[test]
fn failed_hook_loses_nothing_else() {
    let lab = Lab::new(1, "before: test -e matrix.yaml && exit 7\nhook: echo no; exit 3\n");
    let finished = lab.night();
    assert_eq!(finished.status, Some(3), "{finished:?}");
    assert!(finished.stdout.contains(": nothing new, the lab failed\nfailed: before: exit status 7; "));
    assert!(finished.stdout.contains("\nfailed: hook: exit status 3; its output is in "), "{}", finished.stdout);
    let night = &lab.nights()[0];
    assert_eq!(std::fs::read_to_string(night.join("hook.log")).unwrap(), "no\n");
    let record = read_json(&lab.runs()[0].join("run.json"));
    assert_eq!(record["finished"], true);
}

#[test]
fn lab_error_is_told_in_hook_pages_and_exit_status_alike() {
    let lab = Lab::new(1, &format!("decide: 0%\npages: www\n{HOOK}"));
    lab.set("two", "abort\n");
    let finished = lab.night();
    assert_eq!(finished.status, Some(3), "{finished:?}");
    assert!(finished.stdout.contains("\nfailed: the lab could not judge 1 trial: "), "{}", finished.stdout);
    assert!(finished.stdout.ends_with(&lab.read("hook.summary")), "{}", finished.stdout);
    assert!(lab.read("hook.env").contains("OOMLAB_RESULT=lab-failed\n"), "{}", lab.read("hook.env"));
    assert_eq!(read_json(&lab.nights()[0].join("night.json"))["result"], "lab-failed");
    assert!(lab.read("www/index.html").contains(">lab-failed</span>"), "{}", lab.read("www/index.html"));
}

/// A quarantine entry for a cell that panics.
fn entry(until: &str) -> String {
    format!("- cells: guest=one\n  reason: known\n  link: https://example.org/1\n  until: {until}\n")
}

#[test]
fn quarantined_failure_leaves_the_night_green() {
    let lab = Lab::new(1, HOOK);
    lab.set("one", PANIC);
    lab.program.write("quarantine.yaml", &entry("9999-12-31"));
    let green = lab.night();
    assert_eq!(green.status, Some(0), "{green:?}");
    assert!(green.stdout.ends_with(": nothing new\nquarantined: 1 cell\n"), "{}", green.stdout);
    assert!(lab.read("hook.env").contains("OOMLAB_NEW=0\n"), "{}", lab.read("hook.env"));
}

#[test]
fn expired_quarantine_covers_nothing_and_stops_no_night() {
    let lab = Lab::new(2, HOOK);
    lab.set("one", PANIC);
    lab.program.write("quarantine.yaml", &entry("2020-12-31"));
    let red = lab.night();
    assert_eq!(red.status, Some(1), "{red:?}");
    assert!(red.stderr.starts_with("warning: this entry has expired"), "{}", red.stderr);
    let summary = lab.read("hook.summary");
    assert!(summary.contains(": 1 new\n") && summary.contains("  2 of 2 ("), "{summary}");
    assert!(summary.contains("\nexpired quarantine: quarantine.yaml:1, until 2020-12-31\n"), "{summary}");
}

#[test]
fn late_hook_is_killed_with_its_children() {
    let hook = "{command: 'setsid sleep 600 & echo $! > child; wait', timeout: 1s}";
    let lab = Lab::new(1, &format!("hook: {hook}\n"));
    let finished = lab.night();
    assert_eq!(finished.status, Some(3), "{finished:?}");
    assert!(finished.stdout.contains("failed: hook: killed after 1 s, its timeout; "), "{}", finished.stdout);
    let child = Pid::from_raw(lab.read("child").trim().parse().unwrap()).unwrap();
    eventually("the hook's child ends", || !is_alive(child));
}

#[test]
fn night_that_was_killed_goes_on() {
    let lab = Lab::new(2, "");
    lab.set("two", ENDLESS);
    let mut killed = start(&mut lab.command(&["nightly", "nightly.yaml"]));
    eventually("both guests run", || {
        let runs = lab.runs();
        let has = |file: &str| runs.iter().any(|run| run.join("cells").join(file).is_file());
        has("mine.riscv64-nommu.32M.idle.guest=one/trial.json")
            && has("mine.riscv64-nommu.32M.idle.guest=two/events.jsonl")
    });
    let second = lab.night();
    assert_eq!(second.status, Some(2), "{second:?}");
    assert!(
        second.stderr.contains(&format!("another night (process {}) works in runs: ", killed.id())),
        "{}",
        second.stderr
    );
    killed.kill().unwrap();
    wait(killed);
    lab.program.write("two.script", &format!("{AGENT}{END}"));
    let resumed = lab.night();
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert!(resumed.stderr.contains(" died; resuming it\n"), "{}", resumed.stderr);
    assert_eq!((lab.runs().len(), lab.nights().len()), (1, 1));
    let head = read_json(&lab.runs()[0].join("run.json"));
    assert_eq!((&head["finished"], &head["resumed"]), (&true.into(), &1.into()));
    assert!(resumed.stdout.ends_with(": nothing new\n"), "{}", resumed.stdout);
}

#[test]
fn dead_night_without_budget_is_ended_and_a_new_one_begins() {
    let lab = Lab::new(1, "budget: 1h\n");
    assert_eq!(lab.night().status, Some(0));
    let path = lab.nights()[0].join("night.json");
    let mut night = read_json(&path);
    let now: jiff::Timestamp = night["started"].as_str().unwrap().parse().unwrap();
    let earlier = now - jiff::SignedDuration::from_hours(2);
    night["started"] = earlier.to_string().into();
    night["runs"][0]["ran"] = false.into();
    night.as_object_mut().unwrap().retain(|key, _| key != "result" && key != "counts");
    std::fs::write(&path, night.to_string()).unwrap();
    let finished = lab.night();
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert!(finished.stderr.contains(" died, and its budget is used up; it is ended\n"), "{}", finished.stderr);
    let results: Vec<_> =
        lab.nights().iter().map(|night| read_json(&night.join("night.json"))["result"].clone()).collect();
    assert_eq!((results, lab.runs().len()), (vec!["quiet".into(), "quiet".into()], 2));
}

#[test]
fn interrupted_night_goes_on() {
    let lab = Lab::new(1, HOOK);
    lab.set("two", ENDLESS);
    let child = start(&mut lab.command(&["nightly", "nightly.yaml"]));
    eventually("the guest runs", || {
        lab.runs().iter().any(|run| run.join("cells/mine.riscv64-nommu.32M.idle.guest=two/events.jsonl").is_file())
    });
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let stopped = wait(child);
    assert_eq!(stopped.status, Some(130), "{stopped:?}");
    assert!(!lab.path("hook.env").exists());
    lab.program.write("two.script", &format!("{AGENT}{END}"));
    let resumed = lab.night();
    assert_eq!((resumed.status, lab.nights().len()), (Some(0), 1), "{resumed:?}");
    assert!(lab.path("hook.env").is_file());
}

#[test]
fn old_nights_are_thinned_and_still_have_reports() {
    let lab = Lab::new(1, "retention: {thin: 30d}\n");
    lab.set("two", PANIC);
    assert_eq!(lab.night().status, Some(1));
    let old = lab.runs()[0].clone();
    let head = std::fs::read_to_string(old.join("run.json")).unwrap();
    let started = read_json(&old.join("run.json"))["started"].as_str().unwrap().to_owned();
    std::fs::write(old.join("run.json"), head.replace(&started, "2020-01-01T00:00:00Z")).unwrap();
    let dry = finish(&mut lab.command(&["prune", "--thin", "30d", "--dry-run"]));
    assert!(dry.stdout.contains("trials: 1 (as expected)\nwould free "), "{dry:?}");
    let finished = lab.night();
    assert!(finished.stderr.contains("\nfreed "), "{}", finished.stderr);
    let folder = |cell: &str| old.join(format!("cells/mine.riscv64-nommu.32M.idle.guest={cell}"));
    assert!(!folder("one").join("console.log").exists() && folder("two").join("console.log").is_file());
    let name = old.file_name().unwrap().to_str().unwrap();
    let report = finish(&mut lab.command(&["report", name, "--json", "-"]));
    assert_eq!(report.status, Some(0), "{report:?}");
    let json: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
    let one =
        json["cells"].as_array().unwrap().iter().find(|cell| cell["id"].as_str().unwrap().contains("one")).unwrap();
    assert!(one["removed"].as_array().unwrap().iter().any(|file| file["file"] == "console.log"), "{one}");
    let replay = finish(&mut lab.command(&["replay", &format!("{name}/mine.riscv64-nommu.32M.idle.guest=one")]));
    assert!(replay.stdout.contains("events.jsonl was removed by"), "{replay:?}");
}

#[test]
fn dry_run_touches_nothing() {
    let lab = Lab::new(3, "budget: 8h\nbisect: 90m\nretention: {thin: 30d}\nhook: ./tell\n");
    let dry = finish(&mut lab.command(&["nightly", "nightly.yaml", "--dry-run"]));
    let expected = "run         matrix.yaml: 2 cells, 6 trials, at most 1 further\n\
                    \x20           mine riscv64-nommu: in the cache; a newer one is looked for\n\
                    budget      8 h\nbisect      90 min\nretention   thinned after 30 d, all evidence removed never\n\
                    hook        ./tell (at most 10 min)\n";
    assert_eq!((dry.status, dry.stdout.as_str()), (Some(0), expected));
    assert!(!lab.path("runs").exists());
}

#[test]
fn wrong_configuration_of_nights_is_told_with_its_places() {
    let program = Program::new();
    program.write("nightly.yaml", "matrices: [m.yaml]\nbudget: 8\nbisekt: 2h\n");
    assert_transcript(&program, "nightly-unknown-key", &["nightly", "nightly.yaml"], 2);
    program.write(
        "nightly.yaml",
        "matrices: [m.yaml, m.yaml]\nbudget: 8\nbisect: 2h\nretention: {thin: 60d, evidence: 30d}\n",
    );
    assert_transcript(&program, "nightly-wrong-values", &["nightly", "nightly.yaml"], 2);
    assert_transcript(&program, "prune-nothing", &["prune", "--thin", "30d"], 2);
}
