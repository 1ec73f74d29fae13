//! The examples in `contrib/`, checked by the programs that read such files.

use crate::support::guests::{lab, matrix};
use serde_json::Value;
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
    for (schema, name) in [
        ("vendor.github-workflows", "github/nightly.yml"),
        ("vendor.github-workflows", "github/shards.yml"),
        ("vendor.gitlab-ci", "gitlab/.gitlab-ci.yml"),
        ("vendor.gitlab-ci", "gitlab/shards.yml"),
        ("vendor.gitlab-ci", "gitlab/shard-job.yml"),
    ] {
        check(Command::new(python_program("check-jsonschema")).args(["--builtin-schema", schema]).arg(file(name)));
    }
}

#[test]
fn exported_pipelines_fit_the_schema() {
    let program = lab();
    // A path with all that a shell or YAML could take for something else.
    let name = "a 'b' \"c\" #d: $E `f` \u{85}\u{1f600}.yaml";
    matrix(&program, &[("one", ""), ("two", "")], "");
    std::fs::rename(program.dir().join("matrix.yaml"), program.dir().join(name)).unwrap();
    program.write("costs.json", r#"{"schema": 1, "cells": {}}"#);
    let more = ["--costs", "costs.json", "--include", "ci/it's.yml", "--filter", "guest=one,two"];
    for more in [&[][..], &more] {
        let printed = program.run([&["export", "gitlab", name, "--shards", "2"][..], more].concat());
        assert_eq!(printed.status, Some(0), "{printed:?}");
        let pipeline = program.write("pipeline.yml", &printed.stdout);
        check(
            Command::new(python_program("check-jsonschema"))
                .args(["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"])
                .arg(pipeline),
        );
        let document: Value = serde_yaml::from_str(&printed.stdout).unwrap();
        assert_eq!(document.as_object().unwrap().keys().filter(|key| key.starts_with("shard ")).count(), 2);
        let line = document["shard 2 of 2"]["script"][1].as_str().unwrap();
        let shell = format!("oomlab() {{ printf '%s\\n' \"$@\"; }}; {line}");
        let output = Command::new("sh").args(["-c", &shell]).output().unwrap();
        let words = String::from_utf8(output.stdout).unwrap();
        let words: Vec<&str> = words.lines().collect();
        assert_eq!(words[..2], ["run", name]);
        assert_eq!(words[words.len() - 4..], ["--shard", "2/2", "--out", "runs/shard"]);
        assert_eq!(document["shard 1 of 2"]["needs"].is_array(), !more.is_empty());
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
