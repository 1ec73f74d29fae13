//! Moves bytes between libssh2 and the network, and never blocks but in [`Transport::wait`].

use super::greeting::Greeted;
use super::wake::Wake;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// Maximum bytes per read. Between two, libssh2 handles what has arrived.
const CHUNK: usize = 32 * 1024;

/// Maximum bytes read from libssh2 that the network has not taken.
const MAX_OUTBOUND: usize = 128 * 1024;

/// How often libssh2 is asked again while it reads nothing.
const MAX_IDLE_TURNS: u32 = 2;

/// Bytes on their way.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    start: usize,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Reads once, at most [`CHUNK`] bytes; `None` if there are none yet.
    fn fill(&mut self, source: &mut impl Read) -> io::Result<Option<usize>> {
        let filled = self.bytes.len();
        self.bytes.resize(filled + CHUNK, 0);
        let read = unless_blocked(source.read(&mut self.bytes[filled..]));
        self.bytes.truncate(filled + read.as_ref().map_or(0, |length| length.unwrap_or(0)));
        read
    }

    /// Writes as much as the target takes; returns whether it took any.
    fn drain(&mut self, target: &mut impl Write) -> io::Result<bool> {
        let before = self.start;
        while !self.is_empty() {
            match unless_blocked(target.write(&self.bytes[self.start..]))? {
                Some(length) => self.start += length,
                None => break,
            }
        }
        let took_any = self.start > before;
        if self.is_empty() {
            self.bytes.clear();
            self.start = 0;
        }
        Ok(took_any)
    }
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        other => other.map(Some),
    }
}

/// One connection. Dropping it closes both its ends.
#[derive(Debug)]
pub(super) struct Transport {
    network: TcpStream,
    /// The other end of libssh2's socket.
    library: UnixStream,
    /// Libssh2's socket, to see how much it has read.
    theirs: UnixStream,
    /// Bytes in it at the last turn.
    unread: u64,
    /// Turns since it last read any, or since the last wait.
    idle_turns: u32,
    wake: Wake,
    inbound: Queue,
    outbound: Queue,
    received: u64,
    /// Why no more bytes come from the network.
    ended: Option<String>,
}

impl Transport {
    /// Returns libssh2's socket, too.
    pub(super) fn new(greeted: Greeted, wake: Wake) -> io::Result<(Self, UnixStream)> {
        let network = greeted.stream.into_std()?;
        network.set_nodelay(true)?;
        let (library, theirs) = UnixStream::pair()?;
        library.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        let transport = Self {
            network,
            library,
            theirs: theirs.try_clone()?,
            unread: 0,
            idle_turns: 0,
            wake,
            received: greeted.bytes.len() as u64,
            inbound: Queue { bytes: greeted.bytes, start: 0 },
            outbound: Queue::default(),
            ended: None,
        };
        Ok((transport, theirs))
    }

    /// Moves what can be moved; returns whether any byte moved, or the connection ended.
    pub(super) fn pump(&mut self) -> bool {
        let had_ended = self.ended.is_some();
        let moved = self.receive().and_then(|received| Ok(self.send()? || received));
        let moved = moved.unwrap_or_else(|error| {
            self.ended.get_or_insert(error.to_string());
            false
        });
        moved || self.ended.is_some() != had_ended
    }

    /// Whether to ask libssh2 again before [`Transport::wait`]; `moved` is whether anything moved since the last call.
    ///
    /// libssh2 says that it has to wait also when its buffer ends within a packet whose rest is in its socket, and may not
    /// even have read from it (`transport.c`, `ssh2_transport_read()`: "need a full packet before checking MAC"). So it is
    /// asked twice more while there are bytes for it; all commands may be stalled, and leave them.
    pub(super) fn is_worth_asking(&mut self, moved: bool) -> bool {
        let left = rustix::io::ioctl_fionread(&self.theirs).unwrap_or(0);
        let before = std::mem::replace(&mut self.unread, left);
        self.idle_turns = if moved || left < before { 0 } else { self.idle_turns + 1 };
        moved || left > 0 && self.idle_turns <= MAX_IDLE_TURNS
    }

    fn receive(&mut self) -> io::Result<bool> {
        if self.inbound.is_empty() && self.ended.is_none() {
            match self.inbound.fill(&mut self.network)? {
                None => {}
                Some(0) => self.ended = Some("the server closed the connection".to_owned()),
                Some(length) => self.received += length as u64,
            }
        }
        self.inbound.drain(&mut self.library)
    }

    fn send(&mut self) -> io::Result<bool> {
        let mut moved = false;
        while self.has_room() && self.outbound.fill(&mut self.library)?.is_some_and(|length| length > 0) {
            moved = true;
        }
        if self.ended.is_some() {
            self.outbound = Queue::default();
        }
        Ok(self.outbound.drain(&mut self.network)? || moved)
    }

    /// Whether libssh2 may send data. Then its socket has room for a whole packet: it forgets to finish one that was sent in
    /// part when it is asked for something else (libssh2, `transport.c`, `send_existing()`).
    pub(super) fn has_room(&self) -> bool {
        self.outbound.bytes.len() < MAX_OUTBOUND
    }

    /// Bytes received from the network.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Why the connection has ended. Bytes that arrived before may not have been handled.
    pub(super) fn ended(&self) -> Option<&str> {
        self.ended.as_deref()
    }

    /// Waits for the network or the [`Wake`], without a limit: the side that waits for this thread has a deadline, and wakes it.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        self.idle_turns = 0;
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.inbound.is_empty());
        flags.set(PollFlags::OUT, !self.outbound.is_empty());
        let mut fds = [PollFd::new(&self.wake, PollFlags::IN), PollFd::new(&self.network, flags)];
        // poll(2) reports the end of a connection also to those who ask for nothing, again and again.
        let asks = self.ended.is_none() && !flags.is_empty();
        match poll(&mut fds[..if asks { 2 } else { 1 }], None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {
                self.wake.clear();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}
