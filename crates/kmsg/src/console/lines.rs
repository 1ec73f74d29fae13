//! Console bytes → lines and agent frames. Incremental, bounded, never fails.

use super::Frame;
use super::frame;
use super::printk;

/// Bytes of one line; longer ones are cut into several.
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
    /// The beginning of a printk line that a frame cut in two; kept until the next line or frame.
    cut: Option<String>,
}

impl Console {
    /// Takes the next bytes and gives what they completed, in order.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<Item>) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            if self.partial.is_empty() && end <= MAX_LINE {
                self.line(&bytes[..end], out);
            } else {
                self.extend(&bytes[..end], out);
                self.end_line(out);
            }
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes, out);
    }

    /// Gives what is left when the console has ended.
    pub fn finish(&mut self, out: &mut Vec<Item>) {
        if !self.partial.is_empty() {
            self.end_line(out);
        }
        out.extend(self.cut.take().map(Item::Line));
        out.extend(self.torn.take().map(Item::Damaged));
    }

    /// Whether the next byte begins a line that nothing before it belongs to.
    pub fn is_between_lines(&self) -> bool {
        self.partial.is_empty() && self.torn.is_none() && self.cut.is_none()
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
        let partial = std::mem::take(&mut self.partial);
        self.line(&partial, out);
        // Its room is used again.
        self.partial = partial;
        self.partial.clear();
    }

    /// A line without its `\n`. A `\r` in its middle takes a terminal back to the start: what follows is another text.
    fn line(&mut self, bytes: &[u8], out: &mut Vec<Item>) {
        let mut bytes = bytes;
        while let [rest @ .., b'\r'] = bytes {
            bytes = rest;
        }
        if memchr::memchr(b'\r', bytes).is_none() {
            return self.text(clean(bytes), out);
        }
        bytes.split(|byte| *byte == b'\r').filter(|part| !part.is_empty()).for_each(|part| self.text(clean(part), out));
    }

    fn text(&mut self, text: String, out: &mut Vec<Item>) {
        let Some(mut text) = self.join_torn(text, out) else { return };
        if let Some(mut head) = self.cut.take() {
            let goes_on = frame::decode(&text).is_none() && printk::parse(&text).guest_s.is_none();
            if goes_on && head.len() + text.len() <= MAX_LINE {
                head.push_str(&text);
                text = head;
            } else {
                out.push(Item::Line(head));
            }
        }
        self.take(text, out);
    }

    /// Joins the torn frame with its continuation, if `text` has it; returns the rest of the line.
    fn join_torn(&mut self, text: String, out: &mut Vec<Item>) -> Option<String> {
        let Some(head) = self.torn.take() else { return Some(text) };
        // The other half may itself be cut off by the next printk line.
        let end = printk::find_prefix(&text).unwrap_or(text.len());
        let piece = &text[..end];
        let joined = format!("{head}{piece}");
        let is_piece = !piece.contains(frame::FRAME_PREFIX) && printk::parse(piece).guest_s.is_none();
        match frame::decode(&joined) {
            Some(Ok(found)) if found.before.is_empty() => {
                out.push(Item::Frame { seq: found.seq, frame: found.frame });
                return (end < text.len()).then(|| text[end..].to_owned());
            }
            // The line holds one more piece of it.
            _ if is_piece && end < text.len() && joined.len() <= MAX_LINE => {
                self.torn = Some(joined);
                return Some(text[end..].to_owned());
            }
            // More printk lines came between the two halves.
            _ if printk::parse(&text).guest_s.is_some() => self.torn = Some(head),
            _ => out.push(Item::Damaged(head)),
        }
        Some(text)
    }

    fn take(&mut self, text: String, out: &mut Vec<Item>) {
        match frame::decode(&text) {
            None if text.is_empty() => {}
            None => out.push(Item::Line(text)),
            Some(Ok(found)) => {
                if printk::parse(found.before).guest_s.is_some() {
                    self.cut = Some(found.before.to_owned());
                } else if !found.before.is_empty() {
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

/// Text without NULs and escape sequences: `ESC [ … letter` (colours, the cursor), `ESC ] … BEL` (a window's title), `ESC ( B`
/// (a character set), `ESC c`.
pub(crate) fn clean(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    if memchr::memchr2(b'\0', 0x1b, bytes).is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\0' => {}
            '\x1b' => match chars.next() {
                Some('[') => {
                    while chars.next_if(|c| !c.is_ascii_alphabetic() && *c != '\x1b').is_some() {}
                    chars.next_if(char::is_ascii_alphabetic);
                }
                // A window's title, and what Buildkite and others hide between lines.
                Some(']' | '_' | 'P' | '^') => {
                    while chars.next_if(|c| *c != '\x07' && *c != '\x1b').is_some() {}
                    chars.next_if_eq(&'\x07');
                }
                Some('(' | ')') => {
                    chars.next();
                }
                _ => {}
            },
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::encode_frame;
    use proptest::prelude::*;

    /// `finished` with status 0 and 5 units, as the agent writes it.
    fn framed() -> String {
        encode_frame("4 finished status=0 units=5")
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
        Item::Frame { seq: 4, frame: Frame::Finished { status: 0, units: 5, why: String::new(), errno: 0 } }
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        assert_eq!(read(&[b"a\r\nb", b"c\n", b"", b"d"]), [line("a"), line("bc"), line("d")]);
    }

    #[test]
    fn escape_sequences_and_bad_bytes_do_no_harm() {
        assert_eq!(read(&[b"\x1b[31mred\x1b[0m \xff\x00!\n"]), [line("red \u{fffd}!")]);
        assert_eq!(read(&[b"\x1b]0;title\x07a\x1b(Bb\x1bcc\x1b[1\x1b[2md\x1b"]), [line("abcd")]);
    }

    #[test]
    fn frames_behind_unfinished_lines_are_found() {
        let text = format!("progress 50%{}\n", framed());
        assert_eq!(read(&[text.as_bytes()]), [line("progress 50%"), frame()]);
    }

    #[test]
    fn frames_cut_by_printk_are_put_together() {
        let whole = framed();
        let (head, tail) = whole.split_at(20);
        let printk = "[    1.000000] Out of memory: Killed process 5 (x)";
        let text = format!("{head}{printk}\n[    1.000001] more\n{tail}\n");
        assert_eq!(read(&[text.as_bytes()]), [line(printk), line("[    1.000001] more"), frame()]);
    }

    #[test]
    fn frames_in_many_pieces_are_put_together() {
        let whole = framed();
        let (a, b, c, d) = (&whole[..9], &whole[9..12], &whole[12..40], &whole[40..]);
        let text =
            format!("{a}[    1.000000] one\n{b}[    1.000001] two\n{c}[    1.000002] three\n{d}[    1.000003] four\n");
        let lines =
            ["[    1.000000] one", "[    1.000001] two", "[    1.000002] three", "[    1.000003] four"].map(line);
        let [one, two, three, four] = lines;
        assert_eq!(read(&[text.as_bytes()]), [one, two, three, frame(), four]);
    }

    #[test]
    fn torn_frames_leave_kernel_lines_whole() {
        let (head, lines) = ("@oomlab 3 beat t=1", "[    1.000000] one\n[    1.000001] two [    1.000002] three\n");
        let [one, two] = ["[    1.000000] one", "[    1.000001] two [    1.000002] three"].map(line);
        let text = format!("{head}{lines}");
        assert_eq!(read(&[text.as_bytes()]), [one, two, Item::Damaged(head.to_owned())]);
    }

    #[test]
    fn torn_frames_leave_the_next_frame_whole() {
        let (whole, head) = (framed(), "@oomlab 3 beat t=1");
        for text in [
            format!("{head}[    1.000000] one\n{whole}\n"),
            format!("{head}[    1.000000] one\n{}[    1.000001] two\n{}\n", &whole[..20], &whole[20..]),
        ] {
            let items = read(&[text.as_bytes()]);
            assert!(items.contains(&frame()), "{items:?}");
            assert!(items.contains(&Item::Damaged(head.to_owned())), "{items:?}");
        }
    }

    #[test]
    fn printk_lines_cut_by_frames_are_put_together() {
        let frame_line = framed();
        let text = format!("[    1.000000] Out of mem{frame_line}\nory: Killed process 5 (x)\nnext\n");
        let whole = line("[    1.000000] Out of memory: Killed process 5 (x)");
        assert_eq!(read(&[text.as_bytes()]), [frame(), whole, line("next")]);
        let text = format!("[    1.000000] whole{frame_line}\n[    1.000001] next\n");
        assert_eq!(read(&[text.as_bytes()]), [frame(), line("[    1.000000] whole"), line("[    1.000001] next")]);
        let text = format!("[    1.000000] last{frame_line}\n{frame_line}\n");
        assert_eq!(read(&[text.as_bytes()]), [frame(), line("[    1.000000] last"), frame()]);
    }

    #[test]
    fn carriage_return_begins_another_line() {
        assert_eq!(read(&[b"50%\r100%\r\r\n\r\n"]), [line("50%"), line("100%")]);
    }

    #[test]
    fn wrong_bytes_damage_a_frame() {
        let text = framed().replace("units=5", "units=6");
        assert_eq!(read(&[text.as_bytes(), b"\n"]), [Item::Damaged(text)]);
    }

    #[test]
    fn endless_lines_are_cut() {
        let items = read(&[&vec![b'x'; 3 * MAX_LINE + 1]]);
        assert_eq!(items.len(), 4);
        assert!(items.iter().all(|item| matches!(item, Item::Line(text) if text.len() <= MAX_LINE)));
    }

    proptest! {
        #[test]
        fn console_bytes_may_be_cut_anywhere(
            bytes in prop::collection::vec(prop::sample::select(b"@oomlab 1 b*[].0\n\r\x1b\xffx".to_vec()), 0..300),
            cut in 0_usize..300,
        ) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(read(&[&bytes]), read(&[&bytes[..cut], &bytes[cut..]]));
        }
    }
}
