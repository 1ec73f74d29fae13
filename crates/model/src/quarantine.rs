//! Failures that are known and do not turn a run red.

use super::{ExpectedVerdict, Kind, Outcome, Until, Verdict};
use serde::{Deserialize, Serialize};

/// A known failure of a cell: its entry in a quarantine file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Where the entry is, as `quarantine.yaml:3`.
    pub place: String,
    /// The verdicts that it covers; none: every failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<ExpectedVerdict>,
    /// The title that it covers; `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Why, in the user's words.
    pub reason: String,
    /// URL of the report.
    pub link: String,
    /// When it expires.
    pub until: Until,
}

impl Quarantine {
    /// Whether a verdict is the failure that it is about, expired or not. A fault of the lab and an interrupted trial are no failures
    /// of the guest.
    pub fn matches(&self, verdict: &Verdict) -> bool {
        let (outcome, kind) = (verdict.outcome(), verdict.kind);
        let is_failure = !matches!(outcome, Outcome::Pass | Outcome::LabError) && kind != Kind::Interrupted;
        is_failure
            && (self.verdicts.is_empty() || self.verdicts.iter().any(|known| known.matches(outcome, kind)))
            && self.title.as_ref().is_none_or(|title| Some(title) == verdict.title.as_ref())
    }

    /// Whether it matches, and has not expired with a kernel of this release.
    pub fn covers(&self, verdict: &Verdict, release: Option<&str>) -> bool {
        self.matches(verdict) && !release.is_some_and(|release| self.until.is_reached_by(release))
    }

    /// The failures that it covers: `hang/oom-livelock or crash`, `any failure`, each with the title if it has one.
    pub fn failures(&self) -> String {
        let verdicts: Vec<String> = self.verdicts.iter().map(ToString::to_string).collect();
        let verdicts = if verdicts.is_empty() { "any failure".to_owned() } else { verdicts.join(" or ") };
        self.title.as_ref().map_or(verdicts.clone(), |title| format!("{verdicts} ({title})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleId;

    fn entry() -> Quarantine {
        crate::samples::quarantine("linux-7.4")
    }

    fn verdict(kind: Kind, title: Option<&str>) -> Verdict {
        Verdict { title: title.map(str::to_owned), ..Verdict::new(kind, RuleId::CanaryStuck, "x") }
    }

    #[test]
    fn entry_covers_its_kind_and_title() {
        let hang = Quarantine { verdicts: vec![Kind::OomLivelock.into()], ..entry() };
        let titled = Quarantine { title: Some("livelock in x".to_owned()), ..hang.clone() };
        let livelock = verdict(Kind::OomLivelock, Some("livelock in x"));
        assert!(hang.covers(&livelock, None) && titled.covers(&livelock, None));
        assert!(!titled.covers(&verdict(Kind::OomLivelock, Some("livelock in y")), None));
        assert!(!titled.covers(&verdict(Kind::OomLivelock, None), None));
        assert!(!hang.covers(&verdict(Kind::Panic, None), None) && entry().covers(&verdict(Kind::Panic, None), None));
        assert_eq!((hang.failures().as_str(), entry().failures().as_str()), ("hang/oom-livelock", "any failure"));
        assert_eq!(titled.failures(), "hang/oom-livelock (livelock in x)");
    }

    #[test]
    fn entry_never_covers_pass_or_lab_error() {
        for kind in Kind::ALL {
            let is_failure = !matches!(kind.outcome(), Outcome::Pass | Outcome::LabError) && *kind != Kind::Interrupted;
            assert_eq!(entry().covers(&verdict(*kind, None), None), is_failure, "{kind}");
        }
    }

    #[test]
    fn entry_does_not_cover_the_fixed_kernel() {
        let panic = verdict(Kind::Panic, None);
        assert!(entry().covers(&panic, Some("7.3.4")) && !entry().covers(&panic, Some("7.4.0-rc2")));
    }
}
