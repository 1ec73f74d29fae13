//! A child pipeline of GitLab: a job for each shard, and one that merges their runs.

use super::Job;
use std::fmt::Write as _;

/// What the jobs run.
pub(super) struct Pipeline<'a> {
    pub jobs: &'a [Job],
    /// Arguments of `oomlab run` on each machine, as words of a shell.
    pub arguments: &'a str,
    /// Whether the shards need the file of costs, which the job `plan` of the parent pipeline has as an artifact.
    pub has_costs: bool,
    /// A file of the project.
    pub include: Option<&'a str>,
}

/// The pipeline as YAML.
pub(super) fn pipeline(pipeline: &Pipeline<'_>) -> String {
    let Pipeline { jobs, arguments, has_costs, include } = *pipeline;
    let mut text = String::from("# By `oomlab export gitlab`.\nstages: [shards, merge]\n\n");
    match include {
        // Writing to a string does not fail.
        Some(file) => drop(write!(text, "include:\n  - local: {}\n", quoted(file))),
        None => text += ".oomlab:\n  interruptible: true\n",
    }
    let needs = if has_costs { "  needs:\n    - pipeline: $PARENT_PIPELINE_ID\n      job: plan\n" } else { "" };
    for job in jobs {
        let Job { shard, minutes, timeout_minutes, cells } = job;
        let name = quoted(&format!("shard {}", shard.replace('/', " of ")));
        let file = format!("shard-{}.tar.zst", shard.replace('/', "-of-"));
        let run = quoted(&format!("oomlab run {arguments} --shard {shard} --out runs/shard || status=$?"));
        let _ = write!(
            text,
            r#"
# {cells} cells, about {minutes} min.
{name}:
  extends: .oomlab
  stage: shards
  timeout: {timeout_minutes} minutes
{needs}  script:
    # 1: something unexpected in a guest, of which the merged run tells. 3: the lab failed.
    - status=0
    - {run}
    - oomlab archive runs/shard --out {file}
    - test "$status" -le 1
  artifacts:
    when: always
    expire_in: 1 week
    paths: [{file}]
"#
        );
    }
    text + MERGE
}

/// A shard that is missing is named in the report. The next pipeline divides the cells by what they have cost in this one.
const MERGE: &str = r#"
merge:
  extends: .oomlab
  stage: merge
  when: always
  cache:
    key: oomlab-costs
    when: always
    paths: [costs.json]
  script:
    - status=0
    - test -e costs.json || echo '{"schema":1,"cells":{}}' > costs.json
    # What a shard that is missing has cost in earlier nights is kept.
    - oomlab merge shard-*.tar.zst --out runs/merged --costs costs.json --junit junit.xml || status=$?
    - cp runs/merged/costs.json .
    - exit $status
  artifacts:
    when: always
    expire_in: 2 weeks
    paths: [runs/merged]
    reports:
      junit: junit.xml
"#;

/// A scalar of YAML in double quotes, which escapes as JSON does; what only one of the two takes for a line break is escaped, too.
fn quoted(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap_or_default();
    let mut quoted = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\x7f' {
            quoted.push(c);
        } else {
            let _ = write!(quoted, "\\U{:08x}", u32::from(c));
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> String {
        serde_yaml::from_str(yaml).unwrap()
    }

    #[test]
    fn scalars_are_read_back() {
        for text in ["a: b # c", "\"'\\", "- x\ny", "\u{7f}\u{85}\u{2028}\u{feff}", "é😀", "\t\0\x1b", "${{ x }} $Y"]
        {
            assert_eq!(read(&quoted(text)), text);
        }
        assert!(quoted("\u{85}😀").is_ascii());
    }
}
