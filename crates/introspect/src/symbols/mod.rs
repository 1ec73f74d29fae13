//! The kernel's symbols, from a `System.map` or from the kernel image itself.

mod exports;
mod image;
mod kallsyms;
mod map;
mod table;
mod vmstat;

pub use image::KernelImage;
pub use kallsyms::system_map;
pub use map::parse_map;
pub use table::{Symbol, Symbols, image_shift};
pub use vmstat::vmstat_names;
