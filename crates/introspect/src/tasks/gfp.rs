//! Masks of the page allocator (`include/linux/gfp_types.h`; the bits named here are the same from 5.10 to 7.3).

/// `__GFP_DIRECT_RECLAIM`.
pub(super) const DIRECT_RECLAIM: u64 = 0x400;

/// Masks are below this; no flag is as high.
pub(super) const MASK_END: u64 = 1 << 30;

/// Combinations and single bits, in the order in which they are taken out of a mask, as `%pGg` prints them
/// (`include/trace/events/mmflags.h`).
const NAMES: &[(u64, &str)] = &[
    (0x0010_0cca, "GFP_HIGHUSER_MOVABLE"),
    (0x0010_0cc2, "GFP_HIGHUSER"),
    (0x0010_0cc0, "GFP_USER"),
    (0x0040_0cc0, "GFP_KERNEL_ACCOUNT"),
    (0xcc0, "GFP_KERNEL"),
    (0xc40, "GFP_NOFS"),
    (0xc00, "GFP_NOIO"),
    (0x820, "GFP_ATOMIC"),
    (0x800, "GFP_NOWAIT"),
    (0x1, "__GFP_DMA"),
    (0x2, "__GFP_HIGHMEM"),
    (0x4, "__GFP_DMA32"),
    (0x8, "__GFP_MOVABLE"),
    (0x10, "__GFP_RECLAIMABLE"),
    (0x20, "__GFP_HIGH"),
    (0x40, "__GFP_IO"),
    (0x80, "__GFP_FS"),
    (0x100, "__GFP_ZERO"),
    (0x400, "__GFP_DIRECT_RECLAIM"),
    (0x1000, "__GFP_WRITE"),
    (0x2000, "__GFP_NOWARN"),
    (0x4000, "__GFP_RETRY_MAYFAIL"),
    (0x8000, "__GFP_NOFAIL"),
    (0x1_0000, "__GFP_NORETRY"),
    (0x2_0000, "__GFP_MEMALLOC"),
    (0x4_0000, "__GFP_COMP"),
    (0x8_0000, "__GFP_NOMEMALLOC"),
    (0x10_0000, "__GFP_HARDWALL"),
    (0x20_0000, "__GFP_THISNODE"),
    (0x40_0000, "__GFP_ACCOUNT"),
];

/// A mask as the kernel prints it: `0xcc0(GFP_KERNEL)`.
pub(super) fn show(mask: u64) -> String {
    let (mut rest, mut words) = (mask, Vec::new());
    for (bits, name) in NAMES {
        if rest & bits == *bits {
            words.push((*name).to_owned());
            rest &= !bits;
        }
    }
    if rest != 0 {
        words.push(format!("{rest:#x}"));
    }
    format!("{mask:#x}({})", words.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn show_names_flags_as_the_kernel_does() {
        assert_eq!(show(0xcc0), "0xcc0(GFP_KERNEL)");
        assert_eq!(show(0x14_0cca), "0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP)");
        assert_eq!(show(0x0100_0c40), "0x1000c40(GFP_NOFS|0x1000000)");
        assert_eq!(show(0), "0x0()");
    }
}
