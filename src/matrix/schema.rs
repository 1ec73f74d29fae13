//! The JSON Schema of the matrix, for editors: it completes and explains while the user types.

use model::{AlsoKind, Canary, Kind, Outcome};
use schemars::json_schema;
use serde_json::{Value, json};

/// The JSON Schema of a matrix file. Names of kernels and workloads are left open: the user's folders add to
/// them.
pub fn json_schema() -> Value {
    let mut block = axes();
    extend(&mut block, settings());
    let axis = json!({ "$ref": "#/$defs/axis-value" });
    let schema = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "oomlab matrix",
        "description": "Which kernels boot on which machines under which loads, and which outcomes are expected.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "description": "Name of the matrix in reports; the file's stem by default." },
            "defaults": {
                "type": "object",
                "description": "Defaults of the blocks.",
                "properties": block,
                "additionalProperties": axis,
            },
            "axes": {
                "type": "object",
                "description": "One product over the values of all axes. Any other key is a custom axis: a mapping \
                    of named values to what they add.",
                "properties": axes(),
                "additionalProperties": { "$ref": "#/$defs/custom-axis" },
            },
            "include": list_of(json!({
                "type": "object",
                "description": "One more product. Where each axis has one value and not a list, that cell must exist.",
                "properties": block,
                "additionalProperties": axis,
            }), "Further blocks, each a product of its own."),
            "exclude": list_of(json!({ "$ref": "#/$defs/selection" }), "Cells to leave out: every axis named must match."),
            "expect": list_of(expect(), "Known verdicts; the last entry that matches counts."),
        },
        "$defs": {
            "axis-value": one_or_more(json!({ "type": ["string", "number", "boolean"] })),
            "custom-axis": {
                "type": "object",
                "description": "Named values of a custom axis.",
                "additionalProperties": {
                    "type": ["object", "null"],
                    "additionalProperties": false,
                    "properties": extras(),
                },
            },
            "selection": {
                "type": "object",
                "description": "Axes and the values to match: one of a list; `*` and `?` are wildcards; `ram` and `vcpus` \
                    also take comparisons such as `<=64M`.",
                "minProperties": 1,
                "additionalProperties": axis,
            },
        },
    });
    schema.to_value()
}

fn axes() -> Value {
    let names: Vec<&str> = arch::ALL.iter().flat_map(|arch| [&[arch.name], arch.aliases].concat()).collect();
    json!({
        "kernel": described(one_or_more(json!({ "type": "string" })), "Kernels, as `oomlab kernel list` names them."),
        "arch": described(one_or_more(json!({ "enum": names })), "Architectures."),
        "ram": described(
            one_or_more(json!({ "type": "string", "pattern": "^[0-9]+([MmGg]|[MmGg][Bb]|[MmGg][Ii][Bb])$" })),
            "RAM of the guest, for example `32M` or `1G`.",
        ),
        "workload": described(
            one_or_more(json!({
                "oneOf": [
                    { "type": "string" },
                    { "type": "object", "minProperties": 1, "maxProperties": 1,
                      "additionalProperties": { "type": ["object", "null"] } },
                ],
            })),
            "What runs in the guest: a name, or `{NAME: {OPTION: VALUE}}`; see `oomlab workload list`.",
        ),
        "vcpus": described(one_or_more(json!({ "type": "integer", "minimum": 1 })), "Numbers of virtual CPUs; 1 by default."),
    })
}

fn settings() -> Value {
    let duration = |what: &str| json!({ "type": "string", "pattern": "^[0-9.]+(ms|s|m|min|h)$", "description": what });
    let reports: Vec<&str> = AlsoKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let mut settings = extras();
    extend(
        &mut settings,
        json!({
            "repeat": {
                "type": "integer", "minimum": 1, "maximum": super::values::MAX_REPEAT,
                "description": "Trials of each cell; 1 by default.",
            },
            "fail_on": described(
                json!({ "oneOf": [{ "enum": reports }, { "type": "array", "items": { "enum": reports } }] }),
                "Reports of the kernel with which a trial does not pass; none by default.",
            ),
            "timeouts": {
                "type": "object",
                "additionalProperties": false,
                "description": "How long the stages of a trial may take on an idle host; scaled by the guest's measured speed.",
                "properties": {
                    "boot": duration("From the start to the agent's first frame; 60s by default."),
                    "load": duration("From the start of the workload to its end; 120s by default."),
                    "stuck": duration("How long no sign of progress counts as stuck; 5s by default."),
                },
            },
        }),
    );
    settings
}

fn extras() -> Value {
    let share = |what: &str| json!({ "type": "string", "pattern": "^[0-9]+%$", "description": what });
    let rate = |what: &str| json!({ "type": ["string", "integer"], "pattern": "^[0-9]+[KM]?$", "description": what });
    let words = |what: &str| described(one_or_more(json!({ "type": ["string", "number", "boolean"] })), what);
    let canaries: Vec<&str> = Canary::ALL.iter().map(|canary| canary.as_str()).collect();
    json!({
        "append": words("Further words of the kernel command line; one text is split as a shell does."),
        "qemu": words("Further arguments of QEMU; one text is split as a shell does."),
        "canary": { "enum": canaries, "description": "How the canary allocates; see docs/matrix.md." },
        "faults": {
            "type": "object",
            "additionalProperties": false,
            "description": "Faults to inject; see docs/matrix.md.",
            "properties": {
                "page-alloc": share("Page allocations that fail where a workload allocates."),
                "slab": share("Slab allocations that fail where a workload allocates."),
                "console": rate("Bytes a second that the serial console takes."),
                "disk-bps": rate("Bytes a second of the scratch disk, in place of the workload's throttle."),
                "disk-iops": rate("Requests a second of the scratch disk."),
                "vcpu-steal": share("Steal time of all vCPUs, in bursts; at most 95%."),
            },
        },
    })
}

/// Every verdict that can be expected: outcomes, and outcomes with a kind.
pub(super) fn verdicts() -> Vec<String> {
    let outcomes = Outcome::ALL.iter().filter(|outcome| **outcome != Outcome::LabError);
    let kinds = Kind::ALL.iter().filter(|kind| kind.outcome() != Outcome::LabError);
    outcomes.map(ToString::to_string).chain(kinds.map(|kind| format!("{}/{kind}", kind.outcome()))).collect()
}

fn expect() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["match", "verdict", "reason"],
        "properties": {
            "match": { "$ref": "#/$defs/selection" },
            "verdict": described(
                one_or_more(json!({ "enum": verdicts() })),
                "An outcome, or an outcome and its kind; of several, each is as expected.",
            ),
            "reason": { "type": "string", "minLength": 1, "description": "Why this is known; shown in reports." },
        },
    })
}

pub(super) fn one_or_more(item: Value) -> Value {
    json!({ "oneOf": [item, { "type": "array", "minItems": 1, "items": item }] })
}

fn list_of(item: Value, what: &str) -> Value {
    json!({ "type": "array", "description": what, "items": item })
}

pub(super) fn described(mut schema: Value, what: &str) -> Value {
    extend(&mut schema, json!({ "description": what }));
    schema
}

fn extend(schema: &mut Value, more: Value) {
    if let (Some(schema), Value::Object(more)) = (schema.as_object_mut(), more) {
        schema.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{faults, raw};
    use super::*;
    use std::collections::BTreeSet;

    fn keys(schema: &Value, pointer: &str) -> BTreeSet<String> {
        schema.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn schema_has_the_keys_that_are_read() {
        let schema = json_schema();
        let set = |lists: &[&[&str]]| lists.concat().iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!(keys(&schema, "/properties"), set(&[raw::KEYS]));
        assert_eq!(keys(&schema, "/properties/axes/properties"), set(&[raw::AXES]));
        let block = set(&[raw::AXES, raw::SETTINGS]);
        assert_eq!(keys(&schema, "/properties/include/items/properties"), block);
        assert_eq!(keys(&schema, "/properties/defaults/properties"), block);
        assert_eq!(keys(&schema, "/properties/defaults/properties/timeouts/properties"), set(&[raw::TIMEOUTS]));
        assert_eq!(keys(&schema, "/$defs/custom-axis/additionalProperties/properties"), set(&[raw::EXTRAS]));
        let faults = keys(&schema, "/$defs/custom-axis/additionalProperties/properties/faults/properties");
        assert_eq!(faults, set(&[faults::FAULTS]));
        assert_eq!(keys(&schema, "/properties/expect/items/properties"), set(&[raw::EXPECT]));
    }

    #[test]
    fn verdicts_of_the_schema_are_read() {
        let schema = json_schema();
        let verdicts =
            schema.pointer("/properties/expect/items/properties/verdict/oneOf/0/enum").unwrap().as_array().unwrap();
        assert!(verdicts.iter().all(|verdict| super::super::values::verdict(verdict.as_str().unwrap()).is_ok()));
        assert!(verdicts.contains(&json!("hang/oom-livelock")) && !verdicts.contains(&json!("lab-error")));
    }
}
