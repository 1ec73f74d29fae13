//! The selections of `exclude` and `expect`.

use super::criterion::{Comparison, Criterion, Key, Test};
use super::fields::unknown;
use super::glob;
use super::known::Known;
use super::names::{CustomAxes, check_kernel, unknown_arch, unknown_custom_value, unknown_workload};
use super::raw::{AXES, RawExpect, RawSelector};
use super::values::{self, ValueError, VerdictError};
use crate::diagnostic::{Findings, Span, Text, listed};
use model::{Cell, Expectation, ExpectedVerdict, RamMib};

/// Cells that fulfil every criterion.
pub(super) struct Selector {
    pub at: Span,
    criteria: Vec<Criterion>,
}

/// Verdicts that are known for some cells.
pub(super) struct Expected {
    pub selector: Selector,
    pub expectation: Expectation,
}

impl Selector {
    /// Whether it selects the cell.
    pub fn matches(&self, cell: &Cell) -> bool {
        self.criteria.iter().all(|criterion| criterion.matches(cell))
    }

    /// Resolves every word; an unknown one becomes a finding.
    pub fn resolve(
        raw: RawSelector,
        custom: &CustomAxes,
        known: &Known<'_>,
        findings: &mut Findings<'_>,
    ) -> Option<Self> {
        let mut criteria = Vec::new();
        let mut whole = !raw.terms.is_empty();
        for (name, values) in &raw.terms {
            let is_axis = AXES.contains(&name.value.as_str()) || name.value == "id";
            if !is_axis && !custom.contains_key(&name.value) {
                let custom = custom.keys().map(String::as_str);
                let all: Vec<&str> = AXES.iter().copied().chain(custom).collect();
                let axes = listed(all.iter().copied());
                unknown(findings, name, format!("unknown axis `{}`", name.value), all)
                    .help(format!("this matrix has {axes}"));
                whole = false;
                continue;
            }
            if values.is_empty() {
                findings.error(name.at, format!("axis `{}` has no values here", name.value));
            }
            let key = Key::of(&name.value);
            let tests: Vec<Option<Test>> =
                values.iter().map(|value| test(&key, value, custom, known, findings)).collect();
            whole &= !tests.is_empty() && tests.iter().all(Option::is_some);
            criteria.push(Criterion { key, any: tests.into_iter().flatten().collect(), negated: false });
        }
        whole.then_some(Self { at: raw.at, criteria })
    }
}

/// The test of one value of a selection: a known name, a pattern, or a comparison such as `<=64M`.
fn test(key: &Key, value: &Text, custom: &CustomAxes, known: &Known<'_>, findings: &mut Findings<'_>) -> Option<Test> {
    let text = value.value.as_str();
    if let Some((comparison, number)) = Comparison::split(text) {
        return match key.number(number.trim()) {
            Ok(number) => Some(Test::Compares(comparison, number)),
            Err(error) => {
                findings.error(value.at, error.to_string());
                None
            }
        };
    }
    if glob::is_pattern(text) || *key == Key::Id {
        return Some(Test::Is(text.to_owned()));
    }
    let mut wrong = |error: ValueError| {
        findings.error(value.at, error.to_string());
    };
    let is_known = match key {
        Key::Ram => text.parse::<RamMib>().map_err(|error| wrong(error.into())).is_ok(),
        Key::Vcpus => values::vcpus(text).map_err(wrong).is_ok(),
        Key::Kernel => check_kernel(findings, value, known),
        Key::Arch => {
            arch::find(text).is_some() || {
                unknown_arch(findings, value);
                false
            }
        }
        // Behind `+` stand options: `zombie-victim+hogs=3`.
        Key::Workload => {
            known.workloads.contains_key(text.split('+').next().unwrap_or(text)) || {
                unknown_workload(findings, value, known);
                false
            }
        }
        Key::Axis(name) => {
            let names = || custom.get(name).into_iter().flatten().map(|(value, _)| value.as_str());
            names().any(|value| value == text) || {
                unknown_custom_value(findings, name, value, names());
                false
            }
        }
        Key::Id => true,
    };
    is_known.then(|| key.is(text))
}

impl Expected {
    /// Resolves every word; an unknown one becomes a finding.
    pub fn resolve(
        raw: RawExpect,
        custom: &CustomAxes,
        known: &Known<'_>,
        findings: &mut Findings<'_>,
    ) -> Option<Self> {
        let selector = Selector::resolve(raw.selector, custom, known, findings);
        let reason = raw.reason.value.trim().to_owned();
        if reason.is_empty() {
            findings.error(raw.reason.at, "a known verdict needs a reason");
        }
        let verdicts: Vec<Option<ExpectedVerdict>> = raw.verdicts.iter().map(|text| verdict(text, findings)).collect();
        let mut verdicts = verdicts.into_iter().collect::<Option<Vec<_>>>()?.into_iter();
        let expectation =
            Expectation { verdict: verdicts.next()?, alternatives: verdicts.collect(), reason: Some(reason) };
        Some(Self { selector: selector?, expectation })
    }
}

fn verdict(text: &Text, findings: &mut Findings<'_>) -> Option<ExpectedVerdict> {
    let unknown = |error: VerdictError| {
        findings
            .error(text.at, error.to_string())
            .help("a verdict is an outcome, or an outcome and a kind: `hang/oom-livelock`")
            .label = error.suggestion();
    };
    values::verdict(&text.value).map_err(unknown).ok()
}
