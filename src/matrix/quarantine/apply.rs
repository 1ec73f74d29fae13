//! Entries → cells.

use super::entry::{Entry, QuarantineFile};
use crate::diagnostic::{Diagnostic, Level, Place};
use model::{Cell, Plan, Quarantine};

/// What entries are held against.
pub struct Quarantining<'a> {
    /// Today's date, ISO 8601.
    pub today: &'a str,
    /// Releases of kernels (`uname -r`), as far as they are known before the boot.
    pub release: &'a dyn Fn(&Cell) -> Option<String>,
    /// What the run is for.
    pub purpose: Purpose,
}

/// What a run with a quarantine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To test kernels: an expired entry is an error.
    Test,
    /// To verify the quarantine: expired entries are warnings, and cells keep their number of trials.
    Verify,
    /// To test kernels unattended: an expired entry is a warning, and covers no cell whose failures it no longer covers.
    Night,
}

/// What entries have done to a plan.
#[derive(Debug, Default)]
pub struct Quarantined {
    /// Entries that match no cell, and expired ones that are no error.
    pub warnings: Vec<Diagnostic>,
    /// The expired ones.
    pub expired: Vec<Quarantine>,
}

/// Gives every cell the entries that match it, and at most the trials that they allow.
///
/// # Errors
/// Entries that have expired, with the warnings among them.
pub fn quarantine(
    files: &[QuarantineFile],
    plan: &mut Plan,
    against: &Quarantining<'_>,
) -> Result<Quarantined, Vec<Diagnostic>> {
    let (mut found, mut has_expired) = (Vec::new(), Vec::new());
    for entry in files.iter().flat_map(|file| &file.entries) {
        let mut matching: Vec<usize> =
            (0..plan.cells.len()).filter(|&at| entry.cells.matches(&plan.cells[at])).collect();
        if let Some(mut expired) = expired(entry, matching.iter().map(|&at| &plan.cells[at]), against) {
            if against.purpose != Purpose::Test {
                expired.level = Level::Warning;
            }
            found.push(expired);
            has_expired.push(entry.known.clone());
        }
        if matching.is_empty() {
            found.push(unused(entry, plan));
        }
        if against.purpose == Purpose::Night {
            let is_over = entry.known.until.is_over_on(against.today);
            matching.retain(|&at| !is_over && reached(entry, &plan.cells[at], against).is_none());
        }
        for at in matching {
            let cell = &mut plan.cells[at];
            if against.purpose != Purpose::Verify {
                cell.repeat = cell.repeat.min(entry.trials);
            }
            cell.quarantine.push(entry.known.clone());
        }
    }
    let failed = found.iter().any(|one| one.level == Level::Error);
    if failed { Err(found) } else { Ok(Quarantined { warnings: found, expired: has_expired }) }
}

/// Drops the entries of a plan whose last day is over, and returns each of them once. An entry that ends with a kernel version stays: the
/// release that boots decides.
pub fn drop_expired(plan: &mut Plan, today: &str) -> Vec<Quarantine> {
    let mut dropped: Vec<Quarantine> = Vec::new();
    for cell in &mut plan.cells {
        for known in cell.quarantine.extract_if(.., |known| known.until.is_over_on(today)) {
            if !dropped.contains(&known) {
                dropped.push(known);
            }
        }
    }
    dropped
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
        cells.find_map(|cell| Some(format!("the kernel of {} is {}", cell.id, reached(entry, cell, against)?)))?
    };
    let mut error = finding(&entry.until_at, "this entry has expired");
    error.label(label).help(
        "`oomlab run --quarantine-verify` tells whether it still fails: then extend `until`, or else drop the entry",
    );
    Some(error)
}

/// The release of the cell's kernel, if the entry has expired with it.
fn reached(entry: &Entry, cell: &Cell, against: &Quarantining<'_>) -> Option<String> {
    (against.release)(cell).filter(|release| entry.known.until.is_reached_by(release))
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::samples;

    #[test]
    fn entries_after_their_last_day_are_dropped() {
        let mut cell = samples::cell("a", arch::find("arm").unwrap(), "idle");
        cell.quarantine = ["2026-11-29", "2026-11-30", "linux-7.4"].map(samples::quarantine).to_vec();
        let mut plan = Plan {
            schema: model::PLAN_SCHEMA,
            name: "m".to_owned(),
            cells: vec![cell.clone(), cell.clone()],
            skipped: Vec::new(),
        };
        assert_eq!(drop_expired(&mut plan, "2026-11-30"), cell.quarantine[..1]);
        assert!(plan.cells.iter().all(|left| left.quarantine == cell.quarantine[1..]));
    }
}
