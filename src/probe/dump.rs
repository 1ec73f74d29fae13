//! A dump of the guest's RAM that `crash` opens.

use super::error::ProbeError;
use super::limits::QMP_TIMEOUT;
use crate::host::QmpCommands;
use model::RamMib;
use qapi_qmp::{DumpGuestMemoryFormat, dump_guest_memory, query_memory_size_summary};
use std::path::Path;
use std::time::Duration;

/// Timeout of a dump.
pub const DUMP_TIMEOUT: Duration = Duration::from_secs(60);

/// Has QEMU write all RAM of its machine to a file, if it is at most `max`. The machine is paused meanwhile.
///
/// # Errors
/// See [`ProbeError`]; a part of the file may be there.
pub async fn dump(qmp: &QmpCommands, file: &Path, max: RamMib) -> Result<(), ProbeError> {
    let ram = qmp.execute(query_memory_size_summary {}, QMP_TIMEOUT).await?;
    if ram.base_memory > max.bytes() {
        return Err(ProbeError::DumpSize { mib: ram.base_memory >> 20, max });
    }
    let path = std::path::absolute(file).map_err(ProbeError::DumpPath)?;
    // JSON has only UTF-8.
    let path = path.to_str().ok_or_else(|| ProbeError::DumpPath(std::io::ErrorKind::InvalidFilename.into()))?;
    // The format of makedumpfile, compressed page by page; QEMU always has zlib (`qapi/dump.json`).
    let command = dump_guest_memory {
        paging: false,
        protocol: format!("file:{path}"),
        format: Some(DumpGuestMemoryFormat::kdump_zlib),
        begin: None,
        length: None,
        detach: None,
    };
    qmp.execute(command, DUMP_TIMEOUT).await?;
    Ok(())
}
