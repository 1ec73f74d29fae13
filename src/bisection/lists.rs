//! Lists instead of histories: the catalogue's kernels, and the values of an axis.

use super::cell;
use super::config::{CellSubject, SESSION_SCHEMA, SessionConfig, Subject, Variation};
use super::error::{RequestError, SessionError};
use super::request::{Axis, AxisRequest, CellRequest, Limits, VersionsRequest};
use crate::git::{Commit, CommitId};
use crate::host::wall_clock;
use crate::matrix::{Known, SingleCell, SingleKernel, SinglePayload};
use arch::Arch;
use model::{Cell, RamMib};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Maximum number of values of an axis.
const MAX_VALUES: u64 = 100_000;
/// The least failure rate by default: higher than between commits, since both ends have to pass before a list without
/// failures has an answer.
const MIN_RATE: f64 = 0.2;

/// The configuration of a session over the catalogue's kernels of one family, and its history.
///
/// # Errors
/// When the request is invalid.
pub(super) fn versions(
    request: VersionsRequest,
    known: &Known<'_>,
) -> Result<(SessionConfig, Vec<Commit>), SessionError> {
    let VersionsRequest { from, to, cell, limits } = request;
    let SingleKernel::Catalogue(kernel) = &cell.cell.kernel else { return Err(RequestError::OwnKernel.into()) };
    let arch = cell.cell.arch;
    let family = family(&from, &to, kernel, known, arch);
    let mut names: Vec<(Vec<u64>, String)> = known
        .kernels
        .names(arch)
        .into_iter()
        .filter_map(|name| Some((version(name.strip_prefix(&family)?.strip_prefix('-')?)?, name)))
        .collect();
    names.sort();
    let names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
    let index = |text: &str| {
        let wanted = if text.starts_with(&family) { text.to_owned() } else { format!("{family}-{text}") };
        names.iter().position(|name| *name == wanted).ok_or_else(|| RequestError::NoVersion {
            name: wanted,
            arch: arch.name,
            known: names.clone(),
        })
    };
    let (first, last) = (index(&from)?, index(&to)?);
    let values = between(&names, first, last)?;
    let older = first.checked_sub(1).filter(|_| first < last).map(|at| {
        // As the user named the first one.
        let name = &names[at];
        let version = name.strip_prefix(&family).and_then(|rest| rest.strip_prefix('-'));
        version.filter(|_| !from.starts_with(&family)).unwrap_or(name).to_owned()
    });
    let vary = |base: &SingleCell, value: &str| SingleCell {
        kernel: SingleKernel::Catalogue(value.to_owned()),
        ..base.clone()
    };
    let (config, history) = list(cell, values, vary, known, limits)?;
    Ok((SessionConfig { older, ..config }, history))
}

/// The family of kernels: that of the versions, of the cell's kernel, or the larger one for the architecture.
fn family(from: &str, to: &str, kernel: &str, known: &Known<'_>, arch: Arch) -> String {
    let family_of =
        |name: &str| name.rsplit_once('-').map(|(family, _)| family.to_owned()).filter(|name| !name.is_empty());
    let names = known.kernels.names(arch);
    let count = |family: &str| {
        let is_member =
            |name: &str| name.strip_prefix(family).and_then(|rest| rest.strip_prefix('-')).and_then(version).is_some();
        names.iter().filter(|name| is_member(name)).count()
    };
    let largest = ["linux", "debian"].into_iter().max_by_key(|family| count(family)).unwrap_or("linux");
    family_of(from).or_else(|| family_of(to)).or_else(|| family_of(kernel)).unwrap_or_else(|| largest.to_owned())
}

/// `5.10` as numbers.
fn version(text: &str) -> Option<Vec<u64>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

/// The configuration of a session over the values of an axis, and its history.
///
/// # Errors
/// When the request is invalid.
pub(super) fn axis(request: AxisRequest, known: &Known<'_>) -> Result<(SessionConfig, Vec<Commit>), SessionError> {
    let AxisRequest { axis, from, to, step, cell, limits } = request;
    let range = |parse: fn(&str) -> Result<u64, RequestError>| {
        numbers(parse(&from)?, parse(&to)?, step.as_deref().map_or(Ok(1), parse)?)
    };
    match axis {
        Axis::Ram => {
            let mib = |text: &str| Ok(u64::from(text.parse::<RamMib>()?.0));
            let values = range(mib)?.into_iter().map(|mib| format!("{mib}M")).collect();
            let vary = |base: &SingleCell, value: &str| SingleCell { ram: value.to_owned(), ..base.clone() };
            list(cell, values, vary, known, limits)
        }
        Axis::Vcpus => {
            let values = range(number)?.into_iter().map(|number| number.to_string()).collect();
            let vary =
                |base: &SingleCell, value: &str| SingleCell { vcpus: value.parse().unwrap_or(1), ..base.clone() };
            list(cell, values, vary, known, limits)
        }
        Axis::Option(name) => {
            let ((first, unit), (last, other_unit)) = (amount(&from)?, amount(&to)?);
            if unit != other_unit {
                return Err(RequestError::Units { from: from.clone(), to: to.clone() }.into());
            }
            let step = step.as_deref().map_or(Ok((1, unit)), amount)?.0;
            let values = numbers(first, last, step)?.into_iter().map(|number| format!("{number}{unit}")).collect();
            let vary = |base: &SingleCell, value: &str| {
                let mut cell = base.clone();
                if let SinglePayload::Workload { options, .. } = &mut cell.payload {
                    options.insert(name.clone(), value.to_owned());
                }
                cell
            };
            list(cell, values, vary, known, limits)
        }
    }
}

fn number(text: &str) -> Result<u64, RequestError> {
    text.parse().map_err(|source| RequestError::Number { value: text.to_owned(), source })
}

/// A number and its unit.
fn amount(text: &str) -> Result<(u64, &str), RequestError> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &text[..text.len() - unit.len()];
    let number = digits.parse().map_err(|source| RequestError::Number { value: text.to_owned(), source })?;
    Ok((number, unit))
}

fn numbers(from: u64, to: u64, step: u64) -> Result<Vec<u64>, RequestError> {
    if step == 0 || from == to || from.abs_diff(to) / step > MAX_VALUES {
        return Err(RequestError::Range { from, to, step, max: MAX_VALUES });
    }
    let count = from.abs_diff(to).div_ceil(step);
    let at = |number: u64| {
        if from < to {
            from.saturating_add(number.saturating_mul(step)).min(to)
        } else {
            from.saturating_sub(number.saturating_mul(step)).max(to)
        }
    };
    Ok((0..=count).map(at).collect())
}

fn between(all: &[String], from: usize, to: usize) -> Result<Vec<String>, RequestError> {
    match from.cmp(&to) {
        Ordering::Less => Ok(all[from..=to].to_vec()),
        Ordering::Greater => Ok(all[to..=from].iter().rev().cloned().collect()),
        Ordering::Equal => Err(RequestError::SameValues),
    }
}

/// A linear history: each value is the child of the one before it.
pub(super) fn linear_history(values: impl IntoIterator<Item = (String, String)>) -> Vec<Commit> {
    let mut history: Vec<Commit> = Vec::new();
    for (value, subject) in values {
        let parents = history.last().map(|commit| commit.id.clone()).into_iter().collect();
        let (author, date) = (String::new(), String::new());
        history.push(Commit { id: CommitId::new(value), parents, author, date, subject });
    }
    history
}

/// The configuration of a session over at least two values, and its history.
fn list(
    request: CellRequest,
    values: Vec<String>,
    vary: impl Fn(&SingleCell, &str) -> SingleCell,
    known: &Known<'_>,
    limits: Limits,
) -> Result<(SessionConfig, Vec<Commit>), SessionError> {
    let mut cells: BTreeMap<String, Cell> = BTreeMap::new();
    let mut subjects = Vec::new();
    for value in values {
        let cell = cell::plan(vary(&request.cell, &value), known)?;
        subjects.push((value.clone(), cell.id.to_string()));
        cells.insert(value, cell);
    }
    let history = linear_history(subjects);
    let (Some(old), Some(new)) = (history.first(), history.last()) else {
        return Err(RequestError::SameValues.into());
    };
    let (old, new) = (old.id.clone(), new.id.clone());
    let cell = cells[new.as_str()].clone();
    let jobs = cell::jobs(limits.jobs, &cell);
    let builds = cells.values().any(|one| one.kernel != cell.kernel);
    let subject = CellSubject { cell, variation: Variation::Cells(cells), criterion: request.criterion };
    let config = SessionConfig {
        schema: SESSION_SCHEMA,
        started: wall_clock(),
        repository: None,
        old: vec![old],
        new,
        fix: false,
        subject: Subject::Cell(Box::new(subject)),
        jobs,
        settings: limits.settings(cell::settings(builds).at_rate(MIN_RATE)),
        older: None,
        starts: Vec::new(),
    };
    Ok((config, history))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_up_and_down_to_the_last_value() {
        assert_eq!(numbers(8, 12, 2).unwrap(), [8, 10, 12]);
        assert_eq!(numbers(8, 11, 2).unwrap(), [8, 10, 11]);
        assert_eq!(numbers(3, 1, 1).unwrap(), [3, 2, 1]);
        assert!(numbers(1, 1, 1).is_err() && numbers(1, 2, 0).is_err() && numbers(0, 1_000_000, 1).is_err());
    }

    #[test]
    fn amount_keeps_its_unit() {
        assert_eq!(amount("40M").unwrap(), (40, "M"));
        assert_eq!(amount("40%").unwrap(), (40, "%"));
        assert!(amount("M").is_err());
    }

    #[test]
    fn version_is_compared_by_numbers() {
        assert!(version("5.10") > version("5.4"));
        assert_eq!(version("6.1-faults"), None);
    }
}
