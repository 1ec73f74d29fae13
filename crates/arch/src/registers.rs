//! The registers of a vCPU, from what QEMU's monitor command `info registers` prints.

use super::CpuSpec;

/// One vCPU at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registers {
    /// Program counter.
    pub pc: u64,
    /// Stack pointer.
    pub sp: u64,
    /// Whether it ran outside the kernel, in user space or firmware; `None` if only the kernel's symbols show it.
    pub user: Option<bool>,
    /// Whether interrupts were off.
    pub irqs_off: bool,
    /// Whether the vCPU was halted; `false` on architectures whose dump does not show that.
    pub halted: bool,
    /// How to find where it was, if it has just taken an interrupt.
    pub interrupted: InterruptedPc,
}

/// Where a vCPU was before the interrupt that it has just taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterruptedPc {
    /// At this address.
    At(u64),
    /// At the address in the word on top of its stack.
    OnStack,
    /// The registers do not show it.
    Unknown,
}

impl Registers {
    /// The same vCPU before the interrupt that it took at `pc`. Where the dump distinguishes kernel and user space, so do the
    /// addresses.
    pub fn before_interrupt(self, pc: u64, cpu: &CpuSpec) -> Self {
        Self {
            pc,
            user: self.user.and(cpu.is_kernel_address(pc)).map(|kernel| !kernel),
            irqs_off: false,
            halted: false,
            ..self
        }
    }
}

/// Splits the output of the monitor command `info registers -a` into the dumps of the single vCPUs, with their numbers
/// (QEMU, `monitor/hmp-cmds-target.c`, `hmp_info_registers()`).
pub fn vcpu_dumps(text: &str) -> Vec<(u32, &str)> {
    let begins_a_line = |at: usize| at == 0 || text[..at].ends_with('\n');
    let starts: Vec<usize> = text.match_indices("CPU#").map(|(at, _)| at).filter(|&at| begins_a_line(at)).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .filter_map(|(&start, end)| {
            let (number, dump) = text[start + "CPU#".len()..end].split_once(['\r', '\n'])?;
            Some((number.trim().parse().ok()?, dump))
        })
        .collect()
}

/// The hexadecimal number after the first `label` that begins a word, past any spaces between.
pub(super) fn hex_after(dump: &str, label: &str) -> Option<u64> {
    let begins_a_word = |at: usize| dump[..at].chars().next_back().is_none_or(char::is_whitespace);
    let (at, _) = dump.match_indices(label).find(|(at, _)| begins_a_word(*at))?;
    let digits = dump[at + label.len()..].trim_start_matches(' ');
    let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
    u64::from_str_radix(&digits[..end], 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hex_after_wants_whole_labels() {
        assert_eq!(hex_after("xPC=1 PC=ff SP=", "PC="), Some(0xff));
        assert_eq!(hex_after(" pc       000000008011b380\r\n", "pc "), Some(0x8011_b380));
        assert_eq!(hex_after(" pc       8011b380\r\n", "pc "), Some(0x8011_b380), "32-bit registers have 8 digits");
        assert_eq!(hex_after("SP=\r\n", "SP="), None);
        assert_eq!(hex_after("PC=11112222333344445", "PC="), None);
    }

    #[test]
    fn interrupted_pc_tells_user_space_by_the_upper_half() {
        let cpu = |name: &str| crate::find(name).unwrap().spec().cpu;
        let registers =
            |user| Registers { pc: 0, sp: 0, user, irqs_off: true, halted: true, interrupted: InterruptedPc::OnStack };
        let user = |pc, arch| registers(Some(false)).before_interrupt(pc, &cpu(arch)).user;
        assert_eq!((user(0x40_0000, "x86_64"), user(u64::MAX, "x86_64")), (Some(true), Some(false)));
        assert_eq!((user(0x40_0000, "arm"), user(0xc000_0000, "arm")), (Some(true), Some(false)));
        assert_eq!(registers(None).before_interrupt(1, &cpu("x86_64")).user, None);
    }

    #[test]
    fn vcpu_dumps_finds_each_dump() {
        let text = "\r\nCPU#0\r\nRIP=1 CPU#9\r\n\r\nCPU#1\r\nRIP=2\r\n";
        assert_eq!(vcpu_dumps(text), [(0, "\nRIP=1 CPU#9\r\n\r\n"), (1, "\nRIP=2\r\n")]);
        assert!(vcpu_dumps("CPU#x\r\n").is_empty() && vcpu_dumps("").is_empty());
    }

    proptest! {
        #[test]
        fn arbitrary_dumps_never_panic(text in "(CPU#|pc |PSR=|\r\n|[0-9a-fé ]){0,60}") {
            for (_, dump) in vcpu_dumps(&text) {
                for arch in crate::ALL {
                    (arch.cpu.registers)(dump);
                }
            }
        }
    }
}
