//! Tables made as `scripts/kallsyms.c` makes them, in each of its layouts.

use super::super::{KernelImage, parse_map, system_map};
use proptest::prelude::*;

/// A kernel's way to write its table.
#[derive(Clone, Copy)]
enum Layout {
    /// Until 6.5, offsets from a base in front of the names.
    Before,
    /// The same with per-CPU variables at absolute addresses.
    PerCpu,
    /// Until 6.15, offsets from a base behind the tokens.
    After,
    /// Since 7.0, offsets from their own places.
    OwnPlaces,
    /// Since 7.0 for 32 bits, the addresses themselves.
    Absolute,
}

use Layout::{Absolute, After, Before, OwnPlaces, PerCpu};

/// Where the image lies; what comes in front of the table; what is the first symbol's address.
const BASE: u64 = 0xffff_ffff_8100_0000;
const FRONT: usize = 4096 + 3;
const TEXT: u64 = BASE + 0x1000;

/// Two characters that one token stands for.
const PAIR: (u8, &str) = (0x80, "re");

struct Image {
    bytes: Vec<u8>,
    word: usize,
    alignment: usize,
}

impl Image {
    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(self.alignment), 0);
    }

    fn u32s(&mut self, numbers: impl IntoIterator<Item = u32>) {
        self.align();
        self.bytes.extend(numbers.into_iter().flat_map(u32::to_le_bytes));
    }

    fn pointer(&mut self, address: u64) {
        self.align();
        self.bytes.extend(&address.to_le_bytes()[..self.word]);
    }

    fn offsets(&mut self, symbols: &[(u64, String)], layout: Layout) {
        self.align();
        let start = BASE + self.bytes.len() as u64;
        let offset = |(at, (address, _)): (usize, &(u64, String))| match layout {
            Before | After => (address - symbols[0].0) as u32,
            PerCpu if *address < 1 << 20 => *address as u32,
            PerCpu => (TEXT.wrapping_sub(1).wrapping_sub(*address)) as u32,
            OwnPlaces => address.wrapping_sub(start + 4 * at as u64) as u32,
            Absolute => *address as u32,
        };
        self.u32s(symbols.iter().enumerate().map(offset));
    }

    /// The number of symbols, their names, the markers, the tokens and their index.
    fn names(&mut self, symbols: &[(u64, String)]) {
        self.u32s([symbols.len() as u32]);
        self.align();
        let start = self.bytes.len();
        let mut markers = Vec::new();
        for (at, (_, name)) in symbols.iter().enumerate() {
            if at % 256 == 0 {
                markers.push((self.bytes.len() - start) as u32);
            }
            let packed = format!("T{name}").replace(PAIR.1, "\u{1}").into_bytes();
            let packed: Vec<u8> = packed.into_iter().map(|byte| if byte == 1 { PAIR.0 } else { byte }).collect();
            match u8::try_from(packed.len()) {
                Ok(short @ ..0x80) => self.bytes.push(short),
                _ => self.bytes.extend([(packed.len() & 0x7f | 0x80) as u8, (packed.len() >> 7) as u8]),
            }
            self.bytes.extend(packed);
        }
        self.u32s(markers);
        self.align();
        let mut index = Vec::new();
        let mut offset = 0_u16;
        for token in 0..=255_u8 {
            let text = match token {
                _ if token == PAIR.0 => PAIR.1.to_owned(),
                0x21..0x7f => char::from(token).to_string(),
                _ => format!("x{token}"),
            };
            index.extend(offset.to_le_bytes());
            offset += text.len() as u16 + 1;
            self.bytes.extend(text.bytes().chain([0]));
        }
        self.align();
        self.bytes.extend(index);
    }
}

fn image(symbols: &[(u64, String)], layout: Layout) -> Vec<u8> {
    let word = if matches!(layout, Absolute) { 4 } else { 8 };
    let alignment = if matches!(layout, OwnPlaces | Absolute) { 4 } else { word };
    // Something that looks like the digits' tokens and is not.
    let bytes = [b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00".as_slice(), &[7; FRONT]].concat();
    let mut image = Image { bytes, word, alignment };
    let base = if matches!(layout, PerCpu) { TEXT } else { symbols[0].0 };
    if matches!(layout, Before | PerCpu) {
        image.offsets(symbols, layout);
        image.pointer(base);
        image.names(symbols);
    } else {
        image.names(symbols);
        image.offsets(symbols, layout);
        if matches!(layout, After) {
            image.pointer(base);
        }
    }
    image.bytes.extend([0xff; 100]);
    image.bytes
}

fn symbols(first: u64) -> Vec<(u64, String)> {
    let name = |at: u64| {
        if at == 7 { "_stext".to_owned() } else { format!("shrink_ring_{at}{}", "long_".repeat((at % 40) as usize)) }
    };
    // Some stand at the same address.
    (0..600).map(|at| (first + (at - at % 10 / 9) * 16, name(at))).collect()
}

fn read(image: &[u8], word: u8) -> Option<Vec<(u64, String)>> {
    let map = system_map(&KernelImage::new(image, word, Some(BASE).filter(|_| word == 8)))?;
    Some(parse_map(map.as_bytes()).map(|symbol| (symbol.address, symbol.name.to_owned())).collect())
}

#[test]
fn every_layout_is_read() {
    for layout in [Before, After, OwnPlaces] {
        assert_eq!(read(&image(&symbols(TEXT), layout), 8), Some(symbols(TEXT)));
    }
    assert_eq!(read(&image(&symbols(0xc030_0000), Absolute), 4), Some(symbols(0xc030_0000)));
    let percpu: Vec<(u64, String)> =
        (0..20).map(|at| (at * 64, format!("variable{at}"))).chain(symbols(TEXT)).collect();
    assert_eq!(read(&image(&percpu, PerCpu), 8), Some(percpu));
}

#[test]
fn an_image_without_a_table_has_none() {
    assert_eq!(read(b"", 8), None);
    assert_eq!(read(&[0; 100_000], 8), None);
    let whole = image(&symbols(TEXT), OwnPlaces);
    for length in [100, FRONT + 50, whole.len() / 2, whole.len() - 700] {
        assert_eq!(read(&whole[..length], 8), None, "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damage_never_panics(at in 0_usize..20_000, bytes in prop::collection::vec(any::<u8>(), 1..64)) {
        for (layout, word) in [(Before, 8), (After, 8), (OwnPlaces, 8), (Absolute, 4)] {
            let mut image = image(&symbols(if word == 4 { 0xc030_0000 } else { TEXT }), layout);
            let at = at % image.len();
            let end = (at + bytes.len()).min(image.len());
            image[at..end].copy_from_slice(&bytes[..end - at]);
            read(&image, word);
            read(&image[..at], word);
        }
    }
}
