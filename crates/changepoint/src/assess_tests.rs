use super::*;
use crate::segment::segments;

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

/// The word once retries decide, all with the same outcome, and their number.
fn retry(series: &[Position], each: fn(u32) -> Position) -> (Trend, u32) {
    let (mut series, mut retries) = (series.to_vec(), 0);
    loop {
        let assessment = assess(&series, Expectation::Pass, &Settings::default());
        let Some(trials) = assessment.trials_to_decide else { return (assessment.trend, retries) };
        assert!((0.002..0.9).contains(&assessment.suspicion.unwrap()));
        let latest = series.pop().unwrap();
        series.push(latest + each(trials));
        retries += trials;
    }
}

#[test]
fn single_failure_is_undecided_until_retries() {
    let series = [nights(&[0; 60]), nights(&[1])].concat();
    assert_eq!(trend(&series), Trend::Undecided);
    let (word, retries) = retry(&series, |trials| position(trials, 0));
    assert!(word == Trend::New && retries < 10, "{word} {retries}");
    let (word, retries) = retry(&series, |trials| position(0, trials));
    assert!(word == Trend::Flaky && (10..100).contains(&retries), "{word} {retries}");
    let without = Settings { max_retries: 0, ..Settings::default() };
    assert_eq!(assess(&series, Expectation::Pass, &without).trend, Trend::Flaky);
}

#[test]
fn failure_of_the_first_nights_is_undecided_until_it_is_new() {
    // One trial a night.
    let mut series = vec![position(0, 1); 2];
    let words: Vec<Trend> = std::iter::repeat_with(|| {
        series.push(position(1, 0));
        trend(&series)
    })
    .take(200)
    .collect();
    let new = words.iter().position(|word| *word == Trend::New).unwrap();
    assert!(words[..new].iter().all(|word| *word == Trend::Undecided), "{words:?}");
    assert!(words[new + 1..].iter().all(|word| *word == Trend::StillFailing), "{words:?}");
    // Three trials a night.
    assert_eq!(trend(&nights(&[0, 3])), Trend::Undecided);
    assert_eq!(trend(&nights(&[0, 3, 0, 3])), Trend::Flaky);
    assert_eq!(trend(&nights(&[3, 3])), Trend::StillFailing);
    assert_eq!(trend(&[position(0, 3), position(3, 30)]), Trend::Flaky);
}

#[test]
fn passes_of_a_flaky_test_are_retried_without_a_word() {
    let series = [nights(&[2, 1, 2, 1, 2].repeat(12)), nights(&[0, 0])].concat();
    let assessment = assess(&series, Expectation::Pass, &Settings::default());
    assert!(assessment.trend == Trend::Flaky && assessment.trials_to_decide.is_some(), "{assessment:?}");
    assert_eq!(retry(&series, |trials| position(0, trials)).0, Trend::Fixed);
}

#[test]
fn change_that_was_lost_from_sight_is_no_news() {
    let found = [nights(&[0; 60]), vec![position(4, 6)]].concat();
    assert_eq!(trend(&found), Trend::New);
    // Passes make it unlikely, a further failure likely again.
    let changes = |series: &[Position]| segments(series, &Settings::default()).len() - 1;
    let lost = |passes: &usize| [found.clone(), nights(&[0]).repeat(*passes)].concat();
    let passes = (1..100).find(|passes| changes(&lost(passes)) == 0).unwrap();
    let again = [lost(&passes), vec![position(2, 1)]].concat();
    assert_eq!(changes(&again), 1);
    assert_eq!(trend(&again), Trend::Flaky);
}

#[test]
fn second_change_within_the_interval_of_the_first_is_news() {
    let rising = [nights(&[0; 60]), nights(&[1, 0, 1, 1, 0, 1, 1, 0])].concat();
    assert_eq!(trend(&[rising.clone(), vec![position(20, 0)]].concat()), Trend::Worse);
    assert_ne!(trend(&[rising, nights(&[1])].concat()), Trend::Worse);
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
