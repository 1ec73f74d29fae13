//! The JSON Schema of the configuration, for editors.

use schemars::json_schema;
use serde_json::{Value, json};

/// The JSON Schema of a configuration.
pub fn json_schema() -> Value {
    let duration =
        |what: &str| json!({ "type": "string", "pattern": "^(0|[0-9]+(s|m|min|h|d|w))$", "description": what });
    let paths = |what: &str| {
        let path = json!({ "type": "string", "minLength": 1 });
        json!({ "oneOf": [path, { "type": "array", "minItems": 1, "uniqueItems": true, "items": path }], "description": what })
    };
    let command = |what: &str, default: &str| {
        let timeout = duration(&format!("It is killed after this time, with its children; {default} by default."));
        json!({
            "oneOf": [
                { "type": "string", "minLength": 1 },
                {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["command"],
                    "properties": { "command": { "type": "string", "minLength": 1 }, "timeout": timeout },
                },
            ],
            "description": what,
        })
    };
    let schema = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "oomlab nightly",
        "description": "What a night runs, for how long, and what becomes of it; paths are relative to this file's folder.",
        "type": "object",
        "additionalProperties": false,
        "required": ["matrices"],
        "properties": {
            "matrices": paths("The matrices, in the order in which they run."),
            "quarantine": paths("Known failures, in place of `quarantine.yaml` beside each matrix; see docs/quarantine.md."),
            "before": command("A command for sh before everything else.", "1h"),
            "budget": duration("From the start of the night to the end of its last trial; no limit by default."),
            "decide": {
                "type": "string",
                "pattern": "^([0-9]|[1-9][0-9]|100)%$",
                "description": "Further trials of undecided cells, as a share of a run's trials; 10% by default.",
            },
            "bisect": duration("Budget of the bisections of what is new or worse; none by default."),
            "runs": { "type": "string", "minLength": 1, "description": "Folder of the runs; `runs` by default." },
            "pages": { "type": "string", "minLength": 1, "description": "Folder of the pages; none by default." },
            "retention": {
                "type": "object",
                "additionalProperties": false,
                "description": "Ages at which runs lose evidence; never by default.",
                "properties": {
                    "thin": duration("Trials that were as expected lose console, events, bundle and dumps."),
                    "evidence": duration("All trials lose them, except those that show an open failure first and last."),
                },
            },
            "hook": command("A command for sh at the end; see docs/nightly.md for its environment.", "10m"),
        },
    });
    schema.to_value()
}

#[cfg(test)]
mod tests {
    use super::super::file::KEYS;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn schema_has_the_keys_that_are_read() {
        let schema = json_schema();
        let keys: BTreeSet<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, KEYS.iter().copied().collect());
    }
}
