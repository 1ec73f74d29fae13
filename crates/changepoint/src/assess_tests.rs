use super::*;

fn position(failures: u32, passes: u32) -> Position {
    Position { failures, passes }
}

/// Runs of three trials with so many failures each.
fn nights(failures: &[u32]) -> Vec<Position> {
    failures.iter().map(|failures| position(*failures, 3 - failures)).collect()
}

fn trend(positions: &[Position]) -> Trend {
    assess(positions, Expectation::Pass, &Settings::default()).trend
}

#[test]
fn change_is_news_once() {
    let mut series = nights(&[0; 60]);
    assert_eq!(trend(&series), Trend::Passing);
    series.extend(nights(&[3]));
    assert_eq!(trend(&series), Trend::New);
    let assessment = assess(&series, Expectation::Pass, &Settings::default());
    let change = assessment.change.unwrap();
    // Passes just before it may be luck.
    assert_eq!((change.after, change.first, change.by), (57, 60, 60));
    assert_eq!((assessment.rate.unwrap().trials, assessment.rate_before.unwrap().trials), (3, 180));
    series.extend(nights(&[3]));
    assert_eq!(trend(&series), Trend::StillFailing);
    series.extend(nights(&[3; 20]));
    series.extend(nights(&[0]));
    assert_eq!(trend(&series), Trend::Fixed);
    series.extend(nights(&[0]));
    assert_eq!(trend(&series), Trend::Passing);
}

#[test]
fn rates_between_have_their_words() {
    let flaky: Vec<u32> = (0..60).map(|night| u32::from(night % 2 == 0)).collect();
    assert_eq!(trend(&nights(&flaky)), Trend::Flaky);
    let mut series = nights(&flaky);
    series.push(position(20, 0));
    assert_eq!(trend(&series), Trend::Worse);
    let mut series = nights(&[3; 60]);
    series.push(position(5, 15));
    assert_eq!(trend(&series), Trend::Better);
}

#[test]
fn single_failure_is_undecided_until_further_trials() {
    let mut series = nights(&[0; 60]);
    series.push(position(1, 2));
    let assessment = assess(&series, Expectation::Pass, &Settings::default());
    assert_eq!(assessment.trend, Trend::Undecided);
    let trials = assessment.trials_to_decide.unwrap();
    series.pop();
    series.push(position(1 + trials, 2));
    assert_eq!(trend(&series), Trend::New);
    series.pop();
    series.push(position(1, 2 + trials));
    let assessment = assess(&series, Expectation::Pass, &Settings::default());
    assert_eq!((assessment.trend, assessment.trials_to_decide), (Trend::Flaky, None));
}

#[test]
fn expected_failures_are_no_news() {
    let word = |series: &[Position]| assess(series, Expectation::Failure, &Settings::default()).trend;
    let mut series = nights(&[0; 60]);
    assert_eq!(word(&series), Trend::Passing);
    series.extend(nights(&[3]));
    assert_eq!(word(&series), Trend::Expected);
    series.extend(nights(&[3; 20]));
    assert_eq!(word(&series), Trend::Expected);
    series.extend(nights(&[0]));
    assert_eq!(word(&series), Trend::Fixed);
}

#[test]
fn record_may_be_empty_or_short() {
    assert_eq!(trend(&[]), Trend::NotRun);
    assert_eq!(trend(&[Position::default(); 3]), Trend::NotRun);
    assert_eq!(trend(&nights(&[1])), Trend::New);
    assert_eq!(trend(&nights(&[0])), Trend::Passing);
    let mut series = nights(&[0; 60]);
    series.push(Position::default());
    let assessment = assess(&series, Expectation::Pass, &Settings::default());
    assert_eq!((assessment.trend, assessment.rate.unwrap().trials), (Trend::NotRun, 180));
}
