//! Functions as the kernel prints them: `name.isra.0+0x12/0x34 [module]`.

use memchr::memmem::Finder;
use std::sync::LazyLock;

static OFFSET: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("+0x"));

/// What stands before the first function of a line, and its name.
pub(crate) fn find(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = OFFSET.find(&bytes[from..]) {
        let end = from + at;
        let start = bytes[..end].iter().rposition(|byte| !is_symbol(*byte)).map_or(0, |at| at + 1);
        let name = &text[start..end];
        if starts_like_a_name(name) {
            return Some((&text[..start], clean(name)));
        }
        from = end + 1;
    }
    None
}

/// The same where `scripts/decode_stacktrace.sh` has put the place in the source for the offset: `name (mm/slub.c:12 (discriminator
/// 4)) module`.
pub(crate) fn decoded(text: &str) -> Option<(&str, &str)> {
    let (before, behind) = text.split_once(" (")?;
    let place = behind.split([' ', ')']).next()?;
    let start = before.bytes().rposition(|byte| !is_symbol(byte)).map_or(0, |at| at + 1);
    let name = &before[start..];
    (is_site(place) && starts_like_a_name(name)).then(|| (&before[..start], clean(name)))
}

/// `mm/page_alloc.c:123`, or the path that a kernel was built at.
pub(crate) fn is_site(site: &str) -> bool {
    let Some((file, line)) = site.rsplit_once(':') else { return false };
    let source = [".c", ".h", ".S", ".rs", ".y", ".l"].iter().any(|end| file.ends_with(end));
    source && line.bytes().all(|byte| byte.is_ascii_digit()) && !line.is_empty()
}

/// The function at the beginning of a text, with or without an offset behind it.
pub(crate) fn leading(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let end = text.bytes().position(|byte| !is_symbol(byte)).unwrap_or(text.len());
    let name = &text[..end];
    let rest = &text[end..];
    let whole = rest.is_empty() || rest.starts_with(['+', ' ', '(', ',', ')', ']', ':', '\n']);
    (whole && starts_like_a_name(name)).then(|| clean(name))
}

/// The caller in 32-bit ARM's `callee from caller`.
pub(crate) fn caller(line: &str) -> Option<&str> {
    let (_, caller) = line.split_once(" from ")?;
    let (before, name) = find(caller)?;
    is_margin(before).then_some(name)
}

/// Whether it may stand before a function in a trace: addresses, brackets, `? `, the name of the stack that begins, and the
/// module in 2.6's `:module:function` on x86_64.
pub(crate) fn is_margin(before: &str) -> bool {
    const STACKS: [&str; 5] = ["<IRQ>", "<EOI>", "<NMI>", "<<EOE>>", "<TASK>"];
    let before = before.trim_start();
    let before = STACKS.iter().find_map(|stack| before.strip_prefix(stack)).unwrap_or(before);
    let module = before.strip_suffix(':').and_then(|before| before.rsplit_once(':'));
    let before = module.filter(|(_, module)| !module.contains(' ')).map_or(before, |(before, _)| before);
    before.bytes().all(|byte| byte.is_ascii_hexdigit() || b" \t[]<>(){}?:x*#=".contains(&byte))
}

/// Whether an address is the beginning of a function (`f+0x0/0x34`). As a place to return to it is the end of the one before,
/// whose last call does not return.
pub(crate) fn is_at_start(line: &str) -> bool {
    extent(line).is_some_and(|(offset, _)| offset == "0")
}

/// Whether an address is the end of a function (`f+0x34/0x34`): a pointer to the next one. The kernel looks for the function
/// of the byte before, where a call would stand (`kernel/kallsyms.c`, `sprint_backtrace()`).
pub(crate) fn is_at_end(line: &str) -> bool {
    extent(line).is_some_and(|(offset, size)| offset == size)
}

/// Whether an address is beyond the end of the function that is named (`f+0x500/0x34`): it belongs to a function without a symbol, and
/// kallsyms names the one before it.
pub(crate) fn is_beyond_end(line: &str) -> bool {
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    extent(line)
        .is_some_and(|(offset, size)| number(offset).zip(number(size)).is_some_and(|(offset, size)| offset > size))
}

/// Whether the line is the rest of one that a terminal or a mail program has wrapped within `(function+0x12/0x34)`, so that
/// the name may be the rest of a longer one.
pub(crate) fn is_rest(line: &str) -> bool {
    let count = |byte| line.bytes().filter(|other| *other == byte).count();
    count(b')') > count(b'(')
}

/// Offset and size of the first function of a line.
fn extent(line: &str) -> Option<(&str, &str)> {
    let (offset, size) = line.split_once("+0x")?.1.split_once("/0x")?;
    let end = size.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(size.len());
    Some((offset, &size[..end]))
}

/// The name without the suffixes that compilers give to their copies and parts of a function, and without the marks of
/// another ABI (`.foo` of 64-bit PowerPC, `$x`).
pub(crate) fn clean(name: &str) -> &str {
    let name = name.trim_start_matches('.');
    name.split_once('.').map_or(name, |(name, _)| name)
}

fn is_symbol(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$')
}

fn starts_like_a_name(name: &str) -> bool {
    let name = name.trim_start_matches('.');
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.len() < 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_out_of_lines() {
        for (line, before, name) in [
            (" ? find_held_lock+0x35/0x1d0", " ? ", "find_held_lock"),
            (" [<ffffffff81463cb5>] foo.isra.8+0x125/0x140 [kvm]", " [<ffffffff81463cb5>] ", "foo"),
            ("[c0000000] [c000000000] .system_call+0x5c/0x70", "[c0000000] [c000000000] ", "system_call"),
            ("RIP: 0010:__se_sys_mremap+0x25fa/0x2c00", "RIP: 0010:", "__se_sys_mremap"),
            (" foo.cold.12+0x1/0x2", " ", "foo"),
            (" foo.constprop.0.isra.1+0x1/0x2", " ", "foo"),
        ] {
            assert_eq!(find(line), Some((before, name)), "{line}");
        }
    }

    #[test]
    fn decoded_names_are_cut_out_of_lines() {
        for (line, before, name) in [
            (" ? kfree (mm/slub.c:3567 mm/slub.c:4558) ", " ? ", "kfree"),
            ("alloc.constprop.0 (./include/linux/gfp.h:243 (discriminator 4)) kvm", "", "alloc"),
            ("RIP: 0010:kfree (mm/slub.c:3567)", "RIP: 0010:", "kfree"),
            ("switch_to (/home/a/linux/arch/arm64/kernel/process.c:740) (T)", "", "switch_to"),
        ] {
            assert_eq!(decoded(line), Some((before, name)), "{line}");
        }
        for line in ["task x (pid: 12)", "f (unreliable)", "Comm: x (12:34)", " (mm/slub.c:1)"] {
            assert_eq!(decoded(line), None, "{line}");
        }
    }

    #[test]
    fn callers_of_arm_are_read() {
        for (line, caller) in [
            ("[<c00149a0>] (a+0x0/0xf0) from [<c009274c>] (b+0xc4/0x11c)", Some("b")),
            ("[<c00149a0>] (a) from [<bf00274c>] (b.isra.1+0xc4/0x11c [usbnet])", Some("b")),
            (" a from b+0xc4/0x11c", Some("b")),
            ("[<c00149a0>] (a) from [<c009274c>]", None),
            (" f+0x1/0x2", None),
            ("data read from file b+0x1/0x2", None),
        ] {
            assert_eq!(super::caller(line), caller, "{line}");
        }
    }

    #[test]
    fn addresses_at_the_edge_of_a_function_are_known() {
        assert!(is_at_start("f+0x0/0x50") && is_at_end(" ? f+0x50/0x50 [kvm]"));
        for line in ["f+0x5/0x50", "f+0x50", "f"] {
            assert!(!is_at_start(line) && !is_at_end(line) && !is_beyond_end(line), "{line}");
        }
        assert!(is_beyond_end("f+0x500/0x40 [kvm]") && !is_beyond_end("f+0x40/0x40"));
    }

    #[test]
    fn rests_of_wrapped_lines_are_known() {
        assert!(is_rest("stack+0x20/0x24)") && is_rest("rx+0x70/0xd8 [uart])"));
        for line in ["(f+0x20/0x24)", "f+0x20/0x24", "f+0x20/0x24 (unreliable)"] {
            assert!(!is_rest(line), "{line}");
        }
    }

    #[test]
    fn numbers_are_no_names() {
        for line in ["x = 5+0x10", "RIP: 0010:0x286", "", "+0x"] {
            assert_eq!(find(line), None, "{line}");
        }
        assert_eq!(leading("0x0"), None);
        assert_eq!(leading("tty_release+0x12/0x34"), Some("tty_release"));
        assert_eq!(leading("kmemdup"), Some("kmemdup"));
        assert_eq!(leading("/etc/ssh"), None);
    }
}
