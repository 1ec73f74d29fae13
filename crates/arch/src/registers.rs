//! What a dump of a vCPU's registers tells, as QEMU's monitor command `info registers` prints it for one vCPU.

/// One vCPU at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registers {
    /// Program counter.
    pub pc: u64,
    /// Stack pointer.
    pub sp: u64,
    /// Whether it ran outside the kernel; `None` where only the kernel's symbols can tell.
    pub user: Option<bool>,
    /// Whether interrupts were off.
    pub irqs_off: bool,
    /// Whether the vCPU was halted; an architecture whose dump does not show that says `false`.
    pub halted: bool,
    /// How to tell where it was, if it has just taken an interrupt.
    pub before: Before,
}

/// Where a vCPU was before the interrupt that it has just taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// At this address.
    At(u64),
    /// At the address on top of its stack.
    OnStack,
    /// Nothing shows it.
    Lost,
}

impl Registers {
    /// The same vCPU before the interrupt that it has just taken at `pc`: only one with an MMU and 64 bits tells kernel
    /// and program by the upper half of its addresses.
    pub fn interrupted_at(self, pc: u64) -> Self {
        Self { pc, user: self.user.map(|_| pc >> 63 == 0), irqs_off: false, halted: false, ..self }
    }
}

/// The hexadecimal number behind the first `label` that begins a word; spaces between are passed over.
pub(super) fn number(dump: &str, label: &str) -> Option<u64> {
    let digits = behind(dump, label)?.trim_start_matches(' ');
    let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
    u64::from_str_radix(&digits[..end], 16).ok()
}

fn behind<'a>(dump: &'a str, label: &str) -> Option<&'a str> {
    let begins_a_word = |at: usize| dump[..at].chars().next_back().is_none_or(char::is_whitespace);
    let (at, _) = dump.match_indices(label).find(|(at, _)| begins_a_word(*at))?;
    Some(&dump[at + label.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_behind_whole_labels() {
        assert_eq!(number("xPC=1 PC=ff SP=", "PC="), Some(0xff));
        assert_eq!(number(" pc       000000008011b380\r\n", "pc "), Some(0x8011_b380));
        assert_eq!(number("SP=\r\n", "SP="), None);
        assert_eq!(number("PC=11112222333344445", "PC="), None);
    }
}
