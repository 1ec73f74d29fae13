//! Cells with kernels that are built from commits: build by a short makefile, machine scripted, all else real.

use super::answer;
use crate::support::guests::read_json;
use crate::support::program::{Finished, Program, finish};
use crate::support::repository::{git, output};
use std::path::{Path, PathBuf};

/// The targets that the lab needs of a kernel's makefile. A file `broken` makes the build fail; with all options in a file
/// `needed`, the kernel is another one.
const MAKEFILE: &str = r#"
allnoconfig:
	cp $(KCONFIG_ALLCONFIG) $(O)/.config
Image:
	@echo "  CC      mm/oom_kill.o"
	@if test -e broken; then echo "mm/nommu.c:7: error: expected ';'" >&2; exit 2; fi
	mkdir -p $(O)/arch/riscv/boot $(O)/include/config
	cp script $(O)/arch/riscv/boot/Image
	@if test -e needed && test $$(grep -cxFf needed $(O)/.config) = $$(wc -l < needed); then \
		cp script-of-these $(O)/arch/riscv/boot/Image; fi
	touch $(O)/vmlinux $(O)/System.map
	echo 6.1.0 > $(O)/include/config/kernel.release
.PHONY: allnoconfig Image
"#;

const BOOT: &str = "say [    0.000000] Linux version 6.1.0\n\
    frame hello v=1 arch=riscv64-nommu page=4096 ram=28000\n\
    frame speed us=1000\n\
    frame beat t=300 free=20000 rounds=1 us=50 age=0 kills=0 reclaim=0 units=0\n\
    frame started name=idle pid=20\n";
pub const PASSES: &str = "frame finished status=0 units=3\nframe bye\nevent SHUTDOWN guest-shutdown\nexit 0\n";
pub const PANICS: &str = "say [    0.700000] Kernel panic - not syncing: System is deadlocked on memory\n\
    event SHUTDOWN guest-panic\nexit 0\n";
const OOPSES: &str = "say [    0.700000] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010\n\
    say [    0.700001] Oops [#1]\nevent SHUTDOWN guest-panic\nexit 0\n";
const NEVER_BOOTS: &str = "say [    0.000000] Linux version 6.1.0\n\
    say [    0.100000] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n\
    event SHUTDOWN guest-panic\nexit 0\n";

pub struct Kernels {
    pub program: Program,
    pub dir: PathBuf,
    pub commits: Vec<String>,
}

impl Kernels {
    /// A repository with a commit for each script; an empty script is a kernel that does not compile.
    pub fn new(scripts: impl IntoIterator<Item = String>) -> Self {
        let program = Program::new();
        let dir = program.dir().join("linux");
        std::fs::create_dir(&dir).unwrap();
        output(git(&dir).args(["init", "--quiet", "--initial-branch=main"]));
        std::fs::write(dir.join("Makefile"), MAKEFILE).unwrap();
        let mut kernels = Self { program, dir, commits: Vec::new() };
        kernels.add(scripts);
        kernels
    }

    /// Further commits on the same branch.
    pub fn add(&mut self, scripts: impl IntoIterator<Item = String>) {
        let Self { dir, commits, .. } = self;
        for script in scripts {
            let (number, broken) = (commits.len(), dir.join("broken"));
            if script.is_empty() {
                std::fs::write(broken, "").unwrap();
            } else if broken.exists() {
                std::fs::remove_file(broken).unwrap();
            }
            std::fs::write(dir.join("script"), format!("# {number}\n{script}")).unwrap();
            output(git(dir).args(["add", "--all"]));
            output(git(dir).args(["commit", "--quiet", "--message", &format!("mm: change {number}")]));
            commits.push(output(git(dir).args(["rev-parse", "HEAD"])).trim().to_owned());
        }
    }

    /// Commits all files of the folder.
    pub fn commit_files(&self) {
        output(git(&self.dir).args(["add", "--all"]));
        output(git(&self.dir).args(["commit", "--quiet", "--message", "mm: more files"]));
    }

    /// Adds the branch to the catalogue as the kernel `mine`.
    pub fn describe(&self) {
        let description = format!(
            "source:\n  git: {{repository: {}, revision: main}}\nbuild:\n  riscv64-nommu: [mine]\n",
            self.dir.display()
        );
        self.program.write("kernels/mine.yaml", &description);
        self.program.write("kernels/config/mine.config", "CONFIG_PRINTK=y\n");
    }

    /// `oomlab bisect commits` from the first commit to the last, in the session `mine`.
    pub fn bisect(&self, more: &[&str]) -> Finished {
        let ends = ["bisect", "commits", "--repo", "linux", "--good", &self.commits[0], "--bad", "main"];
        let cell = ["--arch", "riscv64-nommu", "--ram", "32M", "--workload", "idle", "--json", "--out", "mine"];
        let mut command = self.program.command([&ends[..], &cell[..], more].concat());
        finish(command.env("OOMLAB_QEMU", env!("CARGO_BIN_EXE_fake-qemu")))
    }

    fn logs(&self, of: usize) -> Vec<String> {
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let folder = self.program.dir().join("mine/logs");
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let is_of = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&self.commits[of][..12]);
        paths.filter(is_of).map(|path| read(&path)).collect()
    }
}

pub fn script(end: &str) -> String {
    format!("{BOOT}{end}")
}

#[test]
fn first_commit_with_a_failing_cell_is_found() {
    let kind = |number: usize| match number {
        7 | 11 | 12 => String::new(),
        13 => NEVER_BOOTS.to_owned(),
        9 => script(OOPSES),
        0..=14 => script(PASSES),
        _ => script(PANICS),
    };
    let kernels = Kernels::new((0..24).map(kind));
    let before = output(git(&kernels.dir).args(["status", "--porcelain", "--branch"]));
    let finished = kernels.bisect(&[]);
    let answer = answer(&finished);
    assert_eq!(
        (answer["culprit"].as_str(), finished.status),
        (Some(kernels.commits[15].as_str()), Some(0)),
        "{finished:?}"
    );
    assert!(answer["confirmed"] == true && answer["builds"].as_u64() <= Some(14), "{answer}");
    let report = std::fs::read_to_string(kernels.program.dir().join("mine/report.md")).unwrap();
    assert!(report.contains("| bad | crash/panic-deadlocked-on-memory |"), "{report}");
    assert!(report.contains("`oomlab report mail "), "{report}");
    // More trials may have been running at the end.
    let trials = std::fs::read_dir(kernels.program.dir().join("mine/trials/cells")).unwrap().count();
    assert!(trials as u64 >= answer["trials"].as_u64().unwrap(), "{trials}");
    assert_eq!(output(git(&kernels.dir).args(["status", "--porcelain", "--branch"])), before);
}

#[test]
fn build_errors_and_other_failures_are_reported() {
    let kernels = Kernels::new((0..5).map(|number| match number {
        0 => script(PASSES),
        1 | 2 => String::new(),
        3 => script(OOPSES),
        _ => script(PANICS),
    }));
    let finished = kernels.bisect(&[]);
    assert_eq!((answer(&finished)["culprit"].as_str(), finished.status), (None, Some(1)), "{finished:?}");
    let report = std::fs::read_to_string(kernels.program.dir().join("mine/report.md")).unwrap();
    assert!(report.contains("| other | ") && report.contains("## Other failures\n\n- "), "{report}");
    for number in [1, 2] {
        let logs = kernels.logs(number).concat();
        assert!(logs.contains("failed to build commit-") && logs.contains("mm/nommu.c:7: error"), "{number}: {logs}");
    }
}

#[test]
fn other_failures_count_only_with_any_failure() {
    let kind = |number: usize| {
        script(if number < 4 {
            PASSES
        } else if number < 8 {
            OOPSES
        } else {
            PANICS
        })
    };
    let kernels = Kernels::new((0..12).map(kind));
    let finished = kernels.bisect(&["--any-failure"]);
    assert_eq!(answer(&finished)["culprit"].as_str(), Some(kernels.commits[4].as_str()), "{finished:?}");
    let kernels = Kernels::new((0..12).map(kind));
    let finished = kernels.bisect(&["--verdict", "crash/oops"]);
    let wrong = answer(&finished);
    assert!(
        wrong["invalid_premise"].as_str().is_some_and(|text| text.contains("with other failures only")),
        "{finished:?}"
    );
    let finished = kernels.bisect(&["--verdict", "crash/ops", "--out", "other"]);
    assert!(finished.status == Some(2), "{finished:?}");
}

#[test]
fn incomplete_cells_are_refused() {
    let kernels = Kernels::new((0..2).map(|_| script(PASSES)));
    let args = ["bisect", "commits", "--repo", "linux", "--good", &kernels.commits[0], "--bad", "main"];
    let told = |more: &[&str]| {
        let finished = kernels.program.run([&args[..], more].concat());
        assert_eq!(finished.status, Some(2), "{finished:?}");
        finished.stderr
    };
    assert!(told(&[]).contains("nothing to try: name a command with `--exec`, or a cell"));
    assert!(told(&["--workload", "idle"]).contains("no architecture"));
    assert!(told(&["--workload", "idel", "--arch", "arm"]).contains("did you mean `idle`?"));
    assert!(told(&["--workload", "idle", "--arch", "riscv64", "--config", "./none"]).contains("./none"));
}

#[test]
fn regression_of_a_run_is_bisected() {
    let mut kernels = Kernels::new((0..3).map(|_| script(PASSES)));
    let dir = kernels.program.dir().to_owned();
    kernels.describe();
    kernels
        .program
        .write("nightly.yaml", "axes: {kernel: mine, arch: riscv64-nommu, ram: [32M, 64M], workload: idle}\n");
    let night = |program: &Program, more: &[&str]| {
        let args = [&["run", "nightly.yaml", "--filter", "kernel=mine", "--json", "report.json"], more].concat();
        finish(program.command(args).env("OOMLAB_QEMU", env!("CARGO_BIN_EXE_fake-qemu")))
    };
    let green = night(&kernels.program, &["--bisect-regressions"]);
    assert_eq!(green.status, Some(0), "{green:?}");
    kernels.add((3..13).map(|number| script(if number < 9 { PASSES } else { PANICS })));
    let red = night(&kernels.program, &["--bisect-regressions"]);
    assert_eq!(red.status, Some(1), "{red:?}");
    let named = format!("mine.riscv64-nommu.32M.idle: {} mm: change 9 (9", kernels.commits[9]);
    assert!(red.stdout.contains(&named), "{red:?}");
    assert_eq!(red.stdout.matches("The culprit is").count(), 1, "both cells have the same failure: {red:?}");
    let regressions = read_json(&dir.join("report.json"))["regressions"].clone();
    let culprit = &regressions[0]["culprit"];
    assert_eq!(culprit["commit"], kernels.commits[9].to_string(), "{regressions}");
    assert!(culprit["subject"] == "mm: change 9" && culprit["probability"].as_f64() > Some(0.9), "{regressions}");
    assert_eq!(regressions.as_array().unwrap().len(), 1, "{regressions}");
    // The next night fails as well, with the same commit.
    let again = night(&kernels.program, &["--bisect-regressions=0.001"]);
    assert!(again.status == Some(1) && again.stderr.contains("was as expected in "), "{again:?}");
    assert!(again.stderr.contains("stopped; `oomlab bisect resume "), "{again:?}");
    let why = read_json(&dir.join("report.json"))["regressions"][0]["why"].clone();
    assert!(why.as_str().unwrap().starts_with("stopped before an answer"), "{why}");
    let runs = std::fs::read_dir(dir.join("runs")).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(runs.count(), 3);
    let other = night(&kernels.program, &["--out", "elsewhere/night", "--bisect-regressions"]);
    assert!(other.stderr.contains("not bisected: no earlier run beside this one"), "{other:?}");
}

#[test]
fn bisection_of_a_flaky_cell_begins_where_its_rate_changed() {
    let mut kernels = Kernels::new((0..2).map(|_| script(PASSES)));
    let dir = kernels.program.dir().to_owned();
    kernels.program.write("nightly.yaml", "axes: {kernel: mine, arch: riscv64-nommu, ram: 32M, workload: idle}\n");
    let night = |kernels: &mut Kernels, guests: Vec<String>, more: &[&str]| {
        kernels.add(guests);
        kernels.describe();
        let args = [&["run", "nightly.yaml", "--repeat", "8", "--json", "report.json"], more].concat();
        finish(kernels.program.command(args).env("OOMLAB_QEMU", env!("CARGO_BIN_EXE_fake-qemu")))
    };
    for _ in 0..4 {
        assert_eq!(night(&mut kernels, vec![script(PASSES)], &[]).status, Some(0));
    }
    // Six commits a night, of which the third of the second night fails; then two red nights.
    assert_eq!(night(&mut kernels, vec![script(PASSES); 6], &[]).status, Some(0));
    let fails = [vec![script(PASSES); 2], vec![script(PANICS); 4]].concat();
    assert_eq!(night(&mut kernels, fails, &[]).status, Some(1));
    assert_eq!(night(&mut kernels, vec![script(PANICS)], &[]).status, Some(1));
    let red = night(&mut kernels, vec![script(PANICS)], &["--bisect-regressions"]);
    assert_eq!(red.status, Some(1), "{red:?}");
    let regression = read_json(&dir.join("report.json"))["regressions"][0].clone();
    assert_eq!(regression["culprit"]["subject"], "mm: change 14", "{regression}");
    let mut sessions = dir.join("runs").read_dir().unwrap().map(|run| run.unwrap().path().join("bisections"));
    let sessions = sessions.find(|folder| folder.is_dir()).unwrap();
    // Of one failure of the cell.
    let folders: Vec<_> = sessions.read_dir().unwrap().map(|folder| folder.unwrap().path()).collect();
    assert_eq!(folders.len(), 1);
    let session = folders[0].join("session.json");
    let starts = read_json(&session)["starts"].clone();
    assert_eq!(starts.as_array().unwrap().len(), 1, "the night of the change is known: {starts}");
}
