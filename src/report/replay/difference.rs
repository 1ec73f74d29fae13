//! What is different between two verdicts.

use model::{Onset, Task, Verdict};
use std::fmt::Display;

/// What came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Difference {
    /// A figure or a name is another one.
    Other { what: &'static str, was: String, now: String },
    /// A phrase is gone.
    Gone(String),
    /// A phrase is new.
    New(String),
}

/// Everything that is different but the kind, the rule and the summary.
pub(super) fn differences(was: &Verdict, now: &Verdict) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |what, was: String, now: String| {
        if was != now {
            found.push(Difference::Other { what, was, now });
        }
    };
    compare("confidence", was.confidence.to_string(), now.confidence.to_string());
    compare("onset", onset(was.onset), onset(now.onset));
    compare("victim", task(was.victim.as_ref()), task(now.victim.as_ref()));
    compare("task", task(was.task.as_ref()), task(now.task.as_ref()));
    phrases(&mut found, "", &was.evidence, &now.evidence);
    phrases(&mut found, "caveat: ", &was.caveats, &now.caveats);
    phrases(&mut found, "", &was.lines, &now.lines);
    found
}

fn phrases<T: PartialEq + Display>(found: &mut Vec<Difference>, before: &str, was: &[T], now: &[T]) {
    let only = |these: &[T], those: &[T]| {
        let only = these.iter().filter(|item| !those.contains(item));
        only.map(|item| format!("{before}{item}")).collect::<Vec<_>>()
    };
    let joined = |items: &[T]| items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let (gone, new) = (only(was, now), only(now, was));
    if gone.is_empty() && new.is_empty() && was != now {
        found.push(Difference::Other { what: "order", was: joined(was), now: joined(now) });
    }
    found.extend(gone.into_iter().map(Difference::Gone));
    found.extend(new.into_iter().map(Difference::New));
}

fn onset(onset: Option<Onset>) -> String {
    onset.map_or("none".to_owned(), |onset| {
        let guest = onset.guest_s.map(|seconds| format!(", {seconds} s by the guest's clock")).unwrap_or_default();
        format!("{} s{guest}", onset.host.as_secs_f64())
    })
}

fn task(task: Option<&Task>) -> String {
    task.map_or("none".to_owned(), |task| format!("pid {} ({})", task.pid, task.comm))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Kind, RuleId, Stamp};

    /// A verdict whose fields all differ from those of another number.
    fn verdict(number: u32) -> Verdict {
        let word = |what: &str| format!("{what} {number}");
        let task = |comm: &str| Some(Task { pid: number, comm: comm.to_owned() });
        Verdict {
            kind: Kind::OomLivelock,
            summary: word("summary"),
            rule: RuleId::ALL[number as usize],
            confidence: number as f32 / 8.0,
            onset: Some(Onset { host: Stamp::from_micros(number.into()), guest_s: Some(number.into()) }),
            victim: task("victim"),
            task: task("task"),
            lines: vec![word("line")],
            evidence: vec![word("evidence").into()],
            caveats: vec![word("caveat").into()],
        }
    }

    #[test]
    fn differences_cover_every_field() {
        let (one, two) = (verdict(1), verdict(2));
        assert_eq!(differences(&one, &one), []);
        let changes: [fn(&mut Verdict, &Verdict); 7] = [
            |to, from| to.confidence = from.confidence,
            |to, from| to.onset = from.onset,
            |to, from| to.victim = from.victim.clone(),
            |to, from| to.task = from.task.clone(),
            |to, from| to.lines = from.lines.clone(),
            |to, from| to.evidence = from.evidence.clone(),
            |to, from| to.caveats = from.caveats.clone(),
        ];
        for change in changes {
            let mut changed = one.clone();
            change(&mut changed, &two);
            assert!(!differences(&one, &changed).is_empty(), "{changed:?}");
        }
        assert_eq!(differences(&one, &two).len(), 4 + 3 * 2);
    }

    #[test]
    fn differences_cover_order() {
        let mut one = verdict(1);
        one.evidence.push("another".to_owned().into());
        let mut two = one.clone();
        two.evidence.reverse();
        assert_eq!(differences(&one, &two).len(), 1);
    }
}
