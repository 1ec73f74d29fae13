//! What is different between two verdicts.

use model::{Onset, Task, Verdict};

/// What came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Difference {
    /// A figure or a name is another one.
    Other { what: &'static str, was: String, now: String },
    /// A phrase is not said any more.
    Gone(String),
    /// A phrase is said for the first time.
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
    let title = |verdict: &Verdict| verdict.title.clone().unwrap_or_else(|| "none".to_owned());
    compare("title", title(was), title(now));
    compare("confidence", was.confidence.to_string(), now.confidence.to_string());
    compare("onset", onset(was.onset), onset(now.onset));
    compare("victim", task(was.victim.as_ref()), task(now.victim.as_ref()));
    compare("task", task(was.task.as_ref()), task(now.task.as_ref()));
    phrases(&mut found, "", &was.grounds, &now.grounds);
    phrases(&mut found, "but ", &was.against, &now.against);
    phrases(&mut found, "", &was.lines, &now.lines);
    found
}

fn phrases(found: &mut Vec<Difference>, before: &str, was: &[String], now: &[String]) {
    let only = |these: &[String], those: &[String]| {
        let only = these.iter().filter(|phrase| !those.contains(phrase));
        only.map(|phrase| format!("{before}{phrase}")).collect::<Vec<_>>()
    };
    let (gone, new) = (only(was, now), only(now, was));
    if gone.is_empty() && new.is_empty() && was != now {
        found.push(Difference::Other { what: "order", was: was.join("; "), now: now.join("; ") });
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
    use model::{Kind, Stamp};

    /// A verdict of which every field can be told from that of another number.
    fn verdict(number: u32) -> Verdict {
        let word = |what: &str| format!("{what} {number}");
        let task = |comm: &str| Some(Task { pid: number, comm: comm.to_owned() });
        Verdict {
            kind: Kind::OomLivelock,
            summary: word("summary"),
            title: Some(word("title")),
            rule: word("rule"),
            confidence: number as f32 / 8.0,
            onset: Some(Onset { host: Stamp::from_micros(number.into()), guest_s: Some(number.into()) }),
            victim: task("victim"),
            task: task("task"),
            lines: vec![word("line")],
            grounds: vec![word("ground")],
            against: vec![word("against")],
        }
    }

    #[test]
    fn no_difference_goes_unsaid() {
        let (one, two) = (verdict(1), verdict(2));
        assert_eq!(differences(&one, &one), []);
        let changes: [fn(&mut Verdict, &Verdict); 8] = [
            |to, from| to.title = from.title.clone(),
            |to, from| to.confidence = from.confidence,
            |to, from| to.onset = from.onset,
            |to, from| to.victim = from.victim.clone(),
            |to, from| to.task = from.task.clone(),
            |to, from| to.lines = from.lines.clone(),
            |to, from| to.grounds = from.grounds.clone(),
            |to, from| to.against = from.against.clone(),
        ];
        for change in changes {
            let mut changed = one.clone();
            change(&mut changed, &two);
            assert!(!differences(&one, &changed).is_empty(), "{changed:?}");
        }
        assert_eq!(differences(&one, &two).len(), 5 + 3 * 2);
    }

    #[test]
    fn an_order_is_a_difference_too() {
        let mut one = verdict(1);
        one.grounds.push("another".to_owned());
        let mut two = one.clone();
        two.grounds.reverse();
        assert_eq!(differences(&one, &two).len(), 1);
    }
}
