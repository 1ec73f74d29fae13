//! The host's tools for building kernels.

use super::KernelError;
use super::command::output_of;
use crate::host::{RunError, SpawnError};
use arch::Arch;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that every build of a kernel runs, with the Debian packages that have them
/// (Documentation/process/changes.rst).
const TOOLS: &[(&str, &str)] = &[("make", "make"), ("gcc", "gcc"), ("flex", "flex"), ("bison", "bison"), ("bc", "bc")];

/// Checks that all programs for a build for this architecture are installed.
///
/// # Errors
/// When one is missing; the message names its Debian package.
pub(super) fn check(arch: Arch) -> Result<(), KernelError> {
    check_in(arch, &std::env::var_os("PATH").unwrap_or_default())
}

fn check_in(arch: Arch, path: &std::ffi::OsStr) -> Result<(), KernelError> {
    let compiler = compiler(arch);
    let cross = (compiler.as_str(), arch.guest.cc_package);
    let lacking = TOOLS.iter().copied().chain([cross]).find(|(tool, _)| find_in(tool, path).is_none());
    lacking.map_or(Ok(()), |(tool, package)| Err(missing(arch, tool, package)))
}

/// The C compiler for this architecture's kernels.
pub(super) fn compiler(arch: Arch) -> String {
    format!("{}gcc", arch.kernel.cross_compile)
}

/// The first line of the compiler's `--version`; `None` where there is no compiler.
pub(super) fn compiler_version(arch: Arch) -> Result<Option<String>, KernelError> {
    let compiler = compiler(arch);
    let mut command = Command::new(&compiler);
    command.arg("--version");
    match output_of(command) {
        Ok(output) => Ok(Some(output.lines().next().unwrap_or_default().to_owned())),
        Err(RunError::Spawn(SpawnError::Missing { .. })) => Ok(None),
        Err(error) => Err(KernelError::io("run", Path::new(&compiler))(io::Error::other(error))),
    }
}

/// The error of a host without the compiler.
pub(super) fn no_compiler(arch: Arch) -> KernelError {
    missing(arch, &compiler(arch), arch.guest.cc_package)
}

fn missing(arch: Arch, tool: &str, package: &str) -> KernelError {
    KernelError::MissingTool {
        what: format!("build kernels for {}", arch.name),
        tool: tool.to_owned(),
        package: package.to_owned(),
    }
}

/// Whether compilations can go through ccache.
pub(super) fn has_ccache() -> bool {
    find_in("ccache", &std::env::var_os("PATH").unwrap_or_default()).is_some()
}

fn find_in(tool: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(tool)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_program_is_named_with_its_package() {
        let arch = arch::find("riscv64-nommu").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let without = |tool: &str| {
            let tools = TOOLS.iter().map(|(tool, _)| tool.to_string()).chain([compiler(arch)]);
            for name in tools {
                std::fs::write(dir.path().join(&name), "").unwrap();
            }
            if !tool.is_empty() {
                std::fs::remove_file(dir.path().join(tool)).unwrap();
            }
            check_in(arch, dir.path().as_os_str())
        };
        without("").unwrap();
        assert_eq!(
            without("bison").unwrap_err().to_string(),
            "cannot build kernels for riscv64-nommu: `bison` is missing; install bison or let `oomlab doctor --fix` do it"
        );
        assert!(without("riscv64-linux-gnu-gcc").unwrap_err().to_string().contains("install gcc-riscv64-linux-gnu or"));
    }
}
