//! Failures that show rarely.

use super::{Bench, answer, flaky};
use crate::support::program::finish;

#[test]
fn rate_excludes_and_remedy_finds_a_rarer_failure() {
    let bench = Bench::new(20, 11);
    let excluded = finish(&mut bench.bisect(&flaky(150, 9), &["--rate", "0.3"]));
    let premise = answer(&excluded);
    let why = premise["invalid_premise"].as_str().unwrap_or_else(|| panic!("{excluded:?}"));
    assert!(why.ends_with(" passed 9 times: a failure rate above 30 % is excluded with 95 %"), "{why}");
    let remedy = premise["remedy"].as_str().unwrap();
    assert!(remedy.ends_with(" --rate 0.03` looks for rarer ones"), "{remedy}");
    assert!(excluded.stderr.contains(&format!("{why}; {remedy}")), "{excluded:?}");
    // As a user pastes it.
    let command = remedy.split('`').nth(1).unwrap().strip_prefix("oomlab ").unwrap();
    let found = bench.program.run(command.split(' ').chain(["--json"]));
    let culprit = answer(&found);
    assert_eq!((bench.culprit(&culprit), found.status), (Some(11), Some(0)), "{found:?}");
    assert!(culprit["confirmed"] == true && culprit["trials"].as_u64() > Some(9), "{culprit}");
}

#[test]
fn lower_rate_does_not_give_up_before_it_is_excluded() {
    let bench = Bench::new(3, 1);
    let finished = finish(&mut bench.bisect("exit 0", &["--rate", "0.03"]));
    let premise = answer(&finished);
    let why = premise["invalid_premise"].as_str().unwrap_or_else(|| panic!("{finished:?}"));
    assert!(why.ends_with(" passed 99 times: a failure rate above 3 % is excluded with 95 %"), "{why}");
    assert!(premise["remedy"].as_str().unwrap().contains("--rate 0.003`"), "{premise}");
    let refused = bench.program.run(["bisect", "resume", "--rate", "1.5"]);
    assert!(refused.status == Some(2) && refused.stderr.contains("`--rate` must be between 0 and 1"), "{refused:?}");
}

#[test]
fn piped_progress_names_jobs_and_candidates() {
    let bench = Bench::new(40, 17);
    let finished = finish(&mut bench.bisect("test ! -e bug", &[]));
    let lines: Vec<&str> = finished.stderr.lines().collect();
    let first = lines.iter().position(|line| line.starts_with("▸ ")).unwrap_or_else(|| panic!("{finished:?}"));
    assert!(lines[first].contains("  trial  check that the bad end fails  part 39"), "{}", lines[first]);
    assert!(lines[first + 1].starts_with("✗ ") && lines[first + 1].ends_with(" left of 39"), "{}", lines[first + 1]);
    let last = lines.iter().rfind(|line| line.starts_with(['✓', '✗'])).unwrap();
    let culprit = &bench.repository.commits[17][..12];
    let named = format!(" · 1 commit left of 39, most probable {culprit} part 17: change it (");
    assert!(last.contains(&named), "{last}");
}
