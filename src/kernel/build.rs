//! Configuring and compiling a source tree.

use super::artifact::{CONFIG, DEBUG_INFO, IMAGE, MODULES, SYSTEM_MAP};
use super::cache::Cache;
use super::command::Job;
use super::config::{Fragment, all_config, not_applied};
use super::effort::Effort;
use super::output_tree::OutputTrees;
use super::patch::Patch;
use super::progress::{Progress, Stage, Update};
use super::source::Tree;
use super::{KernelError, layouts, toolchain, worktree};
use crate::host::Clock;
use arch::Arch;
use model::KernelName;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Part of every recipe; another version rebuilds all cached kernels.
pub(super) const VERSION: &str = "2";

/// Variables of the user's environment that change the build, such as the jobserver of a surrounding make.
const REMOVED_VARIABLES: &[&str] = &[
    "MAKEFLAGS",
    "MFLAGS",
    "MAKELEVEL",
    "MAKEOVERRIDES",
    "KCFLAGS",
    "KAFLAGS",
    "KCPPFLAGS",
    "KBUILD_OUTPUT",
    "KCONFIG_CONFIG",
    "LOCALVERSION",
    "LLVM",
    "CC",
    "LD",
    "O",
    "V",
    "C",
    "W",
    "M",
];

/// One kernel to build.
pub(super) struct Build<'a> {
    pub cache: &'a Cache,
    pub name: &'a KernelName,
    pub arch: Arch,
    pub tree: &'a Tree,
    pub fragments: &'a [Fragment],
    /// Patches of the source.
    pub patches: &'a [Patch],
    /// GNU make; tests put another in its place.
    pub make: &'a Path,
    /// Parallel compilers (`make -j`).
    pub jobs: usize,
    pub progress: &'a dyn Progress,
}

impl Build<'_> {
    /// Builds the kernel in its output tree, copies the image and what belongs to it into `folder`, and returns the release.
    ///
    /// # Errors
    /// When Kconfig rejects an option, the compiler fails, or the caller cancels.
    pub fn run(&self, folder: &Path) -> Result<String, KernelError> {
        let trees = OutputTrees { cache: self.cache, source: &self.tree.name, arch: self.arch };
        let _lock = self.cache.lock(&trees.lock(), self.progress)?;
        worktree::update(&self.tree.path, self.patches, &self.sources())?;
        let output = trees.open(&all_config(self.fragments), self.progress)?;
        self.configure(&output)?;
        self.compile(&output)?;
        for (from, to) in [(self.arch.kernel.image, IMAGE), ("System.map", SYSTEM_MAP), (".config", CONFIG)] {
            let (from, to) = (output.join(from), folder.join(to));
            fs::copy(&from, &to).map_err(KernelError::io("copy", &from))?;
        }
        self.keep_layouts(&output, folder)?;
        let release = output.join("include/config/kernel.release");
        let text = fs::read_to_string(&release).map_err(KernelError::io("read", &release))?;
        let release = text.trim().to_owned();
        keep_builtin(&output, &folder.join(MODULES).join("lib/modules").join(&release))?;
        Ok(release)
    }

    /// The tree that is compiled.
    fn sources(&self) -> PathBuf {
        self.cache.path(format!("trees/{}-{}", self.tree.name, self.arch.name))
    }

    fn configure(&self, output: &Path) -> Result<(), KernelError> {
        let text = all_config(self.fragments);
        let (requested, config) = (output.join("lab.config"), output.join(".config"));
        let unchanged = fs::read_to_string(&requested).is_ok_and(|earlier| earlier == text) && config.is_file();
        if !unchanged {
            let message = self.message();
            self.progress.update(Update { stage: Stage::Configure, done: 0, total: None, message: &message });
            fs::write(&requested, text).map_err(KernelError::io("write", &requested))?;
            let mut make = self.make(output);
            make.arg("allnoconfig").env("KCONFIG_ALLCONFIG", &requested);
            let configured = self.job("configure", make)?.run(|_| 0);
            if configured.is_err() {
                // The file means that the configuration is complete.
                let _ = fs::remove_file(&requested);
            }
            configured?;
        }
        let text = fs::read_to_string(&config).map_err(KernelError::io("read", &config))?;
        let options = not_applied(self.fragments, &text);
        if options.is_empty() {
            return Ok(());
        }
        Err(KernelError::NotApplied { kernel: self.name.to_string(), arch: self.arch, options })
    }

    fn compile(&self, output: &Path) -> Result<(), KernelError> {
        let from_scratch = !output.join("vmlinux").exists();
        let usual = Effort::of(self.cache, self.arch).files;
        let start = Clock::start();
        let message = self.message();
        let mut make = self.make(output);
        make.arg(format!("-j{}", self.jobs.max(1))).arg(self.arch.kernel.target);
        let mut steps = Steps::default();
        self.job("build", make)?.run(|bytes| {
            steps.observe(bytes);
            let total = from_scratch.then_some(usual.max(steps.count));
            let (stage, total) = if steps.links { (Stage::Link, None) } else { (Stage::Build, total) };
            self.progress.update(Update { stage, done: steps.count, total, message: &message });
            steps.count
        })?;
        if from_scratch {
            Effort::record(self.cache, self.arch, steps.count, start.elapsed(), self.jobs)?;
        }
        Ok(())
    }

    /// Without layouts a kernel boots and is judged as any other.
    fn keep_layouts(&self, output: &Path, folder: &Path) -> Result<(), KernelError> {
        let message = self.message();
        self.progress.update(Update { stage: Stage::Layouts, done: 0, total: None, message: &message });
        let log = self.cache.log(&format!("layouts-{}-{}", self.name, self.arch.name))?;
        match layouts::compile(&self.sources(), output, &folder.join(DEBUG_INFO), log, self.progress) {
            Err(KernelError::Cancelled) => Err(KernelError::Cancelled),
            Err(error) => {
                tracing::warn!("{} has no debug information: {error}", self.message());
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Builds are reproducible (Documentation/kbuild/reproducible-builds.rst).
    fn make(&self, output: &Path) -> Command {
        let mut make = Command::new(self.make);
        for variable in REMOVED_VARIABLES {
            make.env_remove(variable);
        }
        make.arg("-C").arg(self.sources()).arg(format!("O={}", output.display()));
        make.arg(format!("ARCH={}", self.arch.kernel.arch));
        make.arg(format!("CROSS_COMPILE={}", self.arch.kernel.cross_compile));
        // The build's own programs run for a second at most: optimizing them takes longer.
        make.arg("HOSTCFLAGS=-O0");
        if toolchain::has_ccache() {
            make.arg(format!("CC=ccache {}", toolchain::compiler(self.arch)));
        }
        make.envs([
            ("LC_ALL", "C"),
            ("KBUILD_BUILD_TIMESTAMP", "Thu Jan  1 00:00:00 UTC 1970"),
            ("KBUILD_BUILD_USER", "oomlab"),
            ("KBUILD_BUILD_HOST", "oomlab"),
            ("KBUILD_BUILD_VERSION", "1"),
        ]);
        make
    }

    fn job(&self, what: &str, command: Command) -> Result<Job<'_>, KernelError> {
        let log = self.cache.log(&format!("{what}-{}-{}", self.name, self.arch.name))?;
        Ok(Job { what: format!("{what} {}", self.message()), command, log, progress: self.progress })
    }

    fn message(&self) -> String {
        format!("{} for {}", self.name, self.arch.name)
    }
}

/// The lab builds no modules; what would be one elsewhere is built in, and the kernel's makefiles say what that is.
fn keep_builtin(output: &Path, folder: &Path) -> Result<(), KernelError> {
    let from = output.join("modules.builtin");
    if !from.is_file() {
        // Kernels before 5.2 list them only when modules are installed.
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(KernelError::io("create", folder))?;
    fs::copy(&from, folder.join("modules.builtin")).map_err(KernelError::io("copy", &from))?;
    Ok(())
}

/// Counts the files that make compiles, by the lines that Kbuild prints: `  CC      mm/oom_kill.o`.
#[derive(Debug, Default)]
struct Steps {
    count: u64,
    /// Whether vmlinux is linked, or was.
    links: bool,
    line: Vec<u8>,
}

/// How Kbuild's lines begin when vmlinux is linked (`scripts/link-vmlinux.sh`).
const LINKS: [&[u8]; 2] = [b"  LD      vmlinux", b"  LD      .tmp_vmlinux"];

impl Steps {
    fn observe(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                let compiles = [&b"  CC "[..], b"  AS ", b"  HOSTCC "].iter().any(|verb| self.line.starts_with(verb));
                self.count += u64::from(compiles);
                self.links |= LINKS.iter().any(|start| self.line.starts_with(start));
                self.line.clear();
            } else if self.line.len() < 24 {
                self.line.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::NullProgress;
    use super::super::artifact::Slot;
    use super::super::cache::digest_of;
    use super::*;
    use model::KernelArtifact;

    /// A make that sets every requested option except CONFIG_ABSENT, and fails to compile a tree with a file `broken`.
    const MAKE: &str = r#"#!/bin/sh
set -e
tree=$2 objects=${3#O=}
for last in "$@"; do :; done
if [ $last = allnoconfig ]; then
    grep -v ABSENT "$KCONFIG_ALLCONFIG" > $objects/.config
    echo x >> $objects/configured
    exit
fi
echo "  CC      mm/oom_kill.o"
echo "$KCFLAGS$MAKEFLAGS$KBUILD_BUILD_USER" > $objects/environment
touch $objects/vmlinux
if [ -e $tree/broken ]; then echo "mm/nommu.c:7: error: expected ';'" >&2; exit 2; fi
mkdir -p $objects/arch/riscv/boot $objects/include/config
echo image > $objects/arch/riscv/boot/Image
echo symbols > $objects/System.map
echo kernel/lib/crc32.ko > $objects/modules.builtin
echo 6.1.176 > $objects/include/config/kernel.release
"#;

    struct Setup {
        dir: tempfile::TempDir,
        cache: Cache,
        name: KernelName,
        tree: Tree,
    }

    impl Setup {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let (cache, path) = (Cache::new(dir.path().join("cache")), dir.path().join("tree"));
            fs::create_dir(&path).unwrap();
            fs::write(dir.path().join("script"), MAKE).unwrap();
            let (script, make) = (dir.path().join("script"), dir.path().join("make"));
            assert!(Command::new("install").arg("-m755").arg(script).arg(make).status().unwrap().success());
            let tree = Tree { path, digest: digest_of(["tree"]), name: "tree".into(), _lock: None };
            Self { dir, cache, name: KernelName::new("linux-6.1"), tree }
        }

        fn slot(&self) -> Slot<'_> {
            Slot {
                cache: &self.cache,
                name: &self.name,
                arch: arch::find("riscv64-nommu").unwrap(),
                key: None,
                is_variant: false,
            }
        }

        fn build(&self, requested: &str) -> Result<KernelArtifact, KernelError> {
            let assets = tempfile::tempdir().unwrap();
            fs::create_dir_all(assets.path().join("kernels/config")).unwrap();
            fs::write(assets.path().join("kernels/config/mine.config"), requested).unwrap();
            let fragment = Fragment::read(&crate::assets::Assets::with_overlay(assets.path()), "mine").unwrap();
            let scratch = self.slot().scratch(&digest_of(["recipe"]), "content")?;
            let release = Build {
                cache: &self.cache,
                name: &self.name,
                arch: arch::find("riscv64-nommu").unwrap(),
                tree: &self.tree,
                fragments: &[fragment],
                patches: &[],
                make: &self.dir.path().join("make"),
                jobs: 2,
                progress: &NullProgress,
            }
            .run(scratch.path())?;
            self.slot().finish(scratch, digest_of(["recipe"]), digest_of(["sources"]), release)
        }
    }

    #[test]
    fn each_configuration_has_an_output_tree() {
        let setup = Setup::new();
        let output = setup.cache.path("objects/tree-riscv64-nommu");
        let configured = || fs::read(output.join("configured")).unwrap();
        let artifact = setup.build("CONFIG_A=y\n").unwrap();
        assert_eq!(artifact.release, "6.1.176");
        assert_eq!(fs::read(&artifact.image).unwrap(), b"image\n");
        assert_eq!(fs::read(artifact.config.unwrap()).unwrap(), b"CONFIG_A=y\n");
        assert_eq!(fs::read(output.join("environment")).unwrap(), b"oomlab\n");
        setup.build("CONFIG_B=y\n").unwrap();
        assert_eq!(configured(), b"x\nx\n", "it begins as a copy");
        setup.build("CONFIG_A=y\n").unwrap();
        assert_eq!(configured(), b"x\n");
        assert!(Effort::of(&setup.cache, arch::find("riscv64-nommu").unwrap()).is_measured);
    }

    #[test]
    fn rejected_option_fails_the_build() {
        let message = Setup::new().build("CONFIG_A=y\nCONFIG_ABSENT=y\n").unwrap_err().to_string();
        let start = "the configuration of linux-6.1 for riscv64-nommu lacks CONFIG_ABSENT=y (mine.config:2): ";
        assert!(message.starts_with(start), "{message}");
    }

    #[test]
    fn failed_build_shows_its_tail_and_is_not_cached() {
        let setup = Setup::new();
        fs::write(setup.tree.path.join("broken"), "").unwrap();
        let message = setup.build("CONFIG_A=y\n").unwrap_err().to_string();
        assert!(message.starts_with("failed to build linux-6.1 for riscv64-nommu: exit status: 2\n"), "{message}");
        assert!(message.contains("mm/nommu.c:7: error") && message.contains("cache/logs/build-linux-6.1"), "{message}");
        assert_eq!(setup.slot().load(&digest_of(["recipe"])), None);
        fs::remove_file(setup.tree.path.join("broken")).unwrap();
        assert!(setup.build("CONFIG_A=y\n").is_ok());
    }

    #[test]
    fn steps_are_counted_across_reads() {
        let mut steps = Steps::default();
        for part in ["  CC      mm/oom_kill.o\n  A", "S      a.o\n  AR      mm/built-in.a\nmm/x.c: warning:  CC \n"] {
            steps.observe(part.as_bytes());
        }
        assert_eq!((steps.count, steps.links), (2, false));
        steps.observe(b"  LD      .tmp_vmlinux.kallsyms1\n  CC      .vmlinux.export.o\n");
        assert_eq!((steps.count, steps.links), (3, true));
    }
}
