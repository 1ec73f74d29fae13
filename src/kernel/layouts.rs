//! Debug information of the structures that the lab reads in a guest's memory, for kernels that are built without any.
//!
//! A whole kernel with debug information takes twice as long to build. Layouts depend on the configuration and the
//! compiler's flags alone: one small file that is compiled with a kernel file's command has all of them.

use super::KernelError;
use super::command::Job;
use super::progress::Progress;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of every kernel; Kbuild records beside its object how it was compiled (`scripts/Kbuild.include`, `savedcmd_`,
/// `cmd_` until 6.1).
const RECORDED: &str = "mm/.oom_kill.o.cmd";
const SOURCE: &str = "mm/oom_kill.c";

/// The structures, by the headers that declare them from 5.10 to 7.3. A variable makes the compiler write its type down.
const HEADERS: &[&str] = &["linux/sched.h", "linux/sched/signal.h", "linux/mm_types.h", "linux/oom.h", "linux/swap.h"];
const STRUCTURES: &[&str] = &["task_struct", "signal_struct", "mm_struct", "oom_control", "scan_control"];

/// x86 alone declares this structure, in a header of its own.
const X86_SWITCH: &str =
    "#ifdef CONFIG_X86\n#include <asm/switch_to.h>\nstruct inactive_task_frame *oomlab_frame;\n#endif\n";

/// Writes the debug information of a kernel that was built in the folder `output` to the ELF file `to`.
///
/// # Errors
/// When the kernel's files cannot be compiled like this, or the caller cancels.
pub(super) fn compile(
    tree: &Path,
    output: &Path,
    to: &Path,
    log: PathBuf,
    progress: &dyn Progress,
) -> Result<(), KernelError> {
    let recorded = output.join(RECORDED);
    let text = fs::read_to_string(&recorded).map_err(KernelError::io("read", &recorded))?;
    let damaged = || KernelError::Damaged { path: recorded.clone(), message: "it has no compiler command".into() };
    let words = command(&text).ok_or_else(damaged)?;
    let reclaim = fs::read_to_string(tree.join("mm/vmscan.c")).unwrap_or_default();
    let file = output.join("lab-layouts.c");
    fs::write(&file, source(&reclaim)).map_err(KernelError::io("write", &file))?;
    let mut compiler = Command::new(&words[0]);
    compiler.args(&words[1..]).args(["-w", "-g", "-nostdlib", "-static", "-Wl,-e,0", "-Wl,--build-id=none", "-o"]);
    compiler.arg(to).arg(&file).current_dir(output).env("LC_ALL", "C");
    let job = Job { what: "compile the layouts of the kernel".to_owned(), command: compiler, log, progress };
    job.run(|_| 0)
}

/// The compiler and the flags of a recorded command, without what names its input and output.
fn command(recorded: &str) -> Option<Vec<String>> {
    let (_, command) = recorded.lines().next()?.split_once(":=")?;
    // Escapes of make; objtool and others come after the compiler.
    let command = command.replace("$(pound)", "#").replace("$$", "$");
    let command = command.split(" ; ").next()?;
    let mut words = shlex::split(command)?.into_iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if word == "-o" {
            words.next();
        } else if word != "-c" && !word.starts_with("-Wp,-M") && !word.ends_with(SOURCE) {
            kept.push(word);
        }
    }
    (kept.len() > 1).then_some(kept)
}

/// The file to compile. `struct scan_control` is declared in `mm/vmscan.c` itself.
fn source(reclaim: &str) -> String {
    let scan_control = || {
        let (_, behind) = reclaim.split_once("\nstruct scan_control {")?;
        let (members, _) = behind.split_once("\n};")?;
        Some(format!("struct scan_control {{{members}\n}};\n"))
    };
    let includes: String = HEADERS.iter().map(|header| format!("#include <{header}>\n")).collect();
    let variables: String = STRUCTURES.iter().map(|name| format!("struct {name} *oomlab_{name};\n")).collect();
    [includes.as_str(), &scan_control().unwrap_or_default(), X86_SWITCH, &variables].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_command_is_read_without_its_files() {
        let recorded = "savedcmd_mm/oom_kill.o := riscv64-linux-gnu-gcc -Wp,-MMD,mm/.oom_kill.o.d -nostdinc \
            -DKBUILD_MODNAME='\"oom_kill\"' -c -o mm/oom_kill.o /src/mm/oom_kill.c  ; ./tools/objtool mm/oom_kill.o\n\n\
            source_mm/oom_kill.o := /src/mm/oom_kill.c\n";
        let words = command(recorded).unwrap();
        assert_eq!(words, ["riscv64-linux-gnu-gcc", "-nostdinc", "-DKBUILD_MODNAME=\"oom_kill\""]);
        assert_eq!(
            command("cmd_mm/oom_kill.o := ccache gcc -O2 -c -o x.o mm/oom_kill.c").unwrap(),
            ["ccache", "gcc", "-O2"]
        );
        assert_eq!((command(""), command("cmd := gcc"), command("cmd := 'gcc -O2")), (None, None, None));
    }

    #[test]
    fn scan_control_is_copied_from_the_source() {
        let text = source("int x;\nstruct scan_control {\n\ts8 order;\n\tstruct {\n\t\tint a;\n\t} nr;\n};\nint y;\n");
        assert!(text.contains("struct scan_control {\n\ts8 order;\n\tstruct {\n\t\tint a;\n\t} nr;\n};\n"), "{text}");
        assert!(text.contains("#include <linux/oom.h>\n") && text.contains("struct mm_struct *oomlab_mm_struct;\n"));
        assert!(!source("nothing").contains("scan_control {"));
    }
}
