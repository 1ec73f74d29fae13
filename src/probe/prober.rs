//! Finding out what a suspected guest does: the watchdog asks, a task beside the driver's loop looks, and what it finds
//! comes back as an event.

use super::guest_memory::GuestMemory;
use super::symbol_cache::SymbolCache;
use super::{counters, profile};
use crate::host::{QmpCommands, SerialInput};
use arch::{Arch, Landmark};
use introspect::symbols::{Counters, Symbols};
use model::{Event, KernelArtifact, Probe, RamMib};
use qapi_qmp::chardev_send_break;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long a probe may take besides what it does on purpose.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long reading a kernel's symbols may take.
const SYMBOLS: Duration = Duration::from_secs(60);

/// Looks into one guest.
#[derive(Debug, Clone)]
pub struct Prober {
    /// Commands to its QEMU.
    pub qmp: QmpCommands,
    /// Input of its console.
    pub serial: SerialInput,
    /// What QEMU calls the character device of its console.
    pub console: String,
    /// Its kernel.
    pub kernel: Arc<KernelArtifact>,
    /// Its architecture.
    pub arch: Arch,
    /// Its memory.
    pub ram: RamMib,
    /// Bytes of a page.
    pub page_bytes: u32,
    /// Where the symbols of its kernel are, or will be.
    pub symbol_cache: Arc<SymbolCache>,
    /// Those of a kernel that has put itself elsewhere; nothing for a guest whose kernel was told not to.
    pub kaslr: Option<Arc<OnceCell<Arc<Symbols>>>>,
}

impl Prober {
    /// Looks, and gives what it found; what a sysrq letter brings forth stands on the console.
    pub async fn run(self, probe: Probe) -> Option<Event> {
        let found = match probe {
            Probe::Profile => self.profile().await.map(Some),
            Probe::Memory => self.memory().await.map(Some),
            Probe::Sysrq(letter) => self.send_sysrq(letter).await.map(|()| None),
        };
        found.unwrap_or_else(|why| Some(Event::ProbeFailed { probe, why }))
    }

    async fn profile(&self) -> Result<Event, String> {
        let symbols = self.symbols().await?;
        let memory = GuestMemory::new(&self.qmp);
        let sampling = profile::sample(&memory, &self.arch.cpu, &symbols, profile::SPAN);
        let profile = within(2 * profile::SPAN + PATIENCE, sampling).await?;
        Ok(Event::Profile { profile })
    }

    async fn memory(&self) -> Result<Event, String> {
        let symbols = self.symbols().await?;
        let memory = GuestMemory::new(&self.qmp);
        let memory = within(PATIENCE, counters::read(&memory, &self.arch.cpu, &symbols, self.counters())).await?;
        Ok(Event::Memory { memory })
    }

    /// A BREAK on the serial console makes the kernel take the next character for a sysrq letter
    /// (Documentation/admin-guide/sysrq.rst), within five seconds (`include/linux/serial_core.h`, `SYSRQ_TIMEOUT`).
    pub async fn send_sysrq(&self, letter: char) -> Result<(), String> {
        let sending = async {
            let sent = self.qmp.execute(chardev_send_break { id: self.console.clone() }, PATIENCE).await;
            sent.map_err(|error| error.to_string())?;
            let sent = self.serial.send(letter.to_string().into_bytes(), PATIENCE).await;
            sent.map_err(|error| format!("the serial console does not take the letter: {error}"))
        };
        within(PATIENCE, sending).await
    }

    /// What its kernel counts with.
    pub(super) fn counters(&self) -> Counters {
        Counters { word_bytes: self.arch.cpu.word_bytes, page_bytes: self.page_bytes, ram_kib: self.ram.bytes() / 1024 }
    }

    pub(super) async fn symbols(&self) -> Result<Arc<Symbols>, String> {
        let symbols = within(SYMBOLS, self.symbol_cache.get(&self.kernel, self.arch)).await?;
        let (Some(kaslr), Some(landmark)) = (&self.kaslr, &self.arch.cpu.landmark) else { return Ok(symbols) };
        kaslr.get_or_try_init(|| within(PATIENCE, self.find(&symbols, landmark))).await.cloned()
    }

    /// The symbols where the kernel is.
    async fn find(&self, symbols: &Arc<Symbols>, landmark: &Landmark) -> Result<Arc<Symbols>, String> {
        let memory = GuestMemory::new(&self.qmp);
        let seen = async {
            let _pause = memory.pause().await?;
            let at = (landmark.at)(&memory.registers().await?).ok_or("the registers do not say where the kernel is")?;
            Ok::<_, String>((landmark.read)(&memory.read(0, at, landmark.bytes).await?))
        };
        let seen = seen.await?.ok_or("what says where the kernel is cannot be read")?;
        let known = landmark.symbols.iter().find_map(|name| symbols.address(name));
        let slide = seen.wrapping_sub(known.ok_or_else(|| format!("the symbols have no `{}`", landmark.symbols[0]))?);
        match slide {
            0 => Ok(Arc::clone(symbols)),
            _ if slide % landmark.step == 0 => Ok(Arc::new(symbols.moved(slide))),
            _ => Err("the kernel has not come up, or the symbols are of another one".to_owned()),
        }
    }
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| Err(format!("it took longer than {} s", patience.as_secs()));
    tokio::time::timeout(patience, work).await.unwrap_or_else(late)
}
