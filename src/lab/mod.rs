//! Runs trials: one driver loop a guest, admission by what the host can spare, and the run as a whole.

mod admission;
mod diagnosis;
mod driver;
mod error;
mod machine;
mod observer;
mod prepare;
mod recorder;
mod run;
mod scratch;
mod source;
mod starve;
mod stop;
mod trial;

pub use admission::{Admission, Budget, Need};
pub use error::LabError;
pub use observer::{Observer, Status};
pub use prepare::{Readiness, Sources};
pub use run::{Lab, Prepared, RunOptions};
pub use trial::{Ready, TrialSpec, Watched};
