//! Names of cells: made of the cell's own values alone, so that they stay when the rest of the matrix changes.

use model::{Cell, CellId, KernelName, Payload};

/// The maximum length of an id in bytes: with a trial's number behind it, it is still a file name.
const MAX_BYTES: usize = 200;

/// The id of a cell: `kernel.arch.ram.workload`, then `.2cpu` unless there is one vCPU, then `.axis=value` for each
/// custom axis. It is made of `[A-Za-z0-9._=,+-]`; different cells have different ids.
pub fn cell_id(cell: &Cell) -> CellId {
    let kernel = plain(cell.kernel.as_str(), ".+");
    let mut id = format!("{kernel}.{}.{}.{}", cell.arch, cell.ram, workload_label(&cell.payload));
    if cell.vcpus != 1 {
        id.push_str(&format!(".{}cpu", cell.vcpus));
    }
    for (axis, value) in cell.axes.iter() {
        id.push_str(&format!(".{}={}", plain(axis, ""), value_part(value)));
    }
    CellId::new(if id.len() > MAX_BYTES { shortened(&id) } else { id })
}

/// The same cell with another kernel.
pub fn with_kernel(cell: &Cell, kernel: KernelName) -> Cell {
    let mut cell = Cell { kernel, ..cell.clone() };
    cell.id = cell_id(&cell);
    cell
}

/// A workload with the options that the matrix gives it: `zombie-victim+hogs=3,probability=0.4`.
pub(super) fn workload_label(payload: &Payload) -> String {
    match payload {
        Payload::Initrd(_) => "initrd".to_owned(),
        Payload::Workload { name, options } => {
            let options: Vec<String> =
                options.iter().map(|(key, value)| format!("{}={}", plain(key, ""), value_part(value))).collect();
            let plus = if options.is_empty() { "" } else { "+" };
            format!("{}{plus}{}", plain(name.as_str(), ""), options.join(","))
        }
    }
}

/// A value within an id. A dot separates the id's parts, so only numbers keep theirs; `20%` is `20pct`.
fn value_part(value: &str) -> String {
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.parse::<f64>().is_ok();
    if let Some(percent) = value.strip_suffix('%').filter(|percent| is_number(percent)) {
        return format!("{percent}pct");
    }
    if value.strip_suffix("pct").is_some_and(is_number) {
        return with_digest(value, value);
    }
    plain(value, if is_number(value) { "." } else { "" })
}

/// The text if it is safe as a part of a file name, where it may have the characters of `also`; otherwise a readable form of it
/// with a digest of the original.
fn plain(text: &str, also: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || also.contains(c);
    if !text.is_empty() && text.len() <= 64 && text.chars().all(safe) {
        return text.to_owned();
    }
    let readable: String = text.chars().take(40).map(|c| if safe(c) { c } else { '-' }).collect();
    with_digest(&readable, text)
}

fn with_digest(readable: &str, text: &str) -> String {
    format!("{readable}-{:08x}", digest(text) as u32)
}

fn shortened(id: &str) -> String {
    // Ids are ASCII by now, so this cuts no character.
    format!("{}-{:016x}", &id[..MAX_BYTES - 17], digest(id))
}

/// 64-bit FNV-1a: ids must be the same on every machine and in every version, which `Hash` does not promise.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_stay_in_numbers() {
        assert_eq!(value_part("0.4"), "0.4");
        assert_eq!(value_part("full"), "full");
        assert!(value_part("0.2cpu").starts_with("0-2cpu-"));
        assert!(value_part("../../etc").starts_with("------etc-"));
        assert_ne!(value_part("a b"), value_part("a/b"));
        assert_eq!((&*value_part("20%"), &*value_part("2.5%")), ("20pct", "2.5pct"));
        assert!(value_part("20pct").starts_with("20pct-"), "the id of 20% is another");
        assert_eq!(plain("linux-6.1+xfs", ".+"), "linux-6.1+xfs");
    }

    #[test]
    fn digests_never_change() {
        assert_eq!(digest(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
