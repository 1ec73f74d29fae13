//! Names that a matrix may use, and findings about those that it may not.

use super::fields::unknown;
use super::known::{Known, UnknownKernel};
use super::raw::{Definition, Extras};
use crate::diagnostic::{Findings, Text, listed};
use std::collections::BTreeMap;

/// The custom axes by name, each value with what it adds.
pub(super) type CustomAxes = BTreeMap<String, Vec<(String, Extras)>>;

/// Checks the definitions of custom axes.
pub(super) fn custom_axes(raw: Vec<Definition>, findings: &mut Findings<'_>) -> CustomAxes {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
    };
    let mut all = CustomAxes::new();
    for Definition { name, values } in raw {
        if !is_name(&name.value) || name.value == "id" {
            let message = format!("`{}` cannot be the name of an axis", name.value);
            findings.error(name.at, message).help("use lower-case letters, digits, `-` and `_`; `id` is taken");
        }
        if values.is_empty() {
            findings.error(name.at, format!("axis `{}` has no values", name.value));
        }
        all.insert(name.value, values.into_iter().map(|(value, extras)| (value.value, extras)).collect());
    }
    all
}

/// Whether a kernel exists; notes it if not.
pub(super) fn check_kernel(findings: &mut Findings<'_>, name: &Text, known: &Known<'_>) -> bool {
    let Err(UnknownKernel { message, known }) = known.kernels.find(&name.value) else { return true };
    unknown(findings, name, message, known.iter().map(String::as_str))
        .help("`oomlab kernel list` names all of them; `NAME+PART` is one with more options or a patch");
    false
}

/// Notes an unknown architecture.
pub(super) fn unknown_arch(findings: &mut Findings<'_>, name: &Text) {
    let names = || arch::ALL.iter().map(|arch| arch.name);
    unknown(findings, name, format!("unknown architecture `{}`", name.value), names())
        .help(format!("there are {}", listed(names())));
}

/// Notes an unknown workload.
pub(super) fn unknown_workload(findings: &mut Findings<'_>, name: &Text, known: &Known<'_>) {
    unknown(findings, name, format!("unknown workload `{}`", name.value), known.workloads.keys().map(String::as_str))
        .help("`oomlab workload list` names all of them");
}

/// Notes an unknown value of a custom axis.
pub(super) fn unknown_custom_value<'v>(
    findings: &mut Findings<'_>,
    axis: &str,
    name: &Text,
    values: impl Iterator<Item = &'v str> + Clone,
) {
    let message = format!("unknown value `{}` of axis `{axis}`", name.value);
    unknown(findings, name, message, values.clone()).help(format!("it has {}", listed(values)));
}
