//! The shape of a matrix, before its words are resolved.

use super::fields::{Fields, items, text, words};
use super::{canary, faults};
use crate::diagnostic::{Findings, Node, Span, Text, Value};
use model::{Canary, Faults};

/// Keys of a matrix.
pub(super) const KEYS: &[&str] = &["name", "defaults", "axes", "include", "exclude", "expect"];
/// Axes that every matrix has.
pub(super) const AXES: &[&str] = &["kernel", "arch", "ram", "workload", "vcpus"];
/// Keys of a block besides its axes.
pub(super) const SETTINGS: &[&str] = &["repeat", "timeouts", "fail_on", "append", "qemu", "faults", "canary"];
/// Keys of `timeouts`.
pub(super) const TIMEOUTS: &[&str] = &["boot", "load", "stuck"];
/// What a value of a custom axis adds to a cell.
pub(super) const EXTRAS: &[&str] = &["append", "qemu", "faults", "canary"];
/// Keys of an entry of `expect`.
pub(super) const EXPECT: &[&str] = &["match", "verdict", "reason"];

/// A whole matrix.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub name: Option<Text>,
    pub defaults: RawBlock,
    pub axes: Option<RawBlock>,
    pub definitions: Vec<Definition>,
    pub include: Vec<RawBlock>,
    pub exclude: Vec<RawSelector>,
    pub expect: Vec<RawExpect>,
}

/// A custom axis, with what its values mean.
#[derive(Debug)]
pub(super) struct Definition {
    pub name: Text,
    pub values: Vec<(Text, Extras)>,
}

/// What is added to a cell's kernel command line and to QEMU's, the faults to inject, and how the canary allocates.
#[derive(Debug, Clone, Default)]
pub(super) struct Extras {
    pub append: Vec<String>,
    pub qemu: Vec<String>,
    pub faults: Faults,
    pub canary: Option<Canary>,
}

/// One product: its axes, and the settings of its cells.
#[derive(Debug, Default)]
pub(super) struct RawBlock {
    pub at: Span,
    pub axes: Vec<(Text, RawValues)>,
    pub repeat: Option<Text>,
    pub timeouts: Vec<(&'static str, Text)>,
    /// Words of reports; an empty list takes back those of the defaults.
    pub fail_on: Option<Vec<Text>>,
    pub extras: Extras,
}

/// The values of one axis in one block.
#[derive(Debug, Clone)]
pub(super) struct RawValues {
    /// Whether the user wrote one value and not a list: then it must exist.
    pub named: bool,
    pub values: Vec<RawValue>,
}

/// One value of an axis; a workload may have options.
#[derive(Debug, Clone)]
pub(super) struct RawValue {
    pub name: Text,
    pub options: Vec<(Text, Text)>,
}

/// An entry of `exclude`, or the `match` of an entry of `expect`.
#[derive(Debug)]
pub(super) struct RawSelector {
    pub at: Span,
    pub terms: Vec<(Text, Vec<Text>)>,
}

/// An entry of `expect`.
#[derive(Debug)]
pub(super) struct RawExpect {
    pub selector: RawSelector,
    /// At least one.
    pub verdicts: Vec<Text>,
    pub reason: Text,
}

impl Raw {
    /// Reads the document.
    pub fn read(document: Node, findings: &mut Findings<'_>) -> Option<Self> {
        if document.value == Value::Null {
            findings.error(document.at, "the matrix is empty").help("it needs at least `axes` or `include`");
            return None;
        }
        let mut fields = Fields::of(document, "a matrix", findings)?;
        let mut raw =
            Self { name: fields.take("name").and_then(|node| text(node, "`name`", findings)), ..Self::default() };
        if let Some(node) = fields.take("defaults") {
            raw.defaults = RawBlock::read(node, "`defaults`", findings).unwrap_or_default();
        }
        if let Some(node) = fields.take("axes") {
            raw.read_axes(node, findings);
        }
        let mut list = |key: &str| fields.take(key).map(|node| items(node).1).unwrap_or_default();
        let (include, exclude, expect) = (list("include"), list("exclude"), list("expect"));
        raw.include =
            include.into_iter().filter_map(|node| RawBlock::read(node, "an entry of `include`", findings)).collect();
        raw.exclude =
            exclude.into_iter().filter_map(|node| RawSelector::read(node, "an entry of `exclude`", findings)).collect();
        raw.expect = expect.into_iter().filter_map(|node| RawExpect::read(node, findings)).collect();
        fields.reject_unknown("a matrix", KEYS, findings);
        Some(raw)
    }

    /// `axes` both makes a block and defines the custom axes.
    fn read_axes(&mut self, node: Node, findings: &mut Findings<'_>) {
        let Some(fields) = Fields::of(node, "`axes`", findings) else { return };
        let mut block = RawBlock { at: fields.at, ..RawBlock::default() };
        for (key, node) in fields.rest() {
            if SETTINGS.contains(&key.value.as_str()) {
                let message = format!("`{}` is not an axis", key.value);
                findings.error(key.at, message).label("this belongs into `defaults`");
            } else if matches!(node.value, Value::Map(_)) && !AXES.contains(&key.value.as_str()) {
                if let Some(definition) = Definition::read(key, node, findings) {
                    let named = |(name, _): &(Text, Extras)| RawValue { name: name.clone(), options: Vec::new() };
                    let values = definition.values.iter().map(named).collect();
                    block.axes.push((definition.name.clone(), RawValues { named: false, values }));
                    self.definitions.push(definition);
                }
            } else {
                let values = RawValues::read(&key, node, findings);
                block.axes.push((key, values));
            }
        }
        self.axes = Some(block);
    }
}

impl Definition {
    fn read(name: Text, node: Node, findings: &mut Findings<'_>) -> Option<Self> {
        let fields = Fields::of(node, "a custom axis", findings)?;
        let mut values = Vec::new();
        for (value, node) in fields.rest() {
            let mut extras = Extras::default();
            if node.value != Value::Null
                && let Some(mut fields) = Fields::of(node, "a value of a custom axis", findings)
            {
                extras = Extras::take(&mut fields, findings);
                fields.reject_unknown("a value of a custom axis", EXTRAS, findings);
            }
            values.push((value, extras));
        }
        Some(Self { name, values })
    }
}

impl Extras {
    fn take(fields: &mut Fields, findings: &mut Findings<'_>) -> Self {
        let mut words_of =
            |key: &str| fields.take(key).map(|node| words(node, &format!("`{key}`"), findings)).unwrap_or_default();
        let (append, qemu) = (words_of("append"), words_of("qemu"));
        let faults = fields.take("faults").map(|node| faults::read(node, findings)).unwrap_or_default();
        let canary = fields.take("canary").and_then(|node| canary::read(node, findings));
        Self { append, qemu, faults, canary }
    }
}

impl RawBlock {
    fn read(node: Node, what: &str, findings: &mut Findings<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, what, findings)?;
        let at = fields.at;
        let repeat = fields.take("repeat").and_then(|node| text(node, "`repeat`", findings));
        let mut timeouts = Vec::new();
        if let Some(mut inner) = fields.take("timeouts").and_then(|node| Fields::of(node, "`timeouts`", findings)) {
            for key in TIMEOUTS {
                timeouts.extend(inner.take(key).and_then(|node| text(node, key, findings)).map(|text| (*key, text)));
            }
            inner.reject_unknown("`timeouts`", TIMEOUTS, findings);
        }
        let fail_on = fields.take("fail_on").map(|node| {
            let (_, nodes) = items(node);
            nodes.into_iter().filter_map(|node| text(node, "a value of `fail_on`", findings)).collect()
        });
        let extras = Extras::take(&mut fields, findings);
        let axes = fields.rest().into_iter().map(|(key, node)| {
            let values = RawValues::read(&key, node, findings);
            (key, values)
        });
        Some(Self { at, axes: axes.collect(), repeat, timeouts, fail_on, extras })
    }
}

impl RawValues {
    fn read(key: &Text, node: Node, findings: &mut Findings<'_>) -> Self {
        if matches!(&node.value, Value::Null) || matches!(&node.value, Value::List(items) if items.is_empty()) {
            findings.error(key.at, format!("axis `{}` has no values", key.value));
            return Self { named: false, values: Vec::new() };
        }
        let (is_list, nodes) = items(node);
        let mut values: Vec<RawValue> = Vec::new();
        for node in nodes {
            let Some(value) = RawValue::read(&key.value, node, findings) else { continue };
            if values.iter().any(|earlier| earlier.same_as(&value)) {
                findings.warning(value.name.at, format!("`{}` is listed twice", value.name.value));
            }
            values.push(value);
        }
        Self { named: !is_list, values }
    }
}

impl RawValue {
    /// Whether the text is the same, whatever its place.
    fn same_as(&self, other: &Self) -> bool {
        let texts = |value: &Self| -> Vec<String> {
            let options = value.options.iter().flat_map(|(key, option)| [&key.value, &option.value]);
            std::iter::once(&value.name.value).chain(options).cloned().collect()
        };
        texts(self) == texts(other)
    }

    fn read(axis: &str, node: Node, findings: &mut Findings<'_>) -> Option<Self> {
        if axis != "workload" || !matches!(node.value, Value::Map(_)) {
            let name = text(node, &format!("a value of `{axis}`"), findings)?;
            return Some(Self { name, options: Vec::new() });
        }
        let fields = Fields::of(node, "a workload", findings)?;
        let at = fields.at;
        let mut entries = fields.rest().into_iter();
        let (Some((name, options)), None) = (entries.next(), entries.next()) else {
            findings.error(at, "a workload with options is a mapping of one key").help("`{NAME: {OPTION: VALUE}}`");
            return None;
        };
        if options.value == Value::Null {
            return Some(Self { name, options: Vec::new() });
        }
        let options = Fields::of(options, "the options of a workload", findings)?.rest();
        let options =
            options.into_iter().filter_map(|(key, node)| Some((key, text(node, "an option's value", findings)?)));
        Some(Self { name, options: options.collect() })
    }
}

impl RawSelector {
    fn read(node: Node, what: &str, findings: &mut Findings<'_>) -> Option<Self> {
        let fields = Fields::of(node, what, findings)?;
        let at = fields.at;
        let mut terms = Vec::new();
        for (key, node) in fields.rest() {
            let values: Vec<Text> = items(node)
                .1
                .into_iter()
                .filter_map(|node| text(node, &format!("a value of `{}`", key.value), findings))
                .collect();
            terms.push((key, values));
        }
        if terms.is_empty() {
            findings.error(at, format!("{what} names no axis")).help("it would match every cell");
        }
        Some(Self { at, terms })
    }
}

impl RawExpect {
    fn read(node: Node, findings: &mut Findings<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "an entry of `expect`", findings)?;
        let at = fields.at;
        let selector = fields.take("match");
        let verdict = fields.take("verdict");
        let reason = fields.take("reason");
        fields.reject_unknown("an entry of `expect`", EXPECT, findings);
        for (key, node) in [("match", &selector), ("verdict", &verdict), ("reason", &reason)] {
            if node.is_none() {
                findings.error(at, format!("an entry of `expect` lacks `{key}`"));
            }
        }
        let selector = RawSelector::read(selector?, "`match`", findings);
        let verdicts = verdict.map(|node| Self::verdicts(node, findings)).unwrap_or_default();
        let reason = reason.and_then(|node| text(node, "`reason`", findings));
        Some(Self { selector: selector?, verdicts, reason: reason? })
    }

    fn verdicts(node: Node, findings: &mut Findings<'_>) -> Vec<Text> {
        let at = node.at;
        let (_, nodes) = items(node);
        if nodes.is_empty() {
            findings.error(at, "`verdict` has no values here");
        }
        nodes.into_iter().filter_map(|node| text(node, "a value of `verdict`", findings)).collect()
    }
}
