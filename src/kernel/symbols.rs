//! The symbols of a kernel without a `System.map`: they are in its image (kallsyms).

use super::image::unpacked;
use arch::Arch;
use introspect::counters::VmstatItems;
use introspect::symbols::{KernelImage, system_map, vmstat_names};

/// The symbols in a bootable image, as text like that of a `System.map`; `None` for a kernel without `CONFIG_KALLSYMS`, or
/// with an unknown compression.
pub fn symbols_of(image: &[u8], arch: Arch) -> Option<String> {
    let read = |bytes: &[u8]| system_map(&KernelImage::new(bytes, arch.cpu.word_bytes, arch.cpu.image_base));
    read(image).or_else(|| unpacked(image).find_map(|bytes| read(&bytes)))
}

/// Which of the kernel's counters make up the events of memory management; `None` for a kernel without
/// `CONFIG_VM_EVENT_COUNTERS`, or with an unknown compression.
pub fn vmstat_items(image: &[u8], arch: Arch) -> Option<VmstatItems> {
    let read = |bytes: &[u8]| {
        let kernel = KernelImage::new(bytes, arch.cpu.word_bytes, arch.cpu.image_base);
        VmstatItems::new(&vmstat_names(&kernel)?)
    };
    read(image).or_else(|| unpacked(image).find_map(|bytes| read(&bytes)))
}
