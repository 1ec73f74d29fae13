//! The kernel's own counters: the guest's progress, independent of its console.

use super::error::ProbeError;
use super::guest_memory::GuestMemory;
use super::memory;
use crate::host::Clock;
use introspect::bytes::le_uint_at;
use introspect::counters::{CPUSTAT_BYTES, CounterFormat, CounterLayout, CpuSet, MAX_CPUS, cpu_counters, is_panicked};
use introspect::symbols::Symbols;
use model::{Counters, CpuCounters, VmEvents};

/// Global variables, and the bytes read of each.
const SINGLE: [(&str, usize); 5] = [
    ("jiffies_64", 8),
    ("panic_cpu", 4),
    ("nr_cpu_ids", 4),
    ("__cpu_online_mask", 8),
    ("__per_cpu_offset", 8 * MAX_CPUS),
];

/// Reads a kernel's counters.
struct Reader<'a> {
    memory: &'a GuestMemory<'a>,
    symbols: &'a Symbols,
    layout: &'a CounterLayout,
    format: CounterFormat,
    /// Names of variables that are unknown or not mapped.
    missing: Vec<String>,
}

/// Reads the counters while the machine is paused, so that they are consistent. Variables that cannot be read are listed.
pub(super) async fn read(
    memory: &GuestMemory<'_>,
    symbols: &Symbols,
    layout: &CounterLayout,
    format: CounterFormat,
) -> Result<Counters, ProbeError> {
    let mut reader = Reader { memory, symbols, layout, format, missing: Vec::new() };
    let pause = memory.pause().await?;
    let clock = Clock::start();
    let (mut counters, cpus) = reader.single().await?;
    if let Some(cpus) = cpus {
        (counters.events, counters.cpus) = reader.of_cpus(&cpus).await?;
    }
    counters.memory = match memory::read_paused(memory, symbols, format).await {
        Ok(memory) => Some(memory),
        Err(error @ ProbeError::Qmp(_)) => return Err(error),
        Err(_) => {
            reader.lacks("vm_zone_stat");
            None
        }
    };
    counters.span_us = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX);
    drop(pause);
    counters.missing = reader.missing;
    if counters.jiffies.is_none() && counters.events.is_empty() && counters.cpus.is_empty() {
        return Err(ProbeError::NoCounters(counters.missing));
    }
    Ok(counters)
}

impl Reader<'_> {
    fn lacks(&mut self, name: &str) {
        self.missing.push(name.to_owned());
    }

    /// The global variables, and the kernel's CPUs.
    async fn single(&mut self) -> Result<(Counters, Option<CpuSet>), ProbeError> {
        let places = SINGLE.map(|(name, bytes)| (self.symbols.data(name), bytes));
        let found = self.memory.read_all(&places).await?;
        let [jiffies, panic_cpu, count, online, offsets] = &found[..] else { return Ok(Default::default()) };
        let jiffies = le_uint_at(jiffies, 0, 8);
        let panicked = is_panicked(panic_cpu);
        let word = self.format.word_bytes;
        // The offsets are exported to modules by each kernel with CONFIG_SMP.
        let is_single =
            self.symbols.data("vm_event_states").is_some() && self.symbols.data("__per_cpu_offset").is_none();
        let cpus = if is_single {
            Some(CpuSet::single(word))
        } else {
            CpuSet::new(offsets, online, le_uint_at(count, 0, 4), word)
        };
        let known = [jiffies.is_some(), panicked.is_some(), cpus.is_some()];
        for (name, _) in ["jiffies_64", "panic_cpu", "__per_cpu_offset"].into_iter().zip(known).filter(|(_, is)| !is) {
            self.lacks(name);
        }
        Ok((Counters { jiffies, panicked, ..Counters::default() }, cpus))
    }

    /// The events of all CPUs together, and the counters of each CPU that is online.
    async fn of_cpus(&mut self, cpus: &CpuSet) -> Result<(VmEvents, Vec<CpuCounters>), ProbeError> {
        let word = usize::from(self.format.word_bytes);
        let items = self.layout.items.as_ref();
        let events = self.symbols.data("vm_event_states").filter(|_| items.is_some());
        let times = self.symbols.data("kernel_cpustat").filter(|_| self.layout.cpustat.is_some());
        let queues = self.layout.runqueue.and_then(|runqueue| {
            let near = || self.symbols.data("vm_event_states")?.checked_add_signed(runqueue.from_events?);
            self.symbols.data("runqueues").or_else(near)
        });
        let event_bytes = items.map_or(0, |items| items.event_count() * word);
        let queue_bytes = self.layout.runqueue.map_or(0, |runqueue| runqueue.bytes());
        let node_bytes = items.map_or(0, |items| items.node_count() * word);
        let mut places = vec![(self.symbols.data("vm_node_stat").filter(|_| node_bytes > 0), node_bytes)];
        for cpu in cpus.possible() {
            let is_online = cpus.is_online(cpu);
            let at = |linked: Option<u64>| linked.map(|linked| cpus.address(cpu, linked));
            places.push((at(events), event_bytes));
            places.push((at(times).filter(|_| is_online), CPUSTAT_BYTES));
            places.push((at(queues).filter(|_| is_online), queue_bytes));
        }
        let mut found = self.memory.read_all(&places).await?.into_iter();
        let nodes = found.next().unwrap_or_default();
        let (mut states, mut counted) = (Vec::new(), Vec::new());
        for cpu in cpus.possible() {
            let (Some(state), Some(times), Some(queue)) = (found.next(), found.next(), found.next()) else { break };
            states.push(state);
            if cpus.is_online(cpu) {
                counted.push(cpu_counters(cpu, &times, &queue, self.layout));
            }
        }
        for (name, known) in [("kernel_cpustat", times), ("runqueues", queues)] {
            if known.is_none() {
                self.lacks(name);
            }
        }
        if events.is_none() {
            self.lacks(if items.is_none() { "vmstat_text" } else { "vm_event_states" });
            return Ok((VmEvents::default(), counted));
        }
        let events = items.map(|items| items.sum(&states, &nodes, self.format.word_bytes));
        Ok((events.unwrap_or_default(), counted))
    }
}
