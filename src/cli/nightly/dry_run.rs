//! What a night would do.

use crate::cli::costs;
use crate::cli::error::CliError;
use crate::cli::known::Catalogues;
use crate::cli::output::print_list;
use crate::cli::run_options::RunOptions;
use crate::cli::time::range;
use crate::host::Resources;
use crate::nightly::{Job, NightlyConfig};
use crate::schedule::time_of_plan;
use model::Plan;
use std::collections::BTreeSet;
use std::time::Duration;

/// Prints it; returns the program's exit status.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn print(
    config: &NightlyConfig,
    plans: &[Plan],
    catalogues: &Catalogues,
    options: &RunOptions,
) -> Result<u8, CliError> {
    print_list(&text(config, plans, catalogues, options)).map(|()| 0)
}

fn text(config: &NightlyConfig, plans: &[Plan], catalogues: &Catalogues, options: &RunOptions) -> String {
    let mut out = String::new();
    let (costs, budget) = (costs::of_history(&config.runs), options.host.budget(&Resources::of_host()));
    let mut line = |key: &str, value: &str| out.push_str(&format!("{key:<11} {value}\n"));
    let job = |job: &Job| format!("{} (at most {})", job.command, words(job.timeout));
    if let Some(before) = &config.before {
        line("before", &job(before));
    }
    for (matrix, plan) in config.matrices.iter().zip(plans) {
        let further = (f64::from(plan.trials()) * config.decide).ceil();
        let cells = plan.cells.len();
        let trials = plan.trials();
        let time = time_of_plan(plan, &costs, budget).map(|time| format!(", {}", range(time))).unwrap_or_default();
        line("run", &format!("{}: {cells} cells, {trials} trials{time}, at most {further} further", matrix.display()));
        let kernels: BTreeSet<_> = plan.cells.iter().map(|cell| (&cell.kernel, cell.arch)).collect();
        for (kernel, arch) in kernels {
            let is_here = catalogues.kernels.cached(kernel.as_str(), arch).is_some();
            let state = if is_here { "in the cache; a newer one is looked for" } else { "not in the cache" };
            line("", &format!("{kernel} {arch}: {state}"));
        }
    }
    line("budget", &config.budget.map_or("none".to_owned(), words));
    line("bisect", &if config.bisect.is_zero() { "nothing".to_owned() } else { words(config.bisect) });
    if let Some(pages) = &config.pages {
        line("pages", &pages.display().to_string());
    }
    let age = |age: Option<Duration>| age.map_or("never".to_owned(), |age| format!("after {}", words(age)));
    let retention = &config.retention;
    line("retention", &format!("thinned {}, all evidence removed {}", age(retention.thin), age(retention.evidence)));
    if let Some(hook) = &config.hook {
        line("hook", &job(hook));
    }
    out
}

/// In the largest unit that divides it.
fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)];
    let unit = units.iter().find(|(_, unit)| seconds.is_multiple_of(*unit)).unwrap_or(&units[3]);
    format!("{} {}", seconds / unit.1, unit.0)
}
