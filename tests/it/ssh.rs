//! Tests over SSH in guests with a root disk: real kernels, real packages, a real server.

mod bundles;
mod failures;
mod interrupts;
mod seats;

use crate::support::kernels;
use crate::support::program::{Finished, Program, finish};
use model::{Kind, TrialRecord};
use std::path::PathBuf;
use std::process::Command;

const KERNEL: &str = "debian-6.12";

/// A test on the image `debian`, as a workload of a user's, and its trial.
struct Lab {
    program: Program,
    kernel: &'static str,
}

impl Lab {
    fn new(arch: &str) -> Self {
        kernels::kernel(KERNEL, arch);
        Self { program: Program::new(), kernel: KERNEL }
    }

    /// Writes the manifest; `script` are further lines below `script:`.
    fn workload(&self, script: &str) -> &Self {
        let manifest = format!(
            "name: my-test\nsummary: x\naims_at: x\nsource: x\nmmu: required\nunit: lines\nfinished: x\nmin_ram: 128M\n\
             healthy: {{outcome: pass}}\nscript:\n  image: debian\n{script}"
        );
        self.program.write("images/workloads/my-test/manifest.yaml", &manifest);
        self
    }

    /// Runs one trial in the folder `run`.
    fn command(&self, arch: &str, more: &[&str]) -> Command {
        let cell =
            ["boot", "--data", ".", "--kernel", self.kernel, "--arch", arch, "--ram", "256M", "--workload", "my-test"];
        kernels::fetching(&self.program, &[&cell[..], &["--out", "run"], more].concat())
    }

    fn boot(&self, arch: &str, more: &[&str]) -> (Finished, TrialRecord) {
        let finished = finish(&mut self.command(arch, more));
        let trial = self.trial(&finished);
        (finished, trial)
    }

    fn trial(&self, finished: &Finished) -> TrialRecord {
        let text = std::fs::read_to_string(self.folder().join("trial.json"));
        let text = text.unwrap_or_else(|error| panic!("{error}: {}{}", finished.stdout, finished.stderr));
        serde_json::from_str(&text).unwrap()
    }

    /// The folder of the trial.
    fn folder(&self) -> PathBuf {
        crate::support::outside::trial_folder(self.program.dir()).expect("a trial")
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder().join(file)).unwrap_or_default()
    }
}

/// What a test prints over SSH is judged as what the agent relays; the guest reaches nothing, and the OOM killer takes the test's hogs.
#[test]
fn test_on_a_root_disk_has_results_and_files() {
    let lab = Lab::new("x86_64");
    lab.workload(
        "  results: tap\n  fetch: [/tmp/result.txt, /tmp/none]\n  run: |\n    \
         echo 1..5\n    echo ok 1 $word\n    \
         [ \"$(cat /proc/self/oom_score_adj)\" = 0 ] && echo ok 2 may be killed\n    \
         tail /dev/zero || echo ok 3 a hog was killed\n    \
         timeout 3 bash -c 'echo >/dev/tcp/10.0.2.2/22' || echo ok 4 the host is out of reach\n    \
         [ \"$(df --output=target / | tail -1)\" = / ] && echo ok 5 on a disk\n    \
         echo kept >/tmp/result.txt\noptions:\n  word: {type: word, default: none, help: x}\n",
    );
    let (finished, trial) = lab.boot("x86_64", &["--option", "word=mine"]);
    assert_eq!(finished.status, Some(0), "{}{}", finished.stdout, finished.stderr);
    assert_eq!((trial.verdict.kind, trial.subtests.len()), (Kind::Finished, 5), "{}", trial.verdict.summary);
    assert!(trial.oom_kills > 0 && trial.root_disk_digest.is_some());
    assert_eq!(lab.read("fetched/result.txt"), "kept\n");
    assert!(lab.read("output.log").contains("ok 1 mine"), "{}", lab.read("output.log"));
    let network = trial.command.iter().find(|word| word.starts_with("user,")).unwrap();
    assert_eq!(network, "user,id=oomlab-net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22");
}

/// systemd is PID 1, the agent keeps the console beside it, and the OOM killer of user space takes the hog first.
#[test]
fn systemd_oomd_kills_before_the_kernel() {
    let lab = Lab::new("x86_64");
    let cell = ["boot", "--kernel", KERNEL, "--arch", "x86_64", "--ram", "512M", "--workload", "systemd-oomd"];
    let more = ["--load-timeout", "300", "--out", "run"];
    let finished = finish(&mut kernels::fetching(&lab.program, &[&cell[..], &more].concat()));
    assert_eq!(finished.status, Some(0), "{}{}", finished.stdout, finished.stderr);
    let trial = lab.trial(&finished);
    let names: Vec<_> = trial.subtests.iter().map(|test| (test.name.as_str(), test.status.as_str())).collect();
    let expected = [
        ("systemd-oomd runs", "pass"),
        ("systemd-oomd killed the unit that grew", "pass"),
        ("systemd-oomd spared the unit beside it", "pass"),
        ("the kernel's OOM killer was not needed", "pass"),
    ];
    assert_eq!((names, trial.oom_kills), (expected.to_vec(), 0));
    let output = lab.read("output.log");
    assert!(output.contains("Killed /hog.slice/hog.service due to memory pressure"), "{output}");
}

/// Guests of one image run at the same time, each on a copy, and none finds the files of another.
#[test]
fn guests_share_an_image_and_no_port() {
    let lab = Lab::new("riscv64");
    lab.workload(
        "  results: tap\n  run: |\n    echo 1..1\n    [ -e /mine ] || echo ok 1\n    echo x >/mine\n    sync\n",
    );
    let finished = finish(&mut lab.command("riscv64", &["--repeat", "3", "--jobs", "3", "--memory", "2G"]));
    assert_eq!(finished.status, Some(0), "{}{}", finished.stdout, finished.stderr);
    assert!(finished.stdout.contains("3 pass"), "{}", finished.stdout);
}

/// A folder that looks like one where LTP is installed.
#[test]
fn tests_of_ltp_come_from_the_users_folder() {
    let lab = Lab::new("x86_64");
    let cell = ["boot", "--kernel", KERNEL, "--arch", "x86_64", "--ram", "256M", "--workload", "ltp", "--out", "run"];
    let finished = finish(&mut kernels::fetching(&lab.program, &cell));
    assert!(
        finished.stdout.contains("name the folder where it is installed"),
        "{}{}",
        finished.stdout,
        finished.stderr
    );
    std::fs::remove_dir_all(lab.program.dir().join("run")).unwrap();
    let tests = [
        ("oom01", "TPASS: victim killed", [1, 0, 0]),
        ("oom02", "TCONF: no NUMA", [0, 0, 1]),
        ("fs01", "TFAIL: not chosen", [0, 1, 0]),
    ];
    for (name, result, [passed, failed, skipped]) in tests {
        let summary =
            format!("Summary:\npassed   {passed}\nfailed   {failed}\nbroken   0\nskipped  {skipped}\nwarnings 0");
        let status = failed + 32 * skipped;
        let text = format!("#!/bin/sh\ncat <<END\n{name}.c:40: {result}\n\n{summary}\nEND\nexit {status}\n");
        let path = lab.program.write(&format!("ltp/testcases/bin/{name}"), &text);
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let finished = finish(&mut kernels::fetching(&lab.program, &[&cell[..], &["--ltp", "ltp"]].concat()));
    assert_eq!(finished.status, Some(0), "{}{}", finished.stdout, finished.stderr);
    let trial = lab.trial(&finished);
    let names: Vec<_> = trial.subtests.iter().map(|test| (test.name.as_str(), test.status.as_str())).collect();
    assert_eq!(names, [("oom01/1", "pass"), ("oom02/1", "skip")]);
}
