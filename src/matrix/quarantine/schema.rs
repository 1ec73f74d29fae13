//! The JSON Schema of a quarantine file, for editors.

use super::entry::{DEFAULT_TRIALS, REQUIRED};
use crate::matrix::schema::{described, one_or_more, verdicts};
use schemars::json_schema;
use serde_json::{Value, json};

/// The JSON Schema of a quarantine file.
pub fn quarantine_schema() -> Value {
    let failures: Vec<String> = verdicts().into_iter().filter(|verdict| !verdict.starts_with("pass")).collect();
    let text = |what: &str| json!({ "type": "string", "minLength": 1, "description": what });
    let schema = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "oomlab quarantine",
        "description": "Known failures that do not turn a run red.",
        "type": ["array", "null"],
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": REQUIRED,
            "properties": {
                "cells": text("The cells, in the language of `--filter`: `arch=arm,riscv64 ram<=64M`."),
                "verdict": described(
                    one_or_more(json!({ "enum": failures })),
                    "The failure: an outcome, or an outcome and its kind; every failure by default.",
                ),
                "title": text("The failure's title, as reports show it; any by default."),
                "reason": text("Why it is known; shown in reports."),
                "link": { "type": "string", "pattern": "^https?://[^/\\s][^\\s]*$", "description": "URL of the report." },
                "until": {
                    "type": "string",
                    "pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2}|linux-[0-9]+\\.[0-9]+(\\.[0-9]+)?)$",
                    "description": "The last day of the entry, or the first kernel version without it: `linux-7.4`.",
                },
                "trials": {
                    "type": "integer",
                    "minimum": 1,
                    "default": DEFAULT_TRIALS,
                    "description": "Maximum trials of each cell in a run.",
                },
            },
        },
    });
    schema.to_value()
}

#[cfg(test)]
mod tests {
    use super::super::entry::KEYS;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn schema_has_the_keys_that_are_read() {
        let schema = quarantine_schema();
        let keys: BTreeSet<&str> =
            schema.pointer("/items/properties").unwrap().as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, KEYS.iter().copied().collect());
        let verdicts = schema.pointer("/items/properties/verdict/oneOf/0/enum").unwrap().as_array().unwrap();
        assert!(verdicts.contains(&json!("hang/oom-livelock")) && !verdicts.contains(&json!("pass")));
    }
}
