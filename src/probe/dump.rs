//! The guest's RAM in a file that `crash` opens.

use crate::host::QmpCommands;
use model::RamMib;
use qapi_qmp::{DumpGuestMemoryFormat, dump_guest_memory, query_memory_size_summary};
use std::path::Path;
use std::time::Duration;

/// How long QEMU may take to tell what it can.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the whole may take.
pub const DUMP_TIMEOUT: Duration = Duration::from_secs(60);

/// Has QEMU write all RAM of its machine to a file, if it is no more than `most`. The machine stands still meanwhile.
///
/// # Errors
/// Why there is no dump; the file may be there in part.
pub async fn dump(qmp: &QmpCommands, file: &Path, most: RamMib) -> Result<(), String> {
    let ram = qmp.execute(query_memory_size_summary {}, PATIENCE).await.map_err(|error| error.to_string())?;
    if ram.base_memory > most.bytes() {
        return Err(format!("{} MiB of RAM are more than {most}, the most that --dump keeps", ram.base_memory >> 20));
    }
    let path = std::path::absolute(file).map_err(|error| error.to_string())?;
    let path = path.to_str().ok_or("QEMU takes no path that is not UTF-8")?;
    // The format of makedumpfile, compressed page by page; QEMU always has zlib (`qapi/dump.json`).
    let command = dump_guest_memory {
        paging: false,
        protocol: format!("file:{path}"),
        format: Some(DumpGuestMemoryFormat::kdump_zlib),
        begin: None,
        length: None,
        detach: None,
    };
    qmp.execute(command, DUMP_TIMEOUT).await.map(drop).map_err(|error| error.to_string())
}
