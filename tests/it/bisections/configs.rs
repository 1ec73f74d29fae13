//! Kernel options that cause a failure.

use super::answer;
use super::cells::{Kernels, PANICS, PASSES, script};
use crate::support::program::finish;
use serde_json::Value;

/// Searches a kernel that panics with all of these options of forty; the names that are found, and the whole answer.
fn found(needed: &[usize]) -> (Vec<String>, Value) {
    let kernels = Kernels::new([script(PASSES)]);
    let lines: String = needed.iter().map(|number| format!("CONFIG_OPTION_{number}=y\n")).collect();
    std::fs::write(kernels.dir.join("needed"), lines).unwrap();
    std::fs::write(kernels.dir.join("script-of-these"), script(PANICS)).unwrap();
    kernels.commit_files();
    kernels.describe();
    let same = "CONFIG_PRINTK=y\nCONFIG_HZ=250\n";
    let config = |is_set: bool| -> String {
        let option = |number: usize| match is_set {
            false => format!("# CONFIG_OPTION_{number} is not set\n"),
            true => format!("CONFIG_OPTION_{number}=y\n"),
        };
        (0..40).map(option).collect()
    };
    kernels.program.write("good.config", &format!("{same}{}", config(false)));
    kernels.program.write("bad.config", &format!("{same}{}", config(true)));
    let ends = ["bisect", "config", "--good", "good.config", "--bad", "bad.config", "--kernel", "mine"];
    let cell = ["--arch", "riscv64-nommu", "--ram", "32M", "--workload", "idle", "--json"];
    let mut command = kernels.program.command([&ends[..], &cell[..]].concat());
    let finished = finish(command.env("OOMLAB_QEMU", env!("CARGO_BIN_EXE_fake-qemu")));
    assert_eq!(finished.status, Some(0), "{finished:?}");
    let answer = answer(&finished);
    let names = answer["options"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    (names, answer)
}

fn assert_found(needed: &[usize]) {
    let (names, answer) = found(needed);
    let mut expected: Vec<String> = needed.iter().map(|number| format!("CONFIG_OPTION_{number}")).collect();
    expected.sort_unstable();
    assert_eq!(names, expected, "{answer}");
    // One by one, they would need forty builds.
    assert!(answer["builds"].as_u64() <= Some(12 * (needed.len() as u64 + 1)), "{answer}");
}

#[test]
fn one_option_of_forty_is_found() {
    assert_found(&[17]);
}

#[test]
fn first_of_forty_options_is_found() {
    assert_found(&[0]);
}

#[test]
fn last_of_forty_options_is_found() {
    assert_found(&[39]);
}

#[test]
fn pair_of_forty_options_is_found() {
    assert_found(&[4, 31]);
}

#[test]
fn pair_of_adjacent_options_is_found() {
    assert_found(&[22, 23]);
}

#[test]
fn equal_or_missing_configurations_are_refused() {
    let kernels = Kernels::new([script(PASSES)]);
    kernels.describe();
    kernels.program.write("a.config", "CONFIG_A=y\n");
    let cell = ["--kernel", "mine", "--arch", "riscv64-nommu", "--ram", "32M", "--workload", "idle"];
    for (good, says) in [("a.config", "differ in no option"), ("b.config", "b.config")] {
        let ends = ["bisect", "config", "--good", good, "--bad", "a.config"];
        let finished = kernels.program.run([&ends[..], &cell[..]].concat());
        assert!(finished.status == Some(2) && finished.stderr.contains(says), "{finished:?}");
    }
}
