//! Memory figures of a guest that may be stuck, read from outside through the kernel's symbols.

use super::guest_memory::GuestMemory;
use arch::CpuSpec;
use introspect::symbols::{Counters, LRU_ITEMS, NAME_WITHIN, Node, Symbols, ZONE_ITEMS, zone_name};
use model::Memory;

/// How much of a `struct pglist_data` is read: its zones are at its beginning, and each takes up to 2 KiB.
const NODE_BYTES: usize = 16 * 1024;

/// Nodes that are looked at.
const MAX_NODES: usize = 4;

/// Reads the figures while the machine is held still, so that they fit together.
pub(super) async fn read(
    memory: &GuestMemory<'_>,
    cpu: &CpuSpec,
    symbols: &Symbols,
    counters: Counters,
) -> Result<Memory, String> {
    let data = |name: &str| symbols.data(name).ok_or_else(|| format!("the symbols have no `{name}`"));
    let (zone_stat, node_stat) = (data("vm_zone_stat")?, data("vm_node_stat")?);
    let word = usize::from(cpu.word_bytes);
    let pause = memory.pause().await?;
    let zone_stat = memory.read(0, zone_stat, ZONE_ITEMS * word).await?;
    let node_stat = memory.read(0, node_stat, LRU_ITEMS * word).await?;
    let mut nodes = Vec::new();
    for address in node_addresses(memory, symbols, counters).await? {
        let bytes = memory.read(0, address, NODE_BYTES).await?;
        if let Some(node) = counters.node(address, &bytes) {
            let names = names(memory, &node).await?;
            nodes.push((node, names));
        }
    }
    drop(pause);
    counters.memory(&zone_stat, &node_stat, &nodes).ok_or_else(|| "the kernel's counters make no sense".to_owned())
}

/// Where the nodes' structures lie: one in the kernel's image, or several that a table points to
/// (`include/linux/mmzone.h`, `NODE_DATA()`).
async fn node_addresses(memory: &GuestMemory<'_>, symbols: &Symbols, counters: Counters) -> Result<Vec<u64>, String> {
    if let Some(address) = symbols.data("contig_page_data") {
        return Ok(vec![address]);
    }
    let Some(table) = symbols.data("node_data") else { return Ok(Vec::new()) };
    let bytes = memory.read(0, table, MAX_NODES * usize::from(counters.word_bytes)).await?;
    Ok(counters.words(&bytes).into_iter().take_while(|&address| address != 0).collect())
}

/// The names of a node's zones. Where in a zone the name's address is, the first zone tells.
async fn names(memory: &GuestMemory<'_>, node: &Node) -> Result<Vec<Option<&'static str>>, String> {
    let mut place = None;
    for behind in 1..=NAME_WITHIN {
        if name(memory, node.behind_pointer(0, behind)).await?.is_some() {
            place = Some(behind);
            break;
        }
    }
    let mut names = Vec::new();
    for zone in 0..node.zones() {
        names.push(match place {
            Some(behind) => name(memory, node.behind_pointer(zone, behind)).await?,
            None => None,
        });
    }
    Ok(names)
}

async fn name(memory: &GuestMemory<'_>, address: Option<u64>) -> Result<Option<&'static str>, String> {
    // Counts and flags are small; no kernel has its texts so far down.
    const LOWEST: u64 = 1 << 24;
    match address.filter(|&address| address >= LOWEST) {
        Some(address) => Ok(zone_name(&memory.read(0, address, 8).await?)),
        None => Ok(None),
    }
}
