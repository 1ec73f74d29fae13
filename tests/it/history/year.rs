//! A year of nights.
//!
//! `OOMLAB_YEAR=DIR cargo nextest run history::year` writes 365 nights of 500 cells, three trials each, into the folder and leaves
//! them there, for measurements; without it, a few nights show that the size is in proportion.

use crate::support::nights::{Night, NightCell, failing};
use model::Kind;
use oomlab::history::{INDEX, Index, Keep};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes that the index of a year may have, and the results that the year has.
const MAX_BYTES: u64 = 200 << 20;
const RESULTS_OF_A_YEAR: u64 = 365 * 500;

/// A twentieth of the cells is flaky, others fail from some night on, most pass.
fn night(day: u32, cells: u32) -> Vec<NightCell> {
    let cell = |number: u32| {
        let workload = format!("workload-{number}");
        let coin = |share: u32| (0..3).filter(|trial| hash(&[day, number, *trial]) % 100 < share).count();
        let mut cell = match number {
            number if number % 20 == 3 => failing(&workload, coin(5 + number % 60), 3),
            number if number % 50 == 7 && day > hash(&[number]) % 365 => failing(&workload, coin(100), 3),
            _ => failing(&workload, 0, 3),
        };
        for (kind, title) in &mut cell.trials {
            *title = (*kind == Kind::OomLivelock).then(|| format!("OOM livelock in workload_{number}"));
        }
        cell
    };
    (0..cells).map(cell).collect()
}

/// FNV-1a.
fn hash(numbers: &[u32]) -> u32 {
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash ^ hash >> 15
}

#[test]
fn index_of_a_year_is_small() {
    let kept = std::env::var_os("OOMLAB_YEAR").map(PathBuf::from);
    let temporary = tempfile::tempdir().unwrap();
    let (runs, nights, cells) = match &kept {
        Some(folder) => (folder.as_path(), 365, 500),
        None => (temporary.path(), 12, 60),
    };
    let next = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let day = next.fetch_add(1, Ordering::Relaxed);
                    if day >= nights {
                        return;
                    }
                    Night { runs, matrix: "nightly", day, cells: &night(day, cells) }.write_linked();
                }
            });
        }
    });
    let index = Index::open(runs, Keep::Rebuilt).unwrap();
    assert_eq!(index.overview(None, 1000).unwrap().len(), nights as usize);
    let bytes = std::fs::metadata(runs.join(INDEX)).unwrap().len();
    let allowed = MAX_BYTES * u64::from(nights) * u64::from(cells) / RESULTS_OF_A_YEAR;
    println!("{nights} nights of {cells} cells: {bytes} bytes");
    // Empty tables have a page each.
    assert!(bytes <= allowed + (128 << 10), "{bytes} bytes, {allowed} are allowed");
}
