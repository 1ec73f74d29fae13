//! `oomlab report mail` and `oomlab report lint`, with scripted guests.

use crate::bisections::cells::{Kernels, PANICS, PASSES, script};
use crate::support::guests::{END, RUN, matrix};
use crate::support::program::{Program, finish};
use crate::support::repository::{git, output};
use crate::support::transcript::assert_transcript;
use oomlab::report::mail::lint::lint;

const PANIC: &str = "say [    0.000000] Linux version 6.1.176 (x@y) (gcc 12) #1\n\
    frame hello v=1 arch=riscv64-nommu page=4096 ram=28000\nframe speed us=1000\n\
    frame beat t=300 free=20000 rounds=1 us=50 age=0 kills=0 reclaim=0 units=0\nframe started name=idle pid=20\n\
    say [    0.700000] Kernel panic - not syncing: System is deadlocked on memory\nevent SHUTDOWN guest-panic\nexit 0\n";

const MAINTAINERS: &str = "OOM\nM:\tO Killer <oom@example.org>\nL:\tlinux-mm@kvack.org\nF:\tmm/\nF:\tscript\n";

#[test]
fn bisection_becomes_a_regression() {
    let mut kernels = Kernels::new((0..3).map(|_| script(PASSES)));
    std::fs::write(kernels.dir.join("MAINTAINERS"), MAINTAINERS).unwrap();
    kernels.add((3..6).map(|number| script(if number < 5 { PASSES } else { PANICS })));
    let finished = kernels.bisect(&[]);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    // As long as no release has the commit, it is one of this repository alone.
    let private = kernels.program.run(["report", "mail", "mine"]);
    assert_eq!(private.status, Some(0), "{private:?}");
    assert!(private.stderr.contains("no tag of a release"), "{private:?}");
    assert!(!private.stdout.contains("REGRESSION") && !private.stdout.contains("regzbot"), "{private:?}");
    output(git(&kernels.dir).args(["tag", "v6.1"]));
    let draft = kernels.program.run(["report", "mail", "mine", "--out", "draft"]);
    assert_eq!((draft.status, draft.stdout.as_str()), (Some(0), ""), "{draft:?}");
    let text = std::fs::read_to_string(kernels.program.dir().join("draft")).unwrap();
    let culprit = &kernels.commits[5][..12];
    for part in [
        "To: O Killer <oom@example.org>\n",
        "    A Developer <a@example.org>",
        "    regressions@lists.linux.dev\n",
        "Subject: [REGRESSION] mm, oom: ",
        &format!("\n\n#regzbot introduced: {culprit}\n\n"),
        &format!("The first bad commit is {culprit} (\"mm: change 5\")"),
        "\n  first bad  ",
        "\n  parent     ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(lint(text.as_bytes()), [], "{text}");
    let clean = kernels.program.run(["report", "lint", "draft"]);
    assert_eq!((clean.status, clean.stdout.as_str()), (Some(0), ""), "{clean:?}");
    let again = kernels.program.run(["report", "mail", "mine", "--out", "draft"]);
    assert!(again.status == Some(2) && again.stderr.contains("may have been edited"), "{again:?}");
}

#[test]
fn bisected_regression_of_a_run_is_in_its_draft() {
    let mut kernels = Kernels::new([script(PASSES)]);
    kernels.describe();
    kernels.program.write("m.yaml", "axes: {kernel: mine, arch: riscv64-nommu, ram: 32M, workload: idle}\n");
    let night = |program: &Program, out: &str| {
        let args = ["run", "m.yaml", "--bisect-regressions", "--out", out];
        finish(program.command(args).env("OOMLAB_QEMU", env!("CARGO_BIN_EXE_fake-qemu"))).status
    };
    assert_eq!(night(&kernels.program, "runs/one"), Some(0));
    kernels.add([script(PASSES), script(PANICS), script(PANICS)]);
    output(git(&kernels.dir).args(["tag", "v6.1"]));
    assert_eq!(night(&kernels.program, "runs/two"), Some(1));
    let draft = kernels.program.run(["report", "mail", "two/mine.riscv64-nommu.32M.idle"]);
    let culprit = &kernels.commits[2][..12];
    assert!(draft.stdout.contains(&format!("\n\n#regzbot introduced: {culprit}\n\n")), "{draft:?}");
    // A record of another kernel proves nothing about this one.
    let path = kernels.program.dir().join("runs/two/cells/mine.riscv64-nommu.32M.idle/trial.json");
    let record = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, record.replace(&kernels.commits[3], &"0".repeat(40))).unwrap();
    let draft = kernels.program.run(["report", "mail", "two/mine.riscv64-nommu.32M.idle"]);
    assert!(draft.status == Some(0) && !draft.stdout.contains("regzbot"), "{draft:?}");
    // What retention leaves of an old trial is no report.
    let gone = r#""removed": [{"file": "console.log", "bytes": 1, "sha256": "x"}], "artifacts": ["#;
    std::fs::write(&path, record.replacen("\"artifacts\": [", gone, 1)).unwrap();
    let thinned = kernels.program.run(["report", "mail", "two/mine.riscv64-nommu.32M.idle"]);
    assert!(thinned.status == Some(2) && thinned.stderr.contains("was removed, as the run is old"), "{thinned:?}");
}

#[test]
fn bisections_without_a_culprit_are_refused() {
    let kernels = Kernels::new((0..2).map(|_| script(PASSES)));
    let told = |session: &str| {
        let finished = kernels.program.run(["report", "mail", session]);
        assert_eq!(finished.status, Some(2), "{finished:?}");
        finished.stderr
    };
    let finished = kernels.bisect(&[]);
    assert_eq!(finished.status, Some(1), "{finished:?}");
    assert!(told("mine").contains("other than they were said to be"), "{}", told("mine"));
    let args = ["bisect", "commits", "--repo", "linux", "--good", &kernels.commits[0], "--bad", "main"];
    let finished = kernels.program.run([&args[..], &["--exec", "false", "--out", "command"]].concat());
    assert_eq!(finished.status, Some(1), "{finished:?}");
    assert!(told("command").contains("no trial is recorded"), "{}", told("command"));
}

#[test]
fn kernels_of_one_run_become_a_regression() {
    let kernels = Kernels::new([script(PASSES), script(PANICS)]);
    let describe = |name: &str, commit: &str| {
        let text = format!(
            "source:\n  git: {{repository: {}, revision: {commit}}}\nbuild:\n  riscv64-nommu: [mine]\n",
            kernels.dir.display()
        );
        kernels.program.write(&format!("kernels/{name}.yaml"), &text);
    };
    kernels.program.write("kernels/config/mine.config", "CONFIG_PRINTK=y\n");
    describe("old", &kernels.commits[0]);
    describe("new", &kernels.commits[1]);
    kernels.program.write(
        "m.yaml",
        "axes: {kernel: [old, new], arch: riscv64-nommu, ram: 32M, workload: idle}\ndefaults: {repeat: 6}\n",
    );
    output(git(&kernels.dir).args(["tag", "v6.1"]));
    let args = ["run", "m.yaml", "--out", "runs/r", "--qemu", env!("CARGO_BIN_EXE_fake-qemu")];
    assert_eq!(kernels.program.run(args).status, Some(1));
    let draft = kernels.program.run(["report", "mail", "r/new.riscv64-nommu.32M.idle"]);
    assert_eq!(draft.status, Some(0), "{draft:?}");
    let [old, new] = [0, 1].map(|at| &kernels.commits[at][..12]);
    let command = format!("\n\n#regzbot introduced: {old}..{new}\n\n");
    assert!(draft.stdout.contains(&command) && draft.stdout.contains("[REGRESSION]"), "{draft:?}");
    assert!(draft.stdout.contains("0 of 6 boots (95 % bound: at most 39 %)"), "{draft:?}");
    let good = kernels.program.run(["report", "mail", "r/old.riscv64-nommu.32M.idle"]);
    assert!(good.status == Some(2) && good.stderr.contains("the trial passed"), "{good:?}");
}

#[test]
fn trial_becomes_a_draft_and_is_checked() {
    let program = Program::new();
    matrix(&program, &[("bad", PANIC), ("good", &script(END))], "");
    assert_eq!(program.run([&RUN[..], &["--out", "runs/r"]].concat()).status, Some(1));
    let draft = program.run(["report", "mail", "r/mine.riscv64-nommu.32M.idle.guest=bad"]);
    // Its image has no version.
    assert!(
        draft.status == Some(2) && draft.stderr.contains("the release of the kernel mine is not known"),
        "{draft:?}"
    );
    for (name, args, status) in [
        ("report-mail-unknown", &["report", "mail", "r/none"][..], 2),
        ("report-mail-passed", &["report", "mail", "r/mine.riscv64-nommu.32M.idle.guest=good"], 2),
        ("report-lint-unreadable", &["report", "lint", "none"], 2),
        ("report-nothing", &["report"], 2),
        ("help-report-mail", &["report", "mail", "--help"], 0),
        ("help-report-lint", &["report", "lint", "--help"], 0),
    ] {
        assert_transcript(&program, name, args, status);
    }
    let edited = "To: linux-mm@kvack.org\nSubject: [REGRESSION] x\n\nHi,\n\n**It** hangs on mainline, since TODO.\n\nNot tested: mainline.\n";
    program.write("draft", edited);
    assert_transcript(&program, "report-lint", &["report", "lint", "draft"], 1);
}
