//! The kernel's log, out of a machine's memory.

use super::guest_memory::GuestMemory;
use super::prober::Prober;
use introspect::symbols::{LogRing, Symbols, log_text};

/// The most that is read of a log buffer. What is longer is read in part, and loses its times.
const MOST: u64 = 1 << 20;

/// Bytes of the guest's memory that are read at once.
const PIECE: usize = 16 * 1024;

/// Where the kernel says that its log lies: `log_buf` and `log_buf_len` of `kernel/printk/printk.c`, and since 5.10 `prb`.
struct Log<'a> {
    memory: &'a GuestMemory<'a>,
    symbols: &'a Symbols,
    word: u8,
}

impl Log<'_> {
    /// A number that the kernel keeps under this name.
    async fn number(&self, name: &str, width: u8) -> Result<u64, String> {
        let address = self.symbols.data(name).ok_or_else(|| format!("the symbols have no `{name}`"))?;
        let bytes = self.bytes(address, usize::from(width)).await?;
        if bytes.len() < usize::from(width) {
            return Err(format!("`{name}` cannot be read"));
        }
        Ok(bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    }

    /// So many bytes, up to the first that cannot be read.
    async fn bytes(&self, address: u64, count: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let piece = PIECE.min(count - bytes.len());
            let read = self.memory.read(0, address.wrapping_add(bytes.len() as u64), piece).await?;
            bytes.extend_from_slice(&read[..read.len().min(piece)]);
            if read.len() < piece {
                break;
            }
        }
        Ok(bytes)
    }

    /// The records with their times; `None` when the kernel is older, or its ring is not one that the lab knows.
    async fn records(&self, text: &[u8]) -> Result<Option<String>, String> {
        let Ok(head) = self.number("prb", self.word).await else { return Ok(None) };
        let head = self.bytes(head, LogRing::head_bytes(self.word)).await?;
        let Some(ring) = LogRing::new(&head, self.word) else { return Ok(None) };
        let descriptors = self.bytes(ring.descriptors, ring.descriptors_bytes()).await?;
        let infos = self.bytes(ring.infos, ring.infos_bytes()).await?;
        Ok(ring.records(&descriptors, &infos, text))
    }
}

/// The kernel's log, a line a record: with times where the lab can read them, otherwise whatever looks like text.
pub(super) async fn read(prober: &Prober, memory: &GuestMemory<'_>) -> Result<String, String> {
    let symbols = prober.symbols().await?;
    let counters = prober.counters();
    let log = Log { memory, symbols: &symbols, word: counters.word_bytes };
    let _pause = memory.pause().await?;
    let buffer = log.number("log_buf", log.word).await?;
    let length = log.number("log_buf_len", 4).await?;
    if length == 0 || length > counters.ram_kib * 1024 {
        return Err(format!("`log_buf_len` makes no sense: {length}"));
    }
    let bytes = log.bytes(buffer, length.min(MOST) as usize).await?;
    let records = if length <= MOST { log.records(&bytes).await? } else { None };
    let text = records.unwrap_or_else(|| log_text(&bytes));
    if text.is_empty() { Err("there is no text in the log buffer".to_owned()) } else { Ok(text) }
}
