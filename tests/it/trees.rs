//! Kernels of a folder as it is: build by a short makefile, machine scripted, all else real.

use crate::bisections::cells::{Kernels, PANICS, PASSES, script};
use crate::support::program::{Finished, finish};
use crate::support::repository::{git, output};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A repository with a kernel that passes.
fn kernels() -> Kernels {
    let kernels = Kernels::new([script(PASSES)]);
    kernels.program.write("kernels/config/mine.config", "CONFIG_PRINTK=y\n");
    std::fs::write(kernels.dir.join("Kconfig"), "mainmenu \"mine\"\n").unwrap();
    kernels.commit_files();
    kernels
}

fn boot(kernels: &Kernels, more: &[&str]) -> Finished {
    let cell = ["boot", "--arch", "riscv64-nommu", "--ram", "32M", "--workload", "idle"];
    let mut command = kernels.program.command([&cell[..], more].concat());
    finish(command.env("OOMLAB_QEMU", env!("CARGO_BIN_EXE_fake-qemu")))
}

fn boot_tree(kernels: &Kernels) -> Finished {
    boot(kernels, &["--tree", "linux", "--config", "mine", "--timings"])
}

fn builds(finished: &Finished) -> bool {
    finished.stderr.lines().any(|line| line.starts_with("build linux-"))
}

#[test]
fn uncommitted_change_is_built_and_its_reversal_is_not() {
    let kernels = kernels();
    let edit = |text: &str| std::fs::write(kernels.dir.join("script"), text).unwrap();
    let committed = std::fs::read_to_string(kernels.dir.join("script")).unwrap();
    let clean = boot_tree(&kernels);
    assert!(clean.status == Some(0) && builds(&clean), "{clean:?}");
    edit(&script(PANICS));
    let before = output(git(&kernels.dir).args(["status", "--porcelain", "--ignored"]));
    let dirty = boot_tree(&kernels);
    assert!(dirty.status == Some(1) && builds(&dirty), "{dirty:?}");
    assert!(dirty.stdout.contains("crash") && dirty.stdout.contains("System is deadlocked on memory"), "{dirty:?}");
    assert_eq!(before, output(git(&kernels.dir).args(["status", "--porcelain", "--ignored"])));
    edit(&committed);
    let again = boot_tree(&kernels);
    assert!(again.status == Some(0) && !builds(&again), "{again:?}");
    let timings: Vec<&str> = dirty.stderr.lines().skip_while(|line| *line != "timings").collect();
    let has = |name: &str| timings.iter().any(|line| line.split_whitespace().next() == Some(name));
    assert!(["read", "build", "boot", "workload", "total"].into_iter().all(has), "{timings:?}");
}

#[test]
fn own_configuration_of_the_folder_is_taken() {
    let kernels = kernels();
    let riscv = "CONFIG_RISCV=y\nCONFIG_64BIT=y\n# CONFIG_MMU is not set\n";
    std::fs::write(kernels.dir.join(".config"), riscv).unwrap();
    let finished = boot(&kernels, &["--tree", "linux"]);
    assert!(finished.status == Some(0) && finished.stderr.contains("configuration: linux/.config\n"), "{finished:?}");
}

#[test]
fn folder_of_the_catalogue_is_built_as_it_is() {
    let kernels = kernels();
    let description = |source: &str| format!("source:\n  {source}\nbuild:\n  riscv64-nommu: [mine]\n");
    let (dir, panics) = (kernels.dir.display(), script(PANICS));
    kernels.program.write("kernels/tree.yaml", &description(&format!("tree: {dir}")));
    let git_source = format!("git: {{repository: {dir}, revision: main}}");
    kernels.program.write("kernels/branch.yaml", &description(&git_source));
    std::fs::write(kernels.dir.join("script"), panics).unwrap();
    let tree = boot(&kernels, &["--kernel", "tree"]);
    assert_eq!(tree.status, Some(1), "{tree:?}");
    let branch = boot(&kernels, &["--kernel", "branch"]);
    assert_eq!(branch.status, Some(0), "{branch:?}");
    assert!(branch.stderr.contains("has uncommitted changes: commit "), "{branch:?}");
}

/// A folder for `PATH` with all programs of the host but flex, and with a compiler of another version.
fn tools_of_another_host(kernels: &Kernels) -> PathBuf {
    let tools = kernels.program.dir().join("tools");
    std::fs::create_dir(&tools).unwrap();
    let compiler = "riscv64-linux-gnu-gcc";
    let mut found = BTreeMap::new();
    for folder in std::env::split_paths(&std::env::var_os("PATH").unwrap()) {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            found.entry(entry.file_name()).or_insert_with(|| entry.path());
        }
    }
    let real = found.remove(OsStr::new(compiler)).expect("a compiler").canonicalize().unwrap();
    found.remove(OsStr::new("flex")).expect("flex");
    for (name, path) in found {
        std::os::unix::fs::symlink(path, tools.join(name)).unwrap();
    }
    let other = format!(
        "#!/bin/sh\ncase $1 in\n--version) echo 'gcc (another) 99.1' ;;\n*) exec {} \"$@\" ;;\nesac\n",
        real.display()
    );
    std::fs::write(tools.join(compiler), other).unwrap();
    std::fs::set_permissions(tools.join(compiler), Permissions::from_mode(0o755)).unwrap();
    tools
}

#[test]
fn kernel_of_another_host_is_used_where_a_tool_is_missing() {
    let kernels = kernels();
    let here = boot_tree(&kernels);
    assert!(here.status == Some(0) && builds(&here), "{here:?}");
    let cell = ["boot", "--arch", "riscv64-nommu", "--ram", "32M", "--workload", "idle", "--tree", "linux"];
    let mut command = kernels.program.command([&cell[..], &["--config", "mine"]].concat());
    command.env("OOMLAB_QEMU", env!("CARGO_BIN_EXE_fake-qemu")).env("PATH", tools_of_another_host(&kernels));
    let there = finish(&mut command);
    assert!(there.status == Some(0) && !builds(&there), "{there:?}");
    std::fs::write(kernels.dir.join("script"), script(PANICS)).unwrap();
    let other = finish(&mut command);
    assert!(other.status == Some(3) && other.stderr.contains("flex"), "{other:?}");
}

#[test]
fn trees_that_cannot_be_built_are_refused() {
    let kernels = kernels();
    kernels.program.write("empty/README", "");
    for (args, message) in [
        (&["--tree", "empty"][..], "empty is no kernel source: it has no Kconfig"),
        (&["--tree", "linux", "--config", "maine"], "no configuration `maine`"),
        (&["--tree", "linux", "--config", "./none"], "failed to read ./none"),
        (&["--tree", "nowhere"], "nowhere is no kernel source"),
        (&["--kernel", "linux-6.1", "--tree", "linux"], "cannot be used with"),
        (&["--kernel", "linux-6.1", "--config", "mine"], "`--config` is the configuration for `--tree DIR`"),
        (&["--kernel", "./linux/Makefile"], "linux/Makefile: it is a text file, not a kernel image"),
    ] {
        let finished = boot(&kernels, args);
        assert!(finished.status == Some(2) && finished.stderr.contains(message), "{args:?}: {finished:?}");
    }
    assert!(!kernels.program.dir().join("runs").exists());
}

/// A matrix of one cell whose kernel takes its configuration from `mine`.
fn range(kernels: &Kernels, range: &str, more: &[&str]) -> Finished {
    let args = ["run", "m.yaml", "--repo", "linux", "--range", range];
    let mut command = kernels.program.command([&args[..], more].concat());
    finish(command.env("OOMLAB_QEMU", env!("CARGO_BIN_EXE_fake-qemu")))
}

fn kernels_of_a_range() -> Kernels {
    let kernels = Kernels::new((0..6).map(|number| script(if number < 3 { PASSES } else { PANICS })));
    kernels.describe();
    let axes = "axes: {kernel: mine, arch: riscv64-nommu, ram: 32M, workload: idle}";
    kernels.program.write("m.yaml", &format!("name: mine\n{axes}\n"));
    kernels
}

#[test]
fn first_red_commit_of_a_range_is_named_and_known_trials_are_not_repeated() {
    let kernels = kernels_of_a_range();
    let commits = format!("{}..main", kernels.commits[0]);
    let first = range(&kernels, &commits, &[]);
    assert!(first.status == Some(1) && first.stderr.contains("5 cells"), "{first:?}");
    let short = |number: usize| &kernels.commits[number][..12];
    let grid: Vec<&str> = first.stdout.lines().skip_while(|line| !line.starts_with("commit ")).collect();
    let row = |number: usize, symbol: &str| format!("{} {symbol}  mm: change {number}", short(number));
    let expected = [row(5, "✗"), row(4, "✗"), row(3, "✗"), row(2, "✓"), row(1, "✓")];
    assert_eq!(grid[1..6], expected, "{first:?}");
    assert_eq!(grid[6], " 1  riscv64-nommu 32M idle");
    assert_eq!(grid[7], format!("first red: {} mm: change 3", short(3)));
    assert!(grid[8].ends_with(&format!("in 1 of 1; {} before it is green", short(2))), "{grid:?}");
    assert!(std::path::Path::new(grid[9].trim()).join("why.md").is_file(), "{grid:?}");
    let again = range(&kernels, &commits, &[]);
    assert!(again.status == Some(1) && again.stderr.contains("nothing to run: all trials are known"), "{again:?}");
    assert_eq!(again.stdout.lines().collect::<Vec<_>>(), grid);
    // A rebase that changes no file.
    output(git(&kernels.dir).args(["commit", "--quiet", "--amend", "-m", "mm: a better message"]));
    let rebased = range(&kernels, &commits, &[]);
    assert!(
        rebased.stderr.contains("nothing to run") && rebased.stdout.contains("mm: a better message"),
        "{rebased:?}"
    );
    let more = range(&kernels, &commits, &["--repeat", "2"]);
    assert!(more.stderr.contains("5 cells") && !builds_commits(&more), "{more:?}");
    assert!(more.stdout.contains("in 2 of 2; "), "{more:?}");
}

fn builds_commits(finished: &Finished) -> bool {
    finished.stderr.lines().any(|line| line.starts_with("build commit-"))
}

#[test]
fn bisection_of_a_range_takes_its_kernels() {
    let kernels = kernels_of_a_range();
    let commits = format!("{}..main", kernels.commits[0]);
    assert!(builds_commits(&range(&kernels, &commits, &[])));
    let bisected = range(&kernels, &commits, &["--bisect"]);
    assert!(bisected.status == Some(1) && bisected.stdout.contains(&kernels.commits[3][..12]), "{bisected:?}");
    let builds: Vec<&str> = bisected.stderr.lines().filter(|line| line.contains("  built ")).collect();
    assert!(!builds.is_empty() && builds.iter().all(|line| line.contains(" 0.0 s ")), "{bisected:?}");
    let sessions = std::fs::read_dir(kernels.program.dir().join("bisections")).unwrap();
    let reports = sessions.filter(|session| session.as_ref().unwrap().path().join("report.md").is_file());
    assert_eq!(reports.count(), 1, "{bisected:?}");
}

#[test]
fn ranges_that_cannot_be_run_are_refused() {
    let kernels = kernels_of_a_range();
    for (commits, message) in [
        ("main..main", "has no commits: write OLD..NEW"),
        ("v1..v2", "`v1..v2` is no range of commits of "),
        ("--all", "unexpected argument '--all'"),
    ] {
        let finished = range(&kernels, commits, &[]);
        assert!(finished.status == Some(2) && finished.stderr.contains(message), "{commits}: {finished:?}");
    }
    kernels.program.write("m.yaml", "name: m\naxes: {kernel: debian-6.1, arch: arm, ram: 64M, workload: idle}\n");
    let finished = range(&kernels, "main~1..main", &[]);
    assert!(finished.status == Some(2) && finished.stderr.contains("`--filter 'kernel!=debian-6.1'`"), "{finished:?}");
}
