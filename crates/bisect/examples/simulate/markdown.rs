//! The table as markdown.

use crate::table::{Measured, Row};
use std::fmt::Write;

/// The times of policies with at least this share of right answers are compared.
const MIN_SHARE: f64 = 0.95;

/// One table for each size and shape of history. In bold: the fastest policy of a row with at least 95 % right answers.
pub fn markdown(measured: &[Measured]) -> String {
    let mut text = String::new();
    let mut heading = None;
    for rows in measured.chunk_by(|one, other| one.row == other.row) {
        let Row { commits, shape, p, q } = rows[0].row;
        if heading != Some((commits, shape)) {
            heading = Some((commits, shape));
            let gap = if text.is_empty() { "" } else { "\n" };
            put(&mut text, format_args!("{gap}### {commits} commits, {}\n", shape.name()));
            put(&mut text, format_args!("| p | q | policy | right | 95 % interval | trials | builds | time |"));
            put(&mut text, format_args!("|--:|--:|---|--:|--:|--:|--:|--:|"));
        }
        let reliable = rows.iter().filter(|one| one.share() >= MIN_SHARE);
        let fastest = reliable.map(|one| one.time).fold(f64::INFINITY, f64::min);
        for one in rows {
            let (low, high) = one.interval();
            let bold = if one.share() >= MIN_SHARE && one.time <= fastest { "**" } else { "" };
            let cells = format!(
                "{bold}{}{bold} | {bold}{:.1} %{bold} | {:.1}–{:.1} % | {:.1} | {:.1} | {bold}{:.0}{bold}",
                one.policy.name(),
                100.0 * one.share(),
                100.0 * low,
                100.0 * high,
                one.trials,
                one.builds,
                one.time,
            );
            put(&mut text, format_args!("| {p} | {q} | {cells} |"));
        }
    }
    text
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Policy, ROWS};

    #[test]
    fn fastest_reliable_policy_is_bold() {
        let one = |policy, right, time| Measured {
            row: ROWS[0],
            policy,
            worlds: 200,
            right,
            answered: 200,
            trials: 6.0,
            builds: 6.0,
            time,
        };
        let text = markdown(&[
            one(Policy::Oomlab, 200, 380.0),
            one(Policy::Git(1), 100, 300.0),
            one(Policy::Bayesect, 199, 999.0),
        ]);
        assert!(text.starts_with("### 64 commits, a line\n\n| p | q | policy |"), "{text}");
        assert!(
            text.contains("| 1 | 0 | **oomlab bisect** | **100.0 %** | 98.1–100.0 % | 6.0 | 6.0 | **380** |"),
            "{text}"
        );
        assert_eq!(text.matches("**").count(), 6);
    }
}
