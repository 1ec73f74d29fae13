//! Rings as the kernel lays them out, made here record by record.

use super::*;
use proptest::prelude::*;

/// A ring of 16 records with words of this size and particulars of that.
struct Made {
    word: usize,
    info: usize,
    descriptors: Vec<u8>,
    infos: Vec<u8>,
    text: Vec<u8>,
    head: usize,
    next: u64,
}

impl Made {
    fn new(word: usize, info: usize, text: usize) -> Self {
        let (descriptors, infos) = (vec![0; 16 * 3 * word], vec![0; 16 * info]);
        Self { word, info, descriptors, infos, text: vec![0; text], head: 0, next: 0 }
    }

    fn put(to: &mut [u8], at: usize, value: u64, width: usize) {
        to[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }

    fn mask(&self) -> u64 {
        if self.word == 8 { u64::MAX } else { u64::from(u32::MAX) }
    }

    /// As `prb_reserve()` and `prb_final_commit()`; the text keeps what the prefix's removal leaves behind it.
    fn log(&mut self, micros: u64, text: &str, state: u64) {
        let (sequence, size, word) = (self.next, self.text.len(), self.word);
        let index = (sequence % 16) as usize;
        // Ids begin far below zero, as `DESC0_ID()` has them.
        let id = sequence.wrapping_sub(16) & (self.mask() >> 2);
        let need = (word + text.len() + 3).next_multiple_of(word);
        let (begin, at) = if self.head % size + need > size { (self.head, 0) } else { (self.head, self.head % size) };
        self.head = if at == 0 { self.head.next_multiple_of(size) } else { self.head } + need;
        Self::put(&mut self.text, at, id, word);
        self.text[at + word..at + word + text.len()].copy_from_slice(text.as_bytes());
        self.text[at + word + text.len()..at + need].fill(b'~');
        let end = (self.head as u64) & self.mask();
        for (n, value) in [id | state << (8 * word - 2), begin as u64, end].into_iter().enumerate() {
            Self::put(&mut self.descriptors, (3 * index + n) * word, value, word);
        }
        let info = index * self.info;
        Self::put(&mut self.infos, info, sequence, 8);
        Self::put(&mut self.infos, info + 8, micros * 1000, 8);
        Self::put(&mut self.infos, info + 16, text.len() as u64, 2);
        self.next += 1;
    }

    fn ring(&self) -> LogRing {
        let mut head = vec![0; 3 * self.word];
        Self::put(&mut head, 0, 4, 4);
        Self::put(&mut head, self.word, 0x1000, self.word);
        Self::put(&mut head, 2 * self.word, 0x2000, self.word);
        LogRing::new(&head, self.word as u8).unwrap()
    }

    fn records(&self) -> Option<String> {
        self.ring().records(&self.descriptors, &self.infos, &self.text)
    }
}

#[test]
fn records_have_their_time_and_length() {
    for (word, info) in [(8, 88), (8, 112), (4, 88), (4, 112)] {
        let mut made = Made::new(word, info, 1024);
        made.log(0, "Linux version 7.2.0", 2);
        made.log(1_234_567, "two\nlines", 1);
        assert_eq!(
            made.records().unwrap(),
            "[    0.000000] Linux version 7.2.0\n[    1.234567] two\n[    1.234567] lines\n",
            "{word} {info}"
        );
    }
}

#[test]
fn full_ring_is_read_from_its_oldest_record_on() {
    let mut made = Made::new(8, 88, 256);
    for number in 0..40 {
        made.log(number, &format!("message {number}"), 2);
    }
    let text = made.records().unwrap();
    let numbers: Vec<u64> = text.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(numbers.len() > 5, "{text}");
    assert_eq!(numbers, (40 - numbers.len() as u64..40).collect::<Vec<_>>());
}

#[test]
fn incomplete_records_are_left_out() {
    let mut made = Made::new(8, 88, 1024);
    made.log(0, "complete", 2);
    made.log(1, "reserved", 0);
    made.log(2, "given back", 3);
    assert_eq!(made.records().unwrap(), "[    0.000000] complete\n");
}

#[test]
fn other_bytes_are_no_ring() {
    assert_eq!(LogRing::new(&[0; 24], 8), None);
    assert_eq!(LogRing::new(&[4, 0, 0, 0], 8), None);
    let made = Made::new(8, 88, 1024);
    assert_eq!(made.records(), None);
    let mut other = Made::new(8, 96, 1024);
    other.log(0, "a", 2);
    other.log(1, "b", 2);
    other.log(2, "c", 2);
    assert_eq!(other.records(), None);
}

#[test]
fn overlapping_records_are_no_ring() {
    let mut made = Made::new(8, 88, 256);
    made.log(0, "one", 2);
    made.log(1, "two", 2);
    assert!(made.records().is_some());
    for info in [0, 88] {
        Made::put(&mut made.infos, info + 16, 200, 2);
    }
    assert_eq!(made.records(), None);
}

#[test]
fn ring_tells_address_and_size_of_its_parts() {
    let ring = Made::new(8, 88, 1024).ring();
    assert_eq!((ring.descriptors, ring.infos), (0x1000, 0x2000));
    assert_eq!((ring.descriptors_bytes(), ring.infos_bytes()), (16 * 24, 16 * 112));
    assert_eq!(LogRing::head_bytes(4), 12);
}

proptest! {
    #[test]
    fn records_are_printable(
        descriptors in prop::collection::vec(any::<u8>(), 0..400),
        infos in prop::collection::vec(any::<u8>(), 0..2000),
        text in prop::collection::vec(any::<u8>(), 256),
        word in prop::sample::select(vec![4_usize, 8]),
    ) {
        if let Some(text) = Made::new(word, 88, 256).ring().records(&descriptors, &infos, &text) {
            prop_assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
        }
    }
}
