//! Memory figures of a guest that may hang, from its kernel's counters.

use super::error::ProbeError;
use super::guest_memory::GuestMemory;
use introspect::counters::{CounterFormat, LRU_ITEMS, MAX_NAME_WORDS, Node, zone_name};
use introspect::symbols::Symbols;
use model::Memory;

/// Bytes that are read of a `struct pglist_data`: its zones come first, and each takes up to 2 KiB.
const NODE_BYTES: usize = 16 * 1024;

/// Maximum number of nodes that are read: their structures are in the kernel's image (one), or in a table
/// (`include/linux/mmzone.h`, `NODE_DATA()`).
const MAX_NODES: usize = 4;

/// Reads the figures while the machine is paused, so that they are consistent.
pub(super) async fn read(
    memory: &GuestMemory<'_>,
    symbols: &Symbols,
    format: CounterFormat,
) -> Result<Memory, ProbeError> {
    let _pause = memory.pause().await?;
    read_paused(memory, symbols, format).await
}

/// Reads the figures of a machine that is paused.
pub(super) async fn read_paused(
    memory: &GuestMemory<'_>,
    symbols: &Symbols,
    format: CounterFormat,
) -> Result<Memory, ProbeError> {
    let data = |name| symbols.data(name).ok_or(ProbeError::NoSymbol(name));
    let (zone_stat, node_stat) = (data("vm_zone_stat")?, data("vm_node_stat")?);
    let word = usize::from(format.word_bytes);
    let (single, table) = (symbols.data("contig_page_data"), symbols.data("node_data"));
    let places =
        [(Some(zone_stat), format.zone_stat_bytes()), (Some(node_stat), LRU_ITEMS * word), (table, MAX_NODES * word)];
    let stats = memory.read_all(&places).await?;
    let nodes: Vec<u64> = match single {
        Some(address) => vec![address],
        None => format.words(&stats[2]).into_iter().take(MAX_NODES).take_while(|&address| address != 0).collect(),
    };
    let places: Vec<(Option<u64>, usize)> = nodes.iter().map(|&address| (Some(address), NODE_BYTES)).collect();
    let mut named = Vec::new();
    for (address, bytes) in nodes.into_iter().zip(memory.read_all(&places).await?) {
        if let Some(node) = format.node(address, &bytes) {
            let names = names(memory, &node).await?;
            named.push((node, names));
        }
    }
    format.memory(&stats[0], &stats[1], &named).ok_or(ProbeError::Counters)
}

/// The names of a node's zones. The first zone shows where in a zone the address of the name is.
async fn names(memory: &GuestMemory<'_>, node: &Node) -> Result<Vec<Option<&'static str>>, ProbeError> {
    let of_first: Vec<Option<u64>> = (1..=MAX_NAME_WORDS).map(|words| node.word_after_pointer(0, words)).collect();
    let Some(at) = names_at(memory, &of_first).await?.iter().position(Option::is_some) else {
        return Ok(vec![None; node.zones()]);
    };
    let of_all: Vec<Option<u64>> = (0..node.zones()).map(|zone| node.word_after_pointer(zone, at + 1)).collect();
    names_at(memory, &of_all).await
}

/// The names of zones at some addresses, which may be anything else.
async fn names_at(
    memory: &GuestMemory<'_>,
    addresses: &[Option<u64>],
) -> Result<Vec<Option<&'static str>>, ProbeError> {
    // Counts and flags are small; no kernel has strings at addresses this low.
    const MIN_ADDRESS: u64 = 1 << 24;
    let is_address = |address: &u64| *address >= MIN_ADDRESS;
    let places: Vec<(Option<u64>, usize)> = addresses.iter().map(|address| (address.filter(is_address), 8)).collect();
    Ok(memory.read_all(&places).await?.iter().map(|bytes| zone_name(bytes)).collect())
}
