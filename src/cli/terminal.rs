//! The user's terminal.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{BufRead, Read, stdin};
use tokio::sync::{mpsc, watch};

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
    /// What the terminal has answered to the guest's questions is not for the shell.
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(stdin(), OptionalActions::Flush, before);
        }
    }
}

/// Standard input, read on a thread of its own, which ends with the program.
pub(super) struct Input {
    read: mpsc::Receiver<Vec<u8>>,
    /// Set when the user has typed Ctrl-].
    left: watch::Receiver<bool>,
}

impl Input {
    /// What is typed, until Ctrl-] or the end.
    pub fn keys() -> Self {
        Self::read(|hand_on, leave| {
            let mut buffer = [0; 1024];
            while let Ok(length @ 1..) = stdin().read(&mut buffer) {
                let typed = &buffer[..length];
                let until = typed.iter().position(|byte| *byte == DETACH);
                let bytes = typed[..until.unwrap_or(length)].to_vec();
                if until.is_some() {
                    leave();
                }
                if (!bytes.is_empty() && !hand_on(bytes)) || until.is_some() {
                    return;
                }
            }
        })
    }

    /// Lines with their ends.
    pub fn lines() -> Self {
        Self::read(|hand_on, _| {
            let mut line = Vec::new();
            while let Ok(1..) = stdin().lock().read_until(b'\n', &mut line) {
                if !hand_on(std::mem::take(&mut line)) {
                    return;
                }
            }
        })
    }

    fn read(read: impl FnOnce(&dyn Fn(Vec<u8>) -> bool, &dyn Fn()) + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel(64);
        let (leaving, left) = watch::channel(false);
        tokio::task::spawn_blocking(move || {
            read(&|bytes| sender.blocking_send(bytes).is_ok(), &|| {
                let _ = leaving.send(true);
            });
        });
        Self { read: receiver, left }
    }

    /// The next bytes; `None` when the user has left. Cancel safe.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        self.read.recv().await
    }

    /// Ready when the user has typed Ctrl-], even if what was typed before is not read yet.
    pub fn left(&self) -> impl Future<Output = ()> + use<> {
        let mut left = self.left.clone();
        async move {
            if left.wait_for(|left| *left).await.is_err() {
                std::future::pending().await
            }
        }
    }
}
