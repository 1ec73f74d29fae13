//! The script: one step a line, `#` begins a comment.

use std::time::Duration;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `say TEXT`: a line on the console.
    Say(String),
    /// `part TEXT`: text on the console, without a line end.
    Part(String),
    /// `frame KIND key=value …`: a frame of the agent.
    Frame(String),
    /// `beats COUNT EVERY_MS moving|stuck`: heartbeats with a canary that makes progress or is stuck.
    Beats { count: u32, every: Duration, moving: bool },
    /// `flood MIB`: printable lines, in MiB.
    Flood(u64),
    /// `garbage MIB`: bytes without a line end, in MiB.
    Garbage(u64),
    /// `repeat MIB TEXT`: the same line on the console, in MiB.
    Repeat(u64, String),
    /// `sleep MS`.
    Sleep(Duration),
    /// `event NAME REASON`: a QMP event.
    Event(String, String),
    /// `down REASON`: the guest shuts down, and QEMU pauses until `quit`. Without this step in the script, QEMU rejects
    /// `set-action`.
    Down(String),
    /// `spin on|off`: whether the vCPU thread spins on a CPU.
    Spin(bool),
    /// `at ADDRESS`: set the vCPU's program counter, in hexadecimal.
    At(u64),
    /// `ignore-term`: from now on ignore SIGTERM and QMP `quit`.
    IgnoreTerm,
    /// `kvm-error`: under KVM, stop with `internal-error`; under TCG, a no-op.
    KvmError,
    /// `qmp-hang`: from now on read QMP commands and reply to none.
    QmpHang,
    /// `no-break`: from now on drop a BREAK on the console.
    NoBreak,
    /// `no-sysrq`: from now on answer no sysrq letter, from a BREAK or from the agent.
    NoSysrq,
    /// `fatal LETTER`: from now on die of SIGABRT on this sysrq letter.
    Fatal(char),
    /// `stderr TEXT`.
    Stderr(String),
    /// `exit STATUS`.
    Exit(u8),
    /// `abort`: die of SIGABRT.
    Abort,
    /// `hang`: wait until QMP `quit`.
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
        "repeat" => {
            let (mib, text) = rest.split_once(' ')?;
            Step::Repeat(number(mib)?, text.to_owned())
        }
        "garbage" => Step::Garbage(number(rest)?),
        "sleep" => Step::Sleep(Duration::from_millis(number(rest)?)),
        "event" => {
            let (name, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            Step::Event(name.to_owned(), reason.to_owned())
        }
        "down" => Step::Down(rest.to_owned()),
        "spin" => Step::Spin(match rest {
            "on" => true,
            "off" => false,
            _ => return None,
        }),
        "at" => Step::At(u64::from_str_radix(rest, 16).ok()?),
        "ignore-term" => Step::IgnoreTerm,
        "kvm-error" => Step::KvmError,
        "qmp-hang" => Step::QmpHang,
        "no-break" => Step::NoBreak,
        "no-sysrq" => Step::NoSysrq,
        "fatal" => Step::Fatal(rest.chars().next()?),
        "stderr" => Step::Stderr(rest.to_owned()),
        "exit" => Step::Exit(rest.trim().parse().ok()?),
        "abort" => Step::Abort,
        "hang" => Step::Hang,
        _ => return None,
    })
}
