//! The symbols of a kernel whose package or owner gives no `System.map`: the kernel has them itself.

use super::image::unpacked;
use arch::Arch;
use introspect::symbols::{Bare, system_map};

/// The symbols in a bootable image, as text like that of a `System.map`; `None` for a kernel without `CONFIG_KALLSYMS`, or
/// one that is packed in a way not known here.
pub fn symbols_of(image: &[u8], arch: Arch) -> Option<String> {
    let read = |bytes: &[u8]| system_map(&Bare::new(bytes, arch.cpu.word_bytes, arch.cpu.image_base));
    read(image).or_else(|| unpacked(image).find_map(|bytes| read(&bytes)))
}
