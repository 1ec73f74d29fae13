//! The kernel's log, from the guest's memory.

use super::error::ProbeError;
use super::guest_memory::GuestMemory;
use super::prober::Prober;
use arch::CpuSpec;
use introspect::bytes::le_uint_at;
use introspect::log::{LogRing, log_text};
use introspect::symbols::Symbols;

/// Maximum bytes that are read of a log buffer. A larger one is read in part, without times.
const MAX_BYTES: u64 = 1 << 20;

/// Bytes of the guest's memory that are read with one command.
const CHUNK: usize = 16 * 1024;

/// Maximum bytes of a function that are searched for the variables that it reads, and of these that are tried.
const MAX_CODE: u64 = 512;
const MAX_PLACES: usize = 8;

/// The kernel's log buffer: `log_buf` and `log_buf_len` of `kernel/printk/printk.c`, and since 5.10 `prb`. They are symbols of
/// kernels with `CONFIG_KALLSYMS_ALL`; functions of the same file that do little else than read them are symbols of all.
struct Log<'a> {
    memory: &'a GuestMemory<'a>,
    symbols: &'a Symbols,
    cpu: &'a CpuSpec,
}

impl Log<'_> {
    /// The value of a variable of the kernel. Without a symbol of its own it is found in the code of `function`, which reads it
    /// first.
    async fn number(&self, name: &'static str, function: &str, width: u8) -> Result<u64, ProbeError> {
        let address = match self.symbols.data(name) {
            Some(address) => address,
            None => *self.loads(function).await?.first().ok_or(ProbeError::NoSymbol(name))?,
        };
        self.number_at(name, address, width).await
    }

    async fn number_at(&self, name: &'static str, address: u64, width: u8) -> Result<u64, ProbeError> {
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

    /// Addresses of the variables that a function reads.
    async fn loads(&self, function: &str) -> Result<Vec<u64>, ProbeError> {
        let range = self.symbols.address(function).and_then(|address| self.symbols.function_range(address));
        let Some(range) = range else { return Ok(Vec::new()) };
        let code = self.bytes(range.start, (range.end - range.start).min(MAX_CODE) as usize).await?;
        Ok((self.cpu.decode_loads)(&code, range.start))
    }

    /// The records with their times; `None` for a kernel before 5.10, or an unknown form of ring.
    async fn records(&self, text: &[u8]) -> Result<Option<String>, ProbeError> {
        let places = match self.symbols.data("prb") {
            Some(address) => vec![address],
            None => self.loads("kmsg_dump_rewind").await?,
        };
        for place in places.into_iter().take(MAX_PLACES) {
            let Ok(head) = self.number_at("prb", place, self.cpu.word_bytes).await else { continue };
            if let Some(records) = self.records_of(head, text).await? {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }

    /// The records of the ring at an address, if there is one.
    async fn records_of(&self, head: u64, text: &[u8]) -> Result<Option<String>, ProbeError> {
        let word = self.cpu.word_bytes;
        let head = self.bytes(head, LogRing::head_bytes(word)).await?;
        let Some(ring) = LogRing::new(&head, word) else { return Ok(None) };
        let descriptors = self.bytes(ring.descriptors, ring.descriptors_bytes()).await?;
        let infos = self.bytes(ring.infos, ring.infos_bytes()).await?;
        Ok(ring.records(&descriptors, &infos, text))
    }
}

/// The kernel's log, one line per record: with times if its ring buffer can be decoded, otherwise all printable text.
pub(super) async fn read(prober: &Prober, memory: &GuestMemory<'_>) -> Result<String, ProbeError> {
    let symbols = prober.symbols().await?;
    let format = prober.counter_format(None);
    let log = Log { memory, symbols: &symbols, cpu: &prober.arch.spec().cpu };
    let _pause = memory.pause().await?;
    let buffer = log.number("log_buf", "log_buf_addr_get", format.word_bytes).await?;
    let length = log.number("log_buf_len", "log_buf_len_get", 4).await?;
    if length == 0 || length > format.ram_kib * 1024 {
        return Err(ProbeError::LogLength(length));
    }
    let bytes = log.bytes(buffer, length.min(MAX_BYTES) as usize).await?;
    let records = if length <= MAX_BYTES { log.records(&bytes).await? } else { None };
    let text = records.unwrap_or_else(|| log_text(&bytes));
    if text.is_empty() { Err(ProbeError::EmptyLog) } else { Ok(text) }
}
