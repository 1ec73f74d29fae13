//! The serial console's socket as a stream of chunks.

use super::socket::connect;
use std::io::Read;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Maximum size of a read, in bytes.
const CHUNK: usize = 64 * 1024;

/// Maximum number of chunks queued for the driver. When the queue is full, QEMU's socket fills and the guest's UART blocks.
const QUEUE: usize = 16;

/// Maximum reads per second from a console with a limited rate.
const LIMITED_READS: u64 = 50;

/// Maximum number of texts queued for the guest.
const TEXTS: usize = 4;

/// A serial console. Dropping it closes the connection.
#[derive(Debug)]
pub struct Serial {
    chunks: mpsc::Receiver<Vec<u8>>,
    input: SerialInput,
    flushes: mpsc::Sender<Flush>,
    /// The result of connecting; `None` once it has been reported.
    connected: Option<oneshot::Receiver<std::io::Result<()>>>,
    task: JoinHandle<()>,
}

/// Completes when all bytes that had arrived have been forwarded.
type Flush = oneshot::Sender<()>;

impl Serial {
    /// Connects to `path` within `timeout`, then reads, in the background. `bps` limits the rate in bytes per second: the
    /// guest's UART waits for its reader.
    pub fn open(path: PathBuf, timeout: Duration, bps: Option<NonZeroU64>) -> Self {
        let (chunks_in, chunks) = mpsc::channel(QUEUE);
        let (texts_in, texts) = mpsc::channel(TEXTS);
        let (flushes, flushes_out) = mpsc::channel(1);
        let (connecting, connected) = oneshot::channel();
        let task = tokio::spawn(async move {
            // The receiver may have been dropped.
            let stream = match connect(&path, timeout).await {
                Ok(stream) => stream,
                Err(error) => return drop(connecting.send(Err(error))),
            };
            let _ = connecting.send(Ok(()));
            let (read, write) = stream.into_split();
            tokio::select! {
                () = forward(read, chunks_in, flushes_out, bps) => {}
                () = send(write, texts) => {}
            }
        });
        Self { chunks, input: SerialInput(texts_in), flushes, connected: Some(connected), task }
    }

    /// A console read from a stream of bytes, for example standard input, on a thread of its own. It has no input.
    pub fn stream(mut source: impl Read + Send + 'static) -> Self {
        let (chunks_in, chunks) = mpsc::channel(QUEUE);
        let ((texts, _), (flushes, _)) = (mpsc::channel(1), mpsc::channel(1));
        let task = tokio::task::spawn_blocking(move || {
            let mut buffer = vec![0; CHUNK];
            while let Ok(length @ 1..) = source.read(&mut buffer) {
                if chunks_in.blocking_send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { chunks, input: SerialInput(texts), flushes, connected: None, task }
    }

    /// Ready when the console is connected; a console without output is not silent before this.
    ///
    /// # Errors
    /// When QEMU did not open the socket in time; reported once.
    pub fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let Some(connected) = &mut self.connected else { return Poll::Ready(Ok(())) };
        let result = std::task::ready!(Pin::new(connected).poll(cx));
        self.connected = None;
        Poll::Ready(result.unwrap_or_else(|_| Err(std::io::ErrorKind::NotConnected.into())))
    }

    /// See [`Serial::poll_connected`]. Cancel safe.
    ///
    /// # Errors
    /// See there.
    pub async fn connected(&mut self) -> std::io::Result<()> {
        std::future::poll_fn(|cx| self.poll_connected(cx)).await
    }

    /// The next chunk, at most 64 KiB; `None` if the console was closed or never connected.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        self.chunks.poll_recv(cx)
    }

    /// See [`Serial::poll_read`]. Cancel safe.
    pub async fn read(&mut self) -> Option<Vec<u8>> {
        self.chunks.recv().await
    }

    /// The next queued chunk; `None` if the queue is empty.
    pub fn read_now(&mut self) -> Option<Vec<u8>> {
        self.chunks.try_recv().ok()
    }

    /// Whether the queue is at least half full: the guest may soon have to wait for the driver.
    pub fn is_behind(&self) -> bool {
        self.chunks.len() >= QUEUE / 2
    }

    /// Ready when all bytes that had arrived at the call are queued. Keep reading meanwhile.
    pub fn flush(&self) -> impl Future<Output = ()> + Send + 'static {
        let flushes = self.flushes.clone();
        async move {
            let (done, answer) = oneshot::channel();
            // A closed console has been forwarded completely.
            if flushes.send(done).await.is_ok() {
                let _ = answer.await;
            }
        }
    }

    /// The handle that sends bytes to the guest.
    pub fn input(&self) -> &SerialInput {
        &self.input
    }
}

/// Up to `max` bytes that have arrived, possibly none; `None` at the end of the stream or on an error. Allocates only if there
/// are bytes: of a thousand consoles most are idle.
fn arrived(read: &OwnedReadHalf, max: usize) -> Option<Vec<u8>> {
    let mut buffer = [0; CHUNK];
    match read.try_read(&mut buffer[..max]) {
        Ok(0) => None,
        Ok(length) => Some(buffer[..length].to_vec()),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Some(Vec::new()),
        Err(_) => None,
    }
}

impl Drop for Serial {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Bytes for the guest, and the sender that reports that QEMU has accepted them.
type Text = (Vec<u8>, oneshot::Sender<std::io::Result<()>>);

/// Sends bytes to a guest. Clone it for each task.
#[derive(Debug, Clone)]
pub struct SerialInput(mpsc::Sender<Text>);

impl SerialInput {
    /// Sends bytes to the guest. After a timeout they may still reach it.
    ///
    /// # Errors
    /// When the console is closed, or QEMU has not accepted the bytes within `timeout`.
    pub async fn send(&self, bytes: Vec<u8>, timeout: Duration) -> std::io::Result<()> {
        let (done, answer) = oneshot::channel();
        let sending = async {
            self.0.send((bytes, done)).await.map_err(|_| std::io::ErrorKind::NotConnected)?;
            answer.await.unwrap_or_else(|_| Err(std::io::ErrorKind::NotConnected.into()))
        };
        tokio::time::timeout(timeout, sending).await?
    }
}

async fn forward(
    read: OwnedReadHalf,
    chunks: mpsc::Sender<Vec<u8>>,
    mut flushes: mpsc::Receiver<Flush>,
    bps: Option<NonZeroU64>,
) {
    let mut waiting: Option<Flush> = None;
    let max = bps.map_or(CHUNK, |bps| (bps.get() / LIMITED_READS).clamp(1, CHUNK as u64) as usize);
    loop {
        match arrived(&read, max) {
            None => return,
            Some(chunk) if !chunk.is_empty() => {
                let taken = bps.map(|bps| Duration::from_secs_f64(chunk.len() as f64 / bps.get() as f64));
                if chunks.send(chunk).await.is_err() {
                    return;
                }
                if let Some(taken) = taken {
                    tokio::time::sleep(taken).await;
                }
                continue;
            }
            Some(_) => {}
        }
        // The socket may hold bytes of which epoll has not yet notified the runtime.
        let empty = rustix::io::ioctl_fionread(read.as_ref()).is_ok_and(|bytes| bytes == 0);
        if let Some(done) = waiting.take_if(|_| empty) {
            // The receiver may have been dropped.
            let _ = done.send(());
        }
        tokio::select! {
            Some(flush) = flushes.recv(), if waiting.is_none() => waiting = Some(flush),
            ready = read.readable() => if ready.is_err() {
                return;
            },
        }
    }
}

async fn send(mut write: OwnedWriteHalf, mut texts: mpsc::Receiver<Text>) {
    while let Some((bytes, done)) = texts.recv().await {
        // The receiver may have timed out.
        let _ = done.send(write.write_all(&bytes).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixListener;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn console_rate_is_limited() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("serial");
        let listener = UnixListener::bind(&path).unwrap();
        let mut serial = Serial::open(path, Duration::from_secs(5), NonZeroU64::new(1000));
        let (mut guest, _) = listener.accept().await.unwrap();
        guest.write_all(&[b'x'; 1000]).await.unwrap();
        let (began, mut bytes) = (Instant::now(), 0);
        while bytes < 1000 {
            let chunk = serial.read().await.unwrap();
            assert!(chunk.len() <= 20, "{}", chunk.len());
            bytes += chunk.len();
        }
        // No delay follows the last chunk. Time is paused, so the host's speed does not matter.
        assert!(began.elapsed() >= Duration::from_millis(980), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn serial_is_behind_until_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("serial");
        let listener = UnixListener::bind(&path).unwrap();
        let mut serial = Serial::open(path, Duration::from_secs(5), None);
        let (mut guest, _) = listener.accept().await.unwrap();
        let flood = tokio::spawn(async move {
            guest.write_all(&vec![b'x'; 2 * QUEUE * CHUNK]).await.unwrap();
        });
        let piles_up = async {
            while !serial.is_behind() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), piles_up).await.expect("the queue fills without a reader");
        while serial.read().await.is_some() {}
        flood.await.unwrap();
        assert!(!serial.is_behind());
    }
}
