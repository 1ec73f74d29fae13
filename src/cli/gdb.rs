//! How to start gdb on a guest.

use super::error::CliError;
use crate::host::SYMBOLS;
use crate::kernel::{symbol_file, symbols_of};
use model::KernelArtifact;
use object::{Object, read::File};
use std::path::{Path, PathBuf};

/// The file with the kernel's symbols: its `vmlinux`, or one that is made in the trial's folder of its `System.map`.
///
/// # Errors
/// When the kernel has no symbols, or the file cannot be written.
pub(super) fn symbols(kernel: &KernelArtifact, folder: &Path) -> Result<PathBuf, CliError> {
    if let Some(vmlinux) = kernel.vmlinux.as_ref().filter(|path| has_symbols(path)) {
        return Ok(vmlinux.clone());
    }
    let map = match &kernel.system_map {
        Some(path) => Some(std::fs::read_to_string(path)?),
        None => symbols_of(&std::fs::read(&kernel.image)?, kernel.arch),
    };
    let file = map.and_then(|map| symbol_file(&map, kernel.arch));
    let file = file.ok_or_else(|| CliError::Lab(format!("{} has neither a System.map nor kallsyms", kernel.name)))?;
    let path = folder.join(SYMBOLS);
    std::fs::write(&path, file)?;
    Ok(path)
}

/// Whether an ELF file has the kernel's symbols; that of kernels that are built here has their types alone.
fn has_symbols(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    File::parse(bytes.as_slice()).is_ok_and(|file| file.symbol_by_name("_stext").is_some())
}

/// The command line of gdb, with a newline.
pub(super) fn line(kernel: &KernelArtifact, symbols: &Path, socket: &Path) -> String {
    let mut words = vec!["gdb-multiarch".to_owned(), symbols.display().to_string()];
    // Without symbols it has the types alone.
    if let Some(types) = kernel.vmlinux.as_ref().filter(|path| path.as_path() != symbols) {
        words.extend(["-ex".to_owned(), format!("add-symbol-file \"{}\"", types.display())]);
    }
    if let Some(scripts) = symbols.parent().map(|folder| folder.join("vmlinux-gdb.py")).filter(|path| path.is_file()) {
        words.extend(["-ex".to_owned(), format!("source {}", scripts.display())]);
    }
    words.extend(["-ex".to_owned(), format!("target remote {}", socket.display())]);
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default() + "\n"
}
