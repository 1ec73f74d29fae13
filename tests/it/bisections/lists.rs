//! Axes and versions, with scripted machines.

use super::answer;
use super::cells::{Kernels, PANICS, PASSES, script};
use crate::support::program::{Finished, finish};
use serde_json::Value;

fn bisect(kernels: &Kernels, args: &[&str]) -> (Value, Finished) {
    let cell = ["--arch", "riscv64-nommu", "--workload", "idle", "--json"];
    let mut command = kernels.program.command([&["bisect"], args, &cell[..]].concat());
    let finished = finish(command.env("OOMLAB_QEMU", env!("CARGO_BIN_EXE_fake-qemu")));
    (answer(&finished), finished)
}

fn axis(end: &str) -> (Value, Finished) {
    let kernels = Kernels::new([script(end)]);
    kernels.describe();
    bisect(&kernels, &["axis", "--axis", "ram", "--from", "8M", "--to", "64M", "--step", "8M", "--kernel", "mine"])
}

/// Versions 1.0, 2.0 … of a kernel with these ends.
fn versions(ends: &[&str], from: &str, to: &str) -> (Value, Finished) {
    let kernels = Kernels::new(ends.iter().map(|end| script(end)));
    kernels.program.write("kernels/config/mine.config", "CONFIG_PRINTK=y\n");
    for (number, commit) in kernels.commits.iter().enumerate() {
        let description = format!(
            "source:\n  git: {{repository: {}, revision: {commit}}}\nbuild:\n  riscv64-nommu: [mine]\n",
            kernels.dir.display()
        );
        kernels.program.write(&format!("kernels/mine-{}.0.yaml", number + 1), &description);
    }
    bisect(&kernels, &["versions", "--from", from, "--to", to, "--ram", "32M", "--jobs", "1"])
}

/// The trials of both ends, as `8M 0 of 14, 64M 0 of 14` says.
fn trials(text: &str) -> Vec<u32> {
    text.split(" of ").skip(1).map(|rest| rest.split([',', ';']).next().unwrap().parse().unwrap()).collect()
}

#[test]
fn axis_of_passing_ends_says_so() {
    let (wrong, finished) = axis(PASSES);
    let why = wrong["invalid_premise"].as_str().unwrap_or_else(|| panic!("{finished:?}"));
    let (ends, excluded) = why.split_once("; ").unwrap();
    assert!(ends.starts_with("passes at both ends: 8M 0 of ") && ends.contains(", 64M 0 of "), "{why}");
    assert_eq!(excluded, "a failure rate above 20 % is excluded with 95 %");
    assert!(trials(ends).iter().all(|trials| (14..20).contains(trials)), "{why}");
    assert!(wrong["remedy"].as_str().unwrap().contains(" --rate 0.02`"), "{wrong}");
}

#[test]
fn axis_of_failing_ends_says_so_in_few_trials() {
    let (wrong, finished) = axis(PANICS);
    let why = wrong["invalid_premise"].as_str().unwrap_or_else(|| panic!("{finished:?}"));
    assert!(why.starts_with("fails at both ends: 8M ") && why.contains(", 64M "), "{why}");
    assert!(wrong["remedy"].is_null() && wrong["trials"].as_u64() <= Some(10), "{wrong}");
}

/// A workload that cannot start, as with too little RAM; the machine needs 8M as a rule.
#[test]
fn workload_that_fails_is_bad_on_request() {
    let kernels = Kernels::new([script(&PASSES.replace("status=0", "status=1"))]);
    kernels.describe();
    let search = |more: &[&str]| {
        let args = ["axis", "--axis", "ram", "--from", "6M", "--to", "4M", "--kernel", "mine"];
        bisect(&kernels, &[&args, more].concat()).0["invalid_premise"].as_str().unwrap().to_owned()
    };
    let (as_it_is, not_pass) = (search(&[]), search(&["--not-pass"]));
    assert!(not_pass.starts_with("fails at both ends: 6M ") && not_pass.contains(", 4M "), "{not_pass}");
    assert!(!as_it_is.starts_with("fails at both ends"), "{as_it_is}");
}

#[test]
fn failing_first_version_leads_to_an_older_one() {
    let ends = [PASSES, PANICS, PANICS, PANICS];
    let (wrong, finished) = versions(&ends, "mine-2.0", "mine-4.0");
    let why = wrong["invalid_premise"].as_str().unwrap_or_else(|| panic!("{finished:?}"));
    assert!(why.starts_with("already failing at mine-2.0: mine-2.0 "), "{why}");
    assert_eq!(wrong["remedy"], "try `--from mine-1.0`");
    assert!(trials(why).iter().sum::<u32>() <= 8, "{why}");
}

#[test]
fn fixed_version_is_found_with_one_job() {
    let (found, finished) = versions(&[PANICS, PANICS, PASSES, PASSES], "mine-1.0", "mine-4.0");
    assert_eq!((found["culprit"].as_str(), finished.status), (Some("mine-3.0"), Some(0)), "{finished:?}");
    assert!(finished.stderr.contains("fails up to mine-2.0"), "{finished:?}");
    assert!(found["trials"].as_u64() <= Some(16), "{found}");
}
