//! Selecting cells of a plan: `--filter 'arch=arm,riscv64 ram<=64M zombie'` of a command line, `cells` of a quarantine.

use super::criterion::{Comparison, Criterion, Key, Test};
use super::glob;
use super::values::ValueError;
use crate::diagnostic::{Diagnostic, Place, did_you_mean, listed};
use model::{Cell, Plan};

/// Keys that every cell has.
const KEYS: &[&str] = &["id", "kernel", "arch", "ram", "workload", "vcpus"];
/// Operators between a key and a value; longer ones first.
const SIGNS: &[&str] = &["!=", "!~", "<=", ">=", "==", "=", "~", "<", ">"];

/// A condition on cells. Terms are separated by spaces or `&`, and all of them must hold:
///
/// - `key=value`, `key!=value`: `*` and `?` are wildcards, commas separate alternatives;
/// - `ram<=64M`, `vcpus>1`: comparisons of numbers;
/// - `key~text`, `key!~text`: the value contains the text, in upper or lower case;
/// - `text`: the cell's id contains the text.
///
/// Keys are `id`, `kernel`, `arch`, `ram`, `workload`, `vcpus` and the custom axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    expression: String,
    terms: Vec<Term>,
    /// Place of the whole expression.
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    /// Place within the expression, in characters.
    at: usize,
    length: usize,
    criterion: Criterion,
}

/// A term that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum TermError {
    #[error("there is no key before `{0}`")]
    NoKey(&'static str),
    #[error("a value is missing after `{key}{sign}`")]
    NoValue { key: String, sign: &'static str },
    #[error(transparent)]
    Value(#[from] ValueError),
}

impl Filter {
    /// Reads the filter of a command line; one without terms matches every cell.
    ///
    /// # Errors
    /// Every term that cannot be read, with its place.
    pub fn parse(expression: &str) -> Result<Self, Vec<Diagnostic>> {
        let place = Place {
            file: "--filter".to_owned(),
            line: 1,
            column: 1,
            length: narrow(expression.chars().count().max(1)),
            source_line: expression.replace(['\n', '\r'], " "),
        };
        Self::parse_at(expression, place)
    }

    /// Reads a filter that is at this place of a file; `place.column` counts from 1.
    ///
    /// # Errors
    /// Every term that cannot be read, with its place.
    pub(super) fn parse_at(expression: &str, place: Place) -> Result<Self, Vec<Diagnostic>> {
        let mut filter = Self { expression: expression.to_owned(), terms: Vec::new(), place };
        let mut errors = Vec::new();
        for (at, word) in words(expression) {
            let length = word.chars().count();
            match criterion(word) {
                Ok(criterion) => filter.terms.push(Term { at, length, criterion }),
                Err(error) => errors.push(Diagnostic::error(error.to_string(), Some(filter.place(at, length)))),
            }
        }
        if errors.is_empty() { Ok(filter) } else { Err(errors) }
    }

    /// Whether a cell satisfies every term.
    pub fn matches(&self, cell: &Cell) -> bool {
        self.terms.iter().all(|term| term.criterion.matches(cell))
    }

    /// Leaves the cells that match in the plan. Skipped cells stay listed: the reason may explain why a cell is missing.
    ///
    /// # Errors
    /// A key that no cell of the plan has, or no cell left; the plan is then as it was.
    pub fn apply(&self, plan: &mut Plan) -> Result<(), Vec<Diagnostic>> {
        let unknown = self.unknown_axes(plan);
        if !unknown.is_empty() {
            return Err(unknown);
        }
        if !plan.cells.iter().any(|cell| self.matches(cell)) {
            let mut error = Diagnostic::error("no cell of the plan matches the filter", Some(self.place.clone()));
            error.help("`oomlab plan` without a filter lists the cells");
            return Err(vec![error]);
        }
        plan.cells.retain(|cell| self.matches(cell));
        Ok(())
    }

    /// The keys that no cell of the plan has.
    pub(super) fn unknown_axes(&self, plan: &Plan) -> Vec<Diagnostic> {
        self.terms.iter().filter_map(|term| self.unknown_axis(term, plan)).collect()
    }

    fn unknown_axis(&self, term: &Term, plan: &Plan) -> Option<Diagnostic> {
        let Key::Axis(name) = &term.criterion.key else { return None };
        if plan.cells.iter().any(|cell| cell.axes.get(name).is_some()) {
            return None;
        }
        let mut custom: Vec<&str> = plan.cells.iter().flat_map(|cell| cell.axes.iter().map(|(axis, _)| axis)).collect();
        custom.sort_unstable();
        custom.dedup();
        let keys = || KEYS.iter().copied().chain(custom.iter().copied());
        let place = self.place(term.at, name.chars().count());
        let mut error = Diagnostic::error(format!("unknown key `{name}`"), Some(place));
        error.label = did_you_mean(name, keys());
        error.help(format!("the plan's cells have {}", listed(keys())));
        Some(error)
    }

    /// The place of a part, or of the whole expression where its line has other text: YAML folds lines and has escapes.
    fn place(&self, at: usize, length: usize) -> Place {
        let before = self.place.column as usize - 1 + at;
        let part = self.expression.chars().skip(at).take(length);
        if !self.place.source_line.chars().skip(before).take(length).eq(part) {
            return self.place.clone();
        }
        Place { column: narrow(before + 1), length: narrow(length.max(1)), ..self.place.clone() }
    }
}

fn narrow(wide: usize) -> u32 {
    u32::try_from(wide).unwrap_or(u32::MAX)
}

/// The words between spaces and `&`, each with the number of characters before it.
fn words(expression: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut before = 0;
    for word in expression.split(|c: char| c.is_whitespace() || c == '&') {
        if !word.is_empty() {
            words.push((before, word));
        }
        // Each separator is one character.
        before += word.chars().count() + 1;
    }
    words
}

fn criterion(word: &str) -> Result<Criterion, TermError> {
    let is_key = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
    let Some((key, sign, value)) = split(word).filter(|(key, _, _)| is_key(key)) else {
        // A part of an id may contain a sign, too: `zombie-victim+hogs=3`.
        return Ok(Criterion { key: Key::Id, any: vec![Test::Contains(word.to_owned())], negated: false });
    };
    if key.is_empty() {
        return Err(TermError::NoKey(sign));
    }
    let values: Vec<&str> = value.split(',').collect();
    if values.iter().any(|value| value.is_empty()) {
        return Err(TermError::NoValue { key: key.to_owned(), sign });
    }
    let key = Key::of(key);
    let test = |value: &str| match (sign, Comparison::split(sign)) {
        (_, Some((comparison, _))) => key.number(value).map(|number| Test::Compares(comparison, number)),
        ("~" | "!~", None) => Ok(Test::Contains(value.to_owned())),
        _ if key == Key::Ram && !glob::is_pattern(value) => key.number(value).map(|_| key.is(value)),
        _ => Ok(key.is(value)),
    };
    let any = values.into_iter().map(test).collect::<Result<_, _>>()?;
    Ok(Criterion { key, any, negated: sign.starts_with('!') })
}

/// Key, sign and value of a term; the first sign counts.
fn split(word: &str) -> Option<(&str, &'static str, &str)> {
    let at = word.find(['!', '<', '>', '=', '~'])?;
    let sign = SIGNS.iter().find(|sign| word[at..].starts_with(**sign))?;
    Some((&word[..at], sign, &word[at + sign.len()..]))
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
