//! The custom axes of a cell.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::Index;

/// Values by the names of axes, in the order of the names. A plan of 100,000 cells has as many of these, of a few entries each, and
/// a node of a `BTreeMap` has room for eleven.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Axes(Box<[(Box<str>, Box<str>)]>);

impl Axes {
    /// The value of an axis.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(axis, _)| *axis == name).map(|(_, value)| value)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Index<&str> for Axes {
    type Output = str;

    fn index(&self, name: &str) -> &str {
        self.get(name).unwrap_or_else(|| panic!("no axis `{name}`"))
    }
}

impl<N: Into<Box<str>>, V: Into<Box<str>>> FromIterator<(N, V)> for Axes {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(axes: I) -> Self {
        let mut axes: Vec<(Box<str>, Box<str>)> =
            axes.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        axes.sort();
        axes.dedup_by(|one, other| one.0 == other.0);
        Self(axes.into())
    }
}

impl Serialize for Axes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Axes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Axes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("values by axis")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Axes, A::Error> {
                let mut axes = Vec::new();
                while let Some(entry) = map.next_entry::<String, String>()? {
                    axes.push(entry);
                }
                Ok(axes.into_iter().collect())
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_a_sorted_map() {
        let axes: Axes = [("preempt", "full"), ("fault", "none")].into_iter().collect();
        let json = r#"{"fault":"none","preempt":"full"}"#;
        assert_eq!(serde_json::to_string(&axes).unwrap(), json);
        assert_eq!(serde_json::from_str::<Axes>(json).unwrap(), axes);
        assert_eq!((axes.get("preempt"), axes.get("x"), &axes["fault"]), (Some("full"), None, "none"));
        assert!(Axes::default().is_empty());
    }
}
