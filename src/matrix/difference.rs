//! How a plan differs from the plan of a run.

use model::{Cell, CellId, Plan, Quarantine};
use serde_json::Value;
use std::collections::BTreeMap;

/// Cells of one kind that are named.
const MAX_SHOWN: usize = 4;

/// Characters of a value that are shown.
const MAX_VALUE: usize = 40;

/// What differs between two plans; the order of their cells and their names do not count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    added: Vec<CellId>,
    removed: Vec<CellId>,
    /// Each with its keys, as `plan.json` has them, and their old and new values.
    changed: Vec<(CellId, Vec<String>)>,
}

impl Difference {
    /// What `new` has that `old` has not, and the other way round. A cell that the other plan leaves out as impossible is no
    /// difference: what is impossible is known only of kernels in the cache.
    pub fn between(old: &Plan, new: &Plan) -> Self {
        let by_id =
            |plan: &'_ Plan| plan.cells.iter().map(|cell| (cell.id.clone(), cell.clone())).collect::<BTreeMap<_, _>>();
        let (before, after) = (by_id(old), by_id(new));
        let is_skipped = |plan: &Plan, id: &CellId| plan.skipped.iter().any(|skipped| skipped.id == *id);
        let only = |cells: &[Cell], other: &BTreeMap<CellId, Cell>, plan: &Plan| {
            let ids = cells.iter().map(|cell| &cell.id).filter(|id| !other.contains_key(*id) && !is_skipped(plan, id));
            ids.cloned().collect::<Vec<CellId>>()
        };
        let changed = old.cells.iter().filter_map(|cell| {
            let keys = changed_keys(cell, after.get(&cell.id)?);
            (!keys.is_empty()).then(|| (cell.id.clone(), keys))
        });
        Self {
            added: only(&new.cells, &before, old),
            removed: only(&old.cells, &after, new),
            changed: changed.collect(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// A line for each of the first cells that were changed, added and removed, with the number of the others; without a line end at the
/// end.
impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let changed: Vec<String> = self.changed.iter().map(|(id, keys)| format!("{id}: {}", keys.join(", "))).collect();
        let names = |ids: &[CellId]| ids.iter().map(ToString::to_string).collect::<Vec<String>>();
        let mut lines = Vec::new();
        for (what, cells) in [("changed", changed), ("added", names(&self.added)), ("removed", names(&self.removed))] {
            lines.extend(cells.iter().take(MAX_SHOWN).map(|cell| format!("  {what:7}  {cell}")));
            if let Some(more) = cells.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0) {
                lines.push(format!("  {what:7}  and {more} more"));
            }
        }
        f.write_str(&lines.join("\n"))
    }
}

fn changed_keys(old: &Cell, new: &Cell) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    // Plain structs with text keys: there is nothing that JSON cannot hold.
    let json = |cell: &Cell| serde_json::to_value(cell).unwrap_or_default();
    let mut found = Vec::new();
    let without = |cell: &Cell| json(&Cell { quarantine: Vec::new(), ..cell.clone() });
    compare("", &without(old), &without(new), &mut found);
    let (before, after) = (entries(old), entries(new));
    let only = |these: &[Quarantine], others: &[Quarantine]| {
        these.iter().filter(|known| !others.contains(known)).map(words).collect::<Vec<_>>()
    };
    let (gone, added) = (only(&before, &after), only(&after, &before));
    found.extend(gone.iter().map(|known| format!("no longer quarantined: {known}")));
    found.extend(added.iter().map(|known| format!("quarantined: {known}")));
    found
}

/// The entries of a cell without their lines: a comment in the file moves them.
fn entries(cell: &Cell) -> Vec<Quarantine> {
    cell.quarantine.iter().map(|known| Quarantine { place: String::new(), ..known.clone() }).collect()
}

fn words(known: &Quarantine) -> String {
    let Quarantine { until, link, reason, .. } = known;
    model::printable(&format!("{} until {until}, {link} ({reason})", known.failures()))
}

fn compare(key: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    if old == new {
        return;
    }
    let (Some(before), Some(after)) = (old.as_object(), new.as_object()) else {
        found.push(format!("{key} {} → {}", shown(old), shown(new)));
        return;
    };
    let added = after.keys().filter(|name| !before.contains_key(*name));
    for name in before.keys().chain(added) {
        let inner = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
        let value = |object: &serde_json::Map<String, Value>| object.get(name).cloned().unwrap_or_default();
        compare(&inner, &value(before), &value(after), found);
    }
}

/// A value; `none` where there is none.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(MAX_VALUE) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{PLAN_SCHEMA, Skipped};

    fn cell(id: &str) -> Cell {
        let text = r#"{"id": "ID", "kernel": "k", "arch": "arm", "ram_mib": 64, "vcpus": 1,
            "payload": {"type": "workload", "name": "idle"}, "timeouts": {"boot_s": 60.0, "load_s": 120.0, "stuck_s": 5.0},
            "repeat": 1, "expect": {"outcome": "pass"}}"#;
        serde_json::from_str(&text.replace("ID", id)).unwrap()
    }

    fn plan(cells: impl IntoIterator<Item = Cell>) -> Plan {
        Plan { schema: PLAN_SCHEMA, name: "m".to_owned(), cells: cells.into_iter().collect(), skipped: Vec::new() }
    }

    #[test]
    fn order_and_name_are_no_difference() {
        let old = plan(["a", "b"].map(cell));
        let new = Plan { name: "n".to_owned(), ..plan(["b", "a"].map(cell)) };
        assert!(Difference::between(&old, &new).is_empty());
    }

    #[test]
    fn impossible_cells_are_no_difference() {
        let (few, more) = (plan(["a"].map(cell)), plan(["a", "b"].map(cell)));
        let skipped = vec![Skipped { id: "b".into(), reason: "too little RAM".to_owned() }];
        let without = Plan { skipped, ..few.clone() };
        assert!(Difference::between(&more, &without).is_empty() && Difference::between(&without, &more).is_empty());
        assert!(!Difference::between(&more, &few).is_empty());
    }

    #[test]
    fn changed_keys_are_named() {
        let mut changed = cell("a");
        changed.repeat = 3;
        changed.timeouts.load_s = 60.0;
        changed.append = vec!["quiet".to_owned(), "x".repeat(100)];
        let text = Difference::between(&plan(["a", "b"].map(cell)), &plan([changed, cell("c")])).to_string();
        let append = format!("append none → [\"quiet\",\"{}…", "x".repeat(30));
        let keys = ["repeat 1 → 3", "timeouts.load_s 120.0 → 60.0", &append];
        assert!(keys.iter().all(|key| text.contains(key)), "{text}");
        assert!(text.starts_with("  changed  a: ") && text.ends_with("\n  added    c\n  removed  b"), "{text}");
    }

    #[test]
    fn entries_differ_by_what_they_say_and_not_by_line() {
        let known = |line: u32, until: &str| Quarantine {
            place: format!("quarantine.yaml:{line}"),
            verdicts: Vec::new(),
            title: None,
            reason: "known".to_owned(),
            link: "https://example.org/1".to_owned(),
            until: until.parse().unwrap(),
        };
        let with = |known| plan([Cell { quarantine: vec![known], ..cell("a") }]);
        let old = with(known(1, "2026-12-31"));
        assert!(Difference::between(&old, &with(known(2, "2026-12-31"))).is_empty());
        let text = Difference::between(&old, &with(known(1, "2027-01-31"))).to_string();
        let entry = |until| format!("any failure until {until}, https://example.org/1 (known)");
        let (gone, added) = (entry("2026-12-31"), entry("2027-01-31"));
        assert_eq!(text, format!("  changed  a: no longer quarantined: {gone}, quarantined: {added}"));
    }

    #[test]
    fn many_cells_are_counted() {
        let ids: Vec<String> = (0..100).map(|number| format!("cell-{number}")).collect();
        let text = Difference::between(&plan([]), &plan(ids.iter().map(|id| cell(id)))).to_string();
        assert_eq!((text.lines().count(), text.lines().last()), (MAX_SHOWN + 1, Some("  added    and 96 more")));
    }
}
