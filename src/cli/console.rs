//! A guest's console on the user's terminal.

use super::terminal::{Input, RawTerminal};
use crate::host::Serial;
use std::io::{IsTerminal, Read, Seek, SeekFrom, Write, stdin};
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Timeout for the guest to take what is typed: one that is stuck takes nothing, and Ctrl-] is there.
const INPUT_TIMEOUT: Duration = Duration::from_secs(3600);

/// Timeout for output of the guest, where a script types.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(120);

/// Bytes of the console's record that are shown before what is new.
const HISTORY: u64 = 2000;

/// Bytes that are kept to find a prompt in.
const MAX_PROMPT_TEXT: usize = 4096;

/// Why a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionEnd {
    /// The user has left, or standard input has ended.
    User,
    /// The guest has closed its console.
    Guest,
    /// Standard input is no terminal, and the guest printed nothing for two minutes.
    Silence,
}

/// A connected console.
pub(super) struct Console {
    serial: Serial,
    /// Where standard input is no terminal: what is typed, line by line.
    typist: Option<Typist>,
}

/// Types lines for a standard input that is no terminal, each after a prompt: the kernel's terminal drops what exceeds 4095 bytes
/// (drivers/tty/n_tty.c, N_TTY_BUF_SIZE), and all before it is open.
struct Typist {
    /// What the guest has printed since the last line.
    text: Vec<u8>,
    /// Typed at the end of standard input.
    last_line: Option<&'static [u8]>,
}

impl Console {
    pub fn of(serial: Serial) -> Self {
        Self { serial, typist: None }
    }

    /// The console of a shell: where standard input is no terminal, its lines are typed one after the other, `last_line` after
    /// them, and the end of the guest ends the session.
    pub fn of_shell(serial: Serial, last_line: &'static [u8]) -> Self {
        let typist = (!stdin().is_terminal()).then(|| Typist { text: Vec::new(), last_line: Some(last_line) });
        Self { serial, typist }
    }

    /// Shows `history`, and joins the console with the terminal until Ctrl-], the end of standard input, `cancel` or the end of
    /// the console.
    ///
    /// # Errors
    /// When standard output cannot be written, or standard input not be read.
    pub async fn join(mut self, history: &[u8], cancel: &CancellationToken) -> std::io::Result<SessionEnd> {
        let _raw = RawTerminal::enter();
        show(history)?;
        let mut keys = if self.typist.is_some() { Input::lines() } else { Input::keys() };
        let mut left = std::pin::pin!(keys.left());
        let input = self.serial.input().clone();
        let mut sending = std::pin::pin!(None);
        let mut silent_at = Instant::now() + SILENCE_TIMEOUT;
        loop {
            let is_sending = sending.is_some();
            let may_type = !is_sending && self.typist.as_ref().is_none_or(Typist::may_type);
            tokio::select! {
                chunk = self.serial.read() => {
                    let Some(bytes) = chunk else { return Ok(SessionEnd::Guest) };
                    show(&bytes)?;
                    silent_at = Instant::now() + SILENCE_TIMEOUT;
                    self.typist.iter_mut().for_each(|typist| typist.push(&bytes));
                }
                typed = keys.next(), if may_type => {
                    let typed = match &mut self.typist {
                        Some(typist) => typist.next(typed),
                        None => typed,
                    };
                    let Some(bytes) = typed else { return Ok(SessionEnd::User) };
                    sending.set(Some(input.send(bytes, INPUT_TIMEOUT)));
                }
                sent = async { sending.as_mut().as_pin_mut().expect("it is checked").await }, if is_sending => {
                    // A console that is closed ends the session by its read.
                    let _ = sent;
                    sending.set(None);
                }
                () = &mut left => return Ok(SessionEnd::User),
                () = cancel.cancelled() => return Ok(SessionEnd::User),
                () = sleep_until(silent_at), if self.typist.is_some() => return Ok(SessionEnd::Silence),
            }
        }
    }
}

impl Typist {
    fn push(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        self.text.drain(..self.text.len().saturating_sub(MAX_PROMPT_TEXT));
    }

    /// Whether the guest waits for the next line, and there is one.
    fn may_type(&self) -> bool {
        self.last_line.is_some() && self.sees_prompt()
    }

    /// The line to type where standard input has this one, or has ended.
    fn next(&mut self, read: Option<Vec<u8>>) -> Option<Vec<u8>> {
        self.text.clear();
        read.or_else(|| self.last_line.take().map(<[u8]>::to_vec))
    }

    /// Whether the guest has printed a prompt since the last line: `# `, with a path before it in BusyBox. A message of the kernel
    /// may follow it.
    fn sees_prompt(&self) -> bool {
        self.text.split(|byte| matches!(byte, b'\n' | b'\r')).any(|line| {
            let path = line.iter().position(|byte| *byte == b'#').unwrap_or_default();
            let is_path = path == 0 || (matches!(line[0], b'/' | b'~') && line[path - 1] == b' ');
            is_path && line[path..].starts_with(b"# ")
        })
    }
}

/// The last bytes of a file.
///
/// # Errors
/// When it cannot be read.
pub(super) fn last(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(HISTORY)))?;
    let mut bytes = Vec::new();
    file.take(HISTORY).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The console as it is: a terminal shows what a shell in the guest draws.
fn show(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_typed_after_the_last_line() {
        let mut typist = Typist { text: b"# ".to_vec(), last_line: Some(b"exit\n") };
        assert!(typist.may_type());
        assert_eq!(typist.next(Some(b"ls\n".to_vec())).as_deref(), Some(&b"ls\n"[..]));
        assert!(!typist.may_type(), "one line, one prompt");
        typist.push(b"x\n# ");
        assert_eq!(typist.next(None).as_deref(), Some(&b"exit\n"[..]));
        typist.push(b"# ");
        assert!(!typist.may_type(), "a program may have read the last line");
    }

    #[test]
    fn prompts_are_found_in_what_the_kernel_prints() {
        let sees = |text: &str| Typist { text: text.into(), last_line: None }.sees_prompt();
        for text in ["\n# ", "~ # ", "x\r\n/proc # ", "\n# [    1.5] clocksource: tsc"] {
            assert!(sees(text), "{text:?}");
        }
        for text in ["", "#", "[    0.1] a # b", "a comment # of the guest", "#1 SMP PREEMPT"] {
            assert!(!sees(text), "{text:?}");
        }
    }
}
