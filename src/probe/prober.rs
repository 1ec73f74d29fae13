//! Probes of a guest that may hang.

use super::error::ProbeError;
use super::guest_memory::GuestMemory;
use super::limits::{QMP_TIMEOUT, within};
use super::symbol_cache::SymbolCache;
use super::{counters, memory, modules, profile};
use crate::host::{QmpCommands, SerialInput};
use arch::{Arch, KaslrAnchor};
use introspect::counters::{CounterFormat, CounterLayout};
use introspect::symbols::Symbols;
use model::{Event, KernelArtifact, Memory, Probe, RamMib};
use qapi_qmp::chardev_send_break;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Timeout of reading a kernel's symbols.
const SYMBOLS_TIMEOUT: Duration = Duration::from_secs(60);

/// Reads one guest.
#[derive(Debug, Clone)]
pub struct Prober {
    /// Commands to its QEMU.
    pub qmp: QmpCommands,
    /// Input of its console.
    pub serial: SerialInput,
    /// QEMU's id of the character device of its console.
    pub console: String,
    /// Its kernel.
    pub kernel: Arc<KernelArtifact>,
    /// Its architecture.
    pub arch: Arch,
    /// Its memory.
    pub ram: RamMib,
    /// Bytes of a page.
    pub page_bytes: u32,
    /// Symbols and layouts of the kernels of the run.
    pub symbol_cache: Arc<SymbolCache>,
    /// The symbols with the KASLR offset, once known; `None` for a guest with `nokaslr`.
    pub kaslr: Option<Arc<OnceCell<Arc<Symbols>>>>,
}

impl Prober {
    /// Runs a probe; returns its result as an event, `None` for a sysrq letter, whose answer is on the console.
    pub async fn run(self, probe: Probe) -> Option<Event> {
        let found = match probe {
            Probe::Profile => self.profile().await.map(Some),
            Probe::Memory => self.memory().await.map(Some),
            Probe::Counters => self.counters().await.map(Some),
            Probe::Tasks => self.task_facts().await.map(Some),
            Probe::Sysrq(letter) => self.send_sysrq(letter).await.map(|()| None),
        };
        found.unwrap_or_else(|error| Some(Event::ProbeFailed { probe, why: error.to_string() }))
    }

    async fn profile(&self) -> Result<Event, ProbeError> {
        let symbols = self.symbols_with_modules().await?;
        let memory = GuestMemory::new(&self.qmp);
        let sampling = profile::sample(&memory, &self.arch.cpu, &symbols, profile::SPAN);
        let profile = within(2 * profile::SPAN + QMP_TIMEOUT, sampling).await?;
        Ok(Event::Profile { profile })
    }

    async fn memory(&self) -> Result<Event, ProbeError> {
        Ok(Event::Memory { memory: self.memory_figures().await? })
    }

    /// The memory figures; without those of CMA where its kernel's layouts are not known.
    pub(super) async fn memory_figures(&self) -> Result<Memory, ProbeError> {
        let symbols = self.symbols().await?;
        let machine = GuestMemory::new(&self.qmp);
        let format = self.counter_format(self.counter_layout().await.ok().as_deref());
        within(QMP_TIMEOUT, memory::read(&machine, &symbols, format)).await
    }

    async fn counters(&self) -> Result<Event, ProbeError> {
        let symbols = self.symbols().await?;
        let layout = self.counter_layout().await?;
        let machine = GuestMemory::new(&self.qmp);
        let reading = counters::read(&machine, &symbols, &layout, self.counter_format(Some(&layout)));
        Ok(Event::Counters { counters: Box::new(within(QMP_TIMEOUT, reading).await?) })
    }

    /// Sends a sysrq letter. A BREAK on the serial console makes the kernel take the next character for one
    /// (Documentation/admin-guide/sysrq.rst), within five seconds (`include/linux/serial_core.h`, `SYSRQ_TIMEOUT`).
    ///
    /// # Errors
    /// When QEMU does not send the BREAK or the console does not take the letter.
    pub async fn send_sysrq(&self, letter: char) -> Result<(), ProbeError> {
        let sending = async {
            self.qmp.execute(chardev_send_break { id: self.console.clone() }, QMP_TIMEOUT).await?;
            self.serial.send(letter.to_string().into_bytes(), QMP_TIMEOUT).await.map_err(ProbeError::Serial)
        };
        within(QMP_TIMEOUT, sending).await
    }

    /// Where its kernel's counters are.
    pub(super) async fn counter_layout(&self) -> Result<Arc<CounterLayout>, ProbeError> {
        within(SYMBOLS_TIMEOUT, self.symbol_cache.counters(&self.kernel, self.arch)).await
    }

    /// Units and limits of its kernel's counters.
    pub(super) fn counter_format(&self, layout: Option<&CounterLayout>) -> CounterFormat {
        let (word_bytes, ram_kib) = (self.arch.cpu.word_bytes, self.ram.bytes() / 1024);
        let free_cma = layout.and_then(|layout| layout.items.as_ref()?.free_cma());
        CounterFormat { word_bytes, page_bytes: self.page_bytes, ram_kib, free_cma }
    }

    /// The symbols of its kernel, at the addresses where it runs.
    pub(super) async fn symbols(&self) -> Result<Arc<Symbols>, ProbeError> {
        let symbols = within(SYMBOLS_TIMEOUT, self.symbol_cache.symbols(&self.kernel, self.arch)).await?;
        let (Some(kaslr), Some(anchor)) = (&self.kaslr, &self.arch.cpu.kaslr) else { return Ok(symbols) };
        kaslr.get_or_try_init(|| within(QMP_TIMEOUT, self.randomized(&symbols, anchor))).await.cloned()
    }

    /// The symbols of its kernel and of the modules that are loaded now, as far as they can be read.
    pub(super) async fn symbols_with_modules(&self) -> Result<Arc<Symbols>, ProbeError> {
        let symbols = self.symbols().await?;
        let Some(head) = symbols.data("modules") else { return Ok(symbols) };
        let (machine, cpu) = (GuestMemory::new(&self.qmp), &self.arch.cpu);
        let Some(first) = within(QMP_TIMEOUT, modules::first(&machine, head, cpu)).await? else { return Ok(symbols) };
        let Some(layout) = self.counter_layout().await.ok().and_then(|layout| layout.modules.clone()) else {
            return Ok(symbols);
        };
        let reading = async {
            let _pause = machine.pause().await?;
            modules::read(&machine, (head, first), &layout, cpu).await
        };
        Ok(Arc::new(symbols.with_modules(within(QMP_TIMEOUT, reading).await?)))
    }

    /// The symbols with the guest's KASLR offset.
    async fn randomized(&self, symbols: &Arc<Symbols>, anchor: &KaslrAnchor) -> Result<Arc<Symbols>, ProbeError> {
        let memory = GuestMemory::new(&self.qmp);
        let actual = {
            let _pause = memory.pause().await?;
            let location = (anchor.location)(&memory.registers().await?).ok_or(ProbeError::Kaslr)?;
            (anchor.decode)(&memory.read(0, location, anchor.bytes).await?).ok_or(ProbeError::Kaslr)?
        };
        let linked = anchor.symbols.iter().find_map(|name| symbols.address(name));
        match actual.wrapping_sub(linked.ok_or(ProbeError::NoSymbol(anchor.symbols[0]))?) {
            0 => Ok(Arc::clone(symbols)),
            offset if offset % anchor.align == 0 => Ok(Arc::new(symbols.with_kaslr(offset))),
            _ => Err(ProbeError::OtherKernel),
        }
    }
}
