//! Console bytes → lines and agent frames. Incremental, bounded, never fails.

use super::frame;
use super::printk;
use crate::model::Frame;

/// The most bytes of one line; longer ones are cut into several.
pub const MAX_LINE: usize = 4096;

/// One thing that the console said.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A line that is no frame, without its line end and without escape sequences.
    Line(String),
    /// An intact frame of the agent.
    Frame {
        /// Its sequence number.
        seq: u32,
        /// Its content.
        frame: Frame,
    },
    /// A frame that could not be read.
    Damaged(String),
}

/// Reads the byte stream of a serial console.
#[derive(Debug, Default)]
pub struct Console {
    partial: Vec<u8>,
    /// The beginning of a frame that a printk line cut in two.
    torn: Option<String>,
}

impl Console {
    /// Takes the next bytes and gives what they completed, in order.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<Item>) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.extend(&bytes[..end], out);
            self.end_line(out);
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes, out);
    }

    /// Gives what is left when the console has ended.
    pub fn finish(&mut self, out: &mut Vec<Item>) {
        if !self.partial.is_empty() {
            self.end_line(out);
        }
        out.extend(self.torn.take().map(Item::Damaged));
    }

    fn extend(&mut self, mut bytes: &[u8], out: &mut Vec<Item>) {
        while self.partial.len() + bytes.len() > MAX_LINE {
            let room = MAX_LINE - self.partial.len();
            self.partial.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            self.end_line(out);
        }
        self.partial.extend_from_slice(bytes);
    }

    fn end_line(&mut self, out: &mut Vec<Item>) {
        let text = clean(&self.partial);
        self.partial.clear();
        if let Some(head) = self.torn.take() {
            if let Some(Ok(found)) = frame::decode(&format!("{head}{text}")) {
                out.push(Item::Frame { seq: found.seq, frame: found.frame });
                return;
            }
            if printk::parse(&text).guest_s.is_some() {
                // More printk lines came between the two halves.
                self.torn = Some(head);
            } else {
                out.push(Item::Damaged(head));
            }
        }
        self.take(text, out);
    }

    fn take(&mut self, text: String, out: &mut Vec<Item>) {
        match frame::decode(&text) {
            None if text.is_empty() => {}
            None => out.push(Item::Line(text)),
            Some(Ok(found)) => {
                if !found.before.is_empty() {
                    out.push(Item::Line(found.before.to_owned()));
                }
                out.push(Item::Frame { seq: found.seq, frame: found.frame });
            }
            Some(Err(_)) => match printk::find_prefix(&text) {
                // A printk line cut the frame in two; its other half is still to come.
                Some(at) => {
                    let head = text[..at].to_owned();
                    out.push(Item::Line(text[at..].to_owned()));
                    self.torn.replace(head).map(Item::Damaged).into_iter().for_each(|damaged| out.push(damaged));
                }
                None => out.push(Item::Damaged(text)),
            },
        }
    }
}

/// Text without carriage returns, NULs and ANSI escape sequences (`ESC [ … letter`).
fn clean(bytes: &[u8]) -> String {
    // Every line of a serial console ends in `\r\n`.
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    if memchr::memchr3(b'\r', b'\0', 0x1b, bytes).is_none() {
        return text.into_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' | '\0' => {}
            '\x1b' => {
                if chars.next_if_eq(&'[').is_some() {
                    while chars.next_if(|c| !c.is_ascii_alphabetic()).is_some() {}
                    chars.next();
                }
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `finished` with status 0 and 5 units, as the agent writes it.
    const FRAME: &str = "@oomlab 4 finished status=0 units=5 *";

    fn framed() -> String {
        let body = &FRAME["@oomlab ".len()..FRAME.len() - 2];
        let sum = body.bytes().fold(0x811c_9dc5_u32, |hash, b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193));
        format!("{FRAME}{sum:08x}")
    }

    fn read(pieces: &[&[u8]]) -> Vec<Item> {
        let mut console = Console::default();
        let mut out = Vec::new();
        pieces.iter().for_each(|piece| console.push(piece, &mut out));
        console.finish(&mut out);
        out
    }

    fn line(text: &str) -> Item {
        Item::Line(text.to_owned())
    }

    fn frame() -> Item {
        Item::Frame { seq: 4, frame: Frame::Finished { status: 0, units: 5, why: String::new() } }
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        assert_eq!(read(&[b"a\r\nb", b"c\n", b"", b"d"]), [line("a"), line("bc"), line("d")]);
    }

    #[test]
    fn escape_sequences_and_bad_bytes_do_no_harm() {
        assert_eq!(read(&[b"\x1b[31mred\x1b[0m \xff\x00!\n"]), [line("red \u{fffd}!")]);
    }

    #[test]
    fn a_frame_behind_an_unfinished_line_is_found() {
        let text = format!("progress 50%{}\n", framed());
        assert_eq!(read(&[text.as_bytes()]), [line("progress 50%"), frame()]);
    }

    #[test]
    fn a_frame_that_printk_cut_in_two_is_put_together() {
        let whole = framed();
        let (head, tail) = whole.split_at(20);
        let printk = "[    1.000000] Out of memory: Killed process 5 (x)";
        let text = format!("{head}{printk}\n[    1.000001] more\n{tail}\n");
        assert_eq!(read(&[text.as_bytes()]), [line(printk), line("[    1.000001] more"), frame()]);
    }

    #[test]
    fn a_frame_with_a_wrong_byte_is_damaged() {
        let text = framed().replace("units=5", "units=6");
        assert_eq!(read(&[text.as_bytes(), b"\n"]), [Item::Damaged(text)]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_memory_stays_bounded() {
        let items = read(&[&vec![b'x'; 3 * MAX_LINE + 1]]);
        assert_eq!(items.len(), 4);
        assert!(items.iter().all(|item| matches!(item, Item::Line(text) if text.len() <= MAX_LINE)));
    }

    proptest! {
        #[test]
        fn the_cuts_between_reads_change_nothing(
            bytes in prop::collection::vec(prop::sample::select(b"@oomlab 1 b*[].0\n\r\x1b\xffx".to_vec()), 0..300),
            cut in 0_usize..300,
        ) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(read(&[&bytes]), read(&[&bytes[..cut], &bytes[cut..]]));
        }
    }
}
