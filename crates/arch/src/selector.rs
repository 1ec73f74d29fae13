//! An architecture as a value.

use super::{ALL, ArchSpec};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::FromStr;

/// A known architecture, written by its name. Ordered as [`ALL`].
#[derive(Clone, Copy)]
pub struct Arch(&'static ArchSpec);

impl Arch {
    /// The architecture that this describes; those that matrices may name are [`ALL`].
    pub const fn of(spec: &'static ArchSpec) -> Self {
        Self(spec)
    }

    /// What is known of it.
    pub const fn spec(self) -> &'static ArchSpec {
        self.0
    }

    fn rank(self) -> usize {
        ALL.iter().position(|arch| *arch == self).unwrap_or(ALL.len())
    }
}

/// The architecture of this name or alias.
pub fn find(name: &str) -> Option<Arch> {
    ALL.iter().find(|arch| arch.name == name || arch.aliases.contains(&name)).copied()
}

/// A name that no architecture has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown architecture `{0}`; known: {known}", known = known())]
pub struct UnknownArch(pub String);

fn known() -> String {
    ALL.iter().map(|arch| arch.name).collect::<Vec<_>>().join(", ")
}

impl FromStr for Arch {
    type Err = UnknownArch;

    fn from_str(name: &str) -> Result<Self, UnknownArch> {
        find(name).ok_or_else(|| UnknownArch(name.to_owned()))
    }
}

impl Deref for Arch {
    type Target = ArchSpec;

    fn deref(&self) -> &ArchSpec {
        self.0
    }
}

impl PartialEq for Arch {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Arch {}

impl Hash for Arch {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl PartialOrd for Arch {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Arch {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl fmt::Debug for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.name)
    }
}

impl Serialize for Arch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}

impl<'de> Deserialize<'de> for Arch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arch_serializes_as_its_name() {
        let arm: Arch = serde_json::from_str("\"arm\"").unwrap();
        assert_eq!(serde_json::to_string(&arm).unwrap(), "\"arm\"");
        assert!(find("x86_64").unwrap() < arm, "reports list x86_64 first");
    }

    #[test]
    fn aliases_name_one_architecture() {
        let named = |name: &str| find(name).map(|arch| arch.name);
        assert_eq!(["amd64", "arm64", "armhf"].map(named), ["x86_64", "aarch64", "arm"].map(Some));
        let all: Vec<&str> = ALL.iter().flat_map(|arch| [&[arch.name], arch.aliases].concat()).collect();
        let distinct: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), distinct.len());
    }

    #[test]
    fn unknown_name_lists_known_ones() {
        let error = serde_json::from_str::<Arch>("\"riscv46\"").unwrap_err().to_string();
        assert!(error.starts_with("unknown architecture `riscv46`; known: x86_64, arm,"), "{error}");
    }
}
