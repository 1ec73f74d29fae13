//! Kernel configuration fragments.
//!
//! A fragment is a list of `CONFIG_X=value` and `# CONFIG_X is not set` lines. A line that ends in `# optional` may
//! be without effect, for options that some kernels do not have; any other has to be in the final configuration.

use super::KernelError;
use crate::assets::{Assets, is_stem};
use crate::diagnostic::{Diagnostic, Findings, Span};
use crate::store::read_stream;
use model::KernelArtifact;
use std::collections::BTreeMap;

/// Maximum length of a user's configuration in bytes.
const MAX_CONFIG: u64 = 16 << 20;

/// A named list of options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Name, without folder and extension.
    pub name: String,
    /// The options, in the order of the file.
    pub options: Vec<ConfigOption>,
}

/// One requested option of a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigOption {
    /// Name, with `CONFIG_`.
    pub name: String,
    /// Value as it stands after `=`; `n` for "is not set".
    pub value: String,
    /// Whether the option may be without effect.
    pub optional: bool,
    /// Line in the file, from 1.
    pub line: usize,
}

impl Fragment {
    /// Reads `kernels/config/<name>.config`.
    ///
    /// # Errors
    /// When it does not exist (`NoFile`), or a line is neither an option nor a comment.
    pub fn read(assets: &Assets, name: &str) -> Result<Self, KernelError> {
        let path = format!("kernels/config/{name}.config");
        let origin = assets.origin(&path);
        let bytes = assets.read(&path).map_err(KernelError::io("read", origin.as_ref()))?;
        let bytes = bytes.ok_or_else(|| KernelError::NoFile(path.clone()))?;
        let options = parse(&String::from_utf8_lossy(&bytes), &origin)?;
        Ok(Self { name: name.to_owned(), options })
    }

    /// Reads the fragment that a command line or a matrix names.
    ///
    /// # Errors
    /// When there is none of this name (`NoFragment`), or it is wrong.
    pub fn named(assets: &Assets, name: &str) -> Result<Self, KernelError> {
        let none = || KernelError::NoFragment(name.to_owned());
        if !is_stem(name) {
            return Err(none());
        }
        Self::read(assets, name).map_err(|error| if let KernelError::NoFile(_) = error { none() } else { error })
    }

    /// Whether it builds an option in; the name is without `CONFIG_`.
    pub fn builds_in(&self, option: &str) -> bool {
        let set = self.options.iter().rev().find(|set| set.name.strip_prefix("CONFIG_") == Some(option));
        set.is_some_and(|set| set.value == "y")
    }

    /// A whole `.config` of the user: options that another revision does not have are optional, as with
    /// `make olddefconfig`.
    ///
    /// # Errors
    /// When it cannot be read, or is not a configuration.
    pub fn of_config(path: &std::path::Path) -> Result<Self, KernelError> {
        let text = read_stream(path, MAX_CONFIG).map_err(KernelError::io("read", path))?;
        let text = String::from_utf8_lossy(&text);
        let options = parse(&text, &path.display().to_string())?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self {
            name,
            options: options.into_iter().map(|option| ConfigOption { optional: true, ..option }).collect(),
        })
    }
}

/// An option that two configurations have with different values; `n` stands for one that is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Name, with `CONFIG_`.
    pub name: String,
    /// Its value in the first.
    pub old: String,
    /// Its value in the second.
    pub new: String,
}

impl Fragment {
    /// The differences of another configuration, in the order of its options, and then of those that it lacks.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let value = |of: &Self, name: &str| {
            let found = of.options.iter().rev().find(|option| option.name == name);
            found.map_or("n", |option| option.value.as_str()).to_owned()
        };
        let mut differences: Vec<Difference> = Vec::new();
        for ConfigOption { name, .. } in other.options.iter().chain(&self.options) {
            let (old, new) = (value(self, name), value(other, name));
            if old != new && !differences.iter().any(|known| known.name == *name) {
                differences.push(Difference { name: name.clone(), old, new });
            }
        }
        differences
    }

    /// The same with these differences.
    pub fn with<'d>(&self, differences: impl IntoIterator<Item = &'d Difference>) -> Self {
        let mut options = self.options.clone();
        for Difference { name, new, .. } in differences {
            options.retain(|option| option.name != *name);
            options.push(ConfigOption { name: name.clone(), value: new.clone(), optional: true, line: 0 });
        }
        Self { name: self.name.clone(), options }
    }

    /// Options with another value in a finished configuration, including optional ones, as `name=value`.
    pub fn lost(&self, config: &str) -> Vec<String> {
        let set: BTreeMap<&str, &str> = config.lines().filter_map(|line| line.split_once('=')).collect();
        let is_lost = |option: &&ConfigOption| set.get(option.name.as_str()).unwrap_or(&"n") != &option.value;
        self.options.iter().filter(is_lost).map(|option| format!("{}={}", option.name, option.value)).collect()
    }

    /// As a file that `make` reads.
    pub fn text(&self) -> String {
        all_config(std::slice::from_ref(self))
    }
}

/// The first of these options (without `CONFIG_`) that a kernel does not have built in; `None` when it has all, or its
/// configuration is not known.
pub fn missing_option<'a>(kernel: &KernelArtifact, wanted: &'a [String]) -> Option<&'a str> {
    let config = kernel.config.as_ref().filter(|_| !wanted.is_empty())?;
    missing(&std::fs::read_to_string(config).ok()?, wanted)
}

fn missing<'a>(config: &str, wanted: &'a [String]) -> Option<&'a str> {
    let has = |name: &str| config.lines().any(|line| line == format!("CONFIG_{name}=y"));
    wanted.iter().map(String::as_str).find(|name| !has(name))
}

/// Why a line of a fragment is neither an option nor a comment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum LineProblem {
    #[error("`{0}` is not an option: no `=` in it")]
    NoValue(String),
    #[error("`{0}` is not an option: a name is CONFIG_ and letters, digits or `_`")]
    Name(String),
}

/// Maximum number of errors that are told of one file: it may be no configuration at all.
const MAX_ERRORS: usize = 10;

fn parse(text: &str, file: &str) -> Result<Vec<ConfigOption>, Vec<Diagnostic>> {
    let mut findings = Findings::new(file, text);
    let mut options = Vec::new();
    let mut errors = 0;
    for (line, number) in text.lines().zip(1..) {
        match parse_line(line, number) {
            Ok(option) => options.extend(option),
            Err(problem) => {
                findings.error(Span::of_line(line, number), problem.to_string());
                errors += 1;
            }
        }
        if errors == MAX_ERRORS {
            break;
        }
    }
    findings.finish().map(|_| options)
}

/// The option of a line; `None` for a comment.
fn parse_line(line: &str, number: usize) -> Result<Option<ConfigOption>, LineProblem> {
    let (requested, optional) = match line.trim().strip_suffix("# optional") {
        Some(requested) => (requested.trim_end(), true),
        None => (line.trim(), false),
    };
    let (name, value) =
        if let Some(name) = requested.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set")) {
            (name, "n")
        } else if requested.is_empty() || requested.starts_with('#') {
            return Ok(None);
        } else {
            requested.split_once('=').ok_or_else(|| LineProblem::NoValue(requested.to_owned()))?
        };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with("CONFIG_") || !name.chars().all(is_name) {
        return Err(LineProblem::Name(name.to_owned()));
    }
    Ok(Some(ConfigOption { name: name.into(), value: value.into(), optional, line: number }))
}

/// Names of all fragments, in alphabetical order.
///
/// # Errors
/// When their folder cannot be listed.
pub(super) fn fragment_names(assets: &Assets) -> Result<Vec<String>, KernelError> {
    assets.stems("kernels/config", ".config").map_err(KernelError::io("list", "kernels/config".as_ref()))
}

/// The file for `KCONFIG_ALLCONFIG`: all requested options, a later one in place of an earlier one.
pub(crate) fn all_config(fragments: &[Fragment]) -> String {
    let line = |option: &ConfigOption| match option.value.as_str() {
        "n" => format!("# {} is not set\n", option.name),
        value => format!("{}={value}\n", option.name),
    };
    effective(fragments).values().map(|(_, option)| line(option)).collect()
}

/// The requested options that the final configuration does not have, each with the place that requests it.
pub(crate) fn not_applied(fragments: &[Fragment], config: &str) -> Vec<String> {
    let set: BTreeMap<&str, &str> = config.lines().filter_map(|line| line.split_once('=')).collect();
    effective(fragments)
        .values()
        .filter(|(_, option)| !option.optional && set.get(option.name.as_str()).unwrap_or(&"n") != &option.value)
        .map(|(fragment, option)| format!("{}={} ({fragment}.config:{})", option.name, option.value, option.line))
        .collect()
}

fn effective(fragments: &[Fragment]) -> BTreeMap<&str, (&str, &ConfigOption)> {
    let all =
        fragments.iter().flat_map(|fragment| fragment.options.iter().map(|option| (fragment.name.as_str(), option)));
    all.map(|(fragment, option)| (option.name.as_str(), (fragment, option))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(name: &str, text: &str) -> Fragment {
        Fragment { name: name.into(), options: parse(text, "x.config").unwrap() }
    }

    #[test]
    fn differences_are_found_and_applied() {
        let good = fragment("good", "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=8\n");
        let bad = fragment("bad", "CONFIG_E=y\nCONFIG_B=y\nCONFIG_D=8\n");
        let differences = good.differences(&bad);
        let shown: Vec<_> = differences.iter().map(|one| format!("{} {} {}", one.name, one.old, one.new)).collect();
        assert_eq!(shown, ["CONFIG_E n y", "CONFIG_B m y", "CONFIG_A y n"]);
        assert_eq!(good.with(&differences).differences(&bad), []);
        assert_eq!(bad.lost("CONFIG_B=y\nCONFIG_D=4\n"), ["CONFIG_E=y", "CONFIG_D=8"]);
        let text = good.with(&differences[..2]).text();
        assert_eq!(text, "CONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\nCONFIG_D=8\nCONFIG_E=y\n");
    }

    #[test]
    fn modular_option_is_missing() {
        let wanted = ["A", "B", "C"].map(str::to_owned);
        assert_eq!(missing("CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=y\n", &wanted), None);
        assert_eq!(missing("CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=y\n", &wanted), Some("B"));
        assert_eq!(missing("CONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\n", &wanted), Some("C"));
    }

    #[test]
    fn later_fragments_override_earlier_ones() {
        let base = fragment("base", "# why\nCONFIG_A=y\nCONFIG_N=8\n# CONFIG_MMU is not set\n");
        let extra = fragment("extra", "CONFIG_A=n\nCONFIG_S=\"x y\" # optional\n");
        assert_eq!(
            all_config(&[base, extra]),
            "# CONFIG_A is not set\n# CONFIG_MMU is not set\nCONFIG_N=8\nCONFIG_S=\"x y\"\n"
        );
    }

    #[test]
    fn rejected_options_are_named_unless_optional() {
        let base =
            fragment("base", "CONFIG_A=y\nCONFIG_B=y # optional\n# CONFIG_C is not set\nCONFIG_D=8\nCONFIG_E=y\n");
        let config = "# CONFIG_A is not set\nCONFIG_C=y\nCONFIG_D=4\nCONFIG_E=y\n";
        assert_eq!(
            not_applied(&[base], config),
            ["CONFIG_A=y (base.config:1)", "CONFIG_C=n (base.config:3)", "CONFIG_D=8 (base.config:4)"]
        );
    }

    #[test]
    fn wrong_lines_are_refused_with_their_number() {
        let found = parse("CONFIG_A=y\n CONFIG_B # optional\nSMP=y\n", "x.config").unwrap_err();
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(
            shown[0].starts_with("error: `CONFIG_B` is not an option: no `=` in it\n  ╭─ x.config:2:2\n"),
            "{shown:?}"
        );
        assert!(shown[1].contains("`SMP` is not an option") && shown[1].contains("x.config:3:1"), "{shown:?}");
        assert_eq!(parse(&"x\n".repeat(1000), "x.config").unwrap_err().len(), MAX_ERRORS);
    }

    #[test]
    fn builtin_fragments_are_read() {
        let assets = Assets::builtin();
        let fragments = assets.list("kernels/config").unwrap();
        assert!(fragments.len() >= 5);
        for path in fragments {
            let name = path.strip_prefix("kernels/config/").unwrap().strip_suffix(".config").unwrap();
            assert!(!Fragment::read(&assets, name).unwrap().options.is_empty(), "{name}");
        }
    }
}
