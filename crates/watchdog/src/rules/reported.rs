//! The kernel reported what a trial is to fail on, and nothing else went wrong.

use crate::also;
use crate::observations::Observations;
use model::{Kind, RuleId, Verdict};

/// The verdict in place of a pass; the pass, where the kernel reported nothing of the kind.
pub(crate) fn instead_of(pass: Verdict, observed: &Observations) -> Verdict {
    let fail_on = &observed.setup.fail_on;
    if fail_on.is_empty() {
        return pass;
    }
    let found = observed.namer.classification();
    let Some(report) = also::first(&found, fail_on) else { return pass };
    let summary = format!("the kernel reported: {}", report.title);
    Verdict {
        onset: observed.reported.first().map(|hit| hit.onset()),
        lines: observed.reported.iter().map(|hit| hit.line.clone()).collect(),
        caveats: pass.caveats,
        ..Verdict::new(Kind::Warned, RuleId::ConsoleReport, summary)
    }
}
