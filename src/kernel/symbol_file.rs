//! A kernel's symbols as an ELF file, for gdb, which cannot read a `System.map`.

use arch::Arch;
use introspect::symbols::{Symbol, image_shift, parse_map};
use object::Endianness;
use object::elf;
use object::write::elf::{FileHeader, SectionHeader, Sym, Writer};

/// An ELF file with the symbols of a `System.map`, at their addresses in the running kernel, and the extent of its text, without
/// content; `None` if there is no function.
pub fn symbol_file(system_map: &str, arch: Arch) -> Option<Vec<u8>> {
    // Mapping symbols of arm and riscv name nothing.
    let mut symbols: Vec<Symbol<'_>> =
        parse_map(system_map.as_bytes()).filter(|symbol| !symbol.name.starts_with('$')).collect();
    let first = symbols.iter().filter(|symbol| is_text(symbol)).map(|symbol| symbol.address).min()?;
    let shift = image_shift(first, arch.cpu.image_base);
    symbols.iter_mut().for_each(|symbol| symbol.address = symbol.address.wrapping_add(shift));
    let last = symbols.iter().filter(|symbol| is_text(symbol)).map(|symbol| symbol.address).max()?;
    let start = first.wrapping_add(shift);
    let size = last.checked_add(u64::from(arch.cpu.word_bytes))?.checked_sub(start)?;
    let mut file = Vec::new();
    write(&mut file, &symbols, (start, size), arch).ok()?;
    Some(file)
}

fn write(
    file: &mut Vec<u8>,
    symbols: &[Symbol<'_>],
    (start, size): (u64, u64),
    arch: Arch,
) -> object::write::Result<()> {
    let mut writer = Writer::new(Endianness::Little, arch.cpu.word_bytes == 8, file);
    let names: Vec<_> = symbols.iter().map(|symbol| writer.add_string(symbol.name.as_bytes())).collect();
    writer.reserve_null_section_index();
    let text_name = writer.add_section_name(b".text");
    let text_section = writer.reserve_section_index();
    writer.reserve_symtab_section_index();
    writer.reserve_strtab_section_index();
    writer.reserve_shstrtab_section_index();
    for symbol in symbols {
        writer.reserve_symbol_index(is_text(symbol).then_some(text_section));
    }
    writer.reserve_file_header();
    writer.reserve_symtab();
    writer.reserve_strtab();
    writer.reserve_shstrtab();
    writer.reserve_section_headers();
    writer.write_file_header(&FileHeader {
        os_abi: elf::ELFOSABI_NONE,
        abi_version: 0,
        e_type: elf::ET_EXEC,
        e_machine: arch.cpu.elf_machine,
        e_entry: start,
        e_flags: 0,
    })?;
    writer.write_null_symbol();
    for (symbol, name) in symbols.iter().zip(names) {
        let kind = if is_text(symbol) { elf::STT_FUNC } else { elf::STT_OBJECT };
        writer.write_symbol(&Sym {
            name: Some(name),
            section: is_text(symbol).then_some(text_section),
            st_info: (elf::STB_GLOBAL << 4) | kind,
            st_other: 0,
            st_shndx: if is_text(symbol) { 0 } else { elf::SHN_ABS },
            st_value: symbol.address,
            st_size: 0,
        });
    }
    writer.write_strtab();
    writer.write_shstrtab();
    writer.write_null_section_header();
    writer.write_section_header(&SectionHeader {
        name: Some(text_name),
        sh_type: elf::SHT_NOBITS,
        sh_flags: u64::from(elf::SHF_ALLOC | elf::SHF_EXECINSTR),
        sh_addr: start,
        sh_offset: 0,
        sh_size: size,
        sh_link: 0,
        sh_info: 0,
        sh_addralign: 4,
        sh_entsize: 0,
    });
    // All symbols are global.
    writer.write_symtab_section_header(1);
    writer.write_strtab_section_header();
    writer.write_shstrtab_section_header();
    Ok(())
}

const fn is_text(symbol: &Symbol<'_>) -> bool {
    matches!(symbol.kind | 0x20, b't' | b'w')
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::{Object, ObjectSymbol};

    const MAP: &str =
        "0000000080000000 T _start\n0000000080000100 t out_of_memory\n0000000080200000 D jiffies\n80000000 t $x\n";

    /// Also where the symbols count from the beginning of the image.
    #[test]
    fn symbols_are_found_again() {
        for map in [MAP.to_owned(), MAP.replace("00000000802", "00000000002").replace("0000000080", "0000000000")] {
            let bytes = symbol_file(&map, arch::find("riscv64-nommu").unwrap()).unwrap();
            let file = object::File::parse(bytes.as_slice()).unwrap();
            let symbols: Vec<(String, u64)> =
                file.symbols().map(|symbol| (symbol.name().unwrap().to_owned(), symbol.address())).collect();
            let expected = [("_start", 0x8000_0000), ("out_of_memory", 0x8000_0100), ("jiffies", 0x8020_0000)];
            assert_eq!(symbols, expected.map(|(name, address)| (name.to_owned(), address)));
        }
        assert!(symbol_file("no map", arch::find("arm").unwrap()).is_none());
    }
}
