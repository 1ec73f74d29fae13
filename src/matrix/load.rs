//! Text in, plan or findings out.

use super::diagnostic::Diagnostic;
use super::expand::expand;
use super::known::Known;
use super::raw::Raw;
use super::resolve::resolve;
use super::source::{Findings, Span};
use super::yaml;
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
    let text = text.as_ref();
    let text = std::str::from_utf8(text).map_err(|error| vec![not_utf8(text, file_name, error.valid_up_to())])?;
    let mut findings = Findings::new(file_name, text);
    let plan = read(text, file_name, known, &mut findings);
    let warnings = findings.finish()?;
    // Without a plan there is at least one error.
    plan.map(|plan| (plan, warnings)).ok_or_else(Vec::new)
}

fn read(text: &str, file_name: &str, known: &Known<'_>, findings: &mut Findings<'_>) -> Option<Plan> {
    let raw = Raw::read(yaml::parse(text, findings)?, findings)?;
    let stem = Path::new(file_name).file_stem().and_then(|stem| stem.to_str()).unwrap_or("matrix");
    let matrix = resolve(raw, stem, known, findings);
    Some(expand(&matrix, known, findings))
}

/// A finding about the first byte that is not UTF-8.
fn not_utf8(text: &[u8], file_name: &str, valid: usize) -> Diagnostic {
    let lossy = String::from_utf8_lossy(text);
    let before = String::from_utf8_lossy(&text[..valid]);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let narrow = |wide: usize| u32::try_from(wide).unwrap_or(u32::MAX);
    let mut findings = Findings::new(file_name, &lossy);
    findings
        .error(Span { line: narrow(line), column: narrow(column), length: 1 }, "the file is not UTF-8 text")
        .label(format!("byte 0x{:02x}", text.get(valid).copied().unwrap_or_default()))
        .clone()
}
