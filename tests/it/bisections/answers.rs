//! Answers.

use super::{Bench, answer, flaky};
use crate::support::program::finish;
use crate::support::repository::{git, output};

#[test]
fn failure_in_three_of_ten_trials_is_found() {
    for seed in 0..10 {
        let culprit = 20 + 17 * seed as usize;
        let bench = Bench::new(200, culprit);
        let merges = output(git(&bench.repository.dir).args(["rev-list", "--count", "--merges", "main"]));
        assert_eq!(merges.trim(), "20");
        let finished = finish(&mut bench.bisect(&flaky(300, seed), &["--jobs", if seed % 2 == 0 { "1" } else { "2" }]));
        let answer = answer(&finished);
        assert_eq!((bench.culprit(&answer), finished.status), (Some(culprit), Some(0)), "{seed}: {finished:?}");
        assert!(answer["probability"].as_f64() >= Some(0.95) && answer["confirmed"] == true, "{answer}");
        assert!(answer["trials"].as_u64() > answer["builds"].as_u64(), "{answer}");
    }
}

#[test]
fn certain_failure_needs_few_builds() {
    let bench = Bench::new(200, 117);
    let answer = answer(&finish(&mut bench.bisect("test ! -e bug", &[])));
    assert_eq!(bench.culprit(&answer), Some(117));
    assert!(answer["builds"].as_u64() <= Some(8 + 4), "{answer}");
}

#[test]
fn fix_is_found() {
    let bench = Bench::new(100, 61);
    // Here the file is the fix.
    let exec = flaky(400, 7).replace("test -e bug", "test ! -e bug");
    let ends = ["--fix", "--jobs", "2"];
    let finished = finish(&mut bench.bisect_between("main", &bench.repository.commits[0], &exec, &ends));
    assert_eq!(bench.culprit(&answer(&finished)), Some(61), "{finished:?}");
    assert!(finished.stderr.contains("The fix is ") && !finished.stderr.contains("Fixes:"), "{finished:?}");
}

#[test]
fn untestable_commits_lead_to_a_set() {
    let bench = Bench::new(12, 10);
    let hidden = format!(
        "case $OOMLAB_COMMIT in {}|{}) exit 125;; esac; test ! -e bug",
        bench.repository.commits[9], bench.repository.commits[10]
    );
    let finished = finish(&mut bench.bisect(&hidden, &[]));
    let answer = answer(&finished);
    assert_eq!((answer["culprit"].as_str(), finished.status), (None, Some(1)), "{finished:?}");
    let mut set: Vec<_> = answer["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["probability"].as_f64() > Some(0.05))
        .map(|one| one["subject"].as_str().unwrap())
        .collect();
    set.sort_unstable();
    assert_eq!(set, ["part 10: change it", "part 11: change it", "part 9: change it"], "{answer}");
}

#[test]
fn log_is_replayed_by_git() {
    let bench = Bench::new(60, 41);
    finish(&mut bench.bisect(&flaky(500, 3), &["--out", "mine"]));
    let log = bench.program.run(["bisect", "log", "mine"]);
    let path = bench.program.write("log", &log.stdout);
    let replayed = output(git(&bench.repository.dir).arg("bisect").arg("replay").arg(path));
    assert!(
        replayed.contains(&format!("{} is the first bad commit", bench.repository.commits[41])),
        "{replayed}\n{log:?}"
    );
}

#[test]
fn checkout_and_branches_are_not_touched() {
    let bench = Bench::new(40, 20);
    let dir = &bench.repository.dir;
    std::fs::write(dir.join("part1"), "mine").unwrap();
    let look = || {
        let status = output(git(dir).args(["status", "--porcelain"]));
        let refs = output(git(dir).args(["for-each-ref"]));
        let head = std::fs::read_to_string(dir.join(".git/HEAD")).unwrap();
        let trees = output(git(dir).args(["worktree", "list", "--porcelain"]));
        (status, refs, head, trees)
    };
    let before = look();
    let finished = finish(&mut bench.bisect("touch made; test ! -e bug", &["--jobs", "2"]));
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert_eq!(look(), before);
}

#[test]
fn timed_out_trial_is_bad() {
    let bench = Bench::new(20, 10);
    let finished = finish(&mut bench.bisect("test -e bug && sleep 600; exit 0", &["--timeout", "0.2", "--jobs", "4"]));
    assert_eq!(bench.culprit(&answer(&finished)), Some(10), "{finished:?}");
}

#[test]
fn bare_repositories_and_submodules_are_searched() {
    let bench = Bench::new(30, 12);
    let dir = bench.program.dir();
    let clone = |args: &[&str]| output(git(dir).args(["-c", "protocol.file.allow=always"]).args(args));
    clone(&["clone", "--quiet", "--bare", "repository", "bare"]);
    clone(&["init", "--quiet", "above"]);
    let source = bench.repository.dir.display().to_string();
    clone(&["-C", "above", "submodule", "--quiet", "add", &source, "below"]);
    for (repository, out) in [("bare", "one"), ("above/below", "two")] {
        let finished = finish(&mut bench.bisect_in(repository, "test ! -e bug", &["--out", out]));
        assert_eq!(bench.culprit(&answer(&finished)), Some(12), "{repository}: {finished:?}");
    }
    assert_eq!(output(git(&dir.join("above/below")).args(["status", "--porcelain"])), "");
}

#[test]
fn shallow_clone_is_refused_with_advice() {
    let bench = Bench::new(30, 12);
    let url = format!("file://{}", bench.repository.dir.display());
    output(git(bench.program.dir()).args(["clone", "--quiet", "--depth", "5", &url, "shallow"]));
    let finished = finish(&mut bench.bisect_in("shallow", "true", &[]));
    assert!(finished.status == Some(2) && finished.stderr.contains("git fetch --unshallow"), "{finished:?}");
}
