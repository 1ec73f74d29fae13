//! The draft: headers and text.

use super::counts::Occurrence;
use super::evidence::{caveat, observation, rank};
use super::excerpt::excerpt;
use super::facts::Facts;
use super::mailbox::Mailbox;
use super::prose::{item, paragraph, quoted};
use super::refusal::{Refusal, refusal};
use super::reproduce::{other_kernels, reproduce, untested};
use super::setup::{arch, release, setup};
use super::topic;
use model::{Evidence, Outcome, TrialRecord};
use std::fmt::Write as _;

/// Observations that are listed.
const MAX_OBSERVATIONS: usize = 10;

/// The mail, with `To`, `Cc` and `Subject` before an empty line (RFC 5322), in UTF-8. It passes the lint.
///
/// # Errors
/// When no mail should be written about the trial.
pub fn draft(facts: &Facts<'_>) -> Result<String, Refusal> {
    let trial = facts.trial;
    if let Some(refusal) = refusal(trial, facts.kernels.get(&trial.cell.kernel)) {
        return Err(refusal);
    }
    let kind = trial.verdict.kind;
    // Failures of a kernel have a topic; a refusal is the answer to the others.
    let topic = topic::of_kind(kind).ok_or(Refusal::Inconclusive(kind))?;
    let release = release(trial);
    let regression = facts.regression;
    let tag = if regression.is_some_and(|regression| regression.is_published) { "[REGRESSION] " } else { "" };
    let sections = [
        summary(facts, &topic.clause(trial)),
        regression.map(|regression| regression.text()).unwrap_or_default(),
        observations(trial),
        log(facts),
        setup(facts),
        reproduce(facts),
        other_kernels(facts),
        untested(facts),
    ];
    let sections: Vec<&str> = sections.iter().map(String::as_str).filter(|section| !section.is_empty()).collect();
    let body = format!("Hi,\n\n{}", sections.join("\n"));
    let recipients = facts.recipients;
    let mut out = header("To", &recipients.to) + &header("Cc", &recipients.cc);
    let _ = writeln!(out, "Subject: {tag}{}", topic.subject(trial, release));
    if !out.is_ascii() || !body.is_ascii() {
        // RFC 2045; a mailer encodes the names of the header when it sends them.
        out.push_str("MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n");
    }
    Ok(format!("{out}\n{body}"))
}

/// A header with an address a line; nothing without an address.
fn header(name: &str, mailboxes: &[Mailbox]) -> String {
    let lines: Vec<String> = mailboxes.iter().map(ToString::to_string).collect();
    if lines.is_empty() { String::new() } else { format!("{name}: {}\n", lines.join(",\n    ")) }
}

/// What happens, where, how often and when.
fn summary(facts: &Facts<'_>, clause: &str) -> String {
    let trial = facts.trial;
    let release = quoted(release(trial));
    let same = facts.trials.iter().filter(|other| other.cell.id == trial.cell.id);
    let occurrence = Occurrence::of(&trial.verdict, same);
    let mut text = format!("On Linux {release} ({}), {clause}. It happened in {}", arch(trial), occurrence.words());
    if let Some(median) = median(facts.delays_s) {
        let _ = write!(text, ", {median:.1} s after the start of the workload");
        if facts.delays_s.len() > 1 {
            text.push_str(" (median)");
        }
    }
    text.push('.');
    if occurrence.others > 0 {
        let _ = write!(text, " Of the boots, {} failed in another way.", occurrence.others);
    }
    if occurrence.undecided > 0 {
        let _ = write!(text, " Boots without a clear result ({}) are not counted.", occurrence.undecided);
    }
    paragraph(&text)
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The evidence of the trial, and what weakens it.
fn observations(trial: &TrialRecord) -> String {
    let verdict = &trial.verdict;
    let mut evidence: Vec<&Evidence> = verdict.evidence.iter().collect();
    evidence.sort_by_key(|evidence| rank(evidence));
    let evidence = evidence.into_iter().take(MAX_OBSERVATIONS).map(observation);
    let items: Vec<String> = evidence.chain(verdict.caveats.iter().map(caveat)).collect();
    if items.is_empty() {
        return String::new();
    }
    let what = if verdict.outcome() == Outcome::Hang { "hung" } else { "failed" };
    let is_read = |evidence: &Evidence| matches!(evidence, Evidence::Victim { .. } | Evidence::StuckTask { .. });
    let how = if verdict.evidence.iter().any(is_read) { " (tasks as read from its memory, from outside)" } else { "" };
    let list: String = items.iter().map(|text| item(text)).collect();
    format!("{}\n{list}", paragraph(&format!("Seen in one of the boots that {what}{how}:")))
}

fn log(facts: &Facts<'_>) -> String {
    let lines = excerpt(facts.console, &facts.trial.verdict);
    if lines.is_empty() {
        return String::new();
    }
    format!("{}\n{}\n", paragraph("The deciding lines of its console:"), lines.join("\n"))
}
