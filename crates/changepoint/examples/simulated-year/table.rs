//! All policies in the same years, as markdown.

use crate::lab;
use crate::rules::Rule;
use crate::score::{Class, Score};
use crate::year::{Change, Size, Year};
use changepoint::Settings;
use std::fmt::Write;
use std::ops::Range;

/// Years to simulate.
#[derive(Debug, Clone)]
pub struct Run {
    /// Their size.
    pub size: Size,
    /// Further trials, in percent of the trials of a night.
    pub budget_percent: u32,
    /// A seed for each.
    pub seeds: Range<u64>,
    /// The settings of this crate.
    pub settings: Settings,
}

/// What a policy did.
#[derive(Debug, Clone, Default)]
struct Measured {
    name: String,
    score: Score,
    nights: usize,
    /// Trials of all nights.
    trials: u64,
    undecided: u64,
}

/// The figures of this crate in each year, with this budget.
fn measure(run: &Run, budget_percent: u32) -> Vec<Measured> {
    let per_night = run.size.tests as u32 * run.size.trials;
    let budget = per_night * budget_percent / 100;
    let measure = |seed| {
        let year = Year::new(run.size, seed);
        let report = lab::run(&year, budget, &run.settings, seed);
        let mut score = Score::default();
        for (test, alarms) in year.tests.iter().zip(&report.alarms) {
            score.count(test, alarms);
        }
        let (name, nights) = (format!("seed {seed}"), run.size.nights);
        let trials = u64::from(per_night) * nights as u64 + report.retries;
        Measured { name, score, nights, trials, undecided: report.undecided }
    };
    run.seeds.clone().map(measure).collect()
}

fn measure_rule(run: &Run, rule: Rule) -> Measured {
    let mut score = Score::default();
    for seed in run.seeds.clone() {
        let year = Year::new(run.size, seed);
        for (test, positions) in year.tests.iter().zip(&year.positions) {
            score.count(test, &rule.alarms(positions));
        }
    }
    let nights = run.size.nights * run.seeds.clone().count();
    let trials = run.size.tests as u64 * u64::from(run.size.trials) * nights as u64;
    Measured { name: rule.name().to_owned(), score, nights, trials, undecided: 0 }
}

fn sum(years: &[Measured], name: &str) -> Measured {
    let add = |sum: Measured, one: &Measured| Measured {
        score: sum.score.and(&one.score),
        nights: sum.nights + one.nights,
        trials: sum.trials + one.trials,
        undecided: sum.undecided + one.undecided,
        ..sum
    };
    years.iter().fold(Measured { name: name.to_owned(), ..Measured::default() }, add)
}

impl Measured {
    /// Cells of the tables of policies, years and trials.
    fn summary(&self) -> String {
        let months = self.nights as f64 / 30.0;
        let nights = self.nights as f64;
        let by = |change: Change, min: f64| (change.after - change.before).abs() > min - 1e-9;
        format!(
            "{:.2} | {:.2} | {:.0} | {:.2} | {:.1} % | {:.1} %",
            f64::from(self.score.false_up) / months,
            f64::from(self.score.false_down) / months,
            self.trials as f64 / nights,
            self.undecided as f64 / nights,
            100.0 * self.score.share(1, |change| by(change, 0.5)),
            100.0 * self.score.share(7, |change| by(change, 0.2)),
        )
    }
}

const SUMMARY: &str = "false alarms a month: worse | better | trials a night | undecided a night | changes by 0.5 \
                       found by the next night | by 0.2 within a week |";

/// The tables of these years.
pub fn tables(run: &Run) -> String {
    let mut text = String::new();
    let years = measure(run, run.budget_percent);
    let mut policies = vec![sum(&years, "oomlab"), sum(&measure(run, 0), "oomlab, no retries")];
    policies.extend(Rule::ALL.map(|rule| measure_rule(run, rule)));
    put(&mut text, format_args!("| policy | {SUMMARY}\n|---|--:|--:|--:|--:|--:|--:|"));
    for one in &policies {
        put(&mut text, format_args!("| {} | {} |", one.name, one.summary()));
    }
    let titles = ["Found by the next night", "Found within a week", "Found at all (median nights)"];
    for (title, max_delay) in titles.into_iter().zip([1, 7, usize::MAX]) {
        put(&mut text, format_args!("\n### {title}\n"));
        let names: Vec<&str> = policies.iter().map(|one| one.name.as_str()).collect();
        put(&mut text, format_args!("| change | changes | {} |", names.join(" | ")));
        put(&mut text, format_args!("|---|--:|{}", "--:|".repeat(names.len())));
        for class in Class::ALL {
            let is_meant = |change| Class::of(change) == class;
            let changes = policies[0].score.delays.iter().filter(|(change, _)| is_meant(*change)).count();
            let cell = |one: &Measured| {
                let share = format!("{:.1} %", 100.0 * one.score.share(max_delay, is_meant));
                match one.score.median(class) {
                    _ if max_delay < usize::MAX => share,
                    Some(median) => format!("{share} ({median})"),
                    None => format!("{share} (–)"),
                }
            };
            let cells: Vec<String> = policies.iter().map(cell).collect();
            put(&mut text, format_args!("| {} | {changes} | {} |", class.name(), cells.join(" | ")));
        }
    }
    put(&mut text, format_args!("\n### Years\n\n| year | {SUMMARY}\n|---|--:|--:|--:|--:|--:|--:|"));
    text += &years_table(&years);
    put(
        &mut text,
        format_args!("\n### Trials of a test each night\n\n| trials | {SUMMARY}\n|---|--:|--:|--:|--:|--:|--:|"),
    );
    for trials in [1, 2, 5, 10] {
        let run = Run { size: Size { trials, ..run.size }, ..run.clone() };
        let all = sum(&measure(&run, run.budget_percent), "");
        put(&mut text, format_args!("| {trials} | {} |", all.summary()));
    }
    text
}

fn years_table(years: &[Measured]) -> String {
    let mut text = String::new();
    for one in years {
        put(&mut text, format_args!("| {} | {} |", one.name, one.summary()));
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
    use crate::Args;
    use clap::Parser;

    const PAGE: &str = include_str!("../../../../docs/change-points.md");

    #[test]
    fn page_has_the_figures_of_its_first_year() {
        let run = Args::parse_from(["simulated-year"]).run();
        let first = Run { seeds: run.seeds.start..run.seeds.start + 1, ..run };
        let row = years_table(&measure(&first, first.budget_percent));
        assert!(PAGE.contains(&row), "{row}");
    }

    #[test]
    fn page_has_the_figures_of_the_rules() {
        let run = Args::parse_from(["simulated-year"]).run();
        for rule in Rule::ALL {
            let one = measure_rule(&run, rule);
            let row = format!("| {} | {} |\n", one.name, one.summary());
            assert!(PAGE.contains(&row), "{row}");
        }
    }

    #[test]
    fn retries_find_changes_sooner_with_few_false_alarms() {
        let size = Size { tests: 100, nights: 120, trials: 3 };
        let run = Run { size, budget_percent: 10, seeds: 1..2, settings: Settings::default() };
        let [with, without] = [10, 0].map(|budget| sum(&measure(&run, budget), ""));
        let false_alarms = |one: &Measured| one.score.false_up + one.score.false_down;
        let others = Rule::ALL.map(|rule| false_alarms(&measure_rule(&run, rule))).into_iter().min();
        assert!(others.unwrap() > 50 * false_alarms(&with).max(1), "{with:?} {others:?}");
        assert!(with.score.share(1, |_| true) > without.score.share(1, |_| true));
        assert!(with.trials > without.trials && with.trials as f64 <= 1.1 * without.trials as f64);
    }
}
