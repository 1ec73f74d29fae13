//! Pages for a browser: of a run, of a trial, of a matrix' history, of all nights. Each is one file that needs no other and no network; scripts
//! only filter what is there. What the guest printed is text, in every place.

mod history;
mod link;
mod nights;
mod page;
mod run;
mod text;
mod trend;
mod trial;

pub use history::{CellHistory, HistoryPage, HistoryRun, MatrixHistory, RunCount, Segment, history};
pub use link::Base;
pub use nights::{NightLine, NightsPage, nights_page};
pub use run::{RunPage, has_page, run_page};
pub use trial::{Observed, TrialPage, trial_page};

/// The page in the folder of a run, and of a trial.
pub const PAGE: &str = "report.html";
