//! Memory figures of a guest that may hang, from its kernel's counters.

use super::error::ProbeError;
use super::guest_memory::GuestMemory;
use introspect::counters::{CounterFormat, LRU_ITEMS, MAX_NAME_WORDS, Node, ZONE_ITEMS, zone_name};
use introspect::symbols::Symbols;
use model::Memory;

/// Bytes that are read of a `struct pglist_data`: its zones come first, and each takes up to 2 KiB.
const NODE_BYTES: usize = 16 * 1024;

/// Maximum number of nodes that are read.
const MAX_NODES: usize = 4;

/// Reads the figures while the machine is paused, so that they are consistent.
pub(super) async fn read(
    memory: &GuestMemory<'_>,
    symbols: &Symbols,
    format: CounterFormat,
) -> Result<Memory, ProbeError> {
    let data = |name| symbols.data(name).ok_or(ProbeError::NoSymbol(name));
    let (zone_stat, node_stat) = (data("vm_zone_stat")?, data("vm_node_stat")?);
    let word = usize::from(format.word_bytes);
    let pause = memory.pause().await?;
    let zone_stat = memory.read(0, zone_stat, ZONE_ITEMS * word).await?;
    let node_stat = memory.read(0, node_stat, LRU_ITEMS * word).await?;
    let mut nodes = Vec::new();
    for address in node_addresses(memory, symbols, format).await? {
        let bytes = memory.read(0, address, NODE_BYTES).await?;
        if let Some(node) = format.node(address, &bytes) {
            let names = names(memory, &node).await?;
            nodes.push((node, names));
        }
    }
    drop(pause);
    format.memory(&zone_stat, &node_stat, &nodes).ok_or(ProbeError::Counters)
}

/// Addresses of the nodes' structures: one in the kernel's image, or several in a table
/// (`include/linux/mmzone.h`, `NODE_DATA()`).
async fn node_addresses(
    memory: &GuestMemory<'_>,
    symbols: &Symbols,
    format: CounterFormat,
) -> Result<Vec<u64>, ProbeError> {
    if let Some(address) = symbols.data("contig_page_data") {
        return Ok(vec![address]);
    }
    let Some(table) = symbols.data("node_data") else { return Ok(Vec::new()) };
    let bytes = memory.read(0, table, MAX_NODES * usize::from(format.word_bytes)).await?;
    Ok(format.words(&bytes).into_iter().take_while(|&address| address != 0).collect())
}

/// The names of a node's zones. The first zone shows where in a zone the address of the name is.
async fn names(memory: &GuestMemory<'_>, node: &Node) -> Result<Vec<Option<&'static str>>, ProbeError> {
    let mut distance = None;
    for words in 1..=MAX_NAME_WORDS {
        if name(memory, node.word_after_pointer(0, words)).await?.is_some() {
            distance = Some(words);
            break;
        }
    }
    let mut names = Vec::new();
    for zone in 0..node.zones() {
        names.push(match distance {
            Some(words) => name(memory, node.word_after_pointer(zone, words)).await?,
            None => None,
        });
    }
    Ok(names)
}

async fn name(memory: &GuestMemory<'_>, address: Option<u64>) -> Result<Option<&'static str>, ProbeError> {
    // Counts and flags are small; no kernel has strings at addresses this low.
    const MIN_ADDRESS: u64 = 1 << 24;
    match address.filter(|&address| address >= MIN_ADDRESS) {
        Some(address) => Ok(zone_name(&memory.read(0, address, 8).await?)),
        None => Ok(None),
    }
}
