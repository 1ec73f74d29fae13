//! Console bytes in chunks of any size → lines and frames → printk messages → reports. The cuts change nothing, and nothing grows
//! without bound.

#![no_main]

use libfuzzer_sys::fuzz_target;
use kmsg::console::{Console, Item, MAX_LINE, printk};
use kmsg::signature::{self, Classification, Log};

/// The most different reports of a log, as `Classification::reports` promises.
const MAX_REPORTS: usize = 256;

fuzz_target!(|input: &[u8]| {
    let (seed, bytes) = input.split_at(input.len().min(4));
    let pieces = || Pieces { rest: bytes, state: seed.iter().fold(1_u32, |state, byte| state.wrapping_mul(257).wrapping_add(u32::from(*byte))) };

    let items = read(pieces());
    assert_eq!(items, read(std::iter::once(bytes)));
    for item in &items {
        check(item);
    }
    let found = classify(pieces());
    assert_eq!(found, classify(std::iter::once(bytes)));
    assert!(found.reports.len() <= MAX_REPORTS);
    assert!(found.line <= found.last_line);
});

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Item> {
    let mut console = Console::default();
    let mut items = Vec::new();
    pieces.for_each(|piece| console.push(piece, &mut items));
    console.finish(&mut items);
    items
}

fn classify<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Classification {
    let mut log = Log::default();
    pieces.for_each(|piece| log.push(piece));
    log.finish()
}

fn check(item: &Item) {
    let (Item::Line(text) | Item::Damaged(text)) = item else { return };
    // A byte that is no UTF-8 becomes a character of three.
    assert!(text.len() <= 3 * MAX_LINE, "{} bytes", text.len());
    assert!(!text.contains(['\n', '\r', '\0', '\x1b']), "{text:?}");
    let one = printk::parse(text);
    assert!(one.text.len() <= text.len());
    let _ = signature::read(one.text);
    let parts: usize = printk::messages(text).map(|message| message.text.len()).sum();
    assert!(parts <= text.len());
}

/// Chunks of 1 to 64 bytes, some empty.
struct Pieces<'a> {
    rest: &'a [u8],
    state: u32,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        // Numerical Recipes' generator: cheap, and the same each time.
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = (self.state >> 24) as usize % 65;
        let (piece, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        Some(piece)
    }
}
