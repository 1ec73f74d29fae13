//! A workload's settings: what may be set, and to what.

use super::needs::{DiskNeed, ValueNeeds};
use crate::diagnostic::{Document, Step, closest};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One setting of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionSpec {
    /// What its value looks like.
    #[serde(rename = "type")]
    pub kind: OptionType,
    /// The value without a setting, in the same notation.
    pub default: String,
    /// One line for `oomlab workload show`.
    pub help: String,
    /// The words that it may be, with what each needs; any word if there is none.
    #[serde(default)]
    pub values: BTreeMap<String, ValueNeeds>,
}

impl OptionSpec {
    fn accepts(&self, value: &str) -> bool {
        self.kind.accepts(value) && (self.values.is_empty() || self.values.contains_key(value))
    }

    /// What to write, for messages.
    fn notation(&self) -> String {
        if self.values.is_empty() {
            return self.kind.notation().to_owned();
        }
        let words: Vec<_> = self.values.keys().map(|word| format!("`{word}`")).collect();
        words.join(" or ")
    }

    /// Notes what is wrong with it, below `options`. Options travel as words of the kernel command line and become names of the C
    /// preprocessor. `disk` is that of the workload.
    pub(super) fn check(&self, name: &str, disk: Option<DiskNeed>, document: &mut Document<'_>) {
        let at = |key| [Step::Key("options"), Step::Key(name), Step::Key(key)];
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_name {
            let wrong = document.wrong(&at("")[..2], format!("`{name}` is not an option name"));
            wrong.help("use lower-case letters, digits and `_`");
        }
        if !self.values.is_empty() && self.kind != OptionType::Word {
            let wrong = document.wrong(&at("values"), "only a word has `values`");
            wrong.help("write `type: word`");
            return;
        }
        if !self.accepts(&self.default) {
            let message = format!("`{}` is not a default of option `{name}`", self.default);
            document.wrong(&at("default"), message).help(format!("write {}", self.notation()));
        }
        for (value, needs) in &self.values {
            let at = [&at("values")[..], &[Step::Key(value)]].concat();
            if !self.kind.accepts(value) {
                let message = format!("`{value}` is not a value of option `{name}`");
                document.wrong(&at, message).help(format!("write {}", self.kind.notation()));
            }
            needs.check(&at, disk, document);
        }
    }
}

/// What the value of a setting looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionType {
    /// A whole number.
    Count,
    /// A whole number with `K`, `M` or `G`, or with `%`: a share of the RAM that is free when the workload starts.
    Size,
    /// A whole number of milliseconds.
    Milliseconds,
    /// Lower-case letters, digits, `-` and `_`, for a script.
    Word,
    /// A decimal fraction from 0 to 1: the chance that something happens in one boot.
    Probability,
}

impl OptionType {
    /// Whether a text is a value of this type. Numbers have at most nine digits: the agent reads them as they are.
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Self::Count | Self::Milliseconds => is_number(text),
            Self::Size => text.strip_suffix(['K', 'M', 'G', '%']).is_some_and(is_number),
            Self::Word => is_word(text),
            Self::Probability => is_probability(text),
        }
    }

    /// What to write, for messages.
    pub const fn notation(self) -> &'static str {
        match self {
            Self::Count => "a whole number, for example `3`",
            Self::Size => "a size such as `512K`, `6M` or `1G`, or a share of the free RAM such as `25%`",
            Self::Milliseconds => "a whole number of milliseconds, for example `1000`",
            Self::Word => "a word of lower-case letters, digits, `-` and `_`",
            Self::Probability => "a decimal fraction from 0 to 1, for example `0.25`",
        }
    }
}

fn is_number(text: &str) -> bool {
    (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_word(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=40).contains(&text.len()) && !text.starts_with(['-', '_']) && text.bytes().all(is_letter)
}

fn is_probability(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    is_number(fraction) && (whole == "0" || (whole == "1" && fraction.bytes().all(|byte| byte == b'0')))
}

/// A setting that a workload does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// There is no setting of this name.
    #[error("workload `{workload}` has no option `{option}`{}", hint(nearest, known))]
    Unknown {
        /// The workload.
        workload: String,
        /// What was written.
        option: String,
        /// What was probably meant.
        nearest: Option<String>,
        /// The names that there are.
        known: Vec<String>,
    },
    /// The value is not of the setting's type.
    #[error("option `{option}` of workload `{workload}` is `{value}`: write {notation}")]
    Value {
        /// The workload.
        workload: String,
        /// The setting.
        option: String,
        /// What was written.
        value: String,
        /// What to write instead.
        notation: String,
    },
}

fn hint(nearest: &Option<String>, known: &[String]) -> String {
    match nearest {
        Some(name) => format!(", did you mean `{name}`?"),
        None if known.is_empty() => ": it has none".to_owned(),
        None => format!(": it has {}", known.join(", ")),
    }
}

/// Checks settings against what a workload takes; all errors at once.
pub(super) fn check(
    workload: &str,
    specs: &BTreeMap<String, OptionSpec>,
    values: &BTreeMap<String, String>,
) -> Result<(), Vec<OptionError>> {
    let errors: Vec<_> = values.iter().filter_map(|(name, value)| check_one(workload, specs, name, value)).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn check_one(workload: &str, specs: &BTreeMap<String, OptionSpec>, name: &str, value: &str) -> Option<OptionError> {
    let (workload, option) = (workload.to_owned(), name.to_owned());
    match specs.get(name) {
        None => Some(OptionError::Unknown {
            workload,
            option,
            nearest: closest(name, specs.keys().map(String::as_str)).map(str::to_owned),
            known: specs.keys().cloned().collect(),
        }),
        Some(spec) if !spec.accepts(value) => {
            Some(OptionError::Value { workload, option, value: value.to_owned(), notation: spec.notation() })
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_type() {
        use OptionType::{Count, Milliseconds, Probability, Size, Word};
        for (kind, good, bad) in [
            (Count, &["0", "3", "999999999"][..], &["", "-1", "3.0", "3 ", "1234567890", "three"][..]),
            (Milliseconds, &["1000"], &["1s", ""]),
            (Size, &["6M", "512K", "1G", "25%"], &["6", "M", "6MB", "6.5M", "-6M", "%"]),
            (Word, &["vm", "min_free_kbytes", "oom-pipe", "3"], &["", "-v", "_x", "Vm", "a b", "a;b", "$a"]),
            (Probability, &["0", "1", "0.25", "1.0", "0.000001"], &["", "1.5", "2", ".5", "0.", "-0.1", "50%"]),
        ] {
            for value in good {
                assert!(kind.accepts(value), "{kind:?} {value}");
            }
            for value in bad {
                assert!(!kind.accepts(value), "{kind:?} {value}");
            }
        }
    }

    #[test]
    fn errors_suggest_the_nearest_option() {
        let spec = |kind| OptionSpec { kind, default: "1".to_owned(), help: "x".to_owned(), values: BTreeMap::new() };
        let specs = BTreeMap::from([
            ("hogs".to_owned(), spec(OptionType::Count)),
            ("writes".to_owned(), spec(OptionType::Size)),
        ]);
        let values = [("hgos", "3"), ("writes", "lots"), ("x", "1")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let errors = check("anon-hog", &specs, &BTreeMap::from(values)).unwrap_err();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts[0], "workload `anon-hog` has no option `hgos`, did you mean `hogs`?");
        assert!(texts[1].starts_with("option `writes` of workload `anon-hog` is `lots`: write a size"), "{}", texts[1]);
        assert_eq!(texts[2], "workload `anon-hog` has no option `x`: it has hogs, writes");
        assert_eq!(
            check("idle", &BTreeMap::new(), &BTreeMap::from([("x".to_owned(), "1".to_owned())])).unwrap_err()[0]
                .to_string(),
            "workload `idle` has no option `x`: it has none"
        );
    }
}
