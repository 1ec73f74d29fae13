//! The kernel's log, from the guest's memory.

use super::error::ProbeError;
use super::guest_memory::GuestMemory;
use super::prober::Prober;
use introspect::bytes::le_uint_at;
use introspect::log::{LogRing, log_text};
use introspect::symbols::Symbols;

/// Maximum bytes that are read of a log buffer. A larger one is read in part, without times.
const MAX_BYTES: u64 = 1 << 20;

/// Bytes of the guest's memory that are read with one command.
const CHUNK: usize = 16 * 1024;

/// The kernel's log buffer: `log_buf` and `log_buf_len` of `kernel/printk/printk.c`, and since 5.10 `prb`.
struct Log<'a> {
    memory: &'a GuestMemory<'a>,
    symbols: &'a Symbols,
    word: u8,
}

impl Log<'_> {
    /// The value of a variable of the kernel.
    async fn number(&self, name: &'static str, width: u8) -> Result<u64, ProbeError> {
        let address = self.symbols.data(name).ok_or(ProbeError::NoSymbol(name))?;
        let bytes = self.bytes(address, usize::from(width)).await?;
        le_uint_at(&bytes, 0, usize::from(width)).ok_or(ProbeError::Unmapped(name))
    }

    /// At most `count` bytes, those before the first that is not mapped.
    async fn bytes(&self, address: u64, count: usize) -> Result<Vec<u8>, ProbeError> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let piece = CHUNK.min(count - bytes.len());
            let read = self.memory.read(0, address.wrapping_add(bytes.len() as u64), piece).await?;
            bytes.extend_from_slice(&read[..read.len().min(piece)]);
            if read.len() < piece {
                break;
            }
        }
        Ok(bytes)
    }

    /// The records with their times; `None` for a kernel before 5.10, or an unknown form of ring.
    async fn records(&self, text: &[u8]) -> Result<Option<String>, ProbeError> {
        let Ok(head) = self.number("prb", self.word).await else { return Ok(None) };
        let head = self.bytes(head, LogRing::head_bytes(self.word)).await?;
        let Some(ring) = LogRing::new(&head, self.word) else { return Ok(None) };
        let descriptors = self.bytes(ring.descriptors, ring.descriptors_bytes()).await?;
        let infos = self.bytes(ring.infos, ring.infos_bytes()).await?;
        Ok(ring.records(&descriptors, &infos, text))
    }
}

/// The kernel's log, a line a record: with times if its ring buffer can be decoded, otherwise all that looks like text.
pub(super) async fn read(prober: &Prober, memory: &GuestMemory<'_>) -> Result<String, ProbeError> {
    let symbols = prober.symbols().await?;
    let format = prober.counter_format();
    let log = Log { memory, symbols: &symbols, word: format.word_bytes };
    let _pause = memory.pause().await?;
    let buffer = log.number("log_buf", log.word).await?;
    let length = log.number("log_buf_len", 4).await?;
    if length == 0 || length > format.ram_kib * 1024 {
        return Err(ProbeError::LogLength(length));
    }
    let bytes = log.bytes(buffer, length.min(MAX_BYTES) as usize).await?;
    let records = if length <= MAX_BYTES { log.records(&bytes).await? } else { None };
    let text = records.unwrap_or_else(|| log_text(&bytes));
    if text.is_empty() { Err(ProbeError::EmptyLog) } else { Ok(text) }
}
