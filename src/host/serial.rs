//! The serial console's socket as a stream of chunks.

use super::socket::connect;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// Chunks that may wait for the driver; when it is late, QEMU's socket fills and the guest waits.
const QUEUE: usize = 16;

/// A serial console. Dropping it closes the connection.
#[derive(Debug)]
pub struct Serial {
    chunks: mpsc::Receiver<Vec<u8>>,
    writer: Option<oneshot::Receiver<OwnedWriteHalf>>,
    connected: Option<OwnedWriteHalf>,
    reader: JoinHandle<()>,
}

impl Serial {
    /// Begins to connect to `path` for at most `patience`, then reads.
    pub fn open(path: PathBuf, patience: Duration) -> Self {
        let (chunks_in, chunks) = mpsc::channel(QUEUE);
        let (writer_in, writer) = oneshot::channel();
        let reader = tokio::spawn(async move {
            let stream = match connect(&path, patience).await {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::debug!(%error, "serial console");
                    return;
                }
            };
            let (read, write) = stream.into_split();
            // The driver may be gone already; then the send below fails as well.
            let _ = writer_in.send(write);
            while let Some(chunk) = next_chunk(&read).await {
                if chunks_in.send(chunk).await.is_err() {
                    return;
                }
            }
        });
        Self { chunks, writer: Some(writer), connected: None, reader }
    }

    /// The next bytes; `None` when the console has ended or never began. Cancel safe.
    pub async fn read(&mut self) -> Option<Vec<u8>> {
        self.chunks.recv().await
    }

    /// Sends bytes to the guest, giving up after `patience`.
    ///
    /// # Errors
    /// When the console is not connected, has ended, or the guest does not take the bytes in time.
    pub async fn write(&mut self, bytes: &[u8], patience: Duration) -> std::io::Result<()> {
        if let Some(writer) = self.writer.take() {
            self.connected = writer.await.ok();
        }
        let writer = self.connected.as_mut().ok_or(std::io::ErrorKind::NotConnected)?;
        tokio::time::timeout(patience, writer.write_all(bytes)).await?
    }
}

/// The next bytes, `None` at the end. Of a thousand consoles most are silent: a buffer is there only while there is something
/// to read.
async fn next_chunk(read: &OwnedReadHalf) -> Option<Vec<u8>> {
    loop {
        read.readable().await.ok()?;
        let mut buffer = [0; CHUNK];
        match read.try_read(&mut buffer) {
            Ok(0) => return None,
            Ok(length) => return Some(buffer[..length].to_vec()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}

impl Drop for Serial {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
