//! Failures of a run that an earlier run did not have, and the commits that a bisection blames for them.

use super::{CellId, Failure, RunId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A failure of a run, and what its bisection found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// The cell; others with the same kernel and failure are not repeated.
    pub cell: CellId,
    /// How it fails; `None` in records of old versions.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// The commit of the failing kernel.
    pub bad: Option<String>,
    /// The commit with which the bisection begins: that of an earlier run without the failure.
    pub good: Option<String>,
    /// That run.
    pub good_run: Option<RunId>,
    /// Folder of the bisection's session, within the run's folder.
    pub session: Option<String>,
    /// The commit to blame.
    pub culprit: Option<Culprit>,
    /// Why there is no culprit.
    pub why: Option<String>,
}

/// The commit that a bisection blames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Culprit {
    /// Its full hash.
    pub commit: String,
    /// The first line of its message.
    pub subject: String,
    /// Its author, as `Name <address>`.
    pub author: String,
    /// The probability that it is the culprit.
    pub probability: f64,
    /// Whether further trials of it and of its parents agreed.
    pub confirmed: bool,
}

impl Regression {
    /// A failure that was not bisected.
    pub fn skipped(cell: CellId, failure: Failure, why: String) -> Self {
        Self {
            cell,
            failure: Some(failure),
            bad: None,
            good: None,
            good_run: None,
            session: None,
            culprit: None,
            why: Some(why),
        }
    }

    /// Whether it is about this failure of a cell. A record without a failure may be about any.
    pub fn is_about(&self, cell: &CellId, failure: &Failure) -> bool {
        self.cell == *cell && self.failure.as_ref().is_none_or(|own| own == failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn regression_is_about_one_failure_of_its_cell() {
        let failure = |kind, title: &str| Failure { kind, title: Some(title.to_owned()) };
        let (cell, oops) = (CellId::from("a"), failure(Kind::Oops, "A"));
        let one = Regression::skipped(cell.clone(), oops.clone(), String::new());
        assert!(one.is_about(&cell, &oops) && !one.is_about(&"b".into(), &oops));
        assert!(!one.is_about(&cell, &failure(Kind::Panic, "A")) && !one.is_about(&cell, &failure(Kind::Oops, "B")));
        let old = r#"{"cell": "a", "bad": null, "good": null, "good_run": null, "session": null, "culprit": null, "why": ""}"#;
        let old: Regression = serde_json::from_str(old).unwrap();
        assert!(old.is_about(&cell, &oops));
    }
}
