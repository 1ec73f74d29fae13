//! Numbers in a guest's memory. All architectures of the lab are little-endian.

/// The number in at most 8 bytes, least significant first.
pub fn le_uint(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// The number of `width` bytes, at most 8, at an offset; `None` if it reaches beyond the end.
pub fn le_uint_at(bytes: &[u8], offset: usize, width: usize) -> Option<u64> {
    bytes.get(offset..offset.checked_add(width)?).map(le_uint)
}

/// The words in some bytes, zero-extended; bytes at the end that are less than a word are left out.
pub fn le_words(bytes: &[u8], word_bytes: u8) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(usize::from(word_bytes)).map(le_uint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn le_words_have_the_width_of_the_architecture() {
        let words = |bytes, width| le_words(bytes, width).collect::<Vec<_>>();
        assert_eq!(words(&[1, 2, 0, 0, 0xff, 0, 0, 0x80, 7], 4), [0x201, 0x8000_00ff]);
        assert_eq!(words(&[1, 0, 0, 0, 0, 0, 0, 0x80], 8), [0x8000_0000_0000_0001]);
    }

    #[test]
    fn le_uint_at_ends_with_the_bytes() {
        assert_eq!(le_uint_at(&[1, 2, 3], 1, 2), Some(0x302));
        assert_eq!((le_uint_at(&[1, 2, 3], 2, 2), le_uint_at(&[1], usize::MAX, 2)), (None, None));
    }
}
