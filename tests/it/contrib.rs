//! The examples in `contrib/`, checked by the programs that read such files.

use std::path::{Path, PathBuf};
use std::process::Command;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name)
}

/// A Python package's program: on the `PATH`, or where `make tools` puts it.
fn python_program(name: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/python/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([own]);
    let found = folders.find_map(|folder| Some(folder.join(name)).filter(|program| program.is_file()));
    found.unwrap_or_else(|| panic!("there is no {name}: `make tools` installs it"))
}

fn check(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}: `make tools` installs it"));
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{command:?}\n{text}");
    // systemd-analyze reports unknown keys, and ends with 0.
    assert!(!text.contains("Unknown"), "{text}");
}

#[test]
fn pipelines_fit_their_schemas() {
    for (schema, name) in
        [("vendor.github-workflows", "github/nightly.yml"), ("vendor.gitlab-ci", "gitlab/.gitlab-ci.yml")]
    {
        check(Command::new(python_program("check-jsonschema")).args(["--builtin-schema", schema]).arg(file(name)));
    }
}

#[test]
fn systemd_reads_the_units() {
    let dir = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    for name in ["oomlab-nightly.service", "oomlab-nightly.timer"] {
        let text = std::fs::read_to_string(file("systemd").join(name)).unwrap();
        // The program must be there.
        let unit = dir.path().join(name);
        std::fs::write(&unit, text.replace("/usr/local/bin/oomlab", env!("CARGO_BIN_EXE_oomlab"))).unwrap();
        units.push(unit);
    }
    check(Command::new("systemd-analyze").args(["verify", "--man=no"]).args(units));
}
