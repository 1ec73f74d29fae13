//! Runs the cross compiler.

use super::ImageError;
use super::flat;
use super::program::Program;
use crate::host::{Captured, Limits, RunError, SpawnError, capture_blocking, private_dir};
use arch::{Arch, BinaryFormat};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A build takes a few seconds on a busy host.
const LIMITS: Limits = Limits { timeout: Duration::from_secs(120), max_stdout: 1 << 20 };
/// The host's shell, for the syntax of scripts.
const SHELL: &str = "sh";
/// Lines of the compiler's messages in an error: the first is the cause of most others.
const MAX_OUTPUT_LINES: usize = 60;
/// Stack of a program without an MMU; it cannot grow.
const FLAT_STACK_BYTES: u32 = 8192;

/// The output of `--version`; `None` when the compiler is not installed.
pub(super) fn version(arch: Arch) -> Result<Option<String>, ImageError> {
    let mut command = Command::new(arch.guest.cc);
    command.arg("--version");
    match run(command, arch, "version") {
        Ok(output) => Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned())),
        Err(ImageError::NoCompiler { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Builds a program: the content of the file that the kernel loads.
pub(super) fn compile(arch: Arch, program: &Program) -> Result<Vec<u8>, ImageError> {
    let folder = private_dir("oomlab-image-").map_err(ImageError::io("a temporary folder"))?;
    let binary = folder.path().join("program");
    compile_in(folder.path(), arch, program, &["-o".as_ref(), binary.as_ref()])?;
    let elf = std::fs::read(&binary).map_err(ImageError::io(&binary))?;
    match program.format {
        BinaryFormat::Elf => Ok(elf),
        BinaryFormat::Flat => flat::from_elf(&elf, FLAT_STACK_BYTES)
            .map_err(|source| ImageError::Flat { program: program.name.clone(), source }),
    }
}

/// Checks the sources of a program without building it.
pub(super) fn check(arch: Arch, program: &Program) -> Result<(), ImageError> {
    let folder = private_dir("oomlab-image-").map_err(ImageError::io("a temporary folder"))?;
    compile_in(folder.path(), arch, program, &["-fsyntax-only".as_ref()])
}

/// Checks the syntax of a script.
pub(super) fn check_script(name: &str, text: &str) -> Result<(), ImageError> {
    let folder = private_dir("oomlab-image-").map_err(ImageError::io("a temporary folder"))?;
    let script = folder.path().join("script");
    std::fs::write(&script, text).map_err(ImageError::io(&script))?;
    let mut command = Command::new(SHELL);
    command.arg("-n").arg(&script);
    let output = capture_blocking(command, LIMITS)
        .map_err(|error| ImageError::Io { path: SHELL.into(), source: std::io::Error::other(error) })?;
    if output.status.success() {
        return Ok(());
    }
    let path = script.display().to_string();
    Err(ImageError::BadScript {
        workload: name.to_owned(),
        output: first_lines(&output.stderr.replace(&path, "script")),
    })
}

fn compile_in(folder: &Path, arch: Arch, program: &Program, how: &[&OsStr]) -> Result<(), ImageError> {
    write_files(folder, program)?;
    let mut command = Command::new(arch.guest.cc);
    command.current_dir(folder).args(&program.arguments).args(how).args(program.sources());
    let output = run(command, arch, &program.name)?;
    if output.status.success() {
        return Ok(());
    }
    Err(ImageError::Compiler {
        cc: arch.guest.cc,
        program: program.name.clone(),
        arch: arch.name,
        output: first_lines(&with_origins(&output.stderr, &program.origins)),
    })
}

/// The compiler's messages with the paths that the user knows; a message names a file before a colon or a comma.
fn with_origins(text: &str, origins: &[(String, String)]) -> String {
    origins.iter().fold(text.to_owned(), |text, (path, origin)| {
        [':', ','].iter().fold(text, |text, end| text.replace(&format!("{path}{end}"), &format!("{origin}{end}")))
    })
}

fn write_files(folder: &Path, program: &Program) -> Result<(), ImageError> {
    for (path, content) in &program.files {
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).map_err(ImageError::io(parent))?;
        }
        std::fs::write(&file, content).map_err(ImageError::io(&file))?;
    }
    Ok(())
}

/// Runs the compiler, and kills it at the timeout.
fn run(mut command: Command, arch: Arch, program: &str) -> Result<Captured, ImageError> {
    let guest = arch.guest;
    command.env("LC_ALL", "C");
    capture_blocking(command, LIMITS).map_err(|error| match error {
        RunError::Spawn(SpawnError::Missing { .. }) => no_compiler(arch),
        RunError::TimedOut { .. } => {
            ImageError::CompilerStuck { cc: guest.cc, program: program.to_owned(), after: LIMITS.timeout }
        }
        error => ImageError::Io { path: guest.cc.into(), source: std::io::Error::other(error) },
    })
}

/// The error of a host without the compiler.
pub(super) fn no_compiler(arch: Arch) -> ImageError {
    let guest = arch.guest;
    ImageError::NoCompiler { arch: arch.name, cc: guest.cc, package: guest.cc_package }
}

fn first_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let more = lines.len().saturating_sub(MAX_OUTPUT_LINES);
    let rest = if more > 0 { format!("\n… and {more} more lines") } else { String::new() };
    lines[..lines.len() - more].join("\n") + &rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_output_keeps_its_first_lines() {
        let text: String = (0..100).map(|line| format!("{line}\n")).collect();
        let shown = first_lines(&text);
        assert!(shown.starts_with("0\n1\n") && shown.ends_with("\n59\n… and 40 more lines"), "{shown}");
        assert_eq!(first_lines("a\n  b\n"), "a\n  b");
    }

    #[test]
    fn messages_name_the_files_of_the_user() {
        let origins = [("images/workloads/a/main.c".to_owned(), "a/main.c".to_owned())];
        let text = "In file included from images/workloads/a/main.c:2,\nimages/workloads/a/main.c:1:2: error: x\n    1 | \t\"images/workloads/a/main.c\"\n      |   ^\n";
        let shown = "In file included from a/main.c:2,\na/main.c:1:2: error: x\n    1 | \t\"images/workloads/a/main.c\"\n      |   ^\n";
        assert_eq!(with_origins(text, &origins), shown);
    }

    #[test]
    fn missing_compiler_error_names_its_package() {
        let mut spec = *arch::find("arm").unwrap();
        spec.guest.cc = "no-such-cross-gcc";
        let arch = Arch::of(Box::leak(Box::new(spec)));
        assert_eq!(version(arch).unwrap(), None);
        let program = Program {
            name: "agent".to_owned(),
            files: vec![],
            origins: vec![],
            arguments: vec![],
            format: BinaryFormat::Elf,
        };
        let error = compile(arch, &program).unwrap_err().to_string();
        for part in ["no-such-cross-gcc", "arm", "apt install gcc-arm-linux-gnueabihf", "oomlab doctor --fix"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
