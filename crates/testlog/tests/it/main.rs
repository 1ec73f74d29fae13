//! Output of test programs in, results out.

mod bounds;
mod ltp;
mod stress_ng;
mod tap;

use testlog::{Format, Reader, Results};

/// Results of this output; asking for them on the way must not change them.
fn read(format: Format, output: &str) -> Results {
    let (mut reader, mut asked) = (Reader::new(format), Reader::new(format));
    for line in output.lines() {
        reader.line(line);
        asked.line(line);
        let _ = asked.results();
    }
    assert_eq!(reader.results(), asked.results());
    reader.results()
}

/// Subtests as `status name (reason) [seconds]`, the problem last, behind `!`.
fn summary(format: Format, output: &str) -> Vec<String> {
    let results = read(format, output);
    let subtests = results.subtests.iter().map(|subtest| {
        let why = subtest.why.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        let seconds = subtest.seconds.map_or(String::new(), |seconds| format!(" [{seconds}]"));
        format!("{} {}{why}{seconds}", subtest.status, subtest.name)
    });
    subtests.chain(results.problem.iter().map(|problem| format!("! {problem}"))).collect()
}
