//! The script: one step a line, `#` begins a comment.

use std::time::Duration;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `say TEXT`: a line on the console.
    Say(String),
    /// `part TEXT`: the same without a line end.
    Part(String),
    /// `frame KIND key=value …`: a frame of the agent.
    Frame(String),
    /// `beats COUNT EVERY_MS moving|stuck`: heartbeats with a canary that moves or does not.
    Beats { count: u32, every: Duration, moving: bool },
    /// `flood MIB`: that many MiB of printable lines.
    Flood(u64),
    /// `garbage MIB`: that many MiB of bytes without a line end.
    Garbage(u64),
    /// `sleep MS`.
    Sleep(Duration),
    /// `event NAME REASON`: a QMP event.
    Event(String, String),
    /// `down REASON`: the guest shuts the machine down, and QEMU keeps it until it is told to quit. Scripts without this step
    /// play a QEMU that cannot.
    Down(String),
    /// `burn on|off`: the vCPU thread uses a CPU or does not.
    Burn(bool),
    /// `at ADDRESS`: the vCPU's program counter, hexadecimal.
    At(u64),
    /// `stubborn`: from now on neither QMP `quit` nor SIGTERM end it.
    Stubborn,
    /// `broken`: a KVM that cannot go on; nothing under emulation.
    Broken,
    /// `deaf`: from now on QMP is read and never answered.
    Deaf,
    /// `nobreak`: from now on a BREAK does not reach the kernel.
    NoBreak,
    /// `numb`: from now on the kernel answers no sysrq letter, however it is sent.
    Numb,
    /// `fatal LETTER`: from now on it dies of SIGABRT when this sysrq letter comes.
    Fatal(char),
    /// `stderr TEXT`.
    Stderr(String),
    /// `exit STATUS`.
    Exit(u8),
    /// `abort`: die of SIGABRT.
    Abort,
    /// `hang`: do nothing more.
    Hang,
}

/// Reads a script; the error names the line.
pub fn parse(text: &str) -> Result<Vec<Step>, String> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let steps = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    steps.map(|(at, line)| step(line).ok_or_else(|| format!("line {at}: cannot read `{line}`"))).collect()
}

fn step(line: &str) -> Option<Step> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let number = |text: &str| text.trim().parse::<u64>().ok();
    Some(match word {
        "say" => Step::Say(rest.to_owned()),
        "part" => Step::Part(rest.to_owned()),
        "frame" => Step::Frame(rest.to_owned()),
        "beats" => {
            let mut words = rest.split_whitespace();
            Step::Beats {
                count: words.next()?.parse().ok()?,
                every: Duration::from_millis(words.next()?.parse().ok()?),
                moving: match words.next()? {
                    "moving" => true,
                    "stuck" => false,
                    _ => return None,
                },
            }
        }
        "flood" => Step::Flood(number(rest)?),
        "garbage" => Step::Garbage(number(rest)?),
        "sleep" => Step::Sleep(Duration::from_millis(number(rest)?)),
        "event" => {
            let (name, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            Step::Event(name.to_owned(), reason.to_owned())
        }
        "down" => Step::Down(rest.to_owned()),
        "burn" => Step::Burn(match rest {
            "on" => true,
            "off" => false,
            _ => return None,
        }),
        "at" => Step::At(u64::from_str_radix(rest, 16).ok()?),
        "stubborn" => Step::Stubborn,
        "broken" => Step::Broken,
        "deaf" => Step::Deaf,
        "nobreak" => Step::NoBreak,
        "numb" => Step::Numb,
        "fatal" => Step::Fatal(rest.chars().next()?),
        "stderr" => Step::Stderr(rest.to_owned()),
        "exit" => Step::Exit(rest.trim().parse().ok()?),
        "abort" => Step::Abort,
        "hang" => Step::Hang,
        _ => return None,
    })
}
