//! Messages of stress-ng 0.13 to 0.22, one subtest a stressor.
//!
//! Versions differ. The lists `passed: 2: vm (2)` are not in 0.15.06 yet. Metrics are `info:` and come behind the last line in 0.13;
//! later they are `metrc:` and come before it. Processes were called `stress-ng-vm`.
//!
//! Sources: `core-log.c` and `stress-ng.c` of 0.22.01; logs of 0.13.11, 0.15.06, 0.17.06, 0.18.03 and 0.19.02.

use super::found::{Found, MAX_SUBTESTS, Results};
use model::{Subtest, SubtestStatus, excerpt};
use std::collections::BTreeMap;

const KINDS: [&str; 6] = ["info:", "warn:", "error:", "fail:", "debug:", "metrc:"];

/// Lists at the end of a run, in the order in which they overrule each other.
const LISTS: [(&str, SubtestStatus); 4] = [
    ("skipped: ", SubtestStatus::Skip),
    ("passed: ", SubtestStatus::Pass),
    ("metrics untrustworthy: ", SubtestStatus::Broken),
    ("failed: ", SubtestStatus::Fail),
];

/// Words of messages that a stressor is left out.
const SKIPPING: [&str; 6] = [
    "skipping stress",
    "will be skipped",
    "not implemented on this system",
    "no system resources",
    "out of system resources",
    "gave up",
];

const UNFINISHED: &str = "stress-ng did not finish";

#[derive(Debug, Clone, Default)]
pub(crate) struct StressNg {
    found: Found,
    run: Run,
}

/// One invocation.
#[derive(Debug, Clone, Default)]
struct Run {
    stressors: Vec<Stressor>,
    /// Places of the stressors by name.
    places: BTreeMap<String, usize>,
    is_dispatched: bool,
    is_success: Option<bool>,
    /// First failure that names no stressor.
    failure: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Stressor {
    name: String,
    /// Place in [`LISTS`].
    listed: Option<usize>,
    seconds: Option<f64>,
    has_failed: bool,
    is_skipped: bool,
    why: Option<String>,
}

impl StressNg {
    pub fn line(&mut self, line: &str) {
        let Some((kind, text)) = parse(line) else { return };
        if let Some(hogs) = text.strip_prefix("dispatching hogs:") {
            // Stressors that are left out are named before.
            if self.run.is_dispatched {
                std::mem::take(&mut self.run).end(&mut self.found);
            }
            self.run.is_dispatched = true;
            for name in hogs.split(',').filter_map(|hog| hog.split_whitespace().nth(1)) {
                self.run.stressor(name);
            }
        } else if text.starts_with("successful run completed") || text.starts_with("unsuccessful run completed") {
            self.run.is_success = Some(text.starts_with('s'));
        } else if !self.run.list(text) && !self.run.metrics(kind, text) {
            self.run.message(kind, text);
        }
    }

    pub fn finish(mut self) -> Results {
        let unfinished = self.run.is_dispatched && self.run.is_success.is_none();
        self.run.end(&mut self.found);
        self.found.finish(unfinished.then_some(UNFINISHED))
    }
}

impl Run {
    /// The stressor of this name, a new one where there is room.
    fn stressor(&mut self, name: &str) -> Option<&mut Stressor> {
        let name = excerpt(name, Subtest::MAX_NAME);
        let count = self.stressors.len();
        if count < MAX_SUBTESTS && !self.places.contains_key(&name) {
            self.places.insert(name.clone(), count);
            self.stressors.push(Stressor { name: name.clone(), ..Stressor::default() });
        }
        self.known(&name)
    }

    fn known(&mut self, name: &str) -> Option<&mut Stressor> {
        self.places.get(name).and_then(|&at| self.stressors.get_mut(at))
    }

    /// `passed: 3: vm (2) brk (1)`
    fn list(&mut self, text: &str) -> bool {
        let list = LISTS.iter().enumerate().find_map(|(at, (prefix, _))| Some((at, text.strip_prefix(prefix)?)));
        let Some((at, list)) = list else { return false };
        let names = list.split_once(": ").map_or("", |(_, names)| names);
        for name in names.split_whitespace().filter(|name| !name.starts_with('(')) {
            if let Some(stressor) = self.stressor(name) {
                stressor.listed = stressor.listed.max(Some(at));
            }
        }
        true
    }

    /// Name, operations, seconds in real time.
    fn metrics(&mut self, kind: &str, text: &str) -> bool {
        let mut words = text.split_whitespace();
        let (Some(name), Some(Ok(_)), Some(Ok(seconds))) =
            (words.next(), words.next().map(str::parse::<u64>), words.next().map(str::parse::<f64>))
        else {
            return false;
        };
        let stressor = if matches!(kind, "metrc:" | "info:") { self.known(name) } else { None };
        let Some(stressor) = stressor.filter(|_| seconds.is_finite() && seconds >= 0.0) else { return false };
        stressor.seconds = Some(seconds);
        true
    }

    /// A message about a stressor: `vm: text`, `stress-ng-vm: text`, `vm instance 0 text`, `process [9] (vm) terminated …`.
    fn message(&mut self, kind: &str, text: &str) {
        let has_failed = kind == "fail:" || kind == "error:" && text.contains(" terminated ");
        let is_skipped = SKIPPING.iter().any(|words| text.contains(words));
        if kind == "debug:" || !(has_failed || is_skipped || kind == "error:") {
            return;
        }
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        let name = first.strip_prefix("stress-ng-").unwrap_or(first).trim_end_matches(':');
        let bracketed = text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(name, _)| name);
        let bracketed = bracketed.map(|name| name.strip_prefix("stress-ng-").unwrap_or(name));
        let names_new = is_skipped
            && !has_failed
            && text.contains("stressor")
            && (first.ends_with(':') || rest.starts_with("stressor "));
        if names_new {
            self.stressor(name);
        }
        let rest = if self.known(name).is_some() && first.ends_with(':') { rest } else { text };
        let name = [Some(name), bracketed].into_iter().flatten().find(|name| self.places.contains_key(*name));
        let Some(stressor) = name.and_then(|name| self.known(name)) else {
            if kind == "fail:" || kind == "error:" {
                self.failure.get_or_insert_with(|| excerpt(text, Subtest::MAX_WHY));
            }
            return;
        };
        stressor.has_failed |= has_failed;
        stressor.is_skipped |= is_skipped;
        stressor.why.get_or_insert_with(|| excerpt(rest, Subtest::MAX_WHY));
    }

    fn end(self, found: &mut Found) {
        let names_failure = self.stressors.iter().any(|stressor| stressor.has_failed);
        let is_single = self.stressors.len() == 1;
        let mut has_failed = false;
        for stressor in self.stressors {
            let status = match (stressor.listed, self.is_success) {
                (Some(at), _) => LISTS[at].1,
                _ if stressor.has_failed => SubtestStatus::Fail,
                _ if stressor.is_skipped => SubtestStatus::Skip,
                (None, Some(true)) => SubtestStatus::Pass,
                // A failed run that names no stressor counts against all.
                (None, Some(false)) if names_failure => SubtestStatus::Pass,
                (None, Some(false)) => SubtestStatus::Fail,
                (None, None) => continue,
            };
            has_failed |= status == SubtestStatus::Fail;
            let general = match status {
                SubtestStatus::Broken => Some("metrics untrustworthy"),
                SubtestStatus::Fail if is_single => self.failure.as_deref().or(Some("unsuccessful run")),
                SubtestStatus::Fail => Some("unsuccessful run"),
                _ => None,
            };
            let why = stressor.why.as_deref().or(general).filter(|_| status != SubtestStatus::Pass);
            let subtest = Subtest { seconds: stressor.seconds, ..Subtest::new(&stressor.name, status).with_why(why) };
            found.push(subtest);
        }
        match (self.is_success, self.failure) {
            (Some(true), _) => {}
            (_, Some(failure)) => found.problem(&failure),
            (None, None) if self.is_dispatched => found.problem(UNFINISHED),
            (Some(false), None) if !has_failed => found.problem("unsuccessful run"),
            _ => {}
        }
    }
}

/// Kind and text of `stress-ng: 23:25:48.40 info:  [1338] text`, where `--timestamp` adds the time.
fn parse(line: &str) -> Option<(&str, &str)> {
    let (_, message) = line.split_once("stress-ng: ")?;
    let (mut kind, mut rest) = message.split_once(' ')?;
    if !KINDS.contains(&kind) {
        (kind, rest) = rest.split_once(' ')?;
    }
    let (pid, text) = rest.trim_start().strip_prefix('[')?.split_once(']')?;
    (KINDS.contains(&kind) && pid.bytes().all(|byte| byte.is_ascii_digit())).then_some((kind, text.trim()))
}
