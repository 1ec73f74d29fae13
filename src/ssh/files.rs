//! Files of a guest, by its shell: a small system has neither sftp-server nor scp.

use super::capture::Limits;
use super::client::Client;
use super::error::SshError;
use std::time::Duration;
use tokio::io::AsyncRead;

/// Maximum bytes that a command for an upload may print; none prints any.
const MAX_PRINTED: usize = 4096;

impl Client {
    /// Writes a file in the guest, within `timeout`, and sets its permissions. An existing file is overwritten in place, so
    /// that devices and files of `/proc` and `/sys` can be written too; a failure may leave a part.
    ///
    /// # Errors
    /// [`SshError::Failed`] when the guest cannot write it; when the content cannot be read, it takes too long, or the
    /// connection is lost.
    pub async fn upload(
        &self,
        content: impl AsyncRead + Unpin,
        path: &str,
        mode: u32,
        timeout: Duration,
    ) -> Result<(), SshError> {
        let line = upload_line(path, mode)?;
        let limits = Limits { timeout, max_stdout: MAX_PRINTED };
        self.capture(&line, content, limits).await?.success(&line).map(drop)
    }

    /// Reads a file of the guest, within `timeout`.
    ///
    /// # Errors
    /// [`SshError::TooLong`] when it has more than `max_bytes`, [`SshError::Failed`] when the guest cannot read it; when it
    /// takes too long, or the connection is lost.
    pub async fn fetch(&self, path: &str, max_bytes: usize, timeout: Duration) -> Result<Vec<u8>, SshError> {
        let line = fetch_line(path, max_bytes)?;
        let limits = Limits { timeout, max_stdout: max_bytes };
        self.capture(&line, tokio::io::empty(), limits).await?.success(&line)
    }
}

fn quoted(path: &str) -> Result<std::borrow::Cow<'_, str>, SshError> {
    shlex::try_quote(path).map_err(|_| SshError::Path { path: path.to_owned() })
}

/// The file may be read by others only once its permissions are set.
fn upload_line(path: &str, mode: u32) -> Result<String, SshError> {
    let path = quoted(path)?;
    Ok(format!("umask 077 && cat >{path} && chmod {:o} -- {path}", mode & 0o7777))
}

/// One byte more tells a file that is too long. Opened by the shell, the path cannot be an option.
fn fetch_line(path: &str, max_bytes: usize) -> Result<String, SshError> {
    Ok(format!("head -c {} <{}", max_bytes.saturating_add(1), quoted(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted() {
        assert_eq!(upload_line("/tmp/a", 0o644).unwrap(), "umask 077 && cat >/tmp/a && chmod 644 -- /tmp/a");
        assert_eq!(fetch_line("/a b; reboot", 5).unwrap(), "head -c 6 <'/a b; reboot'");
        assert_eq!(fetch_line("-n", 5).unwrap(), "head -c 6 <-n");
        assert!(matches!(fetch_line("a\0b", 5), Err(SshError::Path { .. })));
    }
}
