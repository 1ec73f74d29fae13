//! Entries → cells.

use super::entry::{Entry, QuarantineFile};
use crate::diagnostic::{Diagnostic, Level, Place};
use model::{Cell, Plan};

/// What entries are held against.
pub struct Quarantining<'a> {
    /// Today's date, ISO 8601.
    pub today: &'a str,
    /// Releases of kernels (`uname -r`), as far as they are known before the boot.
    pub release: &'a dyn Fn(&Cell) -> Option<String>,
    /// Whether the run verifies the quarantine: then expired entries are warnings, and cells keep their number of trials.
    pub verify: bool,
}

/// Gives every cell the entries that match it, and at most the trials that they allow. Returns the warnings: entries that match no
/// cell, and expired ones where the run verifies them.
///
/// # Errors
/// Entries that have expired, with the warnings among them.
pub fn quarantine(
    files: &[QuarantineFile],
    plan: &mut Plan,
    against: &Quarantining<'_>,
) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let mut found = Vec::new();
    for entry in files.iter().flat_map(|file| &file.entries) {
        let matching: Vec<usize> = (0..plan.cells.len()).filter(|&at| entry.cells.matches(&plan.cells[at])).collect();
        if let Some(mut expired) = expired(entry, matching.iter().map(|&at| &plan.cells[at]), against) {
            if against.verify {
                expired.level = Level::Warning;
            }
            found.push(expired);
        }
        if matching.is_empty() {
            found.push(unused(entry, plan));
        }
        for at in matching {
            let cell = &mut plan.cells[at];
            if !against.verify {
                cell.repeat = cell.repeat.min(entry.trials);
            }
            cell.quarantine.push(entry.known.clone());
        }
    }
    let failed = found.iter().any(|one| one.level == Level::Error);
    if failed { Err(found) } else { Ok(found) }
}

fn expired<'c>(
    entry: &Entry,
    mut cells: impl Iterator<Item = &'c Cell>,
    against: &Quarantining<'_>,
) -> Option<Diagnostic> {
    let until = &entry.known.until;
    let label = if until.is_over_on(against.today) {
        format!("today is {}", against.today)
    } else {
        let reached = |cell: &Cell| (against.release)(cell).filter(|release| until.is_reached_by(release));
        cells.find_map(|cell| Some(format!("the kernel of {} is {}", cell.id, reached(cell)?)))?
    };
    let mut error = finding(&entry.until_at, "this entry has expired");
    error.label(label).help(
        "`oomlab run --quarantine-verify` tells whether it still fails: then extend `until`, or else drop the entry",
    );
    Some(error)
}

/// A warning about an entry without effect; it may have an unknown key.
fn unused(entry: &Entry, plan: &Plan) -> Diagnostic {
    let unknown = entry.cells.unknown_axes(plan).into_iter().next();
    let mut warning = unknown.unwrap_or_else(|| finding(&entry.at, "no cell of the matrix matches this entry"));
    warning.level = Level::Warning;
    warning
}

fn finding(place: &Place, message: &str) -> Diagnostic {
    Diagnostic::error(message, Some(place.clone()))
}
