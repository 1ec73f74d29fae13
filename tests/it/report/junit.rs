//! JUnit XML as CI servers read it: by Jenkins' schema, and as GitLab shows it.
//!
//! `tests/junit/junit-10.xsd` is `src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd` of
//! <https://github.com/jenkinsci/xunit-plugin> (MIT).

use super::hostile::HOSTILE;
use super::quarantine::quarantined;
use super::{hostile, run};
use crate::support::python::python;
use model::{RunRecord, Subtest, SubtestStatus};
use oomlab::report::junit;
use std::collections::BTreeSet;
use std::path::Path;

/// The run with subtests of every status in its first trial, and two of one name.
pub(super) fn with_subtests(mut run: RunRecord) -> RunRecord {
    let subtest = |status: &SubtestStatus, name: &str| Subtest {
        name: name.to_owned(),
        status: *status,
        seconds: Some(0.5),
        why: Some("no memory".to_owned()),
    };
    let all = SubtestStatus::ALL.iter().map(|status| subtest(status, status.as_str()));
    let twice =
        [subtest(&SubtestStatus::Fail, "mm: hugetlb test.sh"), subtest(&SubtestStatus::Pass, "mm: hugetlb test.sh")];
    run.trials[0].subtests = all.chain(twice).collect();
    run
}

/// What Jenkins' schema says of each of these documents.
fn assert_valid_junit(documents: &[String]) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/junit/junit-10.xsd");
    let code = "import json, sys\nfrom lxml import etree\nschema = etree.XMLSchema(file=sys.argv[1])\n\
        for text in json.load(sys.stdin):\n    schema.assertValid(etree.fromstring(text.encode()))\nprint('valid')\n";
    let checked = python(code, &[&schema], &serde_json::to_string(documents).unwrap());
    assert_eq!((checked.status, checked.stdout.as_str()), (Some(0), "valid\n"), "{}", checked.stderr);
}

#[test]
fn junit_keeps_to_the_schema_of_jenkins() {
    let mut whole = with_subtests(run());
    whole.duration_s = 1_234_567.891;
    let runs = [whole, quarantined(), RunRecord { trials: Vec::new(), ..run() }];
    let mut documents: Vec<String> = runs.iter().map(|run| junit(run).unwrap()).collect();
    documents.extend(HOSTILE.iter().map(|text| junit(&hostile(text)).unwrap()));
    assert_valid_junit(&documents);
    let wrong = documents[0].replace("<testsuites ", "<testsuites skipped=\"1\" ");
    assert!(std::panic::catch_unwind(|| assert_valid_junit(&[wrong])).is_err(), "the validator looks at the document");
}

/// GitLab ignores a second test of the same name and class, and shows the content of an element and not its message
/// (<https://docs.gitlab.com/ci/testing/unit_test_reports/>).
#[test]
fn junit_has_what_gitlab_shows() {
    let xml = junit(&with_subtests(quarantined())).unwrap();
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    let cases = || report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let names: BTreeSet<_> =
        cases().map(|case| (case.classname.clone().unwrap().to_string(), case.name.to_string())).collect();
    assert_eq!(names.len(), cases().count());
    for tag in ["<failure", "<skipped", "<error"] {
        let mut elements = xml.split(tag).skip(1).map(|rest| rest.split_once('>').unwrap());
        assert!(elements.all(|(attributes, content)| !attributes.ends_with('/') && !content.starts_with('<')), "{tag}");
    }
    assert!(xml.contains(">quarantined until 2026-12-31: the OOM killer"), "{xml}");
}
