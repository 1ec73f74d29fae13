//! Reads what test programs print: lines → subtests with a status each.
//!
//! ```
//! use testlog::{Format, Reader};
//!
//! let mut reader = Reader::new(Format::Tap);
//! for line in ["KTAP version 1", "1..2", "ok 1 mmap", "not ok 2 mremap # exit=1"] {
//!     reader.line(line);
//! }
//! let results = reader.results();
//! assert_eq!(model::SubtestCounts::of(&results.subtests).to_string(), "1 of 2 failed");
//! assert_eq!(results.problem, None);
//! ```
//!
//! The guest is hostile: no input panics, and memory is bounded for any input. The crate does no I/O.

mod clean;
mod found;
mod ltp;
mod stress_ng;
mod tap;

pub use found::{MAX_FAILURES, MAX_SUBTESTS, Results};
pub use model::TestFormat as Format;

/// Reader of the output of one test program, or of several in sequence.
#[derive(Debug, Clone)]
pub struct Reader(Dialect);

#[derive(Debug, Clone)]
enum Dialect {
    Tap(tap::Tap),
    Ltp(ltp::Ltp),
    StressNg(stress_ng::StressNg),
    Exit,
}

impl Reader {
    /// A reader before the first line.
    pub fn new(format: Format) -> Self {
        Self(match format {
            Format::Tap => Dialect::Tap(tap::Tap::default()),
            Format::Ltp => Dialect::Ltp(ltp::Ltp::default()),
            Format::StressNg => Dialect::StressNg(stress_ng::StressNg::default()),
            Format::Exit => Dialect::Exit,
        })
    }

    /// Takes one line without its end. Carriage returns, escape sequences and the prefix of kernel messages are ignored.
    pub fn line(&mut self, line: &str) {
        let line = clean::clean(line);
        match &mut self.0 {
            Dialect::Tap(tap) => tap.line(&line),
            Dialect::Ltp(ltp) => ltp.line(&line),
            Dialect::StressNg(stress_ng) => stress_ng.line(&line),
            Dialect::Exit => {}
        }
    }

    /// Results as if the output ended here; more lines may follow.
    pub fn results(&self) -> Results {
        match &self.0 {
            Dialect::Tap(tap) => tap.clone().finish(),
            Dialect::Ltp(ltp) => ltp.clone().finish(),
            Dialect::StressNg(stress_ng) => stress_ng.clone().finish(),
            Dialect::Exit => Results::default(),
        }
    }
}
