//! Which OOM killer ended a process: the host's, or that of a control group at its limit.

use super::cgroup::{Cgroups, LimitHits};
use super::readings::oom_kills;
use model::OomLimit;

/// What the OOM killers have done so far.
#[derive(Debug, Clone)]
pub(super) struct OomCounts {
    /// Processes that any of them has ended; `None` where the kernel does not count them.
    kills: Option<u64>,
    /// How often the limits of this process's control groups were reached.
    hits: Vec<LimitHits>,
}

/// An OOM killer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OomKiller {
    /// The host has no memory.
    Host,
    /// A control group has reached its limit.
    Group(OomLimit),
}

impl OomCounts {
    /// As they are now.
    pub fn read(groups: &Cgroups) -> Self {
        Self { kills: oom_kills(), hits: groups.limit_hits() }
    }

    /// Who has ended processes since `before`.
    pub fn killer_since(&self, before: &Self) -> Option<OomKiller> {
        before.kills.zip(self.kills).filter(|(before, now)| now > before)?;
        let hits_before = |file| before.hits.iter().find(|hits| hits.file == file).map_or(0, |hits| hits.hits);
        let reached = self.hits.iter().find(|now| now.hits > hits_before(now.file.as_path()));
        Some(reached.map_or(OomKiller::Host, |reached| {
            OomKiller::Group(OomLimit { file: reached.file.display().to_string(), mib: reached.limit_mib })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(kills: Option<u64>, hits: &[(&str, u64)]) -> OomCounts {
        let hits = hits.iter().map(|(file, hits)| LimitHits { file: file.into(), limit_mib: 288, hits: *hits });
        OomCounts { kills, hits: hits.collect() }
    }

    #[test]
    fn killer_is_that_of_the_limit_that_was_reached() {
        let before = counts(Some(3), &[("/job/memory.max", 0), ("/memory.max", 7)]);
        let killer = |kills, job| counts(kills, &[("/job/memory.max", job), ("/memory.max", 7)]).killer_since(&before);
        assert_eq!(killer(Some(3), 0), None);
        assert_eq!(killer(Some(3), 1), None, "it was reached, and memory was reclaimed");
        assert_eq!(killer(Some(4), 0), Some(OomKiller::Host));
        let limit = OomLimit { file: "/job/memory.max".to_owned(), mib: 288 };
        assert_eq!(killer(Some(4), 1), Some(OomKiller::Group(limit)));
        assert_eq!(killer(None, 1), None);
    }
}
