//! Nights whose new failures are bisected.

use super::cells::{Kernels, PANICS, PASSES, script};
use super::linux::source;
use crate::support::guests::{FAKE_QEMU, read_json};
use crate::support::kernels;
use crate::support::linux::{Linux, NOMMU_OOM_SKIP, Wanted};
use crate::support::program::{Finished, Program, finish};
use crate::support::repository::{git, output};
use serde_json::Value;
use std::path::{Path, PathBuf};

const HOOK: &str = r#"hook: env | grep ^OOMLAB_ | sort > hook.env; cp "$OOMLAB_SUMMARY" hook.summary"#;

/// What a red night has left.
struct Red {
    summary: String,
    environment: Vec<String>,
    night: PathBuf,
    run: PathBuf,
}

impl Red {
    /// Of the second night in a folder.
    fn new(dir: &Path, finished: &Finished) -> Self {
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
        let summary = read("hook.summary");
        assert_eq!(finished.status, Some(1), "{finished:?}");
        assert!(finished.stdout.ends_with(&summary), "{finished:?}");
        let last = |below: &str, file: &str| {
            let entries = std::fs::read_dir(dir.join(below)).unwrap().map(|entry| entry.unwrap().path());
            let mut folders: Vec<PathBuf> = entries.filter(|folder| folder.join(file).is_file()).collect();
            folders.sort();
            assert_eq!(folders.len(), 2, "{folders:?}");
            folders.pop().unwrap()
        };
        let environment = read("hook.env").lines().map(str::to_owned).collect();
        Self { summary, environment, night: last("runs/nights", "night.json"), run: last("runs", "run.json") }
    }

    /// The failure is new, and a bisection has found this commit.
    fn names(&self, commit: &str, subject: &str) {
        let Self { summary, environment, .. } = self;
        for line in ["OOMLAB_RESULT=new", "OOMLAB_NEW=1", &format!("OOMLAB_CULPRITS={commit}")] {
            assert!(environment.iter().any(|found| found == line), "{line}\n{environment:?}");
        }
        let culprit = summary.lines().find_map(|line| line.strip_prefix("  culprit ")).unwrap_or_default();
        let (percent, named) = culprit.split_once(" %: ").unwrap_or_default();
        assert!(percent.parse::<u32>().is_ok_and(|percent| percent >= 95), "{summary}");
        assert_eq!(named, format!("{} {subject}", &commit[..12]), "{summary}");
        let night = read_json(&self.night.join("night.json"));
        assert_eq!((&night["runs"][0]["bisected"], &night["failed"]), (&true.into(), &Value::Array(Vec::new())));
        let regressions = read_json(&self.run.join("regressions.json"))["regressions"].clone();
        assert_eq!(regressions.as_array().map(Vec::len), Some(1), "{regressions}");
        assert_eq!(regressions[0]["culprit"]["commit"], commit, "{regressions}");
        let session = self.run.join(regressions[0]["session"].as_str().unwrap());
        assert!(std::fs::read_to_string(session.join("report.md")).unwrap().contains(subject), "{}", session.display());
    }
}

/// A night of a configuration after the branch has moved to this commit.
fn night(program: &Program, mut command: std::process::Command, tip: &str) -> Finished {
    program.write("tip", tip);
    finish(&mut command)
}

#[test]
fn commit_of_a_new_failure_is_told_to_the_hook() {
    let mut kernels = Kernels::new((0..3).map(|_| script(PASSES)));
    kernels.describe();
    let dir = kernels.program.dir().to_owned();
    let matrix = "defaults: {repeat: 8}\naxes: {kernel: mine, arch: riscv64-nommu, ram: 32M, workload: idle}\n";
    kernels.program.write("matrix.yaml", matrix);
    kernels.program.write("nightly.yaml", &format!("matrices: matrix.yaml\nbudget: 1h\nbisect: 30m\n{HOOK}\n"));
    let command = |program: &Program| {
        let mut command = program.command(["nightly", "nightly.yaml"]);
        command.env("OOMLAB_QEMU", FAKE_QEMU);
        command
    };
    let green = finish(&mut command(&kernels.program));
    assert_eq!(green.status, Some(0), "{green:?}");
    let environment = std::fs::read_to_string(dir.join("hook.env")).unwrap();
    assert!(environment.contains("OOMLAB_CULPRITS=\n") && environment.contains("OOMLAB_MAILS=\n"), "{environment}");
    kernels.add((3..13).map(|number| script(if number < 9 { PASSES } else { PANICS })));
    let red = Red::new(&dir, &finish(&mut command(&kernels.program)));
    red.names(&kernels.commits[9], "mm: change 9");
}

#[test]
#[ignore = "builds several kernels: up to 15 minutes on two cores"]
fn livelock_of_a_night_is_bisected() {
    let program = Program::new();
    let repository = program.dir().join("linux");
    let (culprit, broken) = (6, &[4]);
    let wanted = Wanted { bug: NOMMU_OOM_SKIP, commits: 12, culprit, broken, dead: 9, merge: 3, releases: &[] };
    let linux = Linux::new(&repository, &[source()], wanted);
    let last = linux.commits.last().unwrap();
    let fragments = "[base, detect, riscv64-nommu]";
    let git_source = format!("{{repository: {}, revision: main}}", repository.display());
    program
        .write("kernels/mine.yaml", &format!("source:\n  git: {git_source}\nbuild:\n  riscv64-nommu: {fragments}\n"));
    let matrix =
        "defaults: {repeat: 6}\naxes: {kernel: mine, arch: riscv64-nommu, ram: 32M, workload: zombie-victim}\n";
    program.write("matrix.yaml", matrix);
    let before = r#"before: git -C linux update-ref refs/heads/main "$(cat tip)""#;
    let config =
        format!("matrices: matrix.yaml\n{before}\nbudget: 1h\ndecide: 100%\nbisect: 40m\npages: www\n{HOOK}\n");
    program.write("nightly.yaml", &config);
    let command = || kernels::command(&program, &["--data", ".", "nightly", "nightly.yaml"]);
    let green = night(&program, command(), &linux.commits[1]);
    assert_eq!(green.status, Some(0), "{green:?}");
    let finished = night(&program, command(), last);
    eprintln!("{}\n{}", finished.stderr, finished.stdout);
    let red = Red::new(program.dir(), &finished);
    // Six failures after six passes may still be chance.
    assert!(finished.stderr.contains("further trials of undecided cells: "), "{}", finished.stderr);
    let find = ["log", "--format=%H %s", &format!("--grep= change part {culprit}$"), last];
    let found = output(git(&repository).args(find));
    let (commit, subject) = found.trim_end().split_once(' ').unwrap();
    red.names(commit, subject);
    assert!(red.summary.contains("new: hang/oom-livelock"), "{}", red.summary);
    let mail = red.night.join("mail-1.txt").canonicalize().unwrap();
    assert!(red.environment.contains(&format!("OOMLAB_MAILS={}", mail.display())), "{:?}", red.environment);
    // Without a tag the commits are not published: the command to regzbot would name what others do not have.
    let text = std::fs::read_to_string(&mail).unwrap();
    assert!(text.contains(&commit[..12]) && text.contains(subject) && !text.contains("regzbot"), "{text}");
}
