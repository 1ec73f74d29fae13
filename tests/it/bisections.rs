//! Bisections of real git repositories with commands that fail now and then.

mod answers;
mod bounds;
pub mod cells;
mod configs;
mod hostile;
mod linux;
mod lists;
mod nights;
mod rare;
mod readonly;
mod refusals;
mod sessions;
mod steps;

use crate::support::program::{Finished, Program};
use crate::support::repository::Repository;
use serde_json::Value;
use std::process::Command;

/// A command that fails in `permille` of a thousand trials where the bug is. Commit and trial decide: the result is
/// deterministic.
fn flaky(permille: u32, seed: u32) -> String {
    format!(
        r#"draw=$(printf '%s %s {seed}' "$OOMLAB_COMMIT" "$OOMLAB_TRIAL" | sha256sum | cut -c1-7)
        test -e bug && test $((0x$draw % 1000)) -lt {permille} && exit 1
        exit 0"#
    )
}

/// A program, and a repository in its folder.
struct Bench {
    program: Program,
    repository: Repository,
}

impl Bench {
    fn new(commits: usize, culprit: usize) -> Self {
        let program = Program::new();
        let repository = Repository::new(&program.dir().join("repository"), commits, culprit);
        Self { program, repository }
    }

    /// `oomlab bisect commits` from the first commit to the last.
    fn bisect(&self, exec: &str, more: &[&str]) -> Command {
        self.bisect_between(&self.repository.commits[0], "main", exec, more)
    }

    /// As [`Bench::bisect`], in another repository.
    fn bisect_in(&self, repository: &str, exec: &str, more: &[&str]) -> Command {
        let good = &self.repository.commits[0];
        let args =
            ["bisect", "commits", "--repo", repository, "--good", good, "--bad", "main", "--exec", exec, "--json"];
        self.program.command([&args[..], more].concat())
    }

    fn bisect_between(&self, good: &str, bad: &str, exec: &str, more: &[&str]) -> Command {
        let args = ["bisect", "commits", "--repo", "repository", "--good", good, "--bad", bad, "--exec", exec];
        let mut command = self.program.command(args);
        command.arg("--json").args(more);
        command
    }

    /// The number of the culprit.
    fn culprit(&self, answer: &Value) -> Option<usize> {
        let name = answer["culprit"].as_str()?;
        self.repository.commits.iter().position(|commit| commit == name)
    }
}

/// The JSON object that the program prints.
fn answer(finished: &Finished) -> Value {
    assert_eq!(finished.stdout.lines().count(), 1, "{finished:?}");
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}
