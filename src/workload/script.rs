//! `script` of a manifest: existing tests in place of a program of the lab's.

use super::option::OptionSpec;
use crate::diagnostic::{Document, Step};
use model::{Script, TestFormat};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The package with the shell that runs the script.
const SHELL: &str = "busybox-static";

/// `script` of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptSpec {
    /// What `/bin/sh` runs.
    pub run: String,
    /// Packages of Debian whose files the guest has, with what they depend on.
    #[serde(default)]
    pub packages: Vec<String>,
    /// Packages that are left out although others depend on them.
    #[serde(default)]
    pub without: Vec<String>,
    /// Folder of the kernel's own tests, below `tools/testing/selftests`: built from the source of the cell's kernel, and in the guest below
    /// `/usr/lib/kselftest`.
    #[serde(default)]
    pub selftests: Option<String>,
    /// The form of the results in what it prints.
    #[serde(default = "exit")]
    pub results: TestFormat,
}

const fn exit() -> TestFormat {
    TestFormat::Exit
}

impl ScriptSpec {
    /// What the script needs of the lab.
    pub(super) fn needs(&self) -> Script {
        let mut packages = vec![SHELL.to_owned()];
        packages.extend(self.packages.iter().filter(|name| *name != SHELL).cloned());
        let Self { without, selftests, results, .. } = self.clone();
        Script { packages, without, selftests, results }
    }

    /// The script as the guest has it. Options are variables of their names. The outer shell keeps the lab's `oom_score_adj`, so that the OOM
    /// killer takes what the test has started, not the shell that waits for it.
    pub fn text(&self, options: &BTreeMap<String, OptionSpec>) -> String {
        let mut out = "#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n".to_owned();
        for (name, spec) in options {
            // Only a NUL cannot be quoted, and a default has none.
            let default = shlex::try_quote(&spec.default).unwrap_or_default();
            let _ = writeln!(out, "{name}=${{oomlab_opt_{name}:-{default}}}");
        }
        let _ = write!(out, "(\necho 0 >/proc/self/oom_score_adj\n{}\n)\n", self.run.trim_end());
        out
    }

    /// Notes what is wrong with it, below the key `script`.
    pub(super) fn check(&self, document: &mut Document<'_>) {
        if self.run.trim().is_empty() {
            document.wrong(&[Step::Key("script"), Step::Key("run")], "the script is empty");
        }
        for (key, names) in [("packages", &self.packages), ("without", &self.without)] {
            for (index, name) in names.iter().enumerate() {
                if !is_package_name(name) {
                    let message = format!("`{name}` is not the name of a package");
                    document.wrong(&[Step::Key("script"), Step::Key(key), Step::Item(index)], message);
                }
            }
        }
        if let Some(folder) = self.selftests.as_ref().filter(|folder| !is_folder_name(folder)) {
            let message = format!("`{folder}` is not the name of a folder of `tools/testing/selftests`");
            document.wrong(&[Step::Key("script"), Step::Key("selftests")], message);
        }
    }
}

/// Folders have such names in all versions; it is part of paths and of make's arguments.
fn is_folder_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Debian Policy 5.6.1.
fn is_package_name(name: &str) -> bool {
    let is_first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() >= 2 && name.starts_with(is_first) && name.chars().all(|c| is_first(c) || "+-.".contains(c))
}
