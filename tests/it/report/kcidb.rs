//! Documents for KCIDB, checked by its own library.

use super::hostile::HOSTILE;
use super::junit::with_subtests;
use super::quarantine::quarantined;
use super::{all_evidence, assert_golden, hostile, run};
use crate::support::python::python;
use model::{Expectation, Kind, Outcome, PLAN_SCHEMA, Plan, RunRecord, Verdict};
use oomlab::report::{Submission, kcidb};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Every cell of a run, with as many trials as it has, and one more.
fn plan(run: &RunRecord) -> Plan {
    let mut cells: Vec<model::Cell> = Vec::new();
    for trial in &run.trials {
        if !cells.iter().any(|cell| cell.id == trial.cell.id) {
            cells.push(trial.cell.clone());
        }
    }
    let mut missing = run.trials[0].cell.clone();
    missing.id = "linux-9.9.arm.64M.idle".into();
    missing.kernel = "linux-9.9".into();
    cells.push(missing);
    Plan { schema: PLAN_SCHEMA, name: run.name.clone(), cells, skipped: Vec::new() }
}

fn submission() -> Submission {
    let logs = "https://ci.example.org/runs/2026-11-24-0/";
    let repository = "https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git";
    let submission = Submission::new("my_lab").unwrap().with_logs(logs).unwrap();
    submission.with_repository(repository).unwrap().with_tree("mainline").unwrap()
}

fn document(run: &RunRecord) -> Value {
    serde_json::from_str(&kcidb(run, &plan(run), &submission())).unwrap()
}

/// What KCIDB's library says of each of these documents.
fn assert_valid_kcidb(documents: &[String]) {
    let code = "import json, sys, kcidb_io\n\
        for text in json.load(sys.stdin):\n    kcidb_io.schema.LATEST.validate(json.loads(text))\n\
        print(kcidb_io.schema.LATEST.major, kcidb_io.schema.LATEST.minor)\n";
    let checked = python(code, &[], &serde_json::to_string(documents).unwrap());
    assert_eq!((checked.status, checked.stdout.as_str()), (Some(0), "5 3\n"), "{}", checked.stderr);
}

#[test]
fn kcidb_documents_are_valid() {
    let (mut whole, mut commits) = (with_subtests(run()), quarantined());
    whole.trials.push(all_evidence());
    for (index, trial) in commits.trials.iter_mut().enumerate() {
        trial.kernel_commit = Some(["1f0e", "900d", "no commit"][index % 3].repeat(10));
    }
    let runs = [&whole, &quarantined(), &commits, &RunRecord { trials: run().trials[..1].to_vec(), ..run() }];
    let mut documents: Vec<String> = runs.map(|run| kcidb(run, &plan(run), &submission())).to_vec();
    documents.push(kcidb(&whole, &plan(&whole), &Submission::new("x").unwrap()));
    documents.extend(HOSTILE.iter().map(|text| {
        let run = hostile(text);
        kcidb(&run, &plan(&run), &submission())
    }));
    let few = RunRecord { trials: quarantined().trials[..2].to_vec(), ..quarantined() };
    assert_golden("kcidb.json", &kcidb(&few, &plan(&few), &submission()));
    assert_valid_kcidb(&documents);
}

#[test]
fn invalid_kcidb_document_is_noticed() {
    let mut wrong = document(&run());
    wrong["tests"][0]["status"] = "HANG".into();
    let checked = std::panic::catch_unwind(|| assert_valid_kcidb(&[wrong.to_string()]));
    assert!(checked.is_err(), "the validator looks at the document");
}

#[test]
fn ids_are_unique_stable_and_refer_to_objects() {
    let run = with_subtests(quarantined());
    let document = document(&run);
    assert_eq!(document, self::document(&run));
    let ids = |key: &str| -> Vec<&str> {
        document[key].as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap()).collect()
    };
    let refers = |key: &str, reference: &str, to: &str| {
        let known: BTreeSet<&str> = ids(to).into_iter().collect();
        document[key].as_array().unwrap().iter().all(|object| known.contains(object[reference].as_str().unwrap()))
    };
    for key in ["checkouts", "builds", "tests", "issues", "incidents"] {
        let unique: BTreeSet<&str> = ids(key).into_iter().collect();
        assert!(unique.len() == ids(key).len() && unique.iter().all(|id| id.starts_with("my_lab:")), "{key}");
    }
    assert!(refers("builds", "checkout_id", "checkouts") && refers("tests", "build_id", "builds"));
    assert!(refers("incidents", "issue_id", "issues") && refers("incidents", "test_id", "tests"));
    // Two machines that start a run of one name at the same second.
    let mut other = run.clone();
    other.trials.iter_mut().flat_map(|trial| &mut trial.artifacts).for_each(|file| file.sha256 = "00".into());
    let other = self::document(&other);
    let other: BTreeSet<&str> =
        other["tests"].as_array().unwrap().iter().map(|test| test["id"].as_str().unwrap()).collect();
    assert!(ids("tests").iter().all(|id| !other.contains(id)));
}

#[test]
fn statuses_tell_faults_of_the_kernel_from_those_of_the_lab() {
    let status = |kind: Kind, expect: Expectation| {
        let mut run = RunRecord { trials: run().trials[..1].to_vec(), ..run() };
        run.trials[0].verdict = Verdict { kind, ..run.trials[0].verdict.clone() };
        run.trials[0].cell.expect = expect;
        document(&run)["tests"][0]["status"].as_str().unwrap().to_owned()
    };
    let known = |kind: Kind| Expectation { reason: Some("known".to_owned()), ..Expectation::of(kind.into()) };
    for kind in Kind::ALL {
        let wanted = match kind.outcome() {
            _ if *kind == Kind::Interrupted => "MISS",
            Outcome::Pass => "PASS",
            Outcome::Hang | Outcome::Crash | Outcome::BootFailed | Outcome::Fail => "FAIL",
            Outcome::Inconclusive | Outcome::LabError => "ERROR",
        };
        assert_eq!(status(*kind, Expectation::pass()), wanted, "{kind}");
        assert_eq!(status(*kind, known(*kind)), wanted, "{kind}: a known failure is one");
    }
    // The verdict of a healthy kernel by the workload's manifest.
    assert_eq!(status(Kind::Panic, Expectation::of(Kind::Panic.into())), "PASS");
    assert_eq!(status(Kind::Finished, Expectation::of(Kind::Panic.into())), "FAIL");
    assert_eq!(status(Kind::Finished, known(Kind::OomLivelock)), "PASS");
    assert_eq!(status(Kind::LoadTimeout, Expectation::of(Kind::LoadTimeout.into())), "ERROR");
}

#[test]
fn known_failures_are_issues() {
    let run = quarantined();
    let document = document(&run);
    let tests: BTreeMap<&str, &Value> =
        document["tests"].as_array().unwrap().iter().map(|test| (test["id"].as_str().unwrap(), test)).collect();
    let incidents = document["incidents"].as_array().unwrap();
    let (present, absent): (Vec<_>, Vec<_>) = incidents.iter().partition(|incident| incident["present"] == true);
    // The panic of a cell whose livelock is known tells nothing of it.
    assert_eq!((present.len(), absent.len()), (2, 20));
    for incident in present {
        let test = tests[incident["test_id"].as_str().unwrap()];
        assert_eq!((&test["status"], &test["misc"]["kind"]), (&"FAIL".into(), &"oom-livelock".into()));
    }
    let urls: BTreeSet<&str> =
        document["issues"].as_array().unwrap().iter().map(|issue| issue["report_url"].as_str().unwrap()).collect();
    assert_eq!(urls.len(), 3);
    let missing: Vec<&Value> = tests.values().copied().filter(|test| test["status"] == "MISS").collect();
    let [missing] = missing.as_slice() else { panic!("{missing:?}") };
    assert_eq!(missing["build_id"], "my_lab:linux-9.9.riscv64-nommu");
}

#[test]
fn logs_have_urls_only_where_they_are_published() {
    let run = run();
    let published = document(&run);
    let url = published["tests"][0]["log_url"].as_str().unwrap();
    assert_eq!(url, "https://ci.example.org/runs/2026-11-24-0/cells/debian-6.1.x86_64.128M.anon-hog/console.log");
    assert_eq!(published["tests"][0]["output_files"][0]["name"], "why.md");
    let plain = kcidb(&run, &plan(&run), &Submission::new("x").unwrap());
    assert!(!plain.contains("_url") && !plain.contains("output_files"), "{plain}");
}
