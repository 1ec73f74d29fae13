//! Blocking work that a token ends.

use std::io::{self, Read};
use tokio_util::sync::CancellationToken;

/// Fails once the token is cancelled: for work that takes long without an await.
///
/// # Errors
/// When it is cancelled.
pub fn check_cancelled(token: &CancellationToken) -> io::Result<()> {
    if token.is_cancelled() { Err(io::Error::other("it was stopped")) } else { Ok(()) }
}

/// An input that fails once its token is cancelled.
#[derive(Debug)]
pub struct Cancellable<R> {
    input: R,
    token: CancellationToken,
}

impl<R> Cancellable<R> {
    /// Fails when `token` is cancelled.
    pub fn new(input: R, token: &CancellationToken) -> Self {
        Self { input, token: token.clone() }
    }
}

impl<R: Read> Read for Cancellable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check_cancelled(&self.token)?;
        self.input.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancelled_input_fails() {
        let token = CancellationToken::new();
        let mut input = Cancellable::new(&b"ab"[..], &token);
        let mut byte = [0];
        assert_eq!(input.read(&mut byte).unwrap(), 1);
        token.cancel();
        assert_eq!(input.read(&mut byte).unwrap_err().to_string(), "it was stopped");
    }
}
