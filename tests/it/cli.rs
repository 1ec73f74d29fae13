//! What the program says where nothing is booted: help, plans, and every wrong input.
//!
//! Each case is a transcript in `tests/cmd/`; `SNAPSHOTS=overwrite cargo test --test it cli::` rewrites them.

use crate::support::program::{Program, finish};
use crate::support::transcript::assert_transcript;
use std::path::Path;

fn assert_case(name: &str, args: &[&str], status: i32) {
    assert_transcript(&Program::new(), name, args, status);
}

/// A case with a matrix in `matrix.yaml`.
fn assert_matrix(name: &str, matrix: &str, args: &[&str], status: i32) {
    let program = Program::new();
    program.write("matrix.yaml", matrix);
    assert_transcript(&program, name, args, status);
}

const SMALL: &str = "\
axes:
  kernel: linux-6.1
  arch: riscv64-nommu
  ram: [8M, 32M]
  workload: [idle, zombie-victim: {hogs: 4}]
include:
  - {kernel: debian-6.1, arch: [x86_64, arm], ram: 128M, workload: no-killable}
  - {kernel: debian-6.1, arch: [x86_64, arm], ram: 64M, workload: idle}
";

#[test]
fn help_lists_commands_and_options() {
    assert_case("help", &["--help"], 0);
    let commands = [
        "run",
        "plan",
        "boot",
        "repro",
        "replay",
        "report",
        "watch",
        "kernel",
        "workload",
        "doctor",
        "schema",
        "completions",
        "cache",
    ];
    let more = ["classify", "bisect", "step", "rerun", "history", "compare", "flaky", "merge", "archive"];
    for command in commands.into_iter().chain(more) {
        assert_case(&format!("help-{command}"), &[command, "--help"], 0);
    }
}

#[test]
fn cache_is_listed_and_pruned_by_a_rule() {
    assert_case("help-cache-prune", &["cache", "prune", "--help"], 0);
    assert_case("cache-prune-no-rule", &["cache", "prune", "--keep-catalogue"], 2);
    assert_case("cache-prune-wrong-age", &["cache", "prune", "--older", "30"], 2);
    assert_case("cache-prune-wrong-size", &["cache", "prune", "--max-size", "10"], 2);
    let program = Program::new();
    program.write("cache/apt/trixie-amd64/refreshed", "");
    program.write("cache/mine", "x");
    let dry = program.run(["cache", "prune", "--max-size", "1M", "--older", "0h", "--dry-run"]);
    assert!(dry.stdout.starts_with("would remove trixie-amd64 ") && dry.stdout.lines().count() == 2, "{}", dry.stdout);
    assert_eq!(program.run(["cache", "prune", "--older", "0h"]).status, Some(0));
    assert!(program.dir().join("cache/mine").exists() && !program.dir().join("cache/apt/trixie-amd64").exists());
    let wrong = finish(program.command(["cache", "size"]).env("OOMLAB_COMMIT_KERNELS", "much"));
    assert_eq!(wrong.status, Some(2));
    assert!(wrong.stderr.contains("OOMLAB_COMMIT_KERNELS: `much` is not a size: "), "{}", wrong.stderr);
}

#[test]
fn the_version_is_that_of_the_package() {
    let finished = Program::new().run(["--version"]);
    assert_eq!(finished.stdout, format!("oomlab {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn no_command_and_unknown_ones_are_wrong_usage() {
    assert_eq!(Program::new().run([""; 0]).status, Some(2));
    assert_case("unknown-command", &["rnu"], 2);
    assert_case("unknown-option", &["run", "matrix.yaml", "--job", "2"], 2);
    assert_case("zero-jobs", &["run", "matrix.yaml", "--jobs", "0"], 2);
    assert_case("bad-memory", &["run", "matrix.yaml", "--memory", "4X"], 2);
}

#[test]
fn the_schema_is_json_and_names_the_architectures() {
    let finished = Program::new().run(["schema"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    let schema: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(schema["type"], "object");
    for &arch in arch::ALL {
        assert!(finished.stdout.contains(&format!("\"{}\"", arch.name)), "{}", arch.name);
    }
    assert_eq!(Program::new().run(["schema", "matrix"]).stdout, finished.stdout);
}

#[test]
fn schema_of_the_report_is_json() {
    let finished = Program::new().run(["schema", "report"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&finished.stdout).unwrap(), oomlab::report::json_schema());
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let finished = Program::new().run(["completions", shell]);
        assert_eq!(finished.status, Some(0));
        assert!(finished.stdout.contains("OOMLAB_COMPLETE"), "{shell}");
    }
    assert_case("completions-unknown", &["completions", "csh"], 2);
}

/// What a shell's script asks for the last of these words.
fn completed(program: &Program, words: &[&str]) -> Vec<String> {
    let mut command = program.command([&["--", "oomlab"], words].concat());
    command.env("OOMLAB_COMPLETE", "fish");
    let finished = finish(&mut command);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    finished.stdout.lines().map(|line| line.split('\t').next().unwrap_or(line).to_owned()).collect()
}

#[test]
fn completions_know_what_is_there() {
    let program = Program::new();
    std::fs::create_dir_all(program.dir().join("runs/2026-11-29-0/cells/k.arm.64M.idle")).unwrap();
    assert_eq!(completed(&program, &["boot", "--kernel", "debian-5"]), ["debian-5.10"]);
    assert_eq!(completed(&program, &["boot", "--arch", "aa"]), ["aarch64"]);
    assert_eq!(completed(&program, &["workload", "show", "zombie"]), ["zombie-victim"]);
    assert_eq!(completed(&program, &["repro", "2026-11-29-0/"]), ["2026-11-29-0/k.arm.64M.idle"]);
    assert_eq!(completed(&program, &["replay", "2"]), ["2026-11-29-0/"]);
    assert_eq!(completed(&program, &["run", "--resume", "2"]), ["2026-11-29-0"]);
}

#[test]
fn man_pages_are_written_for_every_subcommand() {
    let program = Program::new();
    let finished = program.run(["man", "man1"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    for page in ["oomlab.1", "oomlab-run.1", "oomlab-bisect-commits.1"] {
        let text = std::fs::read_to_string(program.dir().join("man1").join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    assert!(!program.dir().join("man1/oomlab-trial.1").exists(), "hidden commands have none");
}

#[test]
fn logs_are_classified_and_unreadable_ones_named() {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/kmsg/tests/logs");
    let program = Program::new();
    for name in ["oops-x86-two-cpus", "syslog-memcg", "none-look-alikes", "kmsg-soft-lockup"] {
        program.write(name, &std::fs::read_to_string(logs.join(format!("{name}.log"))).unwrap());
    }
    let files = ["oops-x86-two-cpus", "syslog-memcg", "none-look-alikes", "kmsg-soft-lockup"];
    assert_transcript(&program, "classify", &[&["classify"], &files[..]].concat(), 0);
    assert_transcript(&program, "classify-json", &[&["classify", "--json"], &files[1..]].concat(), 0);
    let unreadable = ["classify", "--json", "nowhere.log", "none-look-alikes", "."];
    assert_transcript(&program, "classify-unreadable", &unreadable, 2);
}

#[test]
fn a_log_comes_from_standard_input_too() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/kmsg/tests/logs/glued-binary.log");
    for args in [&["classify", "--json"][..], &["classify", "--json", "-"]] {
        let program = Program::new();
        let output = program.command(args).stdin(std::fs::File::open(&path).unwrap()).output().unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((answer["file"].as_str(), answer["kind"].as_str()), (Some("-"), Some("oops")));
        assert!(output.status.success());
    }
}

#[test]
fn a_plan_shows_cells_and_command_lines() {
    assert_matrix("plan", SMALL, &["plan", "matrix.yaml"], 0);
    assert_matrix("plan-verbose", SMALL, &["plan", "-v", "matrix.yaml", "--filter", "zombie ram<=8M"], 0);
    assert_matrix("plan-json", SMALL, &["plan", "matrix.yaml", "--json", "--filter", "arch=arm"], 0);
}

#[test]
fn aliases_of_architectures_are_known_wherever_one_is_named() {
    let program = Program::new();
    let matrix = "axes: {kernel: debian-6.1, arch: [amd64, arm64], ram: 128M, workload: idle}\n\
                  expect:\n  - {match: {arch: amd64}, verdict: hang, reason: a test}\n";
    program.write("matrix.yaml", matrix);
    let plan = program.run(["plan", "matrix.yaml", "--filter", "arch=arm64,amd64"]).stdout;
    for line in ["hang           debian-6.1.x86_64.128M.idle", "pass/finished  debian-6.1.aarch64.128M.idle"] {
        assert!(plan.contains(line), "{line} is not in {plan}");
    }
    let boot = ["boot", "--arch", "armhf", "--kernel", "debian-6.1", "--workload", "idle", "--vcpus", "64"];
    let refused = program.run(boot);
    assert!(refused.stderr.contains("arm takes at most"), "{refused:?}");
}

#[test]
fn a_plan_boots_and_fetches_nothing() {
    let program = Program::new();
    program.write("matrix.yaml", SMALL);
    assert_eq!(program.run(["plan", "matrix.yaml"]).status, Some(0));
    assert!(!program.dir().join("cache").exists() && !program.dir().join("runs").exists());
}

#[test]
fn filters_choose_cells_or_are_rejected() {
    assert_matrix("filter", SMALL, &["plan", "matrix.yaml", "--filter", "zombie ram<=32M"], 0);
    assert_matrix("filter-wrong", SMALL, &["plan", "matrix.yaml", "--filter", "arhc=arm ram<=x"], 2);
    assert_matrix("filter-unknown-axis", SMALL, &["plan", "matrix.yaml", "--filter", "arhc=arm"], 2);
    assert_matrix("filter-nothing", SMALL, &["run", "matrix.yaml", "--filter", "arch=aarch64"], 2);
}

#[test]
fn everything_wrong_with_a_matrix_is_shown_with_its_place() {
    assert_matrix("broken-yaml", "axes:\n  kernel: [linux-6.1\n  arch: arm\n", &["run", "matrix.yaml"], 2);
    let names = "axes:\n  kernel: linux-6.l\n  arch: riscv64-nomu\n  ram: 32M\n  workload: [idle, anon-hgo]\n";
    assert_matrix("unknown-names", names, &["run", "matrix.yaml"], 2);
    let option = SMALL.replace("hogs", "hosg");
    assert_matrix("unknown-workload-option", &option, &["plan", "matrix.yaml"], 2);
    let named = "axes: {kernel: debian-6.1, arch: x86_64, ram: 8M, workload: idle}\n";
    assert_matrix("impossible-cell", named, &["run", "matrix.yaml"], 2);
    let absent = "axes: {kernel: debian-6.1, arch: riscv64-nommu, ram: 32M, workload: idle}\n";
    assert_matrix("impossible-kernel", absent, &["run", "matrix.yaml"], 2);
    let without = "axes: {kernel: linux-7.3, arch: x86_64, ram: 128M, workload: dirty-writeback}\n";
    assert_matrix("missing-fragment", without, &["plan", "matrix.yaml"], 2);
    let unknown = "axes: {kernel: [linux-7.3+exxt4, debian-6.1+ext4], arch: x86_64, ram: 128M, workload: idle}\n";
    assert_matrix("unknown-fragment", unknown, &["plan", "matrix.yaml"], 2);
}

#[test]
fn a_matrix_that_is_not_there_is_named() {
    assert_case("missing-matrix", &["run", "nowhere/matrix.yaml"], 2);
    let program = Program::new();
    assert_eq!(program.run(["plan", "."]).status, Some(2), "a folder is no matrix");
}

#[test]
fn boot_rejects_bad_arguments() {
    let boot = ["boot", "--arch", "arm", "--kernel", "debian-6.1"];
    assert_case("boot-nothing", &boot, 2);
    assert_case("boot-unknown-workload", &[&boot[..], &["--workload", "idel"]].concat(), 2);
    assert_case("boot-bad-option", &[&boot[..], &["--workload", "idle", "--option", "ms"]].concat(), 2);
    assert_case("boot-no-initrd", &[&boot[..], &["--initrd", "nowhere.cpio"]].concat(), 2);
    assert_case("boot-no-kernel", &["boot", "--arch", "arm", "--kernel", "./zImage", "--workload", "idle"], 2);
    assert_case("boot-unknown-arch", &["boot", "--arch", "mips", "--kernel", "debian-6.1", "--workload", "idle"], 2);
    assert_case("boot-two-payloads", &[&boot[..], &["--workload", "idle", "--initrd", "x"]].concat(), 2);
}

#[test]
fn a_trial_that_is_not_there_cannot_run_again() {
    assert_case("repro-unknown", &["repro", "2026-01-02-0/linux-6.1.arm.32M.idle"], 2);
    assert_case("repro-unknown-script", &["repro", "--script", "nothing"], 2);
    let program = Program::new();
    program.write("runs/a/cells/b/trial.json", "{\"schema\": 99}");
    assert_transcript(&program, "repro-newer", &["repro", "a/b"], 3);
    program.write("runs/a/cells/b/trial.json", "{\"schema\": 1, \"cell\"");
    assert_transcript(&program, "repro-damaged", &["repro", "a/b"], 3);
    let deeper = program.dir().join("deep/er");
    std::fs::create_dir_all(&deeper).unwrap();
    let found = finish(program.command(["repro", "a/b"]).current_dir(&deeper));
    assert!(found.status == Some(3) && found.stderr.contains("runs/a/cells/b/trial.json"), "{found:?}");
}

#[test]
fn kernels_and_workloads_are_listed() {
    assert_case("workload-list", &["workload", "list"], 0);
    assert_case("workload-show", &["workload", "show", "zombie-victim"], 0);
    assert_case("workload-show-values", &["workload", "show", "fs-hog"], 0);
    assert_case("workload-unknown", &["workload", "show", "zombie"], 2);
    assert_case("kernel-unknown", &["kernel", "get", "linux-6.l"], 2);
    assert_case("kernel-unknown-arch", &["kernel", "get", "linux-6.1", "--arch", "mips"], 2);
}

#[test]
fn the_users_own_files_are_checked_like_the_programs() {
    let program = Program::new();
    program.write("kernels/mine.yaml", "source:\n  locl:\n    arm: {image: /tmp/zImage}\n");
    assert_transcript(&program, "own-kernel-wrong", &["kernel", "get", "mine"], 2);
    let list = program.run(["kernel", "list"]);
    assert_eq!(list.status, Some(0), "the other kernels can be used: {list:?}");
    let start = "left out: mine\nerror: unknown word `locl`\n  ╭─ ./kernels/mine.yaml:2:3\n";
    assert!(list.stderr.starts_with(start), "{}", list.stderr);
    let program = Program::new();
    program.write("data/kernels/mine.yaml", "source:\n  local:\n    arm: {image: /nowhere/zImage}\n");
    let list = program.run(["--data", "data", "kernel", "list"]);
    assert!(list.stdout.lines().any(|line| line.starts_with("mine ") && line.contains("local")), "{}", list.stdout);
}

const MANIFEST: &str = "\
name: mine
summary: does nothing
aims_at: nothing
source: none
mmu: any
unit: none
finished: at once
min_ram: 8M
options:
  ms: {type: milliseconds, default: '10', help: time to sleep}
healthy: {outcome: pass, kind: finished}
";

const SOURCE: &str = "#include \"../../guest/sys.h\"\n#include \"../../guest/workload.h\"\n\n\
    int workload_main(const char *role, uint64_t amount)\n{\n\t(void)role;\n\t(void)amount;\n\
    \treturn OPTION(count, ms) == 7;\n}\n";

fn workload(manifest: &str, source: &str) -> Program {
    let program = Program::new();
    program.write("deep/mine/manifest.yaml", manifest);
    program.write("deep/mine/main.c", source);
    program
}

#[test]
fn wrong_workloads_are_shown_with_line_and_caret() {
    let manifest = MANIFEST.replace("mmu: any", "mmu: anny");
    assert_transcript(&workload(&manifest, SOURCE), "workload-check-type", &["workload", "check", "deep/mine"], 2);
    let manifest = MANIFEST.replace("'10'", "soon").replace("name: mine", "name: other").replace("finished}", "panic}");
    assert_transcript(&workload(&manifest, SOURCE), "workload-check-manifest", &["workload", "check", "deep/mine"], 2);
    assert_case("workload-check-nowhere", &["workload", "check", "nowhere"], 2);
    // The others can be used.
    let program = Program::new();
    program.write("images/workloads/mine/manifest.yaml", &manifest);
    let list = program.run(["workload", "list"]);
    assert!(list.stderr.starts_with("left out: mine\nerror: ") && list.stdout.contains("idle"), "{list:?}");
    assert!(list.stderr.contains("╭─ ./images/workloads/mine/manifest.yaml:10:"), "{list:?}");
    let show = program.run(["workload", "show", "mine"]);
    assert!(show.status == Some(2) && show.stderr.contains("is named `other`"), "{show:?}");
}

#[test]
fn messages_of_the_compiler_stay_as_they_are() {
    let source = SOURCE.replace("== 7", "== amuont");
    let program = workload(MANIFEST, &source);
    for args in [&["workload", "check", "deep/mine"][..], &["workload", "build", "deep/mine", "--arch", "riscv64"]] {
        let finished = program.run(args);
        assert_eq!((finished.status, finished.stdout.as_str()), (Some(2), ""), "{finished:?}");
        let lines: Vec<&str> = finished.stderr.lines().collect();
        let at = lines.iter().position(|line| line.starts_with("deep/mine/main.c:8:")).expect("the user's path");
        assert!(lines[at].contains("error: ") && lines[at].contains("amuont"), "{}", lines[at]);
        let (text, marks) = (lines[at + 1], lines[at + 2]);
        assert_eq!(text.find("amuont"), marks.find('^'), "{text}\n{marks}");
    }
}

#[test]
fn workloads_are_checked_and_built_where_they_are() {
    let program = workload(MANIFEST, SOURCE);
    let checked = finish(program.command(["workload", "check", "."]).current_dir(program.dir().join("deep/mine")));
    assert_eq!(checked.status, Some(0), "{checked:?}");
    assert!(checked.stdout.starts_with("mine: the manifest is right, and the sources for "), "{checked:?}");
    assert!(!program.dir().join("cache/images").exists(), "a check builds nothing");
    let built = program.run(["workload", "build", "deep/mine", "--arch", "riscv64-nommu", "--arch", "riscv64"]);
    assert_eq!((built.status, built.stderr.as_str()), (Some(0), ""), "{built:?}");
    let lines: Vec<Vec<&str>> = built.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let [flat, elf] = lines.as_slice() else { panic!("{built:?}") };
    assert_eq!((flat[0], elf[0]), ("riscv64-nommu", "riscv64"));
    assert!(std::fs::read(flat[1]).unwrap().starts_with(b"bFLT"), "{flat:?}");
    assert!(std::fs::read(elf[1]).unwrap().starts_with(b"\x7fELF"), "{elf:?}");
    let program = workload(&MANIFEST.replace("mmu: any", "mmu: required"), SOURCE);
    let args = ["workload", "build", "deep/mine", "--arch", "riscv64-nommu"];
    assert_transcript(&program, "workload-build-unfit", &args, 2);
}

#[test]
fn similar_matrix_is_suggested() {
    let program = Program::new();
    program.write("matrices/smoke.yaml", SMALL);
    for name in ["smoek.yaml", "matrices/smok.yml", "smoke"] {
        let stderr = program.run(["plan", name]).stderr;
        assert!(stderr.trim_end().ends_with("did you mean `matrices/smoke.yaml`?"), "{stderr}");
    }
    assert!(!program.run(["plan", "network.yaml"]).stderr.contains("did you mean"));
}

#[test]
fn image_that_does_not_fit_the_ram_is_left_out() {
    let program = Program::new();
    // The header of a riscv image that takes 50 MiB.
    let mut image = vec![0; 4096];
    image[16..24].copy_from_slice(&(50_u64 << 20).to_le_bytes());
    image[56..60].copy_from_slice(b"RSC\x05");
    std::fs::write(program.dir().join("Image"), image).unwrap();
    let path = program.dir().join("Image");
    program.write("kernels/mine.yaml", &format!("source: {{local: {{riscv64: {{image: {}}}}}}}\n", path.display()));
    program.write("m.yaml", "axes: {kernel: mine, arch: riscv64, ram: [64M, 128M], workload: idle}\n");
    let plan = program.run(["plan", "m.yaml"]).stdout;
    assert!(plan.contains("\nleft out: 1\n     1  mine for riscv64 needs at least 100M of RAM, not 64M\n"), "{plan}");
    assert!(plan.contains("mine.riscv64.128M.idle\n"), "{plan}");
    let boot = ["boot", "--kernel", "mine", "--arch", "riscv64", "--ram", "64M", "--workload", "idle"];
    let refused = program.run(boot);
    assert_eq!(refused.stderr.trim(), "error: mine for riscv64 needs at least 100M of RAM, not 64M", "{refused:?}");
    // Before a plan can know it: a kernel that no catalogue describes.
    let args = ["boot", "--kernel", "./Image", "--arch", "riscv64", "--ram", "32M", "--initrd", "none"];
    let boot = program.run(args);
    assert_eq!(boot.status, Some(3), "{boot:?}");
    assert!(boot.stdout.contains("kernel-unavailable"), "{boot:?}");
    assert!(boot.stdout.contains("needs at least 50M of RAM, not 32M"), "{boot:?}");
}
