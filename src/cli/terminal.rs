//! The user's terminal in raw mode.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{Read, stdin};
use tokio::sync::mpsc;

/// Ctrl-], as telnet(1) has it.
const DETACH: u8 = 0x1d;

/// A terminal on standard input that hands on each key. Dropping it restores the terminal.
pub(super) struct RawTerminal(Option<Termios>);

impl RawTerminal {
    /// Does nothing where standard input is no terminal.
    pub fn enter() -> Self {
        let before = tcgetattr(stdin()).ok();
        if let Some(mut raw) = before.clone() {
            raw.make_raw();
            let _ = tcsetattr(stdin(), OptionalActions::Now, &raw);
        }
        Self(before)
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}

/// What is typed, until Ctrl-] or the end of standard input.
pub(super) struct Keys(mpsc::Receiver<Vec<u8>>);

impl Keys {
    /// Reads on a thread of its own, which ends with the program.
    pub fn of_stdin() -> Self {
        let (sender, receiver) = mpsc::channel(4);
        tokio::task::spawn_blocking(move || {
            let mut buffer = [0; 1024];
            while let Ok(length @ 1..) = stdin().read(&mut buffer) {
                let typed = &buffer[..length];
                let until = typed.iter().position(|byte| *byte == DETACH);
                let bytes = typed[..until.unwrap_or(length)].to_vec();
                if (!bytes.is_empty() && sender.blocking_send(bytes).is_err()) || until.is_some() {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// The next bytes; `None` when the user has left.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        self.0.recv().await
    }
}
