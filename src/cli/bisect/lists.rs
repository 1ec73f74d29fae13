//! `oomlab bisect versions` and `oomlab bisect axis`: lists in place of histories.

use super::args::{AxisArgs, CellArgs, SearchArgs, VersionsArgs};
use super::subject;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::known::Catalogues;
use crate::git::{Commit, CommitId};
use crate::host::wall_clock;
use crate::matrix::{Known, SingleCell, SingleKernel, SinglePayload};
use crate::session::{CellSubject, Head, SESSION_SCHEMA, Subject, Vary};
use arch::Arch;
use bisect::Settings;
use model::{Cell, RamMib};
use std::collections::BTreeMap;

/// The most values of an axis.
const MOST_VALUES: u64 = 100_000;

/// The catalogue's kernels of one line of names, from one version to another.
///
/// # Errors
/// When the words make no sense.
pub(super) fn versions(args: &VersionsArgs, context: &Context) -> Result<(Head, Vec<Commit>), CliError> {
    let catalogues = Catalogues::read(context, args.lab.mirror.clone())?;
    let known = catalogues.known();
    let base = subject::wanted(&args.cell, SingleKernel::Catalogue(String::new()))?;
    let SingleKernel::Catalogue(kernel) = &base.kernel else {
        return Err(CliError::Usage("the cell's kernel is none of the catalogue".to_owned()));
    };
    let spec = base.arch;
    let family = family(&args.from, &args.to, kernel, &known, spec);
    let mut names: Vec<(Vec<u64>, String)> = known
        .kernels
        .iter()
        .filter(|(_, kernel)| kernel.available(spec).is_ok())
        .filter_map(|(name, _)| Some((version(name.strip_prefix(&family)?.strip_prefix('-')?)?, name.clone())))
        .collect();
    names.sort();
    let place = |text: &str| {
        let wanted = if text.starts_with(&family) { text.to_owned() } else { format!("{family}-{text}") };
        names.iter().position(|(_, name)| *name == wanted).ok_or_else(|| {
            let all: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
            CliError::Usage(format!("no kernel `{wanted}` for {}: there are {}", spec.name, all.join(", ")))
        })
    };
    let values = between(&names, place(&args.from)?, place(&args.to)?)?;
    let values = values.into_iter().map(|(_, name)| name).collect();
    let with = |base: &SingleCell, value: &str| SingleCell {
        kernel: SingleKernel::Catalogue(value.to_owned()),
        ..base.clone()
    };
    list(&base, values, with, &known, (&args.cell, &args.search))
}

/// What stands before the version in the names of kernels: that of the words, or of the cell, or what the architecture has most of.
fn family(from: &str, to: &str, kernel: &str, known: &Known<'_>, spec: Arch) -> String {
    let before =
        |name: &str| name.rsplit_once('-').map(|(family, _)| family.to_owned()).filter(|name| !name.is_empty());
    let count = |family: &str| {
        let is_one =
            |name: &str| name.strip_prefix(family).and_then(|rest| rest.strip_prefix('-')).and_then(version).is_some();
        known.kernels.iter().filter(|(name, kernel)| is_one(name) && kernel.available(spec).is_ok()).count()
    };
    let most = ["linux", "debian"].into_iter().max_by_key(|family| count(family)).unwrap_or("linux");
    before(from).or_else(|| before(to)).or_else(|| before(kernel)).unwrap_or_else(|| most.to_owned())
}

/// `5.10` as numbers.
fn version(text: &str) -> Option<Vec<u64>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

/// The values of an axis.
///
/// # Errors
/// When the words make no sense.
pub(super) fn axis(args: &AxisArgs, context: &Context) -> Result<(Head, Vec<Commit>), CliError> {
    let catalogues = Catalogues::read(context, args.lab.mirror.clone())?;
    let known = catalogues.known();
    let kernel = SingleKernel::Catalogue(args.kernel.clone().unwrap_or_default());
    let base = subject::wanted(&args.cell, kernel)?;
    let (from, to, step) = (args.from.as_str(), args.to.as_str(), args.step.as_deref());
    match args.axis.as_str() {
        "ram" => {
            let mib = |text: &str| {
                text.parse::<RamMib>().map(|ram| u64::from(ram.0)).map_err(|error| CliError::Usage(error.to_string()))
            };
            let values = numbers(mib(from)?, mib(to)?, step.map_or(Ok(1), mib)?)?;
            let values = values.into_iter().map(|mib| format!("{mib}M")).collect();
            let with = |base: &SingleCell, value: &str| SingleCell { ram: value.to_owned(), ..base.clone() };
            list(&base, values, with, &known, (&args.cell, &args.search))
        }
        "vcpus" => {
            let number = |text: &str| {
                text.parse::<u64>().map_err(|_| CliError::Usage(format!("`{text}` is no number of vCPUs")))
            };
            let values = numbers(number(from)?, number(to)?, step.map_or(Ok(1), number)?)?;
            let values = values.into_iter().map(|number| number.to_string()).collect();
            let with =
                |base: &SingleCell, value: &str| SingleCell { vcpus: value.parse().unwrap_or(1), ..base.clone() };
            list(&base, values, with, &known, (&args.cell, &args.search))
        }
        other => {
            let name = other.strip_prefix("option:").filter(|name| !name.is_empty());
            let name = name
                .ok_or_else(|| CliError::Usage(format!("unknown axis `{other}`: there are ram, vcpus, option:NAME")))?;
            let ((first, unit), (last, other_unit)) = (amount(from)?, amount(to)?);
            if unit != other_unit {
                return Err(CliError::Usage(format!("`{from}` and `{to}` have different units")));
            }
            let step = step.map_or(Ok((1, unit)), amount)?.0;
            let values = numbers(first, last, step)?.into_iter().map(|number| format!("{number}{unit}")).collect();
            let with = |base: &SingleCell, value: &str| {
                let mut cell = base.clone();
                if let SinglePayload::Workload { options, .. } = &mut cell.payload {
                    options.insert(name.to_owned(), value.to_owned());
                }
                cell
            };
            list(&base, values, with, &known, (&args.cell, &args.search))
        }
    }
}

/// A number and the unit behind it.
fn amount(text: &str) -> Result<(u64, &str), CliError> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = text[..text.len() - unit.len()].parse();
    Ok((number.map_err(|_| CliError::Usage(format!("`{text}` does not begin with a number")))?, unit))
}

fn numbers(from: u64, to: u64, step: u64) -> Result<Vec<u64>, CliError> {
    if step == 0 || from == to || from.abs_diff(to) / step.max(1) > MOST_VALUES {
        let text = format!("from {from} to {to} in steps of {step} are not 2 to {MOST_VALUES} values");
        return Err(CliError::Usage(text));
    }
    let count = from.abs_diff(to).div_ceil(step);
    let at = |number: u64| {
        if from < to { (from + number * step).min(to) } else { from.saturating_sub(number * step).max(to) }
    };
    Ok((0..=count).map(at).collect())
}

fn between<T: Clone>(all: &[T], from: usize, to: usize) -> Result<Vec<T>, CliError> {
    match from.cmp(&to) {
        std::cmp::Ordering::Less => Ok(all[from..=to].to_vec()),
        std::cmp::Ordering::Greater => Ok(all[to..=from].iter().rev().cloned().collect()),
        std::cmp::Ordering::Equal => Err(CliError::Usage("`--from` and `--to` are the same".to_owned())),
    }
}

/// A list as a history: each value is the child of the one before it.
fn list(
    base: &SingleCell,
    values: Vec<String>,
    with: impl Fn(&SingleCell, &str) -> SingleCell,
    known: &Known<'_>,
    (cell_args, search): (&CellArgs, &SearchArgs),
) -> Result<(Head, Vec<Commit>), CliError> {
    let mut cells: BTreeMap<String, Cell> = BTreeMap::new();
    let mut history: Vec<Commit> = Vec::new();
    for value in values {
        let cell = subject::cell(with(base, &value), known)?;
        let id = CommitId::new(value.clone());
        let parents = history.last().map(|commit| commit.id.clone()).into_iter().collect();
        history.push(Commit { id, parents, author: String::new(), date: String::new(), subject: cell.id.to_string() });
        cells.insert(value, cell);
    }
    let (Some(old), Some(new)) = (history.first(), history.last()) else {
        return Err(CliError::Usage("there is nothing between the two ends".to_owned()));
    };
    let cell = cells[new.id.as_str()].clone();
    let jobs = subject::jobs(search.jobs, &cell);
    let builds = cells.values().any(|one| one.kernel != cell.kernel);
    let subject = CellSubject { cell, vary: Vary::Cells(cells), bad: subject::bad(cell_args)? };
    let settings = Settings {
        target: search.sure,
        most_trials: search.most_trials,
        trial_s: 20.0,
        build_s: if builds { 60.0 } else { 0.0 },
        ..Settings::default()
    };
    let head = Head {
        schema: SESSION_SCHEMA,
        started: wall_clock(),
        repository: None,
        old: vec![old.id.clone()],
        new: new.id.clone(),
        fix: false,
        subject: Subject::Cell(Box::new(subject)),
        jobs,
        settings,
    };
    Ok((head, history))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_up_and_down_and_end_where_asked() {
        assert_eq!(numbers(8, 12, 2).unwrap(), [8, 10, 12]);
        assert_eq!(numbers(8, 11, 2).unwrap(), [8, 10, 11]);
        assert_eq!(numbers(3, 1, 1).unwrap(), [3, 2, 1]);
        assert!(numbers(1, 1, 1).is_err() && numbers(1, 2, 0).is_err() && numbers(0, 1_000_000, 1).is_err());
    }

    #[test]
    fn amounts_keep_their_units() {
        assert_eq!(amount("40M").unwrap(), (40, "M"));
        assert_eq!(amount("40%").unwrap(), (40, "%"));
        assert!(amount("M").is_err());
    }

    #[test]
    fn versions_are_numbers() {
        assert!(version("5.10") > version("5.4"));
        assert_eq!(version("6.1-faults"), None);
    }
}
