//! `script` of a manifest: existing tests in place of a program of the lab's.

use super::option::OptionSpec;
use crate::diagnostic::{Document, Step};
use arch::Arch;
use model::{Needs, Script, TestFormat};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
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
    /// The image of a root disk, `images/<name>.yaml`: the script runs over SSH in a guest with that disk and the packages, not in the
    /// initramfs.
    #[serde(default)]
    pub image: Option<String>,
    /// Files that the lab fetches from the root disk when the script has ended.
    #[serde(default)]
    pub fetch: Vec<String>,
    /// How the names of the tests of LTP begin that the guest has in `/opt/ltp/testcases/bin`: from the folder where the user has LTP
    /// installed, named with `--ltp`.
    #[serde(default)]
    pub ltp: Vec<String>,
    /// The form of the results in what it prints.
    #[serde(default = "exit")]
    pub results: TestFormat,
}

/// Options of the kernel that a user space on a root disk needs built in.
const ROOT_DISK_CONFIG: [&str; 5] = ["DEVTMPFS", "INET", "TMPFS", "UNIX", "UNIX98_PTYS"];

const fn exit() -> TestFormat {
    TestFormat::Exit
}

impl ScriptSpec {
    /// What the script needs of the lab.
    pub(super) fn needs(&self) -> Script {
        let mut packages = vec![SHELL.to_owned()];
        packages.extend(self.packages.iter().filter(|name| *name != SHELL).cloned());
        let Self { without, selftests, results, image, fetch, ltp, .. } = self.clone();
        Script { packages, without, selftests, ltp, results, image, fetch }
    }

    /// Adds what its user space needs.
    pub(super) fn add_needs(&self, arch: Arch, needs: &mut Needs) {
        if self.image.is_some() {
            add_root_disk(arch, needs);
        }
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
        if let Some(image) = self.image.as_ref().filter(|image| !is_folder_name(image)) {
            let message = format!("`{image}` is not the name of an image");
            document
                .wrong(&[Step::Key("script"), Step::Key("image")], message)
                .help("an image is `images/<name>.yaml`");
        }
        if let Some(index) = self.ltp.iter().position(|name| !is_folder_name(name)) {
            let message = format!("`{}` is not the beginning of the name of a test", self.ltp[index]);
            document.wrong(&[Step::Key("script"), Step::Key("ltp"), Step::Item(index)], message);
        }
        self.check_fetch(document);
        if let Some(folder) = self.selftests.as_ref().filter(|folder| !is_folder_name(folder)) {
            let message = format!("`{folder}` is not the name of a folder of `tools/testing/selftests`");
            document.wrong(&[Step::Key("script"), Step::Key("selftests")], message);
        }
    }

    fn check_fetch(&self, document: &mut Document<'_>) {
        let at = |index| [Step::Key("script"), Step::Key("fetch"), Step::Item(index)];
        if self.image.is_none() && !self.fetch.is_empty() {
            let wrong =
                document.wrong(&[Step::Key("script"), Step::Key("fetch")], "files are fetched from a root disk");
            wrong.help("name its image: `image: debian`");
        }
        let mut names = BTreeSet::new();
        for (index, path) in self.fetch.iter().enumerate() {
            let name = file_name(path);
            if !path.starts_with('/') || name.is_none() {
                document.wrong(&at(index), format!("`{path}` is not the absolute path of a file"));
            } else if !names.insert(name) {
                document.wrong(&at(index), "two files would have the same name in the trial's folder");
            }
        }
    }
}

/// Folders have such names in all versions; it is part of paths and of make's arguments.
fn is_folder_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Adds the modules and options of the kernel without which a root disk is of no use.
fn add_root_disk(arch: Arch, needs: &mut Needs) {
    let (disk, network) = (arch.qemu.disk.modules, arch.qemu.network.modules);
    for module in disk.iter().chain(&["ext4"]).chain(network) {
        if !needs.modules.iter().any(|known| known == module) {
            needs.modules.push((*module).to_owned());
        }
    }
    needs.config.extend(ROOT_DISK_CONFIG.map(str::to_owned));
}

/// The needs of a guest with this image of a root disk and no script.
pub fn needs_of_image(arch: Arch, image: &str) -> Needs {
    let script = Script {
        packages: Vec::new(),
        without: Vec::new(),
        selftests: None,
        ltp: Vec::new(),
        results: TestFormat::Exit,
        image: Some(image.to_owned()),
        fetch: Vec::new(),
    };
    let mut needs = Needs { script: Some(script), ..Needs::default() };
    add_root_disk(arch, &mut needs);
    needs
}

/// The name that a fetched file gets in the trial's folder.
pub fn file_name(path: &str) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    path.rsplit('/').next().filter(|name| !name.is_empty() && !name.starts_with('.') && name.chars().all(is_plain))
}

/// Whether it may be the name of a package (Debian Policy 5.6.1).
pub fn is_package_name(name: &str) -> bool {
    let is_first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() >= 2 && name.starts_with(is_first) && name.chars().all(|c| is_first(c) || "+-.".contains(c))
}
