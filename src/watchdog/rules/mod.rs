//! The rules of judgement, one file each, in the order in which they are asked: the first verdict stands.

mod boot;
mod exit;
mod finish;
mod interrupt;
mod livelock;
mod load;
mod paused;
mod silence;
mod trouble;
mod unattended;

use super::seen::Seen;
use crate::model::{Stamp, Verdict};

/// What a rule says of what has been seen.
pub(super) enum Judgement {
    /// This rule has nothing to say, and time alone will not change that.
    No,
    /// If nothing else happens, ask again at this time.
    At(Stamp),
    /// This rule has the say until this time: the story is not over, and no later rule is asked before.
    Hold(Stamp),
    /// The verdict.
    Is(Box<Verdict>),
}

impl Judgement {
    fn is(verdict: Verdict) -> Self {
        Self::Is(Box::new(verdict))
    }

    /// Asks again when `limit_s` fair seconds have passed since something of which `passed_s` are over.
    fn later(seen: &Seen, limit_s: f64, passed_s: f64) -> Self {
        Self::At(seen.clock.host_time_in(limit_s - passed_s))
    }

    /// As [`Judgement::later`], and no later rule is asked before.
    fn hold(seen: &Seen, limit_s: f64, passed_s: f64) -> Self {
        Self::Hold(seen.clock.host_time_in(limit_s - passed_s))
    }
}

/// One rule of judgement.
pub(super) struct Rule {
    pub name: &'static str,
    pub judge: fn(&Seen) -> Judgement,
}

pub(super) const ALL: &[Rule] = &[
    trouble::RULE,
    finish::RULE,
    exit::RULE,
    interrupt::RULE,
    paused::RULE,
    boot::RULE,
    silence::RULE,
    livelock::RULE,
    load::RULE,
    unattended::RULE,
];
