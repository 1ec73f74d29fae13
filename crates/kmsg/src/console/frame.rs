//! Frames of the guest's agent and commands to it, one console line each; see `images/agent/PROTOCOL.md`.

use super::{Beat, Frame};
use std::str::FromStr;

/// What every frame begins with.
pub(crate) const FRAME_PREFIX: &str = "@oomlab ";
const COMMAND_PREFIX: &str = "!oomlab ";
const CHECKSUM_MARK: &str = " *";

/// A frame in a line of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// What stood in the line before the frame: something that the kernel printed without a line end.
    pub before: &'a str,
    /// The frame's sequence number.
    pub seq: u32,
    /// Its content.
    pub frame: Frame,
}

/// A line with a frame's beginning that is no whole frame: something else was printed in the middle of it, or bytes
/// were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// The line does not end with a checksum.
    #[error("the frame has no checksum at its end")]
    NoChecksum,
    /// The content is not what was summed up.
    #[error("the frame's checksum is wrong")]
    WrongChecksum,
    /// The checksum is right and the content is of no kind that this version knows.
    #[error("the frame is of an unknown kind or lacks a field: agent and program are of different versions")]
    Unknown,
}

/// The frame in a line of the console; `None` when there is no trace of one. Line ends are ignored.
pub fn decode(line: &str) -> Option<Result<Found<'_>, Damaged>> {
    // Most lines have no such character at all.
    memchr::memchr(b'@', line.as_bytes())?;
    let start = line.rfind(FRAME_PREFIX)?;
    let content = line[start + FRAME_PREFIX.len()..].trim_end_matches(['\r', '\n']);
    Some(verify(content).and_then(|fields| {
        let (seq, frame) = read(fields).ok_or(Damaged::Unknown)?;
        Ok(Found { before: &line[..start], seq, frame })
    }))
}

/// What the host can ask of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Answer with a beat at once.
    Ping,
    /// Write this letter to `/proc/sysrq-trigger`.
    Sysrq(char),
    /// Power the machine off.
    Stop,
}

/// A command to the agent as a line, with its line end.
pub fn encode_command(command: Command) -> String {
    let words = match command {
        Command::Ping => "ping".to_owned(),
        Command::Sysrq(letter) => format!("sysrq {letter}"),
        Command::Stop => "stop".to_owned(),
    };
    format!("{COMMAND_PREFIX}{words}{CHECKSUM_MARK}{:08x}\n", checksum(&words))
}

/// The line, without its end, in which an agent says `content`, for example `3 bye`: for what stands in for an agent in tests.
pub fn encode_frame(content: &str) -> String {
    format!("{FRAME_PREFIX}{content}{CHECKSUM_MARK}{:08x}", checksum(content))
}

/// FNV-1a, 32 bits (RFC 9923).
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn verify(content: &str) -> Result<&str, Damaged> {
    let (fields, digits) = content.rsplit_once(CHECKSUM_MARK).ok_or(Damaged::NoChecksum)?;
    if digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Damaged::NoChecksum);
    }
    let sum = u32::from_str_radix(digits, 16).map_err(|_| Damaged::NoChecksum)?;
    if sum == checksum(fields) { Ok(fields) } else { Err(Damaged::WrongChecksum) }
}

/// `key=value` words; keys that this version does not know are passed over.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        self.0
            .split(' ')
            .filter_map(|word| word.split_once('='))
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    fn number<T: FromStr>(&self, key: &str) -> Option<T> {
        self.text(key)?.parse().ok()
    }
}

fn read(content: &str) -> Option<(u32, Frame)> {
    let (seq, rest) = content.split_once(' ')?;
    let (kind, fields) = rest.split_once(' ').unwrap_or((rest, ""));
    Some((seq.parse().ok()?, read_kind(kind, &Fields(fields))?))
}

fn read_kind(kind: &str, fields: &Fields<'_>) -> Option<Frame> {
    Some(match kind {
        "hello" => Frame::Hello {
            version: fields.number("v")?,
            arch: fields.text("arch")?.to_owned(),
            page_bytes: fields.number("page")?,
            ram_kib: fields.number("ram")?,
        },
        "speed" => Frame::Speed { loop_us: fields.number("us")? },
        "beat" => Frame::Beat(read_beat(fields)?),
        "started" => Frame::Started {
            workload: fields.text("name")?.to_owned(),
            pid: fields.number("pid")?,
            results: fields.text("results").map(str::to_owned),
        },
        "progress" => Frame::Progress { units: fields.number("units")? },
        "output" => Frame::Output {
            text: decode_text(fields.text("text").unwrap_or_default()),
            more: fields.number("more") == Some(1_u8),
            dropped: fields.number("dropped").unwrap_or(0),
        },
        "finished" => Frame::Finished {
            status: fields.number("status")?,
            units: fields.number("units")?,
            why: fields.text("why").unwrap_or_default().to_owned(),
            errno: fields.number("errno").unwrap_or(0),
        },
        "bye" => Frame::Bye,
        _ => return None,
    })
}

/// A text as the agent writes it: `+` for a space, `%` and two hexadecimal digits for a byte. What is no UTF-8 is replaced.
fn decode_text(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (*byte, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let value = digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low);
                bytes.push(value.unwrap_or(b'%'));
                if value.is_some() {
                    rest = after;
                }
            }
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

fn read_beat(fields: &Fields<'_>) -> Option<Beat> {
    Some(Beat {
        mono_ms: fields.number("t")?,
        free_kib: fields.number("free")?,
        canary_rounds: fields.number("rounds")?,
        canary_us: fields.number("us")?,
        canary_age_ms: fields.number("age")?,
        canary_late_ms: fields.number("late").unwrap_or(0),
        oom_kills: fields.number("kills")?,
        reclaim: fields.number("reclaim")?,
        units: fields.number("units")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STARTED: &str = "@oomlab 3 started name=idle pid=21 *467e1be4";

    fn framed(content: &str) -> String {
        format!("{FRAME_PREFIX}{content}{CHECKSUM_MARK}{:08x}", checksum(content))
    }

    #[test]
    fn frames_read_with_and_without_line_ends() {
        let frame = Frame::Started { workload: "idle".to_owned(), pid: 21, results: None };
        for end in ["", "\n", "\r\n", "\r"] {
            let line = format!("{STARTED}{end}");
            assert_eq!(decode(&line), Some(Ok(Found { before: "", seq: 3, frame: frame.clone() })));
        }
    }

    #[test]
    fn output_is_decoded() {
        let read = |fields: &str| decode(&framed(&format!("7 output {fields}"))).unwrap().unwrap().frame;
        let text = "not+ok+1+-+50%25+of+%22a%2bb%22%09done=1";
        let line = Frame::Output { text: "not ok 1 - 50% of \"a+b\"\tdone=1".to_owned(), more: false, dropped: 0 };
        assert_eq!(read(&format!("text={text}")), line);
        let cut = Frame::Output { text: "a".to_owned(), more: true, dropped: 0 };
        assert_eq!(read("text=a more=1"), cut);
        assert_eq!(read("dropped=9"), Frame::Output { text: String::new(), more: false, dropped: 9 });
        for (damaged, text) in [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%ff%fe", "\u{fffd}\u{fffd}")] {
            assert_eq!(decode_text(damaged), text);
        }
    }

    #[test]
    fn unfinished_lines_before_frames_are_kept() {
        let line = format!("Killed process{STARTED}");
        assert_eq!(decode(&line).unwrap().unwrap().before, "Killed process");
    }

    #[test]
    fn lines_without_frame_decode_to_none() {
        for line in ["", "[    1.0] Run /init as init process", "oomlab 3 bye", "@oomla"] {
            assert_eq!(decode(line), None, "{line}");
        }
    }

    #[test]
    fn damage_of_frames_is_named() {
        for (line, damage) in [
            ("@oomlab 3 started name=id[    1.2] Out of memory", Damaged::NoChecksum),
            ("@oomlab 3 started name=idle pid=21 *467e1be", Damaged::NoChecksum),
            ("@oomlab 3 started name=idle pid=21 *+67e1be4", Damaged::NoChecksum),
            ("@oomlab 3 started name=idle pid=22 *467e1be4", Damaged::WrongChecksum),
            ("@oomlab ", Damaged::NoChecksum),
        ] {
            assert_eq!(decode(line), Some(Err(damage)), "{line}");
        }
    }

    #[test]
    fn content_of_another_version_is_no_damage() {
        for content in ["3 sneeze a=1", "3 started name=idle", "x bye", "3", "3 speed us=-1"] {
            assert_eq!(decode(&framed(content)), Some(Err(Damaged::Unknown)), "{content}");
        }
        assert!(decode(&framed("3 speed us=7 new=1")).unwrap().is_ok());
    }

    #[test]
    fn changed_bytes_break_the_checksum() {
        for at in FRAME_PREFIX.len()..STARTED.len() {
            let mut bytes = STARTED.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'#' { b'%' } else { b'#' };
            assert!(decode(std::str::from_utf8(&bytes).unwrap()).unwrap().is_err(), "byte {at}");
        }
    }

    #[test]
    fn commands_carry_their_checksum() {
        assert_eq!(encode_command(Command::Sysrq('m')), format!("!oomlab sysrq m *{:08x}\n", checksum("sysrq m")));
    }

    proptest! {
        #[test]
        fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn decoding_of_any_content_never_panics(content in ".{0,80}") {
            let _ = decode(&framed(&content));
        }
    }
}
