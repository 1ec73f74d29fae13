//! Drafts of mails: `tests/reports/mail-*`, and of the program. `SNAPSHOTS=overwrite` rewrites them.

mod hostile;
mod made_up;
mod program;

use made_up::{Case, FIRST_BAD, MAINTAINERS, PARENT, console, livelock, occurrence, origin, passed, trial};
use model::{Kind, RuleId, Verdict};
use oomlab::report::mail::lint::lint;
use oomlab::report::mail::{
    FirstBad, KernelOrigin, Maintainers, Origin, Refusal, Regression, TestedCommit, people, refusal,
};
use snapbox::{Assert, Data};
use std::path::Path;

fn assert_draft(name: &str, draft: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports").join(name);
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(draft), Data::read_from(&path, None).raw());
    assert_eq!(lint(draft.as_bytes()), [], "{draft}");
}

/// Trials of two kernels, the first of which hangs in most boots.
fn two_kernels() -> Case {
    let mut case = Case::new(trial("linux-7.3", "7.3.4", "riscv64-nommu", livelock()));
    case.repeat(17);
    case.add(trial("linux-7.3", "7.3.4", "riscv64-nommu", passed()), 2);
    case.add(trial("linux-7.3", "7.3.4", "riscv64-nommu", made_up::undecided()), 1);
    case.add(trial("linux-6.1", "6.1.176", "riscv64-nommu", passed()), 20);
    case.add(trial("linux-6.1", "6.1.176", "riscv64", passed()), 20);
    case.kernels.insert("linux-7.3".into(), origin("linux-source-7.3", "trixie-backports"));
    case.kernels.insert("linux-6.1".into(), origin("linux-source-6.1", "bookworm"));
    case.console = console();
    case.delays_s = vec![1.5, 0.9, 1.0];
    case
}

fn first_bad() -> FirstBad {
    let message = "mm: oom: let oom_reap_task and exit_mmap run concurrently\n\n\
                   Reviewed-by: B Developer <b@example.org>\nSigned-off-by: A Developer <a@example.org>\n";
    FirstBad {
        tested: TestedCommit { commit: FIRST_BAD.to_owned(), trials: occurrence(12, 12) },
        subject: "mm: oom: let oom_reap_task and exit_mmap run concurrently".to_owned(),
        parents: vec![TestedCommit { commit: PARENT.to_owned(), trials: occurrence(0, 16) }],
        upstream: None,
        probability: 0.9987,
        people: people("A Developer <a@example.org>", message),
        files: vec!["mm/mmap.c".to_owned(), "mm/oom_kill.c".to_owned()],
    }
}

fn regression(first_bad: Option<FirstBad>) -> Regression {
    Regression {
        good: TestedCommit { commit: "a".repeat(40), trials: occurrence(0, 12) },
        bad: TestedCommit { commit: "b".repeat(40), trials: occurrence(9, 9) },
        first_bad,
        is_published: true,
    }
}

fn of_commit(release: &str) -> Case {
    let mut case = Case::new(trial("commit-212925802454", release, "x86_64", livelock()));
    case.repeat(12);
    case.trial.kernel_commit = Some(FIRST_BAD.to_owned());
    case.kernels.insert("commit-212925802454".into(), KernelOrigin { origin: Origin::Git, patches: Vec::new() });
    case.console = console();
    case
}

#[test]
fn livelock_that_is_no_regression() {
    let mut case = two_kernels();
    case.maintainers = Some(Maintainers::parse(MAINTAINERS));
    case.archive = Some(("trial.tar.zst", 2_345_678));
    assert_draft("mail-livelock.txt", &case.draft().unwrap());
    let small = Case { archive: Some(("trial.tar.zst", 234_567)), ..two_kernels() }.draft().unwrap();
    assert!(small.contains("The attached trial.tar.zst has the kernel") && !small.contains("on request"), "{small}");
}

#[test]
fn regression_with_its_first_bad_commit() {
    let mut case = of_commit("4.14.0-rc1");
    case.regression = Some(regression(Some(first_bad())));
    case.maintainers = Some(Maintainers::parse(MAINTAINERS));
    assert_draft("mail-regression.txt", &case.draft().unwrap());
}

#[test]
fn regression_of_a_stable_series() {
    let mut case = of_commit("6.1.176");
    case.regression = Some(regression(None));
    let range = case.draft().unwrap();
    assert_draft("mail-stable.txt", &range);
    let upstream = Some("c".repeat(40));
    case.regression = Some(regression(Some(FirstBad { upstream, ..first_bad() })));
    let backport = case.draft().unwrap();
    assert!(backport.contains("\n\n#regzbot introduced: cccccccccccc\n\n"), "{backport}");
    assert!(backport.contains("(Fixes: cccccccccccc (\"mm: oom: let"), "{backport}");
    assert_eq!(lint(backport.as_bytes()), [], "{backport}");
}

#[test]
fn commits_that_no_release_has_are_no_regression() {
    let mut case = of_commit("6.1.176");
    case.regression = Some(Regression { is_published: false, ..regression(Some(first_bad())) });
    let draft = case.draft().unwrap();
    for part in ["[REGRESSION]", "#regzbot", "regressions@", "stable@", "a@example.org"] {
        assert!(!draft.contains(part), "{part}: {draft}");
    }
    assert!(draft.contains("The first bad commit is 212925802454"), "{draft}");
    assert_eq!(lint(draft.as_bytes()), [], "{draft}");
}

#[test]
fn draft_claims_what_was_tested_alone() {
    let untested = |case: &Case| {
        let draft = case.draft().unwrap();
        let list = draft.split("Not tested:").nth(1).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(lint(draft.as_bytes()), [], "{draft}");
        list
    };
    let mut case = of_commit("6.1.176");
    assert_eq!(untested(&case), "mainline, linux-next, stable releases other than this one.");
    case.regression = Some(regression(Some(first_bad())));
    let list = "mainline, linux-next, a revert of the first bad commit, stable releases other than this one.";
    assert_eq!(untested(&case), list);
    case.regression = None;
    case.add(trial("linus", "7.4.0-rc3", "x86_64", passed()), 2);
    case.add(trial("next", "7.4.0-rc3-next-20261130", "x86_64", passed()), 2);
    let list = "mainline after 7.4.0-rc3, linux-next after 7.4.0-rc3-next-20261130, stable releases other than these.";
    assert_eq!(untested(&case), list);
}

#[test]
fn trials_that_are_no_news_are_refused() {
    let of = |kernel: &str, release: &str, kind: Kind| {
        trial(kernel, release, "x86_64", Verdict::new(kind, RuleId::CanaryStuck, "summary"))
    };
    let patched = |patch: &str| KernelOrigin { origin: Origin::Git, patches: vec![patch.to_owned()] };
    let refused = |trial, origin| refusal(&trial, origin);
    assert_eq!(refused(of("a", "6.1", Kind::Finished), None), Some(Refusal::Passed(Kind::Finished)));
    assert_eq!(refused(of("a", "6.1", Kind::Unproven), None), Some(Refusal::Inconclusive(Kind::Unproven)));
    assert_eq!(refused(of("a", "6.1", Kind::QemuDied), None), Some(Refusal::LabError(Kind::QemuDied)));
    assert_eq!(refused(of("a", " ", Kind::OomLivelock), None), Some(Refusal::NoRelease("a".into())));
    let zoo = Some(Refusal::Zoo("zoo-x-bad".into()));
    assert_eq!(refused(of("zoo-x-bad", "6.1", Kind::OomLivelock), None), zoo);
    assert_eq!(refused(of("a", "6.1", Kind::OomLivelock), Some(&patched("mine"))), None);
    let mut case = of_commit("6.1.176");
    case.trial.verdict = passed();
    assert_eq!(case.draft(), Err(Refusal::Passed(Kind::Finished)));
}

#[test]
fn patches_are_named() {
    let mut case = two_kernels();
    let patched = KernelOrigin { origin: Origin::Git, patches: vec!["nommu-sets-oom-skip".to_owned()] };
    case.kernels.insert("linux-7.3".into(), patched);
    let draft = case.draft().unwrap();
    assert!(draft.contains("Kernel:     7.3.4, built from git, patched: nommu-sets-oom-skip\n"), "{draft}");
    assert!(!draft.contains("oomlab boot"), "the reader's lab does not have it: {draft}");
}

#[test]
fn every_sort_of_evidence_is_worded() {
    let mut case = two_kernels();
    for evidence in made_up::all_evidence() {
        case.trial.verdict.evidence = vec![evidence.clone()];
        let draft = case.draft().unwrap();
        assert!(draft.contains("hung") && draft.contains("\n- "), "{evidence:?}: {draft}");
        assert_eq!(lint(draft.as_bytes()), [], "{draft}");
    }
}
