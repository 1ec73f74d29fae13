//! Reads a stream of lines: sets of results within each other.
//!
//! The column of a line decides its level: indentation (two blanks in KTAP, four in TAP 14 and KUnit) and comment marks of
//! runners count alike. A result takes everything deeper since the last result of its level as its subtests.

use super::super::found::{Found, Results};
use super::note;
use super::syntax::{Line, Outcome, Placed, place};
use model::{Subtest, SubtestStatus, excerpt};

/// Levels that are told apart.
const MAX_DEPTH: usize = 16;

#[derive(Debug, Clone, Default)]
pub(crate) struct Tap {
    found: Found,
    /// Open sets of results, the outermost first.
    levels: Vec<Level>,
    /// A test that is announced: its level opens with its first line.
    title: Option<Title>,
    /// A test of `run_vmtests.sh` that runs: its column and name.
    script: Option<(usize, String)>,
    /// The last line was a rule.
    is_framed: bool,
    /// A result that the next line may state again.
    pending: Option<Pending>,
    /// Last diagnostic since the last result.
    note: Option<String>,
    /// Column and place of the last result, where a YAML block may follow; whether it has begun.
    last: Option<(usize, Option<usize>, bool)>,
    bail_out: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Level {
    column: usize,
    /// Place of its first subtest.
    first: usize,
    plan: Option<u64>,
    seen: u64,
    number: u64,
    has_failure: bool,
    title: Option<String>,
    /// An enclosed set of which a second one followed: a forked child flushes its copy of the parent's stdio buffer. Numbers and plans do
    /// not count then, the result of the enclosing test does.
    is_repeated: bool,
}

#[derive(Debug, Clone)]
struct Title {
    column: usize,
    name: String,
    /// Only a deeper level can be meant.
    is_deeper: bool,
}

#[derive(Debug, Clone)]
struct Pending {
    column: usize,
    /// `None` where a whole set is skipped.
    name: Option<String>,
    status: SubtestStatus,
    why: Option<String>,
}

/// Subtests without their parent.
struct Children {
    first: usize,
    seen: u64,
    has_failure: bool,
    gap: Option<String>,
}

impl Tap {
    pub fn line(&mut self, line: &str) {
        let Placed { mut column, is_comment, line } = place(line);
        if self.yaml(column, &line) {
            return;
        }
        if let Line::Other(text) = line {
            return self.other(column, is_comment, text);
        }
        // Output of a test of `run_vmtests.sh` stands in the column of its frame.
        column += usize::from(self.script.as_ref().is_some_and(|(frame, _)| column >= *frame));
        match line {
            Line::Outcome(outcome) => {
                if !outcome.is_bare || self.levels.iter().any(|level| level.column == column) {
                    self.outcome(column, outcome);
                }
            }
            Line::Version => {
                self.confirm();
                self.new_set(column, true);
            }
            Line::Plan(count, reason) => {
                self.confirm();
                self.new_set(column, false);
                if let Some(level) = self.levels.last_mut().filter(|_| count.is_some()) {
                    level.plan = count;
                } else {
                    let (status, why) = (SubtestStatus::Skip, Some(reason.to_owned()).filter(|why| !why.is_empty()));
                    self.pending = Some(Pending { column, name: None, status, why });
                }
            }
            Line::BailOut(reason) => {
                let text = excerpt(&format!("bail out: {reason}"), Subtest::MAX_WHY);
                // Below a runner it is the reason of one result.
                if column == 0 {
                    self.bail_out.get_or_insert(text)
                } else {
                    self.note.insert(text)
                };
            }
            Line::Other(_) => {}
        }
    }

    /// Results as if the output ended here.
    pub fn finish(mut self) -> Results {
        self.confirm();
        let unfinished = self.unfinished();
        self.settle(None);
        self.found.finish(self.bail_out.or(unfinished).as_deref())
    }

    /// Takes lines of a YAML block.
    fn yaml(&mut self, column: usize, line: &Line) -> bool {
        let Some((above, at, begun)) = self.last.filter(|(above, ..)| column > *above) else {
            self.last = self.last.filter(|_| matches!(line, Line::Other(_)));
            return false;
        };
        let text = if let Line::Other(text) = line { text } else { "" };
        if begun && text == "..." {
            self.last = None;
        } else if begun {
            let message = text.strip_prefix("message:").or_else(|| text.strip_prefix("error:"));
            let message = message.map(|message| message.trim().trim_matches(['"', '\'']));
            let subtest = at.and_then(|at| self.found.subtests.get_mut(at)).filter(|s| s.status != SubtestStatus::Pass);
            if let (Some(message), Some(subtest)) =
                (message.filter(|message| !message.starts_with(['|', '>'])), subtest)
            {
                *subtest = subtest.clone().with_why(Some(message));
            }
        } else if text == "---" {
            self.last = Some((above, at, true));
        }
        begun || text == "---"
    }

    /// A diagnostic or other output.
    fn other(&mut self, column: usize, is_comment: bool, text: &str) {
        let is_framed = std::mem::replace(&mut self.is_framed, note::is_rule(text));
        // Old versions print the name without `./`.
        if let Some(name) = text.strip_prefix("running ").filter(|name| is_framed || name.contains("./")) {
            self.confirm();
            self.settle(Some(column));
            let name = excerpt(note::script_name(name), Subtest::MAX_NAME);
            self.script = Some((column, name.clone()));
            self.announce(Title { column, name, is_deeper: true });
        } else if let Some(status) = note::framed_status(text)
            && let Some((frame, name)) = self.script.take_if(|(frame, _)| *frame == column)
        {
            self.confirm();
            let why = if status == SubtestStatus::Pass { None } else { self.note.take() };
            self.pending = Some(Pending { column: frame, name: Some(name), status, why });
        } else if is_comment {
            self.comment(column.saturating_sub(2), text);
        }
    }

    /// A diagnostic with its mark in this column.
    fn comment(&mut self, mark: usize, text: &str) {
        if let Some(name) = text.strip_prefix("Subtest: ") {
            self.announce(Title { column: mark, name: excerpt(name, Subtest::MAX_NAME), is_deeper: false });
        } else if text.starts_with("selftests: ") {
            self.confirm();
            self.settle(Some(mark));
            self.announce(Title { column: mark, name: excerpt(text, Subtest::MAX_NAME), is_deeper: true });
        } else if note::is_informative(text) {
            self.note = Some(excerpt(text, Subtest::MAX_WHY));
        }
    }

    fn announce(&mut self, title: Title) {
        self.note = None;
        self.title = Some(title);
    }

    fn outcome(&mut self, column: usize, mut outcome: Outcome) {
        let restates = |pending: &Pending| {
            let same = |name: &String| note::script_name(name) == note::script_name(&outcome.name);
            pending.column > column && pending.name.as_ref().is_none_or(same)
        };
        if let Some(pending) = self.pending.take_if(|pending| restates(pending)) {
            if outcome.status != SubtestStatus::Pass {
                self.note = pending.why.or(self.note.take());
            }
        } else {
            self.confirm();
        }
        let cut_short = self.script.take_if(|(frame, _)| *frame > column);
        if outcome.status != SubtestStatus::Pass {
            let note = self.note.take();
            outcome.why = match (outcome.why, note) {
                (Some(remark), Some(note)) if outcome.is_remark => Some(format!("{note} ({remark})")),
                (why, note) => why.or(note),
            };
        }
        if let Some((_, script)) = cut_short.filter(|_| outcome.status == SubtestStatus::Timeout) {
            outcome.why = Some(format!("{} in {script}", outcome.why.as_deref().unwrap_or("timeout")));
        }
        if let Some(at) = self.record(column, &outcome.name, outcome.status, outcome.why.as_deref(), outcome.number) {
            self.found.subtests[at].seconds = outcome.seconds;
        }
    }

    /// Adds a result of the level of this column; returns its place unless its subtests stand for it.
    fn record(
        &mut self,
        column: usize,
        name: &str,
        status: SubtestStatus,
        why: Option<&str>,
        number: Option<u64>,
    ) -> Option<usize> {
        let name = excerpt(name, Subtest::MAX_NAME);
        let children = self.close_deeper(column);
        let level = self.level(column, children.first);
        // KUnit counts suites on from module to module, so that a set may begin with any number.
        let seen = level.seen;
        level.seen += 1;
        level.has_failure |= status.is_failure() || children.has_failure;
        let before = level.number;
        level.number = number.unwrap_or(before.saturating_add(1));
        let is_counted = seen > 0 && !level.is_repeated;
        if let Some(number) = number.filter(|&number| is_counted && number != before.saturating_add(1)) {
            self.found.problem(&format!("result {number} follows result {before}: {name}"));
        }
        for child in self.found.subtests.iter_mut().skip(children.first) {
            child.qualify(&name);
        }
        let explained = children.has_failure && children.gap.is_none() && status != SubtestStatus::Timeout;
        if let Some(gap) = children.gap.filter(|_| status == SubtestStatus::Pass) {
            self.found.problem(&format!("{gap} of {name}"));
        }
        let stands = children.seen == 0 || status.is_failure() && !explained;
        let at = if stands { self.found.push(Subtest::new(&name, status).with_why(why)) } else { None };
        self.last = Some((column, at, false));
        self.note = None;
        self.title = None;
        at
    }

    /// Takes over the pending result, which nothing stated again.
    fn confirm(&mut self) {
        let Some(Pending { column, name, status, why }) = self.pending.take() else { return };
        if let Some(name) = name {
            self.record(column, &name, status, why.as_deref(), None);
        } else {
            let title = self.levels.last().filter(|level| level.column == column).and_then(|level| level.title.clone());
            self.found.push(Subtest::new(title.as_deref().unwrap_or("all"), status).with_why(why.as_deref()));
        }
    }

    /// The level of this column; no deeper one may be open.
    fn level(&mut self, column: usize, first: usize) -> &mut Level {
        let deepest = self.levels.last().map(|level| level.column);
        if deepest.is_none_or(|deepest| deepest < column) && self.levels.len() < MAX_DEPTH {
            self.levels.push(Level { column, first, ..Level::default() });
        }
        let at = self.levels.len() - 1;
        let level = &mut self.levels[at];
        let meant = |title: &Title| column > title.column || column == title.column && !title.is_deeper;
        if let Some(title) = self.title.take_if(|title| level.seen == 0 && meant(title)) {
            level.title = Some(title.name);
        }
        level
    }

    /// Opens the level of a version line or a plan. A second one begins a new set of results, except the plan at the end of a set.
    fn new_set(&mut self, column: usize, is_version: bool) {
        self.settle(Some(column));
        let level = self.levels.last().filter(|level| level.column >= column);
        let over = level.filter(|level| level.seen > 0 && (is_version || level.plan.is_some()));
        let (is_over, title) = (over.is_some(), over.and_then(|level| level.title.clone()));
        let is_repeated = is_over && column > 0;
        if let Some(level) = self.levels.last_mut() {
            level.is_repeated |= is_repeated;
        }
        if is_over {
            self.settle(column.checked_sub(1));
        }
        let first = self.found.subtests.len();
        let level = self.level(column, first);
        level.title = level.title.take().or(title);
        level.is_repeated |= is_repeated;
    }

    /// Closes the levels beyond this column, all without one; no parent follows.
    fn settle(&mut self, column: Option<usize>) {
        while let Some(level) = self.levels.pop_if(|level| column.is_none_or(|column| level.column > column)) {
            if let Some(gap) = level.gap() {
                self.found.problem(&gap);
            }
            for subtest in self.found.subtests.iter_mut().skip(level.first).filter(|_| level.title.is_some()) {
                subtest.qualify(level.title.as_deref().unwrap_or_default());
            }
        }
    }

    /// Closes the levels beyond this column for their parent.
    fn close_deeper(&mut self, column: usize) -> Children {
        let first = self.found.subtests.len();
        let mut children = Children { first, seen: 0, has_failure: false, gap: None };
        while let Some(level) = self.levels.pop_if(|level| level.column > column) {
            children.first = level.first;
            children.seen += level.seen;
            children.has_failure |= level.has_failure;
            children.gap = level.gap().or(children.gap);
        }
        children
    }

    /// Results that are missing, and the tests that run.
    fn unfinished(&self) -> Option<String> {
        let gap = self.levels.iter().find_map(Level::gap);
        let mut running: Vec<_> = self.levels.iter().filter_map(|level| level.title.as_deref()).collect();
        running.extend(self.title.as_ref().map(|title| title.name.as_str()));
        let running = (!running.is_empty()).then(|| format!("no result of {}", running.join("/")));
        match (gap, running) {
            (Some(gap), Some(running)) => Some(format!("{gap}, {running}")),
            (gap, running) => gap.or(running),
        }
    }
}

impl Level {
    fn gap(&self) -> Option<String> {
        let plan = self.plan.filter(|&plan| plan != self.seen && !self.is_repeated)?;
        Some(format!("{} of {plan} results", self.seen))
    }
}
