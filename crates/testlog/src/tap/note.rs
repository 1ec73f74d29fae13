//! Lines around the results of kernel selftests.

use model::SubtestStatus;

/// Name that `pretty_name()` of `run_vmtests.sh` gives a command (Linux 6.8 `tools/testing/selftests/mm/run_vmtests.sh`).
pub(super) fn script_name(command: &str) -> &str {
    let command = command.trim();
    command.strip_prefix("bash ./").or_else(|| command.strip_prefix("./")).unwrap_or(command)
}

/// What `run_vmtests.sh` prints below the output of a test.
pub(super) fn framed_status(text: &str) -> Option<SubtestStatus> {
    match text {
        "[PASS]" => Some(SubtestStatus::Pass),
        "[FAIL]" => Some(SubtestStatus::Fail),
        "[SKIP]" => Some(SubtestStatus::Skip),
        _ => None,
    }
}

/// Whether it is a line of dashes.
pub(super) fn is_rule(text: &str) -> bool {
    text.len() >= 3 && text.bytes().all(|byte| matches!(byte, b'-' | b'='))
}

/// Whether a diagnostic may say why a test failed. Progress, totals and attributes do not (Linux 6.17 `kselftest.h`,
/// `kselftest_harness.h`, `kselftest/runner.sh`, `lib/kunit/test.c`, `lib/kunit/attributes.c`).
pub(super) fn is_informative(text: &str) -> bool {
    const PREFIXES: [&str; 16] = [
        "RUN ",
        "OK ",
        "FAIL ",
        "[RUN",
        "[OK",
        "[PASS",
        "[SKIP]",
        "[FAIL]",
        "Totals:",
        "Planned tests",
        "Starting ",
        "PASSED:",
        "FAILED:",
        "module:",
        "timeout set to",
        "overriding timeout to",
    ];
    const PARTS: [&str; 5] =
        [": Test failed", " terminated by assertion", " skipped test(s) detected", ".speed: ", ": pass:"];
    !text.is_empty()
        && !is_rule(text)
        && !PREFIXES.iter().any(|prefix| text.starts_with(prefix))
        && !PARTS.iter().any(|part| text.contains(part))
}
