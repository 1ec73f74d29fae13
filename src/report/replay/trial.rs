//! One recorded trial that was judged again.

use model::{Caveat, Verdict};

/// A recorded trial's result under the current rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The verdict is the recorded one, to the last bit.
    Same,
    /// The verdict is another one.
    Changed,
    /// The record ends before the present rules come to a verdict; the rules of that time had come to one.
    Undecided,
    /// The lab itself failed: there was never anything to judge.
    LabFailed,
    /// There is no recorded verdict: the trial is still running, or its lab was killed.
    Running,
    /// The record cannot be read.
    Unreadable,
}

impl Standing {
    /// Every value.
    pub const ALL: [Self; 6] =
        [Self::Same, Self::Changed, Self::Undecided, Self::LabFailed, Self::Running, Self::Unreadable];

    /// The word for it in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Undecided => "undecided",
            Self::LabFailed => "lab-failed",
            Self::Running => "running",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether the present rules had a complete record to judge.
    pub const fn is_judged(self) -> bool {
        matches!(self, Self::Same | Self::Changed | Self::Undecided)
    }
}

/// The first schema of a run's folder whose evidence has figures.
const FIGURES_SCHEMA: u32 = 2;

/// How two verdicts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// To the last bit.
    Exact,
    /// Without summary, evidence and caveats: schema 1 stored them as sentences, which have other words now.
    Findings,
}

impl Comparison {
    /// For a verdict that was recorded with this schema of the run's folder.
    pub const fn of_schema(schema: u32) -> Self {
        if schema < FIGURES_SCHEMA { Self::Findings } else { Self::Exact }
    }

    fn is_same(self, was: &Verdict, now: &Verdict) -> bool {
        match self {
            Self::Exact => was == now,
            Self::Findings => {
                let (summary, evidence, caveats) = (now.summary.clone(), now.evidence.clone(), now.caveats.clone());
                *now == Verdict { summary, evidence, caveats, ..was.clone() }
            }
        }
    }
}

/// A verdict as a trial's folder has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The verdict.
    pub verdict: Verdict,
    /// How to compare it.
    pub comparison: Comparison,
}

/// One recorded trial that was judged again.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Name of its folder: the cell's id, and `~N` behind it from the second trial on.
    pub name: String,
    /// Its folder, as the user may type it.
    pub dir: String,
    /// How it stands.
    pub standing: Standing,
    /// The recorded verdict.
    pub was: Option<Verdict>,
    /// The verdict by the present rules.
    pub now: Option<Verdict>,
    /// Why there is nothing to compare.
    pub why: Option<String>,
    /// Events of the record; none when it cannot be read.
    pub events: usize,
}

impl Trial {
    /// The result of a record with this many events, its recorded verdict and the current one.
    pub fn compare(name: String, dir: String, events: usize, was: Option<Recorded>, now: Option<Verdict>) -> Self {
        let (standing, why) = match (&was, &now) {
            (None, _) => {
                (Standing::Running, Some("no verdict was recorded: it is still running, or its lab was killed"))
            }
            (Some(was), _) if was.verdict.rule.is_lab() => {
                (Standing::LabFailed, Some("the lab itself failed, no rule has judged the guest"))
            }
            (Some(was), None) if was.verdict.caveats.contains(&Caveat::RecordFull) => {
                (Standing::Undecided, Some("the record reached its maximum length before the verdict"))
            }
            (Some(_), None) => (Standing::Undecided, Some("the record ends before the current rules reach a verdict")),
            (Some(was), Some(now)) if was.comparison.is_same(&was.verdict, now) => (Standing::Same, None),
            (Some(_), Some(_)) => (Standing::Changed, None),
        };
        let was = was.map(|was| was.verdict);
        Self { name, dir, standing, was, now, why: why.map(str::to_owned), events }
    }

    /// A trial whose record cannot be read.
    pub fn unreadable(name: String, dir: String, was: Option<Verdict>, why: String) -> Self {
        Self { name, dir, standing: Standing::Unreadable, was, now: None, why: Some(why), events: 0 }
    }

    /// The program's exit status: 0 if all verdicts are the same, 1 if one differs or is missing, 3 if a record could not be
    /// read.
    pub fn exit_code(trials: &[Self]) -> u8 {
        let any = |standing| trials.iter().any(|trial| trial.standing == standing);
        if any(Standing::Unreadable) { 3 } else { u8::from(any(Standing::Changed) || any(Standing::Undecided)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Kind, RUN_SCHEMA, RuleId};

    fn standing(was: Option<&Verdict>, now: Option<&Verdict>) -> Standing {
        standing_by(Comparison::Exact, was, now)
    }

    fn standing_by(comparison: Comparison, was: Option<&Verdict>, now: Option<&Verdict>) -> Standing {
        let was = was.cloned().map(|verdict| Recorded { verdict, comparison });
        Trial::compare("a".into(), "a".into(), 1, was, now.cloned()).standing
    }

    #[test]
    fn comparison_is_exact() {
        let verdict = Verdict::new(Kind::Finished, RuleId::WorkloadEnded, "done");
        let surer = Verdict { confidence: 1.0 - f32::EPSILON, ..verdict.clone() };
        assert_eq!(standing(Some(&verdict), Some(&verdict)), Standing::Same);
        assert_eq!(standing(Some(&verdict), Some(&surer)), Standing::Changed);
        assert_eq!(standing(Some(&verdict), None), Standing::Undecided);
        assert_eq!(standing(None, Some(&verdict)), Standing::Running);
    }

    #[test]
    fn comparison_of_schema_1_ignores_sentences() {
        let now = Verdict::new(Kind::Finished, RuleId::WorkloadEnded, "done");
        let sentences = Verdict { summary: "ready".to_owned(), caveats: vec!["slow".to_owned().into()], ..now.clone() };
        let findings = Comparison::of_schema(1);
        assert_eq!(standing_by(findings, Some(&sentences), Some(&now)), Standing::Same);
        let kind = Verdict { kind: Kind::Slow, ..sentences };
        assert_eq!(standing_by(findings, Some(&kind), Some(&now)), Standing::Changed);
        assert_eq!([FIGURES_SCHEMA, RUN_SCHEMA].map(Comparison::of_schema), [Comparison::Exact; 2]);
    }

    #[test]
    fn lab_verdicts_are_not_compared() {
        let verdict = Verdict::new(Kind::KernelUnavailable, RuleId::Prepare, "no network");
        assert_eq!(standing(Some(&verdict), None), Standing::LabFailed);
    }

    #[test]
    fn exit_code_of_unreadable_record() {
        let trial =
            |standing| Trial { standing, ..Trial::unreadable("a".into(), "a".into(), None, "it is gone".into()) };
        let code = |standings: &[Standing]| {
            Trial::exit_code(&standings.iter().map(|standing| trial(*standing)).collect::<Vec<_>>())
        };
        assert_eq!(code(&[Standing::Same, Standing::LabFailed, Standing::Running]), 0);
        assert_eq!((code(&[Standing::Same, Standing::Changed]), code(&[Standing::Undecided])), (1, 1));
        assert_eq!(code(&[Standing::Changed, Standing::Unreadable]), 3);
    }
}
