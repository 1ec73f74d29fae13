//! The steps that ask the host alone: what they read of a machine.

use super::text;
use crate::lab::peek::Peek;
use crate::lab::probes::Prober;
use crate::lab::{memory, profile};
use crate::model::{Profile, Stamp, Step};
use crate::symbols::{Counters, log_text};

/// Parts of the time over which a profile is taken: a guest that does one thing now and another later shows it.
const PARTS: usize = 4;

/// The most of the kernel's log buffer that is read, from its end.
const LOG_BYTES: u64 = 256 * 1024;

/// Bytes of the guest's memory that are read at once.
const PIECE: usize = 16 * 1024;

/// Makes a step that needs no answer of the guest's; gives what it found as text.
pub(super) async fn look(prober: &Prober, step: Step, at: Stamp) -> Result<String, String> {
    let peek = Peek::new(&prober.qmp);
    match step {
        Step::Registers => {
            let _pause = peek.pause().await?;
            peek.registers().await
        }
        Step::Profile => {
            let symbols = prober.symbols().await?;
            let mut parts: Vec<Profile> = Vec::new();
            for _ in 0..PARTS {
                parts.push(profile::sample(&peek, &prober.arch.cpu, &symbols, profile::SPAN / PARTS as u32).await?);
            }
            Ok(text::profile(&parts))
        }
        Step::Memory => {
            let symbols = prober.symbols().await?;
            let counters = prober.counters();
            Ok(text::memory(&memory::read(&peek, &prober.arch.cpu, &symbols, counters).await?))
        }
        Step::KernelLog => kernel_log(prober, &peek).await,
        Step::Tasks => prober.tasks(at).await,
        Step::Dump | Step::Sysrq(_) | Step::Nmi => Err("there is nothing to read for that".to_owned()),
    }
}

/// `log_buf` and `log_buf_len` of `kernel/printk/printk.c`: a ring, whose oldest part is overwritten first.
async fn kernel_log(prober: &Prober, peek: &Peek<'_>) -> Result<String, String> {
    let symbols = prober.symbols().await?;
    let data = |name: &str| symbols.data(name).ok_or_else(|| format!("the symbols have no `{name}`"));
    let (buffer, length) = (data("log_buf")?, data("log_buf_len")?);
    let counters: Counters = prober.counters();
    let _pause = peek.pause().await?;
    let word = usize::from(counters.word_bytes);
    let number = |bytes: &[u8], width: usize| {
        bytes.get(..width).map(|bytes| bytes.iter().rev().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte)))
    };
    let buffer = number(&peek.memory(0, buffer, word).await?, word).ok_or("`log_buf` cannot be read")?;
    let length = number(&peek.memory(0, length, 4).await?, 4).ok_or("`log_buf_len` cannot be read")?;
    if length == 0 || length > counters.ram_kib * 1024 {
        return Err(format!("`log_buf_len` makes no sense: {length}"));
    }
    let mut bytes = Vec::new();
    let end = length.min(LOG_BYTES);
    while (bytes.len() as u64) < end {
        let piece = PIECE.min((end - bytes.len() as u64) as usize);
        let read = peek.memory(0, buffer.wrapping_add(bytes.len() as u64), piece).await?;
        if read.is_empty() {
            break;
        }
        bytes.extend_from_slice(&read[..read.len().min(piece)]);
    }
    let text = log_text(&bytes);
    if text.is_empty() { Err("there is no text in the log buffer".to_owned()) } else { Ok(text) }
}
