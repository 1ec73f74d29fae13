//! The kernel's own symbol table, out of a bare kernel image (`scripts/kallsyms.c`, Linux 4.20 to 7.3).
//!
//! The table has no header; its parts are recognised by what must hold for them. In the order in which they lie:
//!
//! ```text
//! until 6.5  offsets, relative_base, num_syms, names, markers, token_table, token_index
//! since 6.6  num_syms, names, markers, token_table, token_index, offsets, relative_base
//! since 7.0  the same without relative_base: each offset counts from its own place, or is the address itself
//! ```
//!
//! Each part is aligned to a pointer, since 7.0 to four bytes. A name is a length and so many numbers of tokens; the first character of the text is the symbol's kind.

use super::image::KernelImage;
use memchr::memmem;
use std::fmt::Write;

/// The tokens of the digits: a character that occurs in names is its own token, and every kernel has all digits.
const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";

const TOKENS: usize = 256;

/// How far in front of the tokens the names may begin; 7.3 with 200,000 symbols needs 3 MiB.
const NAMES_WITHIN: usize = 64 << 20;

/// Every how many names a marker holds the place.
const MARKED: usize = 256;

/// Kinds that nm knows.
const KINDS: &[u8] = b"aAbBcCdDgGiInNpPrRsStTuUvVwW?";

/// The symbols of a kernel as text like that of a `System.map`; `None` when the image has no such table.
pub fn system_map(kernel: &KernelImage<'_>) -> Option<String> {
    [kernel.word, 4].into_iter().find_map(|alignment| Table { kernel, alignment }.read())
}

/// The texts that the bytes of names stand for.
struct Tokens<'a> {
    texts: Vec<&'a [u8]>,
    /// Where their texts begin in the image, and where their index ends.
    start: usize,
    end: usize,
}

/// A table whose parts are aligned to so many bytes.
#[derive(Clone, Copy)]
struct Table<'k, 'a> {
    kernel: &'k KernelImage<'a>,
    alignment: usize,
}

impl<'a> Table<'_, 'a> {
    fn align(self, at: usize) -> usize {
        at.next_multiple_of(self.alignment)
    }

    fn read(self) -> Option<String> {
        let tokens = memmem::find_iter(self.kernel.bytes, DIGITS).find_map(|digits| self.tokens(digits))?;
        let names = self.names(&tokens)?;
        let addresses = self.addresses(&tokens, &names)?;
        let mut map = String::with_capacity(names.ends.len() * 40);
        let mut start = names.start;
        for (&end, address) in names.ends.iter().zip(addresses) {
            let name = tokens.expand(self.kernel.bytes.get(start..end)?)?;
            let (kind, name) = name.split_at_checked(1)?;
            writeln!(map, "{address:016x} {kind} {name}").ok()?;
            start = end;
        }
        Some(super::exports::complete(map, self.kernel))
    }

    /// The tokens around those of the digits: an index of 16-bit numbers behind them says where each begins.
    fn tokens(self, digits: usize) -> Option<Tokens<'a>> {
        let kernel = self.kernel;
        let after_zero = TOKENS - usize::from(b'0');
        let last = memchr::memchr_iter(0, kernel.bytes.get(digits..)?).nth(after_zero - 1)?;
        let index = self.align(digits + last + 1);
        let entry = |token: usize| kernel.u16(index + 2 * token).map(usize::from);
        let start = digits.checked_sub(entry(usize::from(b'0'))?)?;
        let mut texts = Vec::with_capacity(TOKENS);
        let mut at = 0;
        for token in 0..TOKENS {
            if entry(token)? != at {
                return None;
            }
            let rest = kernel.bytes.get(start + at..index)?;
            let length = memchr::memchr(0, rest)?;
            texts.push(&rest[..length]);
            at += length + 1;
        }
        Some(Tokens { texts, start, end: index + 2 * TOKENS })
    }

    /// The nearest number in front of the tokens behind which so many names lie, and behind these the markers.
    fn names(self, tokens: &Tokens<'_>) -> Option<Names> {
        let kernel = self.kernel;
        let lowest = tokens.start.saturating_sub(NAMES_WITHIN);
        let last = tokens.start / self.alignment * self.alignment;
        (lowest..=last).rev().step_by(self.alignment).find_map(|number| {
            let count = kernel.u32(number)? as usize;
            let padding = kernel.bytes.get(number + 4..number + self.alignment)?;
            let possible = (MARKED..1 << 22).contains(&count) && padding.iter().all(|&byte| byte == 0);
            possible.then(|| self.names_at(tokens, number, count)).flatten()
        })
    }

    fn names_at(self, tokens: &Tokens<'_>, number: usize, count: usize) -> Option<Names> {
        let kernel = self.kernel;
        let start = number + self.alignment;
        let (mut at, mut ends) = (start, Vec::new());
        for _ in 0..count {
            let name = kernel.bytes.get(at..tokens.start)?;
            let (skip, length) = length(name)?;
            if !KINDS.contains(&tokens.kind(name.get(skip..)?)?) {
                return None;
            }
            at += skip + length;
            ends.push(at);
        }
        let markers = self.align(at);
        let begins = |name: usize| if name == 0 { start } else { ends[name - 1] };
        let marked = (0..count).step_by(MARKED).enumerate();
        let mut right = marked.map(|(at, name)| Some(kernel.u32(markers + 4 * at)? as usize == begins(name) - start));
        right.all(|right| right == Some(true)).then_some(Names { number, start, ends })
    }

    /// The address of each name.
    fn addresses(self, tokens: &Tokens<'_>, names: &Names) -> Option<Vec<u64>> {
        let kernel = self.kernel;
        let count = names.ends.len();
        let behind = self.align(tokens.end);
        let base_behind = self.align(behind + 4 * count);
        if let Some(offsets) = offsets(kernel, behind, count) {
            return place(kernel, &offsets, behind, Some(base_behind));
        }
        let base_before = names.number.checked_sub(kernel.word)?;
        let before = base_before.checked_sub((4 * count).next_multiple_of(kernel.word))?;
        place(kernel, &offsets(kernel, before, count)?, before, Some(base_before))
    }
}

impl Tokens<'_> {
    /// The kind of a name, which is the first character of its text.
    fn kind(&self, name: &[u8]) -> Option<u8> {
        self.texts[usize::from(*name.first()?)].first().copied()
    }

    fn expand(&self, name: &[u8]) -> Option<String> {
        let (skip, _) = length(name)?;
        let text = name[skip..].iter().flat_map(|&token| self.texts[usize::from(token)]).copied().collect();
        String::from_utf8(text).ok().filter(|text| text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_graphic()))
    }
}

/// How many bytes of a name are its length, and its length: since 6.1 one of two bytes has the highest bit of the first
/// one set.
fn length(name: &[u8]) -> Option<(usize, usize)> {
    match *name.first()? {
        0 => None,
        short @ 1..=0x7f => Some((1, usize::from(short))),
        long => Some((2, usize::from(long & 0x7f) | usize::from(*name.get(1)?) << 7)),
    }
}

/// The packed names.
struct Names {
    /// Offset of the number of symbols.
    number: usize,
    start: usize,
    /// Where each ends, which is where the next begins.
    ends: Vec<usize>,
}

/// So many 32-bit numbers at a place, if they are the offsets of symbols in ascending order.
fn offsets(kernel: &KernelImage<'_>, at: usize, count: usize) -> Option<Vec<u32>> {
    let offsets: Vec<u32> = (0..count).map(|index| kernel.u32(at + 4 * index)).collect::<Option<_>>()?;
    let distinct = offsets.windows(2).filter(|pair| pair[0] != pair[1]).count() > count / 2;
    (distinct && (ascends(&offsets) || ascends(&own_places(&offsets)) || percpu(&offsets))).then_some(offsets)
}

fn ascends(offsets: &[u32]) -> bool {
    offsets.is_sorted()
}

/// Offsets that count from their own places, counted from the first one's place, shifted so that they ascend from zero.
fn own_places(offsets: &[u32]) -> Vec<u32> {
    let first = offsets.first().copied().unwrap_or_default();
    offsets.iter().zip((0_u32..).step_by(4)).map(|(&offset, at)| offset.wrapping_add(at).wrapping_sub(first)).collect()
}

/// Whether offsets are those of a kernel that has per-CPU variables at absolute addresses (x86_64 until 6.14): first these,
/// then all others, negative and descending.
fn percpu(offsets: &[u32]) -> bool {
    let absolute = offsets.partition_point(|&offset| offset.cast_signed() >= 0);
    let (absolute, others) = offsets.split_at(absolute);
    absolute.is_sorted() && others.is_sorted_by(|a, b| a >= b) && others.iter().all(|&offset| offset.cast_signed() < 0)
}

fn place(kernel: &KernelImage<'_>, offsets: &[u32], at: usize, base_at: Option<usize>) -> Option<Vec<u64>> {
    let base = || kernel.pointer(base_at?);
    if ascends(offsets) {
        // A kernel for 32 bits that is not relocated has the addresses themselves.
        let base = if kernel.word == 4 && offsets.first()? >> 30 != 0 { 0 } else { base()? };
        return Some(offsets.iter().map(|&offset| base.wrapping_add(u64::from(offset))).collect());
    }
    if percpu(offsets) {
        let base = base()?;
        let address = |offset: i32| match u64::try_from(offset) {
            Ok(absolute) => absolute,
            Err(_) => base.wrapping_add_signed(-1 - i64::from(offset)),
        };
        return Some(offsets.iter().map(|&offset| address(offset.cast_signed())).collect());
    }
    let place = kernel.address(at)?;
    let address = |(&offset, at): (&u32, u64)| (place + at).wrapping_add_signed(i64::from(offset.cast_signed()));
    Some(offsets.iter().zip((0..).step_by(4)).map(address).collect())
}

#[cfg(test)]
#[path = "kallsyms_tests.rs"]
mod tests;
