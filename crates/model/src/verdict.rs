//! The judgement on one trial.

use super::{Caveat, Evidence, Kind, Outcome, RuleId, Stamp, Task, worded};
use serde::{Deserialize, Serialize};

/// The judgement on one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What happened; its outcome follows from it, and is written beside it.
    #[serde(flatten, with = "with_outcome")]
    pub kind: Kind,
    /// One sentence for a person.
    pub summary: String,
    /// What went wrong with the guest's kernel, in words that are the same from boot to boot; by it trials are grouped. `None` where
    /// nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The rule that gave it.
    pub rule: RuleId,
    /// How sure the rule is, from 0 to 1.
    pub confidence: f32,
    /// When the trouble began: the last sign of progress before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onset: Option<Onset>,
    /// The process that the OOM killer chose and that did not go away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub victim: Option<Task>,
    /// The task that is stuck or that crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// At most three console lines that matter, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// What the judgement rests on, most telling first.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "worded", alias = "grounds")]
    pub evidence: Vec<Evidence>,
    /// What weakens the judgement.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "worded", alias = "against")]
    pub caveats: Vec<Caveat>,
}

impl Verdict {
    /// A verdict of this kind, sure of itself, with nothing else known.
    pub fn new(kind: Kind, rule: RuleId, summary: impl Into<String>) -> Self {
        Self {
            kind,
            summary: summary.into(),
            title: None,
            rule,
            confidence: 1.0,
            onset: None,
            victim: None,
            task: None,
            lines: Vec::new(),
            evidence: Vec::new(),
            caveats: Vec::new(),
        }
    }

    /// The outcome.
    pub const fn outcome(&self) -> Outcome {
        self.kind.outcome()
    }
}

/// A kind as the keys `outcome` and `kind`.
mod with_outcome {
    use super::{Deserialize, Kind, Outcome, Serialize};
    use serde::{Deserializer, Serializer};

    #[derive(Serialize)]
    struct Written {
        outcome: Outcome,
        kind: Kind,
    }

    #[derive(Deserialize)]
    struct Read {
        kind: Kind,
    }

    pub(super) fn serialize<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
        Written { outcome: kind.outcome(), kind: *kind }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        Ok(Read::deserialize(deserializer)?.kind)
    }
}

/// When trouble began.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Onset {
    /// Host time since the spawn.
    #[serde(rename = "host_us", alias = "host")]
    pub host: Stamp,
    /// The guest's own clock in seconds, as printk shows it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_s: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FunctionShare, ProfileSummary, Watermarks};

    fn verdict(evidence: Vec<Evidence>, caveats: Vec<Caveat>) -> Verdict {
        Verdict { evidence, caveats, ..Verdict::new(Kind::OomLivelock, RuleId::CanaryStuck, "stuck") }
    }

    #[test]
    fn evidence_carries_tag_figures_and_phrase() {
        let verdict = verdict(vec![Evidence::CpuDemand { cpus: 0.99 }], vec![Caveat::NoAgent]);
        let json = serde_json::to_string(&verdict).unwrap();
        let demand = r#"{"tag":"cpu-demand","cpus":0.99,"text":"vCPU demand 0.99 (run + steal)"}"#;
        assert!(json.contains(&format!("\"evidence\":[{demand}]")), "{json}");
        assert!(json.contains("\"caveats\":[{\"tag\":\"no-agent\",\"text\":"), "{json}");
    }

    #[test]
    fn verdict_names_its_outcome_and_units() {
        let onset = Onset { host: Stamp::from_micros(1_500), guest_s: None };
        let verdict = Verdict { onset: Some(onset), ..verdict(Vec::new(), Vec::new()) };
        let json = serde_json::to_string(&verdict).unwrap();
        assert!(json.starts_with(r#"{"outcome":"hang","kind":"oom-livelock","#), "{json}");
        assert!(json.contains(r#""onset":{"host_us":1500}"#), "{json}");
        // Before schema 3.
        let old = json.replace(r#""outcome":"hang","#, "").replace("host_us", "host");
        assert_eq!(serde_json::from_str::<Verdict>(&old).unwrap(), verdict);
    }

    #[test]
    fn verdict_reads_back() {
        let share = FunctionShare { symbol: "shrink_node".to_owned(), share: 2.0 / 3.0 };
        let profile =
            ProfileSummary { samples: 3, span_ms: 7, functions: vec![share], user: 0.0, idle: 0.1, allocator: None };
        let marks = Watermarks { free_kib: 1, free_cma_kib: 0, min_kib: 2, high_kib: 3 };
        let evidence = vec![
            Evidence::HeartbeatAlive { canary_stuck_s: 15.0 },
            Evidence::Profile(profile.clone()),
            Evidence::SysrqAnswered { letter: 'm' },
            Evidence::Watermarks(marks),
            Evidence::ManualOomKill { killed_pid: None, canary_recovered: false, workload_finished: false },
            Evidence::Text { phrase: "as it was".to_owned() },
        ];
        let caveats = vec![
            Caveat::CpuTimeUnknown,
            Caveat::ProfileElsewhere(profile),
            Caveat::FreeMemory(marks),
            Caveat::HostPressure { psi_some_avg10: 40.1 },
            Caveat::Text { phrase: "as it was".to_owned() },
        ];
        let verdict = verdict(evidence, caveats);
        let text = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), verdict, "{text}");
    }

    #[test]
    fn verdict_of_schema_1_reads() {
        let text = r#"{"kind":"oom-livelock","summary":"stuck","rule":"beat-silent","confidence":0.8,
            "grounds":["the guest wanted 0.99 CPUs"],"against":["there is no agent"]}"#;
        let verdict: Verdict = serde_json::from_str(text).unwrap();
        assert_eq!(verdict.rule, RuleId::HeartbeatLost);
        assert_eq!(verdict.evidence, [Evidence::from("the guest wanted 0.99 CPUs".to_owned())]);
        assert_eq!(verdict.caveats, [Caveat::from("there is no agent".to_owned())]);
    }
}
