//! Rules of others, which judge a night by what they remember of a few earlier ones.

use changepoint::Position;

/// A change that a policy reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    /// The night of the report.
    pub night: usize,
    /// Whether it says that a test fails more often; otherwise less often.
    pub is_up: bool,
}

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// `categorize_test_history` in `backend/kernelCI_app/management/commands/notifications.py` of kernelci/dashboard at
    /// f37835978c23: the latest five results of seven days. One change of status is a regression or a fix, more are
    /// unstable. A result is that of a night here, and fails if a trial does.
    KernelCi,
    /// `changed_function_stat?` in `lib/stats.rb` of intel/lkp-tests at bbbc29c495d9: the maximum of a failure's count in
    /// the runs of the head differs from that in the runs of the base. The base is the week before here.
    Lkp,
    /// A failed night after a passed one, and the reverse.
    RedAfterGreen,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 3] = [Self::KernelCi, Self::Lkp, Self::RedAfterGreen];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KernelCi => "KernelCI",
            Self::Lkp => "LKP",
            Self::RedAfterGreen => "red after green",
        }
    }

    /// The alarms in the nights of one test.
    pub fn alarms(self, positions: &[Position]) -> Vec<Alarm> {
        let fails: Vec<bool> = positions.iter().map(|position| position.failures > 0).collect();
        let mut alarms = Vec::new();
        let mut standing = None;
        for night in 1..fails.len() {
            let change = self.change(&fails[..=night]);
            // A report that repeats that of the night before is no new one.
            if let Some(is_up) = change
                && standing != change
            {
                alarms.push(Alarm { night, is_up });
            }
            standing = change;
        }
        alarms
    }

    /// The change that the last of these nights shows.
    fn change(self, fails: &[bool]) -> Option<bool> {
        let (latest, earlier) = fails.split_last()?;
        let recent = |nights: usize| &earlier[earlier.len().saturating_sub(nights)..];
        let has_changed = match self {
            Self::KernelCi => {
                let group = recent(4);
                let same = group.iter().rev().take_while(|fails| *fails == latest).count();
                let rest = &group[..group.len() - same];
                !rest.is_empty() && rest.iter().all(|fails| fails != latest)
            }
            Self::Lkp => recent(7).iter().any(|fails| *fails) != *latest,
            Self::RedAfterGreen => recent(1) != [*latest],
        };
        has_changed.then_some(*latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarms(rule: Rule, nights: &str) -> Vec<(usize, bool)> {
        let position = |fails: char| Position { failures: u32::from(fails == 'F'), passes: 3 };
        let alarms = rule.alarms(&nights.chars().map(position).collect::<Vec<_>>());
        alarms.into_iter().map(|alarm| (alarm.night, alarm.is_up)).collect()
    }

    #[test]
    fn rules_differ_on_a_flaky_test() {
        let nights = "PPPPPFPPFFFFFF";
        assert_eq!(alarms(Rule::RedAfterGreen, nights), [(5, true), (6, false), (8, true)]);
        // Unstable from night 6 to night 9; a regression once the first failure is out of sight.
        assert_eq!(alarms(Rule::KernelCi, nights), [(5, true), (10, true)]);
        assert_eq!(alarms(Rule::Lkp, nights), [(5, true), (6, false)]);
    }
}
