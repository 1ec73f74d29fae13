//! Which parts of the cache go. Pure: what removes them is the caller's.

use super::super::KernelError;
use super::item::{Inventory, Item};
use std::time::{Duration, SystemTime};

/// Which parts may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All that the lab can make again.
    Everything,
    /// All but the kernels of the catalogue.
    ExceptCatalogue,
    /// Kernels of commits alone: [`Item::is_of_commit`].
    Commits,
}

/// What is removed: leftovers, and of the parts in scope those that either limit exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prune {
    /// Which parts may go.
    pub scope: Scope,
    /// Those that were not used for longer.
    pub older: Option<Duration>,
    /// The least recently used ones, until no more bytes are left; of the parts in scope [`Scope::Commits`], else of all.
    pub max_bytes: Option<u64>,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The removed parts, least recently used first.
    pub removed: Vec<Item>,
    /// Those that another process uses.
    pub in_use: Vec<Item>,
    /// Bytes that are left of what counts.
    pub bytes_left: u64,
}

impl Prune {
    fn admits(&self, item: &Item) -> bool {
        match self.scope {
            Scope::Everything => item.category.is_removable(),
            Scope::ExceptCatalogue => item.category.is_removable() && !item.in_catalogue,
            Scope::Commits => item.is_of_commit(),
        }
    }

    fn counts(&self, item: &Item) -> bool {
        self.scope != Scope::Commits || item.is_of_commit()
    }

    fn is_due(&self, item: &Item, bytes: u64, now: SystemTime) -> bool {
        let unused = now.duration_since(item.used).unwrap_or_default();
        item.category == super::Category::Leftover
            || self.older.is_some_and(|older| unused > older)
            || self.max_bytes.is_some_and(|max| bytes > max)
    }
}

/// Goes through the parts, least recently used first. `remove` tells whether it could: what is in use stays.
pub(super) fn run(
    inventory: Inventory,
    rule: &Prune,
    now: SystemTime,
    remove: &mut dyn FnMut(&Item) -> Result<bool, KernelError>,
) -> Result<Pruned, KernelError> {
    let bytes = inventory.items.iter().filter(|item| rule.counts(item)).map(|item| item.bytes).sum();
    let mut pruned = Pruned { bytes_left: bytes, ..Pruned::default() };
    let mut items: Vec<Item> = inventory.items.into_iter().filter(|item| rule.admits(item)).collect();
    // Leftovers first: they may be all that is too much.
    items.sort_by_key(|item| (item.category != super::Category::Leftover, item.used));
    for item in items {
        if !rule.is_due(&item, pruned.bytes_left, now) {
            continue;
        }
        if remove(&item)? {
            pruned.bytes_left = pruned.bytes_left.saturating_sub(item.bytes);
            pruned.removed.push(item);
        } else {
            pruned.in_use.push(item);
        }
    }
    Ok(pruned)
}

#[cfg(test)]
mod tests {
    use super::super::Category;
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + 1000 * DAY
    }

    fn item(category: Category, name: &str, bytes: u64, days: u32) -> Item {
        let is_current = !name.starts_with("old");
        let is_variant = name.starts_with("commit-");
        Item { bytes, is_current, is_variant, ..Item::new(category, name.to_owned(), now() - days * DAY) }
    }

    fn cache() -> Inventory {
        let mut known = item(Category::Kernel, "linux-6.1", 10, 40);
        known.in_catalogue = true;
        Inventory {
            items: vec![
                known,
                item(Category::Kernel, "commit-a", 10, 3),
                item(Category::Kernel, "commit-b", 10, 30),
                item(Category::Kernel, "old-build", 10, 2),
                item(Category::OutputTree, "tree-arm", 100, 20),
                item(Category::Leftover, ".making-x", 5, 0),
                item(Category::Log, "logs", 1, 90),
                item(Category::Other, "mine", 1000, 90),
            ],
        }
    }

    fn pruned(rule: Prune, in_use: &str) -> (String, String, u64) {
        let pruned = run(cache(), &rule, now(), &mut |item| Ok(item.name != in_use)).unwrap();
        let names = |items: &[Item]| items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>().join(" ");
        (names(&pruned.removed), names(&pruned.in_use), pruned.bytes_left)
    }

    #[test]
    fn old_parts_go_and_foreign_ones_stay() {
        let rule = Prune { scope: Scope::Everything, older: Some(25 * DAY), max_bytes: None };
        assert_eq!(pruned(rule, "").0, ".making-x linux-6.1 commit-b");
        let rule = Prune { scope: Scope::ExceptCatalogue, ..rule };
        assert_eq!(pruned(rule, "").0, ".making-x commit-b");
    }

    #[test]
    fn least_recently_used_parts_go_until_the_rest_fits() {
        let rule = |max| Prune { scope: Scope::Everything, older: None, max_bytes: Some(max) };
        assert_eq!(pruned(rule(1131), ""), (".making-x linux-6.1".into(), String::new(), 1131));
        assert_eq!(pruned(rule(1121), "").0, ".making-x linux-6.1 commit-b");
        assert_eq!(pruned(rule(0), "").2, 1001, "what is not the lab's stays");
    }

    #[test]
    fn parts_in_use_stay_and_others_go_for_them() {
        let rule = Prune { scope: Scope::Commits, older: None, max_bytes: Some(20) };
        assert_eq!(pruned(rule, ""), ("commit-b".into(), String::new(), 20));
        assert_eq!(pruned(rule, "commit-b"), ("commit-a".into(), "commit-b".into(), 20));
    }
}
