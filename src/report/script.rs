//! A trial as a plain shell script, for bug reports and for people without the lab.

use arch::without_sandbox;
use model::{Digest, Payload, RunId, ScratchDisk, TrialRecord, printable, printable_lines};
use std::fmt::Write as _;
use std::path::Path;

/// A command line that no script can hold, or none that is safe to read on a terminal.
#[derive(Debug, thiserror::Error)]
#[error("an argument of QEMU's command line has a control character: `{0}`")]
pub struct ScriptError(String);

/// A script for any POSIX shell that boots the same guest, with the console where it is started. Files below `cache`, the
/// lab's own, are looked for in the cache of the user who starts it; `KERNEL`, `INITRD` and `FIRMWARE` name others. It needs QEMU, for a
/// guest with the agent `mkfifo` and `sed`, for one with a disk `mktemp`, `truncate` and what makes its file system.
///
/// # Errors
/// When an argument has a control character.
pub fn script(run: &RunId, trial: &TrialRecord, cache: &Path) -> Result<String, ScriptError> {
    let mut out = format!("#!/bin/sh\n{}set -eu\n", comments(run, trial));
    let command = without_sandbox(&trial.command);
    let argv = with_console_on_stdio(&command);
    let files = files(trial, &argv);
    out.push_str(&prelude(&files, cache)?);
    if matches!(trial.cell.payload, Payload::Workload { .. }) {
        out.push_str(FRAME_FILTER);
    }
    out.push('\n');
    match trial.cell.needs.disk {
        Some(disk) => out.push_str(&scratch_disk(&disk)),
        None => out.push_str("exec "),
    }
    for (index, word) in argv.iter().enumerate() {
        let gap = match index {
            0 => "",
            _ if word.starts_with('-') => " \\\n    ",
            _ => " ",
        };
        let file = files.iter().find(|file| file.at == index);
        let word = match (file, behind_the_disks_file(word)) {
            (Some(file), _) => format!("\"${}\"", file.variable),
            (_, Some(rest)) if trial.cell.needs.disk.is_some() => format!("file=\"$disk\"{}", quoted(rest)?),
            _ => quoted(word)?,
        };
        let _ = write!(out, "{gap}{word}");
    }
    out.push('\n');
    Ok(out)
}

/// Frames of the agent are for the lab; a reader goes on when the script becomes QEMU.
const FRAME_FILTER: &str = r#"
# the agent's frames are left out of the console; FRAMES=1 shows them
if [ -z "${FRAMES:-}" ]; then
    dir=$(mktemp -d)
    mkfifo "$dir/console"
    { rm -r "$dir"; exec sed -u -e '/^@oomlab /d' -e 's/@oomlab [0-9].*//'; } <"$dir/console" &
    exec >"$dir/console"
fi
"#;

/// A file that the command line names.
struct File<'t> {
    /// Its place in the command line.
    at: usize,
    path: &'t str,
    digest: Option<&'t Digest>,
    /// Variable of the script; in capitals, the user's.
    variable: &'static str,
}

fn files<'t>(trial: &'t TrialRecord, argv: &[&'t str]) -> Vec<File<'t>> {
    let file = |(option, variable, digest): (&str, &'static str, &'t Option<Digest>)| {
        let at = argv.iter().position(|word| *word == option)? + 1;
        Some(File { at, path: argv.get(at)?, digest: digest.as_ref(), variable })
    };
    let files = [("-kernel", "kernel", &trial.kernel_digest), ("-initrd", "initrd", &trial.initrd_digest)];
    // Without a digest it is no file of the lab's: `-bios default`.
    let firmware = trial.firmware_digest.as_ref().map(|_| ("-bios", "firmware", &trial.firmware_digest));
    files.into_iter().chain(firmware).filter_map(file).collect()
}

/// Finds the files, and tells when one is missing or is not the recorded one.
fn prelude(files: &[File<'_>], cache: &Path) -> Result<String, ScriptError> {
    let mut out = String::new();
    let is_cached = |file: &File<'_>| Path::new(file.path).starts_with(cache);
    if files.iter().any(is_cached) {
        out.push_str("\ncache=${OOMLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oomlab}");
    }
    for file in files {
        let path = match Path::new(file.path).strip_prefix(cache).ok().and_then(Path::to_str) {
            Some(below) => format!("\"$cache\"/{}", quoted(below)?),
            None => quoted(file.path)?,
        };
        let (variable, capitals) = (file.variable, file.variable.to_uppercase());
        let missing = format!("echo \"missing: ${variable}; set {capitals} to the file\" >&2");
        let _ = write!(out, "\n{variable}={path}\n{variable}=${{{capitals}:-${variable}}}\n");
        let _ = writeln!(out, "[ -r \"${variable}\" ] || {{ {missing}; exit 1; }}");
        if let Some(digest) = file.digest {
            let other = format!("echo \"${variable} is not the recorded {variable}\" >&2");
            let _ = writeln!(out, "[ \"$(sha256sum <\"${variable}\")\" = '{digest}  -' ] || {other}");
        }
    }
    Ok(out)
}

/// Makes a disk that goes away with the script; `/tmp` may be in the host's memory.
fn scratch_disk(disk: &ScratchDisk) -> String {
    let bytes = disk.bytes;
    // Not every user's PATH has what is for root at other times.
    let maker = disk.filesystem.map(|filesystem| filesystem.maker().join(" "));
    let filesystem = maker.map(|maker| format!("PATH=$PATH:/usr/sbin:/sbin {maker} \"$disk\"\n")).unwrap_or_default();
    format!(
        "disk=$(mktemp /var/tmp/oomlab-scratch.XXXXXX)\ntrap 'rm -f \"$disk\"' EXIT\ntrap 'exit 1' HUP INT TERM\n\
         truncate -s {bytes} \"$disk\"\n{filesystem}\n"
    )
}

/// What follows the path in the `-drive` of the scratch disk, which `launch` names `oomlab-scratch`; the lab's own file
/// has no name.
fn behind_the_disks_file(word: &str) -> Option<&str> {
    let at = word.find(",if=none,id=oomlab-scratch,").filter(|_| word.starts_with("file="))?;
    Some(&word[at..])
}

fn comments(run: &RunId, trial: &TrialRecord) -> String {
    let cell = &trial.cell;
    let digest =
        |digest: &Option<Digest>| digest.as_ref().map(|digest| format!(", sha256 {digest}")).unwrap_or_default();
    let release = trial.kernel_release.as_ref().map(|release| format!(", release {release}")).unwrap_or_default();
    let mut facts = vec![
        format!("trial {run}/{}", trial.folder()),
        format!("kernel {} for {}{release}{}", cell.kernel, cell.arch, digest(&trial.kernel_digest)),
    ];
    if trial.initrd_digest.is_some() {
        facts.push(format!("initramfs{}", digest(&trial.initrd_digest)));
    }
    if trial.firmware_digest.is_some() {
        facts.push(format!("firmware OpenSBI{}", digest(&trial.firmware_digest)));
    }
    let verdict = &trial.verdict;
    facts.push(format!("it ended as {}/{}: {}", verdict.outcome(), verdict.kind, verdict.summary));
    if !cell.qemu.is_empty() {
        facts.push(format!("further arguments of QEMU: {}", cell.qemu.join(" ")));
    }
    facts.push("the console is here; Ctrl-A X ends QEMU, Ctrl-A C is its monitor".to_owned());
    facts.iter().map(|fact| format!("# {}\n", printable(fact))).collect()
}

/// The command line with the serial console and QEMU's monitor on standard input and output in place of the lab's
/// sockets, which `launch` names `serial0` and `qmp0`.
fn with_console_on_stdio(command: &[String]) -> Vec<&str> {
    let is_the_labs = |option: &str, value: &str| match option {
        "-chardev" => value.split(',').any(|part| part == "id=serial0" || part == "id=qmp0"),
        "-serial" => value == "chardev:serial0",
        "-mon" => value.split(',').any(|part| part == "chardev=qmp0"),
        _ => false,
    };
    let mut argv = Vec::new();
    let mut words = command.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        if words.peek().is_some_and(|value| is_the_labs(word, value)) {
            words.next();
        } else {
            argv.push(word);
        }
    }
    argv.extend(["-serial", "mon:stdio"]);
    argv
}

fn quoted(word: &str) -> Result<String, ScriptError> {
    if printable_lines(word) != word {
        return Err(ScriptError(printable(word)));
    }
    shlex::try_quote(word).map(Into::into).map_err(|_| ScriptError(printable(word)))
}
