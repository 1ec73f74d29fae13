//! Holds a JSON document against a JSON Schema, as far as `schemars` writes one. Stricter than the standard: a key that the schema does
//! not name is an error.

use serde_json::Value;
use std::collections::BTreeSet;

/// What is wrong with the document, each with its place.
pub fn violations(schema: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    let checker = Checker { root: schema };
    checker.check(schema, document, "$", &mut found, &mut known);
    checker.check_unknown(document, "$", &known, &mut found);
    found
}

struct Checker<'s> {
    root: &'s Value,
}

/// Keywords that only explain.
const ANNOTATIONS: &[&str] =
    &["$schema", "title", "default", "description", "$defs", "format", "minLength", "maxLength"];

impl Checker<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>, known: &mut BTreeSet<String>) {
        let Some(keywords) = schema.as_object() else { return };
        for (keyword, rule) in keywords {
            let holds = match keyword.as_str() {
                "$ref" => {
                    let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                    self.check(self.root.pointer(pointer).unwrap(), value, at, found, known);
                    true
                }
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|name| is_type(name, value)),
                    name => is_type(name, value),
                },
                "const" => rule == value,
                "enum" => rule.as_array().unwrap().contains(value),
                "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
                "required" => {
                    let mut keys = rule.as_array().unwrap().iter().map(|key| key.as_str().unwrap());
                    value.is_null() || keys.all(|key| value.get(key).is_some())
                }
                "properties" => {
                    for (key, schema) in rule.as_object().unwrap() {
                        let at = format!("{at}.{key}");
                        value.get(key).into_iter().for_each(|value| self.check(schema, value, &at, found, known));
                        known.insert(at);
                    }
                    true
                }
                "additionalProperties" => {
                    for (key, value) in value.as_object().into_iter().flatten() {
                        let at = format!("{at}.{key}");
                        self.check(rule, value, &at, found, known);
                        known.insert(at);
                    }
                    true
                }
                "items" => {
                    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, value, &format!("{at}[{index}]"), found, known);
                    }
                    true
                }
                "oneOf" | "anyOf" => rule.as_array().unwrap().iter().any(|schema| {
                    let (mut wrong, mut names) = (Vec::new(), BTreeSet::new());
                    self.check(schema, value, at, &mut wrong, &mut names);
                    if wrong.is_empty() {
                        known.append(&mut names);
                    }
                    wrong.is_empty()
                }),
                other => {
                    assert!(ANNOTATIONS.contains(&other), "the keyword {other} is not checked");
                    true
                }
            };
            if !holds {
                found.push(format!("{at}: {keyword} does not hold for {value}"));
            }
        }
    }

    fn check_unknown(&self, value: &Value, at: &str, known: &BTreeSet<String>, found: &mut Vec<String>) {
        for (key, value) in value.as_object().into_iter().flatten() {
            let at = format!("{at}.{key}");
            if !known.contains(&at) {
                found.push(format!("{at}: not in the schema"));
            }
            self.check_unknown(value, &at, known, found);
        }
        for (index, value) in value.as_array().into_iter().flatten().enumerate() {
            self.check_unknown(value, &format!("{at}[{index}]"), known, found);
        }
    }
}

fn is_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type {other} is not checked"),
    }
}

/// Names that a page about the documents must explain: keys, and the values of `tag`.
pub fn names(schema: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(schema, &mut names);
    names
}

fn collect(schema: &Value, names: &mut BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        names.extend(properties.keys().cloned());
        names.extend(schema.pointer("/properties/tag/const").and_then(Value::as_str).map(str::to_owned));
    }
    match schema {
        Value::Object(entries) => entries.values().for_each(|schema| collect(schema, names)),
        Value::Array(schemas) => schemas.iter().for_each(|schema| collect(schema, names)),
        _ => {}
    }
}
