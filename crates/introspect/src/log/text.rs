//! The text of the kernel's log buffer, without its metadata.

/// Texts begin at a multiple of so many bytes: in `struct prb_data_block` (`kernel/printk/printk_ringbuffer.c`, since 5.10) behind
/// an `unsigned long`, before that behind a `struct printk_log` (`kernel/printk/printk.c`).
const ALIGNMENT: usize = 4;

/// Minimum length of a message; shorter runs of letters are most likely chance.
const MIN_TEXT: usize = 4;

/// The messages in the buffer, one a line, in the order of their addresses: in a ring that has wrapped, the newest come before
/// the oldest. Times and levels are not in the buffer.
pub fn log_text(bytes: &[u8]) -> String {
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b' '..=b'~');
    let mut out = String::new();
    let mut at = 0;
    while at < bytes.len() {
        // The last byte of what stands before a text may itself look like a letter.
        let begin = at.next_multiple_of(ALIGNMENT);
        let length = bytes.get(begin..).unwrap_or_default().iter().take_while(|byte| is_text(byte)).count();
        if length >= MIN_TEXT {
            // Nothing but ASCII.
            out.extend(bytes[begin..begin + length].iter().map(|&byte| char::from(byte)));
            out.push('\n');
        }
        at = begin + length.max(1);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(id: u64, text: &str) -> Vec<u8> {
        let mut bytes = id.to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    #[test]
    fn log_text_has_a_line_per_message() {
        let mut bytes = block(0x3fff_ffff_ffff_8000, "Linux version 6.1.0");
        bytes.extend(block(0x3fff_ffff_ffff_8001, "Out of memory"));
        bytes.extend(block(0x3fff_ffff_ffff_8002, "exactly."));
        bytes.extend(block(0x3fff_ffff_ffff_8003, "two\nlines"));
        bytes.resize(4096, 0);
        assert_eq!(log_text(&bytes), "Linux version 6.1.0\nOut of memory\nexactly.\ntwo\nlines\n");
    }

    #[test]
    fn log_text_reads_32_bit_kernels() {
        let mut bytes = vec![0x12, 0x80, 0xff, 0x3f];
        bytes.extend(b"Booting Linux\0\0\0");
        assert_eq!(log_text(&bytes), "Booting Linux\n");
    }

    proptest! {
        #[test]
        fn log_text_is_printable(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let text = log_text(&bytes);
            prop_assert!(text.len() <= bytes.len() * 2);
            prop_assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
        }
    }
}
