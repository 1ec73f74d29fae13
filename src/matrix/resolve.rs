//! Raw → resolved: every word is looked up, or becomes a finding.

use super::fail_on;
use super::fields::unknown;
use super::known::Known;
use super::names::{CustomAxes, check_kernel, custom_axes, unknown_arch, unknown_custom_value, unknown_workload};
use super::raw::{AXES, Extras, Raw, RawBlock, RawValue, RawValues, SETTINGS};
use super::select::{Expected, Selector};
use super::values;
use crate::diagnostic::{At, Findings, Span, Text, did_you_mean, listed};
use arch::Arch;
use model::{AlsoKind, KernelName, RamMib, Timeouts, WorkloadName};
use std::collections::BTreeMap;
use std::fmt::Display;

/// A matrix with every word resolved.
pub(super) struct Matrix {
    pub name: String,
    pub blocks: Vec<Block>,
    pub exclude: Vec<Selector>,
    pub expect: Vec<Expected>,
}

/// One product of axes, with the settings of its cells.
pub(super) struct Block {
    pub at: Span,
    pub kernel: Axis<KernelName>,
    pub arch: Axis<Arch>,
    pub ram: Axis<RamMib>,
    pub workload: Axis<Workload>,
    pub vcpus: Axis<u32>,
    /// Custom axes, by name.
    pub custom: BTreeMap<String, Axis<CustomValue>>,
    pub repeat: u32,
    pub timeouts: Timeouts,
    pub fail_on: Vec<AlsoKind>,
    pub extras: Extras,
}

/// The values of one axis.
#[derive(Clone)]
pub(super) struct Axis<T> {
    /// Whether the user wrote one value and not a list.
    pub named: bool,
    pub values: Vec<At<T>>,
}

/// A workload with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Workload {
    pub name: WorkloadName,
    pub options: BTreeMap<String, String>,
}

/// A value of a custom axis.
#[derive(Debug, Clone)]
pub(super) struct CustomValue {
    pub name: String,
    pub extras: Extras,
}

/// Resolves every word. `fallback_name` is the name of a matrix that has none.
pub(super) fn resolve(raw: Raw, fallback_name: &str, known: &Known<'_>, findings: &mut Findings<'_>) -> Matrix {
    let custom = custom_axes(raw.definitions, findings);
    let mut resolver = Resolver { known, custom: &custom, defaults: &raw.defaults, findings };
    let makes_cells = |block: &RawBlock| {
        block.axes.is_empty() || block.axes.iter().any(|(key, _)| AXES.contains(&key.value.as_str()))
    };
    let axes = raw.axes.iter().filter(|block| raw.include.is_empty() || makes_cells(block));
    let blocks = axes.chain(&raw.include).filter_map(|block| resolver.block(block)).collect();
    resolver.words(&raw.defaults);
    let exclude = raw.exclude.into_iter().filter_map(|raw| Selector::resolve(raw, &custom, known, findings));
    let exclude = exclude.collect();
    let expect = raw.expect.into_iter().filter_map(|raw| Expected::resolve(raw, &custom, known, findings));
    let expect = expect.collect();
    let name = match raw.name {
        Some(name) if name.value.trim().is_empty() || name.value.chars().any(char::is_control) => {
            findings.error(name.at, "a name has at least one letter and no control characters");
            name.value
        }
        Some(name) => name.value,
        None => fallback_name.to_owned(),
    };
    Matrix { name, blocks, exclude, expect }
}

struct Resolver<'r, 'f, 's> {
    known: &'r Known<'r>,
    custom: &'r CustomAxes,
    defaults: &'r RawBlock,
    findings: &'f mut Findings<'s>,
}

impl Resolver<'_, '_, '_> {
    fn block(&mut self, raw: &RawBlock) -> Option<Block> {
        self.words(raw);
        let kernel = self.axis(raw, "kernel", Self::kernel);
        let arch = self.axis(raw, "arch", Self::arch);
        let ram = self.axis(raw, "ram", Self::ram);
        let workload = self.axis(raw, "workload", Self::workload);
        let one = Axis { named: true, values: vec![At { at: raw.at, value: 1 }] };
        let vcpus =
            if find(raw, self.defaults, "vcpus").is_some() { self.axis(raw, "vcpus", Self::vcpus) } else { Some(one) };
        let custom = self.custom_axes(raw);
        let (repeat, timeouts, fail_on) = (self.repeat(raw), self.timeouts(raw), self.fail_on(raw));
        let extras = Extras {
            append: [self.defaults.extras.append.as_slice(), &raw.extras.append].concat(),
            qemu: [self.defaults.extras.qemu.as_slice(), &raw.extras.qemu].concat(),
            faults: self.defaults.extras.faults.with(&raw.extras.faults),
            canary: raw.extras.canary.or(self.defaults.extras.canary),
        };
        Some(Block {
            at: raw.at,
            kernel: kernel?,
            arch: arch?,
            ram: ram?,
            workload: workload?,
            vcpus: vcpus?,
            custom: custom?,
            repeat,
            timeouts,
            fail_on,
            extras,
        })
    }

    /// Reports keys of a block that are neither an axis nor a setting.
    fn words(&mut self, raw: &RawBlock) {
        for (key, _) in &raw.axes {
            let name = key.value.as_str();
            if !AXES.contains(&name) && !self.custom.contains_key(name) {
                let custom = self.custom.keys().map(String::as_str);
                let all: Vec<&str> = AXES.iter().copied().chain(custom).chain(SETTINGS.iter().copied()).collect();
                unknown(self.findings, key, format!("unknown axis `{name}`"), all)
                    .help("a custom axis is a mapping under `axes`: `NAME: {VALUE: {append: […], qemu: […]}}`");
            }
        }
    }

    fn axis<T>(
        &mut self,
        raw: &RawBlock,
        name: &str,
        meaning: fn(&mut Self, &RawValue) -> Option<T>,
    ) -> Option<Axis<T>> {
        let Some(values) = find(raw, self.defaults, name) else {
            self.findings
                .error(raw.at, format!("no `{name}` is given here"))
                .help("a block of cells needs `kernel`, `arch`, `ram` and `workload`, here or in `defaults`");
            return None;
        };
        let meanings = values
            .values
            .iter()
            .map(|value| meaning(self, value).map(|meant| At { at: value.name.at, value: meant }))
            .collect::<Vec<_>>();
        let values_known: Option<Vec<At<T>>> = meanings.into_iter().collect();
        values_known.filter(|all| !all.is_empty()).map(|all| Axis { named: values.named, values: all })
    }

    fn custom_axes(&mut self, raw: &RawBlock) -> Option<BTreeMap<String, Axis<CustomValue>>> {
        let mut axes = BTreeMap::new();
        for (key, values) in raw.axes.iter().chain(&self.defaults.axes) {
            let Some(defined) = self.custom.get(&key.value) else { continue };
            if axes.contains_key(&key.value) {
                continue;
            }
            let mut found = Vec::new();
            for RawValue { name, .. } in &values.values {
                if let Some((_, extras)) = defined.iter().find(|(value, _)| *value == name.value) {
                    let value = CustomValue { name: name.value.clone(), extras: extras.clone() };
                    found.push(At { at: name.at, value });
                } else {
                    let values = defined.iter().map(|(value, _)| value.as_str());
                    unknown_custom_value(self.findings, &key.value, name, values);
                }
            }
            axes.insert(key.value.clone(), Axis { named: values.named, values: found });
        }
        axes.values().all(|axis| !axis.values.is_empty()).then_some(axes)
    }

    fn kernel(&mut self, value: &RawValue) -> Option<KernelName> {
        let name = &value.name;
        check_kernel(self.findings, name, self.known).then(|| KernelName::new(&name.value))
    }

    fn arch(&mut self, value: &RawValue) -> Option<Arch> {
        let found = arch::find(&value.name.value);
        if found.is_none() {
            unknown_arch(self.findings, &value.name);
        }
        found
    }

    fn ram(&mut self, value: &RawValue) -> Option<RamMib> {
        self.or_error(&value.name, value.name.value.parse::<RamMib>())
    }

    fn vcpus(&mut self, value: &RawValue) -> Option<u32> {
        self.or_error(&value.name, values::vcpus(&value.name.value))
    }

    fn workload(&mut self, value: &RawValue) -> Option<Workload> {
        let Some(workload) = self.known.workloads.get(&value.name.value) else {
            unknown_workload(self.findings, &value.name, self.known);
            return None;
        };
        let options = value.options.iter().map(|(key, option)| (key.value.clone(), option.value.clone()));
        let options: BTreeMap<String, String> = options.collect();
        if let Err(wrong) = workload.check_options(&options) {
            let at = value.options.iter().find(|(key, _)| key.value == wrong.option);
            let at = at.map_or(value.name.at, |(key, option)| if wrong.unknown { key.at } else { option.at });
            let names = workload.option_names();
            let found = self.findings.error(at, wrong.message);
            if wrong.unknown {
                found.label = did_you_mean(&wrong.option, names.iter().copied());
                let has = if names.is_empty() { "no options".to_owned() } else { listed(names) };
                found.help(format!("{} has {has}", value.name.value));
            }
            return None;
        }
        Some(Workload { name: WorkloadName::new(&value.name.value), options })
    }

    fn repeat(&mut self, raw: &RawBlock) -> u32 {
        let text = raw.repeat.as_ref().or(self.defaults.repeat.as_ref());
        text.and_then(|text| self.or_error(text, values::repeat(&text.value))).unwrap_or(1)
    }

    fn timeouts(&mut self, raw: &RawBlock) -> Timeouts {
        let mut timeouts = Timeouts::default();
        for (key, text) in self.defaults.timeouts.iter().chain(&raw.timeouts) {
            let Some(seconds) = self.or_error(text, values::duration_s(&text.value)) else { continue };
            match *key {
                "boot" => timeouts.boot_s = seconds,
                "load" => timeouts.load_s = seconds,
                _ => timeouts.stuck_s = seconds,
            }
        }
        timeouts
    }

    fn fail_on(&mut self, raw: &RawBlock) -> Vec<AlsoKind> {
        let words = raw.fail_on.as_ref().or(self.defaults.fail_on.as_ref());
        words.map(|words| fail_on::resolve(words, self.findings)).unwrap_or_default()
    }

    fn or_error<T, E: Display>(&mut self, text: &Text, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.findings.error(text.at, error.to_string())).ok()
    }
}

/// The values of an axis: those of the block, or else of the defaults.
fn find<'b>(block: &'b RawBlock, defaults: &'b RawBlock, name: &str) -> Option<&'b RawValues> {
    block.axes.iter().chain(&defaults.axes).find(|(key, _)| key.value == name).map(|(_, values)| values)
}
