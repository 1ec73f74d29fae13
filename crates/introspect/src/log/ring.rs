//! The records of the kernel's log, out of its ring buffer since 5.10 (`kernel/printk/printk_ringbuffer.h`).

use crate::bytes::le_uint_at;

/// Bytes of a `struct printk_info`, whatever the size of a word: 88 at first, 112 with the fields of
/// `CONFIG_PRINTK_EXECUTION_CTX`, which 7.3 has and 6.1 has not.
const INFO_BYTES: [usize; 2] = [88, 112];

/// The upper two bits of a descriptor's state (`enum desc_state`): the record is complete.
const COMPLETE: [u64; 2] = [1, 2];

/// A printk ring buffer, as its `struct printk_ringbuffer` describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRing {
    /// Address of its descriptors (`struct prb_desc`), of three words each.
    pub descriptors: u64,
    /// Address of the records' metadata (`struct printk_info`).
    pub infos: u64,
    count: usize,
    word: usize,
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~')
}

impl LogRing {
    /// Bytes of a `struct printk_ringbuffer` that [`LogRing::new`] needs, on an architecture with words of `word` bytes.
    pub fn head_bytes(word: u8) -> usize {
        3 * usize::from(word)
    }

    /// The ring whose `struct printk_ringbuffer` begins with these bytes; `None` if its size is not plausible.
    pub fn new(head: &[u8], word: u8) -> Option<Self> {
        let word = usize::from(word);
        let bits = le_uint_at(head, 0, 4)?;
        // A record for each 32 bytes of the buffer (`PRB_AVGBITS`, `kernel/printk/printk.c`). The guest chooses the size:
        // none above two MiB is read.
        (4..=16).contains(&bits).then_some(())?;
        Some(Self {
            descriptors: le_uint_at(head, word, word)?,
            infos: le_uint_at(head, 2 * word, word)?,
            count: 1 << bits,
            word,
        })
    }

    /// Bytes of all its descriptors.
    pub fn descriptors_bytes(&self) -> usize {
        self.count * 3 * self.word
    }

    /// Maximum bytes of all records' metadata.
    pub fn infos_bytes(&self) -> usize {
        self.count * INFO_BYTES[1]
    }

    /// The records, oldest first, each line as `dmesg` prints it: `[    1.234567] text`. `text` is the whole log buffer, whose
    /// size is a power of two. `None` if the bytes are not those of a ring.
    pub fn records(&self, descriptors: &[u8], infos: &[u8], text: &[u8]) -> Option<String> {
        text.len().is_power_of_two().then_some(())?;
        let mut records = INFO_BYTES.iter().find_map(|&bytes| self.with_infos_of(bytes, descriptors, infos, text))?;
        records.sort_unstable_by_key(|record| record.sequence);
        let mut out = String::new();
        for record in &records {
            let time = format!("[{:5}.{:06}] ", record.nanos / 1_000_000_000, record.nanos / 1000 % 1_000_000);
            for line in record.text.split(|&byte| byte == b'\n') {
                out.push_str(&time);
                // The guest wrote it: control characters must not reach a terminal.
                out.extend(line.iter().map(|&byte| if is_text(byte) { char::from(byte) } else { '?' }));
                out.push('\n');
            }
        }
        Some(out)
    }

    /// The complete records, if metadata of `bytes` a record fits the descriptors.
    fn with_infos_of<'a>(
        &self,
        bytes: usize,
        descriptors: &[u8],
        infos: &[u8],
        text: &'a [u8],
    ) -> Option<Vec<Record<'a>>> {
        let mut records = Vec::new();
        // Blocks do not overlap. Where they do, the output could be larger than the buffer.
        let mut left = text.len();
        for index in 0..self.count {
            let word = |n: usize| le_uint_at(descriptors, (3 * index + n) * self.word, self.word);
            let (Some(state), Some(begin), Some(next)) = (word(0), word(1), word(2)) else { break };
            let shift = 8 * self.word as u32 - 2;
            if !COMPLETE.contains(&(state >> shift)) {
                continue;
            }
            let info = index * bytes;
            let Some(sequence) = le_uint_at(infos, info, 8) else { break };
            // A descriptor's records have the sequence numbers that end in its index (`prb_reserve()`).
            if sequence % self.count as u64 != index as u64 {
                return None;
            }
            let (nanos, length) = (le_uint_at(infos, info + 8, 8)?, le_uint_at(infos, info + 16, 2)?);
            let id = state & !(3 << shift);
            if let Some(text) = self.block(text, id, begin, next).and_then(|block| block.get(..length as usize)) {
                left = left.checked_sub(text.len())?;
                records.push(Record { sequence, nanos, text });
            }
        }
        (!records.is_empty()).then_some(records)
    }

    /// The bytes after the id of a record's block (`struct prb_data_block`). A block that does not fit at the end of the buffer
    /// is at its start. `None` for a record without text, and for an overwritten one.
    fn block<'a>(&self, text: &'a [u8], id: u64, begin: u64, next: u64) -> Option<&'a [u8]> {
        let within = |position: u64| (position % text.len() as u64) as usize;
        let wrapped = within(next) < within(begin);
        let at = [Some(within(begin)), wrapped.then_some(0)]
            .into_iter()
            .flatten()
            .find(|&at| le_uint_at(text, at, self.word) == Some(id))?;
        text.get(at + self.word..)
    }
}

struct Record<'a> {
    sequence: u64,
    nanos: u64,
    text: &'a [u8],
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
