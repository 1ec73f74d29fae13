//! Compares ways to find changes of failure rates in nightly runs whose changes are known.
//!
//! ```text
//! cargo run --release -p changepoint --example simulated-year
//! ```
//!
//! prints the tables at the end of `docs/change-points.md`.

mod lab;
mod rules;
mod score;
mod table;
mod year;

use bisect::Beta;
use changepoint::{Settings, SettingsError};
use clap::Parser;
use table::{Run, tables};
use year::Size;

/// Compares ways to find changes of failure rates in simulated years; prints tables as markdown
#[derive(Debug, Parser)]
struct Args {
    /// Tests
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tests: u32,
    /// Nights of a year
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    nights: u32,
    /// Trials of each test in a night
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    trials: u32,
    /// Further trials of undecided tests, in percent of the trials of a night
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100))]
    budget: u32,
    /// Seed of the first year; the others have consecutive seeds
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Years
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    years: u32,
    /// Prior probability of a change
    #[arg(long, default_value_t = Settings::default().change)]
    change: f64,
    /// Probability at which a change is found
    #[arg(long, default_value_t = Settings::default().found)]
    found: f64,
    /// Probability below which a change is dismissed
    #[arg(long, default_value_t = Settings::default().dismissed)]
    dismissed: f64,
    /// Pseudo-count of failures in the prior of a rate
    #[arg(long, default_value_t = Settings::default().rate.hangs)]
    failures: f64,
    /// Pseudo-count of passes in the prior of a rate
    #[arg(long, default_value_t = Settings::default().rate.passes)]
    passes: f64,
}

impl Args {
    fn run(&self) -> Run {
        let settings = Settings {
            rate: Beta { hangs: self.failures, passes: self.passes },
            change: self.change,
            found: self.found,
            dismissed: self.dismissed,
            ..Settings::default()
        };
        Run {
            size: Size { tests: self.tests as usize, nights: self.nights as usize, trials: self.trials },
            budget_percent: self.budget,
            seeds: self.seed.into()..u64::from(self.seed) + u64::from(self.years),
            settings,
        }
    }
}

fn main() -> Result<(), SettingsError> {
    let run = Args::parse().run();
    run.settings.check()?;
    print!("{}", tables(&run));
    Ok(())
}
