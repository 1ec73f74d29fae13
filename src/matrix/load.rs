//! Text in, plan or findings out.

use super::expand::expand;
use super::known::Known;
use super::raw::Raw;
use super::resolve::resolve;
use crate::diagnostic::{Diagnostic, Findings, parse, utf8};
use model::Plan;
use std::path::Path;

/// Makes a plan of the text of a matrix, with the warnings about it. `file_name` is for messages; its stem is the
/// default of the matrix's name.
///
/// # Errors
/// Every error of the text, in its order, with the warnings among them. After a syntax error of YAML there is no
/// other.
pub fn load(
    text: impl AsRef<[u8]>,
    file_name: &str,
    known: &Known<'_>,
) -> Result<(Plan, Vec<Diagnostic>), Vec<Diagnostic>> {
    let text = utf8(text.as_ref(), file_name)?;
    let mut findings = Findings::new(file_name, text);
    let plan = read(text, file_name, known, &mut findings);
    let warnings = findings.finish()?;
    // Without a plan there is at least one error.
    plan.map(|plan| (plan, warnings)).ok_or_else(Vec::new)
}

fn read(text: &str, file_name: &str, known: &Known<'_>, findings: &mut Findings<'_>) -> Option<Plan> {
    let raw = Raw::read(parse(text, findings)?, findings)?;
    let stem = Path::new(file_name).file_stem().and_then(|stem| stem.to_str()).unwrap_or("matrix");
    let matrix = resolve(raw, stem, known, findings);
    Some(expand(&matrix, known, findings))
}
