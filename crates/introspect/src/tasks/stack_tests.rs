use super::super::samples::{Ram, symbols};
use super::*;
use arch::Paging;
use proptest::prelude::*;

const STACK: u64 = 0x10_0000;
const END: u64 = STACK + 0x4000;
/// Functions of the sample lie this far from each other.
const STEP: u64 = 0x100;
const TEXT: u64 = 0x200_0000;

/// A return address into the function of this number, from a call of another one; `None` for a call by a register.
fn call(ram: &mut Ram, from: u64, at: u64, callee: Option<u64>) -> u64 {
    let address = TEXT + from * STEP + at;
    let word = match callee {
        // jal ra, distance
        Some(callee) => {
            let distance = (TEXT + callee * STEP).wrapping_sub(address - 4) as u32;
            let bits = |from: u32, count: u32| distance >> from & ((1 << count) - 1);
            bits(20, 1) << 31 | bits(1, 10) << 21 | bits(11, 1) << 20 | bits(12, 8) << 12 | 0xef
        }
        // jalr ra, 0(a5)
        None => 0x0007_80e7,
    };
    ram.put(address - 4, &word.to_le_bytes());
    address
}

fn ram() -> Ram {
    Ram::new(STACK, (TEXT - STACK) as usize + 0x1000)
}

fn unwind(ram: &Ram, start: Start) -> Vec<(String, bool)> {
    unwind_by(&arch::find("riscv64-nommu").unwrap().stack.unwrap(), ram, start)
}

fn unwind_by(spec: &StackSpec, ram: &Ram, start: Start) -> Vec<(String, bool)> {
    let symbols = symbols();
    let memory = VirtualMemory { physical: ram, paging: Paging::Off, word_bytes: 8 };
    let frames = Unwinder { memory, symbols: &symbols, spec }.unwind(start);
    let named = |frame: Frame| (symbols.function(frame.address).unwrap_or("?").to_owned(), frame.confirmed);
    frames.into_iter().map(named).collect()
}

/// In the function 0.
fn start(sp: u64) -> Start {
    Start { pc: TEXT + 0x10, sp, fp: 0, ra: None, end: END }
}

fn frames(expected: &[(&str, bool)]) -> Vec<(String, bool)> {
    expected.iter().map(|(name, sure)| ((*name).to_owned(), *sure)).collect()
}

#[test]
fn direct_calls_confirm_frames_and_leftovers_are_marked() {
    let mut ram = ram();
    let words = [
        call(&mut ram, 1, 0x20, Some(0)),
        // Left behind: it called a function that is not there.
        call(&mut ram, 5, 0x20, Some(6)),
        call(&mut ram, 2, 0x20, Some(1)),
        // Left behind as well; the callee is unknown.
        call(&mut ram, 6, 0x40, None),
        call(&mut ram, 3, 0x20, Some(2)),
        // The function is one step further out certain.
        call(&mut ram, 4, 0x20, None),
        call(&mut ram, 7, 0x20, Some(4)),
    ];
    for (at, word) in (0..).step_by(5).zip(words) {
        ram.put_word(END - 0x200 + 8 * at, word);
        ram.put_word(END - 0x200 + 8 * at + 8, TEXT + 0x13);
    }
    let expected = [
        ("f0", true),
        ("f1", true),
        ("f5", false),
        ("f2", true),
        ("f6", false),
        ("f3", true),
        ("f4", true),
        ("f7", true),
    ];
    assert_eq!(unwind(&ram, start(END - 0x200)), frames(&expected));
}

#[test]
fn tail_calls_confirm_frames() {
    let mut ram = ram();
    // f1 called f5, which jumped to f0.
    for (at, (from, callee)) in (0..).zip([(1, 5), (2, 1), (3, 2), (4, 3)]) {
        let word = call(&mut ram, from, 0x20, Some(callee));
        ram.put_word(END - 0x100 + 16 * at, word);
    }
    let expected = |sure| frames(&[("f0", true), ("f1", sure), ("f2", true), ("f3", true), ("f4", true)]);
    assert_eq!(unwind(&ram, start(END - 0x100)), expected(false));
    // j f0
    ram.put(TEXT + 5 * STEP + 0x80, &0xa81f_f06f_u32.to_le_bytes());
    assert_eq!(unwind(&ram, start(END - 0x100)), expected(true));
}

#[test]
fn return_address_register_comes_first_unless_the_stack_has_it() {
    let mut ram = ram();
    let (inner, outer) = (call(&mut ram, 1, 0x20, Some(0)), call(&mut ram, 2, 0x20, Some(1)));
    ram.put_word(END - 16, outer);
    let in_register = Start { ra: Some(inner), ..start(END - 0x40) };
    let expected = frames(&[("f0", true), ("f1", true), ("f2", true)]);
    assert_eq!(unwind(&ram, in_register), expected);
    ram.put_word(END - 32, inner);
    assert_eq!(unwind(&ram, in_register), expected);
}

#[test]
fn unwinding_continues_below_an_interrupt() {
    let mut ram = ram();
    // f0 was called by the entry, which interrupted f2, which f3 had called.
    let words = [call(&mut ram, 7, 0x20, Some(0)), TEXT + 2 * STEP + 0x31, call(&mut ram, 3, 0x20, Some(2))];
    for (at, word) in (0..).step_by(16).zip(words) {
        ram.put_word(END - 0x100 + at, word);
    }
    let expected = |sure| frames(&[("f0", true), ("f7", sure), ("f3", true)]);
    let spec = arch::find("riscv64-nommu").unwrap().stack.unwrap();
    let entry = StackSpec { exception_entries: &["f7"], ..spec };
    assert_eq!(unwind_by(&entry, &ram, start(END - 0x100)), expected(true));
    assert_ne!(unwind_by(&spec, &ram, start(END - 0x100)), expected(true));
}

#[test]
fn frame_pointers_confirm_frames() {
    let mut ram = ram();
    let mut fp = END - 0x200;
    let first = fp;
    for from in 1..6 {
        let word = call(&mut ram, from, 0x20, None);
        ram.put_word(fp - 8, word);
        ram.put_word(fp - 16, fp + 0x40);
        let stale = call(&mut ram, 7, 0x40, None);
        ram.put_word(fp - 32, stale);
        fp += 0x40;
    }
    let found = unwind(&ram, Start { fp: first, ..start(END - 0x240) });
    let sure: Vec<&str> = found.iter().filter(|(_, sure)| *sure).map(|(name, _)| name.as_str()).collect();
    assert_eq!(sure, ["f0", "f1", "f2", "f3", "f4", "f5"]);
    assert_eq!(found.iter().filter(|(_, sure)| !sure).count(), 5);
}

#[test]
fn unreadable_stack_has_one_frame() {
    assert_eq!(unwind(&ram(), Start { sp: 8, end: 0x4008, ..start(0) }), frames(&[("f0", true)]));
}

proptest! {
    #[test]
    fn arbitrary_stacks_have_a_maximum_of_frames(words in proptest::collection::vec(TEXT..TEXT + 0x1000, 0..600), fp: u64, ra: u64, pc: u64) {
        let mut ram = ram();
        let code: Vec<u8> = (0..0x400_u32).flat_map(|_| 0x0007_80e7_u32.to_le_bytes()).collect();
        ram.put(TEXT, &code);
        for (at, word) in (0..).zip(words) {
            ram.put_word(STACK + 8 * at, word);
        }
        let frames = unwind(&ram, Start { pc, sp: STACK, fp: STACK + fp % 0x4000, ra: Some(ra), end: END });
        assert!(frames.len() <= MAX_FRAMES);
    }
}
