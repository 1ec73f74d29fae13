//! Names and identifiers: thin wrappers that keep one kind of name from being taken for another.

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A text in a record that cannot be the name of a folder: records come from other users, too.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is not a name", .0.escape_debug())]
struct NotAName(String);

/// Whether a path that ends in this name stays within its folder.
fn is_folder_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        name_type! { $(#[$doc])* $name, |_| true }
    };
    ($(#[$doc:meta])* $name:ident, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a name; the caller has checked that it is a known one.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(&name) { Ok(Self(name)) } else { Err(D::Error::custom(NotAName(name))) }
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }
    };
}

name_type! {
    /// A kernel as the catalogue or the matrix names it, for example `linux-6.1`.
    KernelName
}
name_type! {
    /// A workload, the name of its folder, for example `zombie-victim`.
    WorkloadName
}
name_type! {
    /// A cell of a plan, for example `linux-6.1.riscv64-nommu.32M.zombie-victim`; also its folder's name.
    CellId, is_folder_name
}
name_type! {
    /// A run, the name of its folder, for example `2026-11-24-0`.
    RunId, is_folder_name
}
name_type! {
    /// A SHA-256 of some content: 64 lower-case hexadecimal digits.
    Digest
}

impl Digest {
    /// The digest of these 32 bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        use fmt::Write as _;
        let mut hex = String::with_capacity(2 * bytes.len());
        for byte in bytes {
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Self(hex)
    }

    /// The first twelve digits: enough to distinguish artefacts in names.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_record_stay_in_its_folder() {
        let read = |name: &str| serde_json::from_value::<CellId>(name.into());
        assert_eq!(read("linux-6.1.arm.64M.idle+x=1~2").unwrap().as_str(), "linux-6.1.arm.64M.idle+x=1~2");
        for name in ["", ".", "..", "../../victim", "/etc", "a/b", "a\0b"] {
            assert!(read(name).is_err(), "{name:?}");
            assert!(serde_json::from_value::<RunId>(name.into()).is_err(), "{name:?}");
        }
        assert!(serde_json::from_value::<KernelName>("../x".into()).is_ok(), "no folder has its name");
    }

    #[test]
    fn short_digest_is_a_prefix() {
        assert_eq!(Digest::new("0123456789abcdef").short(), "0123456789ab");
        assert_eq!(Digest::new("ab").short(), "ab");
    }

    #[test]
    fn names_serialise_as_strings() {
        assert_eq!(serde_json::to_string(&KernelName::new("arm")).unwrap(), "\"arm\"");
    }
}
