//! The commands that the README and the pages show, each run as it stands: with scripted guests in place of real ones, in a
//! folder with the files that the examples name.

use crate::support::guests::{AGENT, END, FAKE_QEMU, HEALTHY, boot_args, lab};
use crate::support::nights::{Night, failing};
use crate::support::program::{Program, finish};
use crate::support::repository::{git, output};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// Examples that cannot run here as they stand, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("doctor --fix", "installs packages"),
    ("--keep-on", "waits until the guest is ended: `keep::livelocked_guest_is_kept_reached_and_ended`"),
    ("--serial", "needs a QEMU that runs already: `watch::a_qemu_that_runs_is_judged_and_left_alone`"),
    ("bisect commits --repo ~/linux --good v6.1 --bad v6.3 --arch", "builds kernels: `bisections::linux`"),
    ("matrices/zoo.yaml", "builds kernels: a nightly run"),
    ("--tree ~/linux", "builds a kernel: `trees`"),
    ("--range v6.1..v6.3", "builds kernels: `trees`"),
    ("--resume", "needs a run that was stopped: `resume`"),
    ("--executor slurm", "needs a cluster: `slurm`"),
    ("rerun --failed", "needs a run with failures: `resume::rerun_of_failures_is_a_new_run`"),
    ("oomlab merge", "needs several runs: `shards`"),
    ("oomlab shell", "waits for its user: `shells`"),
    ("--workload stress-ng", "fetches packages: a nightly run"),
    ("--workload systemd-oomd", "fetches packages: `ssh::systemd_oomd_kills_before_the_kernel`"),
    ("--ltp", "needs a folder of the user's: `ssh::tests_of_ltp_come_from_the_users_folder`"),
    ("oomlab bundle", "a scripted guest's script is a file of this host: `bundles`"),
    ("report mail", "needs a trial that failed: `mails::program`"),
    ("--kernel linux-7.3+mm-selftests", "builds a kernel: a nightly run"),
    ("--kernel linux-7.3+ext4", "builds a kernel: `boots::allocations_fail_on_request` builds one of such a name"),
];

/// What stands for a name of the reader's.
const NAMES: &[(&str, &str)] = &[
    ("RUN/CELL", "2026-11-24-0/kernel.riscv64-nommu.32M.initrd"),
    ("2026-11-24-0/CELL", "2026-11-24-0/kernel.riscv64-nommu.32M.initrd"),
    ("NAME", "zombie-victim"),
    ("status | resume | log | report [FOLDER]", "status"),
    (" …", ""),
    ("latest~1 latest", "2026-01-02-0 2026-01-03-0"),
    // Real guests and hours.
    ("matrices/nommu-oom.yaml --repeat 20", "matrices/smoke.yaml"),
    ("matrices/nofs-stall.yaml --filter 'workload=fs-hog' --repeat 4", "matrices/smoke.yaml --filter workload=idle"),
    ("matrices/nofs-stall.yaml", "matrices/smoke.yaml"),
    ("git bisect run ", ""),
    ("--from 5.10 --to 7.3", "--from mine-5.10 --to mine-7.3"),
    ("linux-6", "mine-6"),
    ("linux-7", "mine-7"),
    ("debian-", "mine-"),
];

/// The indented lines of a page that are commands, without their comments.
fn examples(page: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(page).unwrap();
    let commands = text.lines().filter_map(|line| line.strip_prefix("    "));
    let commands = commands.filter(|line| line.starts_with("oomlab ") || line.contains("run oomlab step"));
    commands.map(|line| line.split("  #").next().unwrap_or(line).trim().to_owned()).collect()
}

/// A folder with all that the examples name; its home, too.
fn prepared() -> Program {
    let program = lab();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let matrix = std::fs::read_to_string(root.join("matrices/smoke.yaml")).unwrap();
    // The nightly matrix has ten times as many cells.
    for name in ["smoke", "nightly"] {
        program.write(&format!("matrices/{name}.yaml"), &matrix.replace("linux-", "mine-").replace("debian-", "mine-"));
    }
    let bin = program.dir().join("bin");
    std::fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_oomlab"), bin.join("oomlab")).unwrap();
    symlink(FAKE_QEMU, bin.join("qemu-system-x86_64")).unwrap();
    let recorded = [boot_args(&program, HEALTHY), ["--out", "runs/2026-11-24-0"].map(str::to_owned).to_vec()].concat();
    assert_eq!(program.run(recorded).status, Some(0));
    // The first kernel fails, so that a bisection between it and the last one has something to find.
    let (bad, good) = (
        format!("{AGENT}say [    1.0] Kernel panic - not syncing: x\nevent SHUTDOWN guest-reset\nexit 0\n"),
        format!("{AGENT}{END}"),
    );
    // An image is no text.
    let guest = program.write("guest", &format!("# \0\n{good}"));
    let broken = program.write("broken", &format!("# \0\n{bad}"));
    for file in ["bzImage", "my.cpio.gz", "console.log", "draft.txt"] {
        std::fs::copy(&guest, program.dir().join(file)).unwrap();
    }
    for version in ["5.10", "6.1", "6.1-faults", "6.12", "7.2", "7.3"] {
        let image = if version == "5.10" { &broken } else { &guest };
        let images: String =
            arch::ALL.iter().map(|arch| format!("    {arch}: {{image: {}}}\n", image.display())).collect();
        program.write(&format!("kernels/mine-{version}.yaml"), &format!("source:\n  local:\n{images}"));
    }
    for (from, name) in [("docs/workload-template", "my-workload"), ("images/workloads/zombie-victim", "zombie-victim")]
    {
        let folder = if name == "my-workload" { name.to_owned() } else { from.to_owned() };
        for file in ["manifest.yaml", "main.c"] {
            let text = std::fs::read_to_string(root.join(from).join(file)).unwrap();
            program.write(&format!("{folder}/{file}"), &text.replace("name: workload-template", "name: my-workload"));
        }
    }
    let known = "- {cells: 'arch=x86_64 workload=idle', reason: x, link: 'https://example.org/1', until: 9999-12-31}\n";
    program.write("known.yaml", known);
    for day in 0..3 {
        let cells = [failing("zombie-victim", 0, 3)];
        Night { runs: &program.dir().join("runs"), matrix: "nightly", day, cells: &cells }.write();
    }
    program.write("costs.json", "{\"schema\": 1, \"cells\": {}}");
    program.write("nightly.yaml", "matrices: matrices/smoke.yaml\n");
    program.write("try.sh", "#!/bin/sh\nexit 0\n");
    Command::new("chmod").arg("+x").arg(program.dir().join("try.sh")).status().unwrap();
    let linux = program.dir().join("linux");
    std::fs::create_dir(&linux).unwrap();
    output(git(&linux).args(["init", "--quiet"]));
    for tag in ["v6.1", "v6.2", "v6.3"] {
        output(git(&linux).args(["commit", "--quiet", "--allow-empty", "-m", tag]));
        output(git(&linux).args(["tag", tag]));
    }
    program
}

#[test]
fn examples_of_the_pages_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md")];
    for folder in ["docs", "docs/findings"] {
        pages.extend(std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    let program = prepared();
    let path = format!("{}:{}", program.dir().join("bin").display(), std::env::var("PATH").unwrap());
    let mut run = 0;
    let mut failed = Vec::new();
    for page in &pages {
        for example in examples(page) {
            if NOT_RUN.iter().any(|(part, _)| example.contains(part)) {
                continue;
            }
            let line = NAMES.iter().fold(example.clone(), |line, (name, own)| line.replace(name, own));
            let lab = program.command([""; 0]);
            let mut shell = Command::new("sh");
            shell.args(["-c", &line]).current_dir(program.dir()).env_clear();
            shell.envs(lab.get_envs().filter_map(|(name, value)| Some((name, value?))));
            shell.env("PATH", &path).env("OOMLAB_QEMU", FAKE_QEMU);
            let finished = finish(&mut shell);
            // 1 tells of a guest, 2 of wrong usage, 3 of a lab that cannot.
            if !matches!(finished.status, Some(0 | 1)) {
                failed.push(format!(
                    "{}: {line}\n{:?}\n{}\n{}",
                    page.display(),
                    finished.status,
                    finished.stdout,
                    finished.stderr
                ));
            }
            run += 1;
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(run >= 25, "{run}");
}
