//! What an age means for a run.

use crate::store::ThinningLevel;
use std::time::Duration;

/// Ages at which runs lose evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// From this age on, trials that were as expected have no evidence; `None`: never.
    pub thin: Option<Duration>,
    /// From this age on, trials have none unless they show a failure that is still open; `None`: never.
    pub evidence: Option<Duration>,
}

impl Retention {
    /// What a run of this age loses; `None` for nothing.
    pub fn level(&self, age: Duration) -> Option<ThinningLevel> {
        let reached = |limit: Option<Duration>| limit.is_some_and(|limit| age >= limit);
        if reached(self.evidence) {
            Some(ThinningLevel::All)
        } else {
            reached(self.thin).then_some(ThinningLevel::Expected)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_runs_lose_more() {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let retention = Retention { thin: Some(30 * DAY), evidence: Some(180 * DAY) };
        let levels = [29, 30, 179, 180].map(|days| retention.level(days * DAY));
        assert_eq!(
            levels,
            [None, Some(ThinningLevel::Expected), Some(ThinningLevel::Expected), Some(ThinningLevel::All)]
        );
        assert_eq!(Retention::default().level(9999 * DAY), None);
        let short = Retention { thin: None, evidence: Some(DAY) };
        assert_eq!(short.level(2 * DAY), Some(ThinningLevel::All));
    }
}
