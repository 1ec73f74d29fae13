//! What phone vendors' kernels print behind the time of a message: the CPU, the task and its pid.

use super::caller::Caller;

/// Strips `c0 1 (init) ` and `c0 ` (Marvell, Spreadtrum), ` [0:   init:    1] ` and `I[0: …] ` in an interrupt (Samsung),
/// ` (0)[1:init]` and `-(0)[1:init]` with interrupts off (MediaTek).
pub(super) fn strip(text: &str) -> Option<(Option<Caller>, &str)> {
    let bare = text.trim_start();
    match bare.as_bytes().first()? {
        b'c' => marvell(&bare[1..]),
        b'[' => samsung(bare),
        b'I' => samsung(&bare[1..]),
        b'(' => mediatek(bare),
        b'-' => mediatek(&bare[1..]),
        _ => None,
    }
}

fn marvell(text: &str) -> Option<(Option<Caller>, &str)> {
    let text = cpu(text)?.strip_prefix(' ')?;
    let task = || {
        let (pid, rest) = text.split_once(" (")?;
        let (_, rest) = rest.split_once(") ")?;
        Some((Some(Caller::Task(pid.parse().ok()?)), rest))
    };
    Some(task().unwrap_or((None, text)))
}

fn samsung(text: &str) -> Option<(Option<Caller>, &str)> {
    let (inside, rest) = text.strip_prefix('[')?.split_once(']')?;
    let (comm, pid) = cpu(inside)?.strip_prefix(':')?.rsplit_once(':')?;
    (!comm.is_empty()).then_some((Some(Caller::Task(pid.trim().parse().ok()?)), rest.strip_prefix(' ').unwrap_or(rest)))
}

fn mediatek(text: &str) -> Option<(Option<Caller>, &str)> {
    let (inside, rest) = cpu(text.strip_prefix('(')?)?.strip_prefix(")[")?.split_once(']')?;
    let (pid, _) = inside.split_once(':')?;
    Some((Some(Caller::Task(pid.parse().ok()?)), rest))
}

/// What stands behind the number of a CPU.
fn cpu(text: &str) -> Option<&str> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    matches!(digits, 1 | 2).then(|| &text[digits..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendor_prefixes_name_the_task() {
        for text in [
            "c0 26 (a b) BUG: x",
            " [0:            a b:   26] BUG: x",
            "[0:a b:26] BUG: x",
            "I[3:            a b:   26] BUG: x",
            " (0)[26:a b]BUG: x",
            "-(0)[26:a b]BUG: x",
        ] {
            assert_eq!(strip(text), Some((Some(Caller::Task(26)), "BUG: x")), "{text}");
        }
        assert_eq!(strip("c1 BUG: x"), Some((None, "BUG: x")));
    }

    #[test]
    fn messages_stay_whole() {
        for text in ["[drm] x", "[<c0012345>] (f)", "(1)", "cpu0: x", "INFO: x", "-[0", "c", "I[", "[1:2", "é"] {
            assert_eq!(strip(text), None, "{text}");
        }
    }
}
