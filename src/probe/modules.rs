//! The modules of a guest's kernel, from its memory.

use super::error::ProbeError;
use super::guest_memory::GuestMemory;
use arch::CpuSpec;
use introspect::bytes::le_uint_at;
use introspect::modules::{MAX_MODULES, ModuleLayout, ModuleText};

/// The members of the kernel's list of modules (`modules`, `kernel/module/main.c`), whose head is at `head`.
pub(super) async fn first(memory: &GuestMemory<'_>, head: u64, cpu: &CpuSpec) -> Result<Option<u64>, ProbeError> {
    let bytes = memory.read(0, head, usize::from(cpu.word_bytes)).await?;
    Ok(le_uint_at(&bytes, 0, usize::from(cpu.word_bytes)).filter(|&first| first != head))
}

/// The code of all modules, from the first member of the list on, while the machine is paused. What comes behind a damaged one
/// is left out.
pub(super) async fn read(
    memory: &GuestMemory<'_>,
    (head, first): (u64, u64),
    layout: &ModuleLayout,
    cpu: &CpuSpec,
) -> Result<Vec<ModuleText>, ProbeError> {
    let (mut texts, mut link) = (Vec::new(), first);
    for _ in 0..MAX_MODULES {
        let bytes = memory.read(0, layout.module(link), layout.bytes()).await?;
        texts.extend(layout.texts(&bytes, cpu));
        match layout.next(&bytes, cpu.word_bytes) {
            Some(next) if next != head => link = next,
            _ => break,
        }
    }
    Ok(texts)
}
