//! Guest RAM sizes.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Guest RAM in MiB, written `32M` or `1G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RamMib(pub u32);

impl RamMib {
    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0 as u64 * 1024 * 1024
    }
}

impl fmt::Display for RamMib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.0 >= 1024 && self.0.is_multiple_of(1024) {
            format!("{}G", self.0 / 1024)
        } else {
            format!("{}M", self.0)
        };
        f.pad(&text)
    }
}

/// A RAM size that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a RAM size: write for example `32M` or `1G`")]
pub struct RamError(String);

impl FromStr for RamMib {
    type Err = RamError;

    fn from_str(text: &str) -> Result<Self, RamError> {
        let wrong = || RamError(text.to_owned());
        let text_trimmed = text.trim();
        let digits = text_trimmed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: u32 = digits.parse().map_err(|_| wrong())?;
        let factor = match text_trimmed[digits.len()..].to_ascii_lowercase().as_str() {
            "m" | "mb" | "mib" => 1,
            "g" | "gb" | "gib" => 1024,
            _ => return Err(wrong()),
        };
        number.checked_mul(factor).filter(|&mib| mib > 0).map(RamMib).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ram_sizes_round_trip() {
        for (text, mib, shown) in
            [("32M", 32, "32M"), ("1G", 1024, "1G"), ("1536MiB", 1536, "1536M"), ("2g", 2048, "2G")]
        {
            let ram: RamMib = text.parse().unwrap();
            assert_eq!((ram.0, ram.to_string().as_str()), (mib, shown));
        }
    }

    #[test]
    fn bad_ram_sizes_are_errors_with_the_text() {
        for text in ["", "M", "32", "32K", "0M", "-1M", "99999999G", "3.2M"] {
            let error = text.parse::<RamMib>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
