//! Writing for people and for other programs.

use super::error::CliError;
use crate::diagnostic::BrokenFile;
use crate::report::Style;
use model::{printable, printable_json, printable_lines};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

/// Bytes that are written at a time.
const BUFFER: usize = 256 * 1024;

/// Writes to stdout text in which foreign parts are [`model::printable`] already. A reader that went away
/// (`oomlab plan … | head`) is no failure.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub fn print(text: &str) -> Result<(), CliError> {
    write_stdout(text).map_err(|error| CliError::Lab(format!("cannot write to standard output: {error}")))
}

/// As [`print`], for commands with errors of their own.
///
/// # Errors
/// See there.
pub fn write_stdout(text: &str) -> std::io::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Writes to stdout piece by piece, as [`print`] does.
///
/// # Errors
/// See there.
pub fn stream(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), CliError> {
    let mut out = BufWriter::with_capacity(BUFFER, std::io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::Lab(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// As [`stream`], for a JSON document; a terminal obeys none of it.
///
/// # Errors
/// See [`print`].
pub fn stream_json(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), CliError> {
    stream(|out| write(&mut PrintableJson(out)))
}

/// Escapes the parts of a document as they are written: serializers write whole characters.
struct PrintableJson<'w>(&'w mut dyn Write);

impl Write for PrintableJson<'_> {
    fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
        let text = std::str::from_utf8(part).map_err(|error| std::io::Error::new(ErrorKind::InvalidData, error))?;
        self.0.write_all(printable_json(text).as_bytes())?;
        Ok(part.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Writes text without colours to stdout. Whatever is in it, the terminal obeys none of it.
///
/// # Errors
/// See [`print`].
pub fn print_plain(text: &str) -> Result<(), CliError> {
    print(&printable_lines(text))
}

/// As [`print_plain`], with long lines broken between words on a terminal; a program reads them as they are.
///
/// # Errors
/// See [`print`].
pub fn print_list(text: &str) -> Result<(), CliError> {
    print(&broken(&printable_lines(text), &console::Term::stdout()))
}

/// Text with colours of the lab's own, with long lines broken between words on a terminal.
pub fn broken(text: &str, terminal: &console::Term) -> String {
    match terminal.size_checked().filter(|_| terminal.is_term()) {
        Some((_, columns)) => Style { width: usize::from(columns), ..Style::default() }.hang(text),
        None => text.to_owned(),
    }
}

/// Writes a JSON document to stdout; a terminal obeys none of it.
///
/// # Errors
/// See [`print`].
pub fn print_json(document: &str) -> Result<(), CliError> {
    print(&printable_json(document))
}

/// Writes to stderr text in which foreign parts are [`model::printable`] already. Nothing depends on a message: a closed
/// pipe, a full device or a terminal that is gone ends nothing.
pub fn print_err(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a line or several to stderr, as [`print_err`] does; a terminal obeys none of it.
pub fn notify(text: &str) {
    print_err(&broken(&(printable_lines(text) + "\n"), &console::Term::stderr()));
}

/// Tells of kernels or workloads whose description cannot be used, and why.
pub fn notify_broken(broken: &[BrokenFile], color: bool) {
    for file in broken {
        let problems: String = file.problems.iter().map(|problem| problem.render(color)).collect();
        print_err(&format!("left out: {}\n{problems}\n", printable(&file.names.join(", "))));
    }
}

/// Writes a file that the user named.
///
/// # Errors
/// When it cannot be written.
pub fn write_file(path: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(path, text).map_err(|error| CliError::Lab(format!("cannot write {}: {error}", path.display())))
}

/// How reports look on this stdout.
pub fn style(color: bool) -> Style {
    let terminal = console::Term::stdout();
    let width = terminal.size_checked().map_or(100, |(_, columns)| usize::from(columns));
    Style { colour: color, ascii: !is_utf8(), width }
}

/// Whether the user's terminal shows UTF-8, as the locale says (POSIX: LC_ALL before LC_CTYPE before LANG). Without any
/// locale, as in most CI systems, logs are UTF-8.
fn is_utf8() -> bool {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8") || locale == "c" || locale == "posix"
    })
}

/// Whether a path stands for standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Writes a document to a file, or for `-` to standard output.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_document(path: &Path, text: &str) -> Result<(), CliError> {
    if is_stdout(path) { print(text) } else { write_file(path, text) }
}
