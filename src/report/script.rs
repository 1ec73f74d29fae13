//! A trial as a plain shell script, for bug reports and for people without the lab.

use super::guest_file::GuestFile;
use super::root_disk::{self, KEY, around_port, behind_path};
use arch::without_sandbox;
use model::{Digest, Payload, RunId, ScratchDisk, TEST_SCRIPT, TrialRecord, printable, printable_lines};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// A command line that no script can hold, or none that is safe to read on a terminal.
#[derive(Debug, thiserror::Error)]
#[error("an argument of QEMU's command line has a control character: `{0}`")]
pub struct ScriptError(String);

/// Where a script looks for the guest's files.
#[derive(Debug, Clone, Copy)]
pub enum Lookup<'a> {
    /// Where the trial had them; those below this folder, the lab's cache, in the cache of the user who starts the script.
    Cache(&'a Path),
    /// Beside the script, by [`GuestFile::name`].
    Beside,
}

/// A script for any POSIX shell that boots the same guest, with the console where it is started. `KERNEL`, `INITRD`, `FIRMWARE` and
/// `ROOT_DISK` name other files. It needs QEMU, for a guest with the agent `mkfifo` and `sed`, for one with a disk `mktemp`, `truncate`
/// and what makes its file system. With a root disk it says how to log in: `PORT` is the port, `KEY` the key.
///
/// One with [`Lookup::Beside`] passes its arguments to QEMU; `--print` prints QEMU's command line, without a console, as one line for
/// a shell. `QEMU` names another program.
///
/// # Errors
/// When an argument has a control character.
pub fn script(run: &RunId, trial: &TrialRecord, lookup: Lookup<'_>) -> Result<String, ScriptError> {
    let command = without_sandbox(&trial.command);
    let argv = without_channels(&command);
    let files = files(trial, &argv);
    let words = words(trial, &argv, &files, lookup)?;
    let disk = trial.cell.needs.disk.as_ref();
    let filter = if matches!(trial.cell.payload, Payload::Workload { .. }) { FRAME_FILTER } else { "" };
    let mut out = format!("#!/bin/sh\n{}set -eu\n", comments(run, trial, lookup));
    match lookup {
        Lookup::Cache(cache) => {
            let start = disk.map_or_else(|| "exec ".to_owned(), |disk| scratch_disk(disk, DISK_REMOVAL));
            let prelude = find_in_cache(&files, cache)?;
            let _ = write!(out, "{prelude}{filter}\n{start}{words} \\\n    {CONSOLE}\n");
        }
        Lookup::Beside => {
            let program = argv.first().and_then(|program| program.rsplit('/').next()).unwrap_or_default();
            let _ = write!(out, "{HERE}\nqemu={}\nqemu=${{QEMU:-$qemu}}\n", quoted(program)?);
            out.push_str(&find_beside(&files)?);
            let disk = disk.map(|disk| scratch_disk(disk, DISK_CARE)).unwrap_or_default();
            let exec = if disk.is_empty() { "exec " } else { "" };
            let _ = write!(
                out,
                "{PRINT_OPTION}\n{disk}set -- {words} \\\n    \"$@\"\n{PRINT}{filter}\n{exec}\"$@\" {CONSOLE}\n"
            );
        }
    }
    Ok(out)
}

/// The serial console and QEMU's monitor on standard input and output.
const CONSOLE: &str = "-serial mon:stdio";

/// Frames of the agent are for the lab; a reader goes on when the script becomes QEMU. Not every `sed` has `-u`.
const FRAME_FILTER: &str = r#"
# of the agent's frames only what a script prints is shown; FRAMES=1 shows them all
if [ -z "${FRAMES:-}" ]; then
    if sed -u p </dev/null >/dev/null 2>&1; then unbuffered=-u; else unbuffered=; fi
    output='/^@oomlab [0-9]* output text=/{s/^[^=]*=//;s/ more=1//;s/ \*[0-9a-f]*.*$//;y/+/ /;s/%09/ /g;s/%2b/+/g;s/%25/%/g
    b
    }'
    dir=$(mktemp -d)
    mkfifo "$dir/console"
    { rm -r "$dir"; exec sed $unbuffered -e "$output" -e '/^@oomlab /d' -e 's/@oomlab [0-9].*//'; } <"$dir/console" &
    exec >"$dir/console"
fi
"#;

/// The script's folder, as its user names it.
const HERE: &str = r#"
case $0 in */*) here=${0%/*} ;; *) here=. ;; esac"#;

/// Notes and removes the option `--print`.
const PRINT_OPTION: &str = r#"
print=
if [ "${1:-}" = --print ]; then
    print=yes
    shift
fi
"#;

/// Prints QEMU's words on one line, quoted for a shell.
const PRINT: &str = r#"
if [ -n "$print" ]; then
    line=
    for word in "$@"; do
        case $word in
            '' | *[!A-Za-z0-9_@%+=:,./-]*)
                word=$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/") ;;
        esac
        line="$line $word"
    done
    printf '%s\n' "${line# }"
    exit
fi
"#;

/// The words of QEMU's command line, quoted where they must be, the guest's files and disk as variables.
fn words(trial: &TrialRecord, argv: &[&str], files: &[File<'_>], lookup: Lookup<'_>) -> Result<String, ScriptError> {
    let mut out = String::new();
    for (index, word) in argv.iter().enumerate() {
        let gap = match index {
            0 => "",
            _ if word.starts_with('-') => " \\\n    ",
            _ => " ",
        };
        let file = files.iter().find(|file| file.at == index);
        let port = around_port(word).filter(|_| has_root_disk(files));
        let word = match (file, behind_the_disks_file(word), port) {
            (Some(File { kind: GuestFile::RootDisk, .. }), ..) => {
                format!("file=\"$drive\"{}", quoted(behind_path(word).unwrap_or_default())?)
            }
            (Some(file), ..) => format!("\"${}\"", file.kind.variable()),
            (_, Some(rest), _) if trial.cell.needs.disk.is_some() => format!("file=\"$disk\"{}", quoted(rest)?),
            (.., Some((before, behind))) => format!("{before}\"$port\"{behind}"),
            _ if index == 0 && matches!(lookup, Lookup::Beside) => "\"$qemu\"".to_owned(),
            _ => quoted(word)?,
        };
        let _ = write!(out, "{gap}{word}");
    }
    Ok(out)
}

/// A file that the command line names.
struct File<'t> {
    kind: GuestFile,
    /// Its index in the command line.
    at: usize,
    path: Cow<'t, str>,
    digest: Option<&'t Digest>,
}

fn files<'t>(trial: &'t TrialRecord, argv: &[&'t str]) -> Vec<File<'t>> {
    let file = |kind: GuestFile| {
        let at = kind.position(trial, argv)?;
        Some(File { kind, at, path: kind.path_in(argv.get(at)?)?, digest: kind.digest(trial) })
    };
    GuestFile::ALL.into_iter().filter_map(file).collect()
}

/// Finds the files where they were, those of the lab's cache in that of the user.
fn find_in_cache(files: &[File<'_>], cache: &Path) -> Result<String, ScriptError> {
    let mut out = String::new();
    if files.iter().any(|file| Path::new(&*file.path).starts_with(cache)) {
        out.push_str("\ncache=${OOMLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oomlab}");
    }
    let place = |path: &Path| -> Result<String, ScriptError> {
        match path.strip_prefix(cache).ok().and_then(Path::to_str) {
            Some(below) => Ok(format!("\"$cache\"/{}", quoted(below)?)),
            None => quoted(&path.to_string_lossy()),
        }
    };
    for file in files {
        let path = Path::new(&*file.path);
        out.push_str(&find(file.kind.variable(), &place(path)?, file.digest)?);
        if file.kind == GuestFile::RootDisk {
            out.push_str(&find(KEY, &place(&path.with_file_name(KEY))?, None)?);
            out.push_str(&root_disk::prelude(TEST_SCRIPT));
        }
    }
    Ok(out)
}

/// Finds the files in the script's folder.
fn find_beside(files: &[File<'_>]) -> Result<String, ScriptError> {
    let mut out = String::new();
    for file in files {
        out.push_str(&find(file.kind.variable(), &format!("$here/{}", file.kind.name()), file.digest)?);
    }
    if has_root_disk(files) {
        out.push_str(&find(KEY, &format!("$here/{KEY}"), None)?);
        out.push_str(&root_disk::prelude(&format!("$here/{TEST_SCRIPT}")));
    }
    Ok(out)
}

fn has_root_disk(files: &[File<'_>]) -> bool {
    files.iter().any(|file| file.kind == GuestFile::RootDisk)
}

/// Sets the variable of a file, and tells when the file is missing or is not the recorded one; `path` is quoted.
fn find(variable: &str, path: &str, digest: Option<&Digest>) -> Result<String, ScriptError> {
    let capitals = variable.to_uppercase();
    let missing = format!("echo \"missing: ${variable}; set {capitals} to the file\" >&2");
    let mut out = format!("\n{variable}={path}\n{variable}=${{{capitals}:-${variable}}}\n");
    let _ = writeln!(out, "[ -r \"${variable}\" ] || {{ {missing}; exit 1; }}");
    if let Some(digest) = digest {
        let shown = variable.replace('_', " ");
        let recorded = quoted(&format!("{digest}  -"))?;
        let _ = writeln!(
            out,
            "if command -v sha256sum >/dev/null && [ \"$(sha256sum <\"${variable}\")\" != {recorded} ]; then\n    \
             echo \"${variable} is not the recorded {shown}\" >&2\nfi"
        );
    }
    Ok(out)
}

/// Removes a scratch disk at the end of its script.
const DISK_REMOVAL: &str = "trap 'rm -f \"$disk\"' EXIT\ntrap 'exit 1' HUP INT TERM\n";

/// The same, unless the command line is printed: the script ends before the guest begins.
const DISK_CARE: &str = r#"if [ -n "$print" ]; then
    echo "the guest's disk is $disk; remove it afterwards" >&2
else
    trap 'rm -f "$disk"' EXIT
    trap 'exit 1' HUP INT TERM
fi
"#;

/// Makes a disk; `care` says what becomes of it. `/tmp` may be in the host's memory.
fn scratch_disk(disk: &ScratchDisk, care: &str) -> String {
    let bytes = disk.bytes;
    // Not every user's PATH has what is for root at other times.
    let maker = disk.filesystem.map(|filesystem| filesystem.maker().join(" "));
    let filesystem = maker.map(|maker| format!("PATH=$PATH:/usr/sbin:/sbin {maker} \"$disk\"\n")).unwrap_or_default();
    format!("disk=$(mktemp /var/tmp/oomlab-scratch.XXXXXX)\n{care}truncate -s {bytes} \"$disk\"\n{filesystem}\n")
}

/// What follows the path in the `-drive` of the scratch disk, which `launch` names `oomlab-scratch`; the lab's own file
/// has no name.
fn behind_the_disks_file(word: &str) -> Option<&str> {
    let at = word.find(",if=none,id=oomlab-scratch,").filter(|_| word.starts_with("file="))?;
    Some(&word[at..])
}

/// What a script beside its files understands.
const USAGE: [&str; 2] = [
    "arguments are QEMU's: `-s -S` waits for gdb; `--print` prints QEMU's command line instead, without the console",
    "KERNEL, INITRD, FIRMWARE and QEMU name other files",
];

/// What a script of a guest with a root disk understands.
const LOGIN_USAGE: &str = "PORT, ROOT_DISK and KEY name another port of this host, disk and key";

fn comments(run: &RunId, trial: &TrialRecord, lookup: Lookup<'_>) -> String {
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
    if trial.root_disk_digest.is_some() {
        facts.push(format!("root disk{}", digest(&trial.root_disk_digest)));
        facts.push(match lookup {
            Lookup::Cache(_) => format!("its test is {TEST_SCRIPT} of the trial's folder; {LOGIN_USAGE}"),
            Lookup::Beside => format!("its test is {TEST_SCRIPT}; {LOGIN_USAGE}"),
        });
    }
    let verdict = &trial.verdict;
    facts.push(format!("it ended as {}/{}: {}", verdict.outcome(), verdict.kind, verdict.summary));
    if !cell.qemu.is_empty() {
        facts.push(format!("further arguments of QEMU: {}", cell.qemu.join(" ")));
    }
    facts.push("the console is here; Ctrl-A X ends QEMU, Ctrl-A C is its monitor".to_owned());
    if matches!(lookup, Lookup::Beside) {
        facts.extend(USAGE.map(str::to_owned));
    }
    facts.iter().map(|fact| format!("# {}\n", printable(fact))).collect()
}

/// The command line without the serial console and QEMU's monitor, which are the lab's sockets; `launch` names them `serial0` and
/// `qmp0`.
pub(super) fn without_channels(command: &[String]) -> Vec<&str> {
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
    argv
}

fn quoted(word: &str) -> Result<String, ScriptError> {
    if printable_lines(word) != word {
        return Err(ScriptError(printable(word)));
    }
    shlex::try_quote(word).map(Into::into).map_err(|_| ScriptError(printable(word)))
}
