//! Configuring and compiling a source tree.

use super::artifact::{CONFIG, IMAGE, SYSTEM_MAP};
use super::cache::Cache;
use super::command::Job;
use super::config::{Fragment, all_config, not_applied};
use super::progress::{Progress, Stage, Update};
use super::source::Tree;
use super::{KernelError, toolchain};
use crate::arch::ArchSpec;
use crate::model::KernelName;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Part of every recipe; changes when kernels that were built before have to be built again.
pub(super) const VERSION: &str = "1";

/// How many files a build compiles when none was counted yet: 6.1 for riscv64-nommu with the lab's configuration.
const USUAL_STEPS: u64 = 520;

/// Variables of the user's environment that would change what is built; the jobserver of a surrounding make is one.
const FOREIGN: &[&str] = &[
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
    pub arch: &'a ArchSpec,
    pub tree: &'a Tree,
    pub fragments: &'a [Fragment],
    /// Compilers at a time.
    pub jobs: usize,
    pub progress: &'a dyn Progress,
}

impl Build<'_> {
    /// Builds the kernel in its output tree, copies what is wanted into `folder`, and returns the release.
    ///
    /// # Errors
    /// When an option does not stick, the compiler fails, or the caller cancels.
    pub fn run(&self, folder: &Path) -> Result<String, KernelError> {
        let objects = format!("objects/{}-{}", self.tree.name, self.arch.name);
        let _lock = self.cache.lock(&objects.replace('/', "-"), self.progress)?;
        let output = self.cache.folder(&objects)?;
        self.configure(&output)?;
        self.compile(&output)?;
        for (from, to) in [(self.arch.kernel.image, IMAGE), ("System.map", SYSTEM_MAP), (".config", CONFIG)] {
            let (from, to) = (output.join(from), folder.join(to));
            fs::copy(&from, &to).map_err(KernelError::io("copy", &from))?;
        }
        let release = output.join("include/config/kernel.release");
        let text = fs::read_to_string(&release).map_err(KernelError::io("read", &release))?;
        Ok(text.trim().to_owned())
    }

    fn configure(&self, output: &Path) -> Result<(), KernelError> {
        let wanted = all_config(self.fragments);
        let (wishes, config) = (output.join("lab.config"), output.join(".config"));
        let unchanged = fs::read_to_string(&wishes).is_ok_and(|text| text == wanted) && config.is_file();
        if !unchanged {
            let message = self.message();
            self.progress.update(Update { stage: Stage::Configure, done: 0, total: None, message: &message });
            fs::write(&wishes, wanted).map_err(KernelError::io("write", &wishes))?;
            let mut make = self.make(output);
            make.arg("allnoconfig").env("KCONFIG_ALLCONFIG", &wishes);
            let configured = self.job("configure", make)?.run(|_| 0);
            if configured.is_err() {
                // The wishes stand for a finished configuration.
                let _ = fs::remove_file(&wishes);
            }
            configured?;
        }
        let text = fs::read_to_string(&config).map_err(KernelError::io("read", &config))?;
        let options = not_applied(self.fragments, &text);
        if options.is_empty() {
            return Ok(());
        }
        Err(KernelError::NotApplied { kernel: self.name.to_string(), arch: self.arch.name.to_owned(), options })
    }

    fn compile(&self, output: &Path) -> Result<(), KernelError> {
        let from_scratch = !output.join("vmlinux").exists();
        let counted = self.cache.folder("objects")?.join(format!("steps-{}", self.arch.name));
        let usual = fs::read_to_string(&counted).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(USUAL_STEPS);
        let message = self.message();
        let mut make = self.make(output);
        make.arg(format!("-j{}", self.jobs.max(1))).arg(self.arch.kernel.target);
        let mut steps = Steps::default();
        self.job("build", make)?.run(|bytes| {
            steps.observe(bytes);
            let total = from_scratch.then_some(usual.max(steps.count));
            self.progress.update(Update { stage: Stage::Build, done: steps.count, total, message: &message });
            steps.count
        })?;
        if from_scratch {
            fs::write(&counted, steps.count.to_string()).map_err(KernelError::io("write", &counted))?;
        }
        Ok(())
    }

    /// The same sources give the same image, whoever builds it and when (Documentation/kbuild/reproducible-builds.rst).
    fn make(&self, output: &Path) -> Command {
        let mut make = Command::new("make");
        for variable in FOREIGN {
            make.env_remove(variable);
        }
        make.arg("-C").arg(&self.tree.path).arg(format!("O={}", output.display()));
        make.arg(format!("ARCH={}", self.arch.kernel.arch));
        make.arg(format!("CROSS_COMPILE={}", self.arch.kernel.cross_compile));
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

/// Counts the files that make compiles, by the lines that Kbuild prints: `  CC      mm/oom_kill.o`.
#[derive(Debug, Default)]
struct Steps {
    count: u64,
    line: Vec<u8>,
}

impl Steps {
    fn observe(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                let compiles = [&b"  CC "[..], b"  AS ", b"  HOSTCC "].iter().any(|verb| self.line.starts_with(verb));
                self.count += u64::from(compiles);
                self.line.clear();
            } else if self.line.len() < 16 {
                self.line.push(byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_files_are_counted_across_reads() {
        let mut steps = Steps::default();
        for part in ["  CC      mm/oom_kill.o\n  A", "S      a.o\n  AR      mm/built-in.a\nmm/x.c: warning:  CC \n"] {
            steps.observe(part.as_bytes());
        }
        assert_eq!(steps.count, 2);
    }
}
