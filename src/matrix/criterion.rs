//! Conditions on cells, for `exclude`, `expect` and filters.

use super::glob;
use super::id::workload_label;
use super::values::ValueError;
use model::{Cell, RamMib};

/// The subject of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    Id,
    Kernel,
    Arch,
    Ram,
    Workload,
    Vcpus,
    /// A custom axis.
    Axis(String),
}

/// A condition on one value of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Criterion {
    pub key: Key,
    /// One of these must hold.
    pub any: Vec<Test>,
    /// Inverts the answer.
    pub negated: bool,
}

/// A condition on a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// The value equals this, or matches this pattern.
    Is(String),
    /// The value contains this, in upper or lower case.
    Contains(String),
    /// A comparison with a number; RAM is in MiB.
    Compares(Comparison, u32),
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// The operator at the start of a text, and the rest.
    pub fn split(text: &str) -> Option<(Self, &str)> {
        [("<=", Self::LessOrEqual), (">=", Self::GreaterOrEqual), ("<", Self::Less), (">", Self::Greater)]
            .into_iter()
            .find_map(|(sign, comparison)| Some((comparison, text.strip_prefix(sign)?)))
    }

    fn holds(self, left: u32, right: u32) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

impl Key {
    /// The key of this name; any name that is not built in is a custom axis.
    pub fn of(name: &str) -> Self {
        match name {
            "id" => Self::Id,
            "kernel" => Self::Kernel,
            "arch" => Self::Arch,
            "ram" => Self::Ram,
            "workload" => Self::Workload,
            "vcpus" => Self::Vcpus,
            other => Self::Axis(other.to_owned()),
        }
    }

    /// Reads a number of this key's unit.
    ///
    /// # Errors
    /// When the text is not one, or this key has no numbers.
    pub fn number(&self, text: &str) -> Result<u32, ValueError> {
        match self {
            Self::Ram => Ok(text.parse::<RamMib>()?.0),
            Self::Vcpus => text.parse().map_err(|_| ValueError::NotANumber(text.to_owned())),
            _ => Err(ValueError::NotComparable),
        }
    }

    /// A test of equality: patterns by text, sizes by value (`1024M` is `1G`), architectures by any of their names.
    pub fn is(&self, text: &str) -> Test {
        let canonical = match self {
            Self::Ram => text.parse::<RamMib>().ok().map(|ram| ram.to_string()),
            Self::Arch => arch::find(text).map(|arch| arch.to_string()),
            _ => None,
        };
        Test::Is(canonical.unwrap_or_else(|| text.to_owned()))
    }
}

impl Criterion {
    /// Whether the cell satisfies it. A cell without the axis never does, unless the condition is negated.
    pub fn matches(&self, cell: &Cell) -> bool {
        self.any.iter().any(|test| test.holds(&self.key, cell)) != self.negated
    }
}

impl Test {
    fn holds(&self, key: &Key, cell: &Cell) -> bool {
        match self {
            Self::Compares(comparison, right) => match key {
                Key::Ram => comparison.holds(cell.ram.0, *right),
                Key::Vcpus => comparison.holds(cell.vcpus, *right),
                _ => false,
            },
            Self::Is(pattern) => key.texts(cell).iter().any(|text| glob::matches(pattern, text)),
            Self::Contains(part) => {
                key.texts(cell).iter().any(|text| text.to_lowercase().contains(&part.to_lowercase()))
            }
        }
    }
}

impl Key {
    /// The texts of this key's value in a cell; a workload with options has two.
    fn texts(&self, cell: &Cell) -> Vec<String> {
        match self {
            Self::Id => vec![cell.id.to_string()],
            Self::Kernel => vec![cell.kernel.to_string()],
            Self::Arch => vec![cell.arch.to_string()],
            Self::Ram => vec![cell.ram.to_string()],
            Self::Workload => vec![cell.workload_name().to_owned(), workload_label(&cell.payload)],
            Self::Vcpus => vec![cell.vcpus.to_string()],
            Self::Axis(name) => cell.axes.get(name).map(str::to_owned).into_iter().collect(),
        }
    }
}
