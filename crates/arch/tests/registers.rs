//! Dumps of registers as QEMU 7.2 printed them for real guests (without floating-point registers), and what is read from
//! them.

use arch::{InterruptedPc, Registers, vcpu_dumps};
use std::path::Path;

const fn registers(pc: u64, sp: u64) -> Registers {
    Registers { pc, sp, user: Some(false), irqs_off: false, halted: false, interrupted: InterruptedPc::Unknown }
}

/// Each recorded dump by the name of its file.
fn expected() -> Vec<(&'static str, Registers)> {
    let user = |registers| Registers { user: Some(true), ..registers };
    let masked = |registers| Registers { irqs_off: true, ..registers };
    let x86 = |pc, sp| Registers { interrupted: InterruptedPc::OnStack, ..registers(pc, sp) };
    let riscv = |pc, sp, interrupted| Registers { interrupted: InterruptedPc::At(interrupted), ..registers(pc, sp) };
    let nommu = |pc, sp| Registers { user: None, ..riscv(pc, sp, 0) };
    vec![
        ("x86_64.halted", Registers { halted: true, ..x86(0xffff_ffff_81a0_dfeb, 0xffff_ffff_82a0_3e90) }),
        ("x86_64.interrupts-off", masked(x86(0x10_02aa, 0x433_8000))),
        ("x86_64.kernel", x86(0xffff_ffff_8308_5272, 0xffff_ffff_82a0_3de8)),
        ("x86_64.protected-mode", masked(x86(0xe_c39c, 0x6fd8))),
        ("x86_64.user", user(x86(0x40_29d5, 0x7ffc_b10b_ea60))),
        // The link register of the interrupt's mode holds the address behind the next instruction.
        ("arm.interrupted", Registers { user: None, ..registers(0xc060_f618, 0) }),
        ("arm.interrupts-off", masked(registers(0x4001_11fc, 0x4054_3618))),
        ("arm.kernel", registers(0xc121_8d2c, 0xc140_1f90)),
        ("arm.user", user(registers(0x1_0300, 0xbea5_cdf8))),
        ("aarch64.interrupts-off", masked(registers(0x40dc_b45c, 0x41c9_2000))),
        ("aarch64.kernel", registers(0xffff_8000_08b9_c6a0, 0xffff_8000_0980_3dd0)),
        ("aarch64.user", user(registers(0x40_1c84, 0xffff_e35a_5740))),
        // Firmware is no kernel either; its machine mode masks what is the kernel's.
        ("riscv64.firmware", user(masked(riscv(0x8000_3b2e, 0x8004_7fa0, 0)))),
        ("riscv64.interrupts-off", masked(riscv(0xffff_ffff_80db_1bc8, 0xffff_ffff_8200_3b00, 0x8020_1048))),
        ("riscv64.kernel", riscv(0xffff_ffff_8096_1fa2, 0xffff_ffff_8200_3cf0, 0xffff_ffff_80e0_12f6)),
        ("riscv64.user", user(riscv(0x1_15f0, 0x7fff_de8c_b2c0, 0x1_0c38))),
        ("riscv64-nommu.interrupts-off", masked(nommu(0x8004_0f40, 0x8020_bc40))),
        ("riscv64-nommu.kernel", nommu(0x8004_01a6, 0x8020_bdd0)),
        (
            "riscv32-nommu.interrupts-off",
            masked(Registers { interrupted: InterruptedPc::At(0x8011_f39a), ..nommu(0x8011_e576, 0x801c_fe90) }),
        ),
        (
            "riscv32-nommu.kernel",
            Registers { interrupted: InterruptedPc::At(0x8008_a5ae), ..nommu(0x8007_1f5a, 0x8052_3c80) },
        ),
    ]
}

#[test]
fn registers_are_read_on_every_architecture() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registers");
    let expected = expected();
    for (name, expected) in &expected {
        let text = std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
        let vcpus = vcpu_dumps(&text);
        assert_eq!(vcpus.len(), 1, "{name}");
        let arch = arch::find(name.split('.').next().unwrap()).unwrap();
        assert_eq!((arch.cpu.registers)(vcpus[0].1), Some(*expected), "{name}");
    }
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), expected.len(), "each file is read");
    for &arch in arch::ALL {
        assert!(expected.iter().any(|(name, _)| name.starts_with(&format!("{}.", arch.name))), "{}", arch.name);
        assert_eq!((arch.cpu.registers)("RIP=zz PC= pc \r\n"), None, "{}", arch.name);
    }
}

#[test]
fn registers_of_a_32_bit_program_on_aarch64_are_read_as_on_arm() {
    let text = include_str!("registers/arm.user.txt");
    let aarch64 = arch::find("aarch64").unwrap();
    assert_eq!((aarch64.cpu.registers)(text), (arch::find("arm").unwrap().cpu.registers)(text));
}
