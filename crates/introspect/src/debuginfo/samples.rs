//! Debug information of `tests/debuginfo/sample.c`.

use super::types::{Field, Types, field, size};

pub(super) const DWARF5: &[u8] = include_bytes!("../../tests/debuginfo/dwarf5.elf");
pub(super) const DWARF2: &[u8] = include_bytes!("../../tests/debuginfo/dwarf2.elf");
pub(super) const OBJECT: &[u8] = include_bytes!("../../tests/debuginfo/object.o");
pub(super) const COMPRESSED: &[u8] = include_bytes!("../../tests/debuginfo/compressed.elf");
pub(super) const STRIPPED: &[u8] = include_bytes!("../../tests/debuginfo/stripped.elf");

/// Checks what is read of the sample.
pub(super) fn check(types: &dyn Types) {
    let at = |path| field(types, "task", path).map(|Field { offset, size }| (offset, size));
    assert_eq!((size(types, "task"), size(types, "inner")), (Some(32), Some(8)));
    assert_eq!((at("pid"), at("flags"), at("x"), at("y")), (Some((0, 4)), None, Some((8, 8)), Some((8, 4))));
    assert_eq!((at("next"), at("inside"), at("inside.b")), (Some((16, 8)), Some((24, 8)), Some((26, 6))));
    assert_eq!((at("absent"), size(types, "absent"), size(types, "unknown")), (None, None, None));
}

/// The sample as BTF.
pub(super) fn btf() -> Vec<u8> {
    with_types(&[])
}

/// The same with as many types as a kernel has.
pub(super) fn large_btf() -> Vec<u8> {
    with_types(&[0, 1 << 24, 4, 0].repeat(1000))
}

fn with_types(more: &[u32]) -> Vec<u8> {
    const STRINGS: &[u8] =
        b"\0inner\0a\0b\0task\0pid\0flags\0x\0y\0next\0inside\0long\0absent\0runqueues\0.data..percpu\0";
    let name = |text: &str| {
        let text = format!("\0{text}\0");
        STRINGS.windows(text.len()).position(|window| window == text.as_bytes()).unwrap() as u32 + 1
    };
    let info = |kind: u32, parts: u32, bitfields: u32| bitfields << 31 | kind << 24 | parts;
    let types = [
        &[0, info(1, 0, 0), 2, 0][..],                                         // 1 short
        &[0, info(10, 0, 0), 1],                                               // 2 const short
        &[0, info(3, 0, 0), 0, 2, 1, 3],                                       // 3 an array of three
        &[name("inner"), info(4, 2, 0), 8, name("a"), 1, 0, name("b"), 3, 16], // 4
        &[name("long"), info(1, 0, 0), 8, 0],                                  // 5
        &[0, info(1, 0, 0), 4, 0],                                             // 6 int
        &[0, info(9, 0, 0), 6],                                                // 7 volatile int
        &[0, info(5, 2, 0), 8, name("x"), 5, 0, name("y"), 7, 0],              // 8
        &[0, info(2, 0, 0), 10],                                               // 9 a pointer
        &[name("task"), info(4, 5, 1), 32, name("pid"), 6, 0],                 // 10
        &[name("flags"), 6, 3 << 24 | 32, 0, 8, 64],
        &[name("next"), 9, 128, name("inside"), 4, 192],
        &[name("absent"), info(7, 0, 0), 0],                         // 11
        &[name("runqueues"), info(14, 0, 0), 10, 1],                 // 12 a variable
        &[name(".data..percpu"), info(15, 1, 0), 128, 12, 0x40, 32], // 13
        more,
    ]
    .concat();
    let length = |words: usize| u32::try_from(4 * words).unwrap();
    let header = [0x0001_eb9f, 24, 0, length(types.len()), length(types.len()), STRINGS.len() as u32];
    let words = header.iter().chain(&types).flat_map(|word| word.to_le_bytes());
    words.chain(STRINGS.iter().copied()).collect()
}
