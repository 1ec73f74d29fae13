//! The guest's RAM in a file that `crash` opens.

use crate::host::QmpCommands;
use model::RamMib;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// What QEMU calls makedumpfile's format, compressed page by page by zlib (QEMU, `qapi/dump.json`).
const FORMAT: &str = "kdump-zlib";

/// How long QEMU may take to tell what it can.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the whole may take.
pub const DUMP_TIMEOUT: Duration = Duration::from_secs(60);

/// Has QEMU write all RAM of its machine to a file, if it is no more than `most`. The machine stands still meanwhile.
///
/// # Errors
/// Why there is no dump; the file may be there in part.
pub async fn dump(qmp: &QmpCommands, file: &Path, most: RamMib) -> Result<(), String> {
    let ram = ask(qmp, "query-memory-size-summary").await?;
    let bytes = ram.get("base-memory").and_then(Value::as_u64).ok_or("QEMU does not say how much RAM there is")?;
    if bytes > most.bytes() {
        return Err(format!("{} MiB of RAM are more than {most}, the most that --dump keeps", bytes >> 20));
    }
    let can = ask(qmp, "query-dump-guest-memory-capability").await?;
    if !can.get("formats").and_then(Value::as_array).is_some_and(|formats| formats.contains(&FORMAT.into())) {
        return Err(format!("this QEMU writes no {FORMAT} of this machine"));
    }
    let path = std::path::absolute(file).map_err(|error| error.to_string())?;
    let path = path.to_str().ok_or("QEMU takes no path that is not UTF-8")?;
    let arguments = json!({ "paging": false, "protocol": format!("file:{path}"), "format": FORMAT });
    qmp.execute("dump-guest-memory", arguments, DUMP_TIMEOUT).await.map(drop).map_err(|error| error.to_string())
}

async fn ask(qmp: &QmpCommands, command: &'static str) -> Result<Value, String> {
    qmp.execute(command, Value::Null, PATIENCE).await.map_err(|error| error.to_string())
}
