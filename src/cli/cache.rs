//! `oomlab cache`: what lies in the cache, and the removal of what has not been used for long.

use super::context::Context;
use super::error::CliError;
use super::known::Catalogues;
use super::output::{print_json, print_plain};
use super::values::{age, size};
use crate::host::file_time;
use crate::kernel::{Category, Inventory, Item, Prune, Pruned, Scope};
use clap::ArgGroup;
use indicatif::HumanBytes;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// Version of the JSON documents.
const SCHEMA: u32 = 1;

/// Arguments of `oomlab cache`.
#[derive(Debug, clap::Args)]
pub struct CacheArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List what lies in the cache, with its size and the time since its last use
    List {
        /// Print a JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show how much each kind of thing takes
    Size {
        /// Print a JSON document
        #[arg(long)]
        json: bool,
    },
    /// Remove what has not been used for long
    ///
    /// What a run, a bisection or a build uses stays. What is removed is fetched or built again when it is needed.
    Prune(PruneArgs),
}

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("limit").required(true).multiple(true).args(["older", "max_size"])))]
struct PruneArgs {
    /// Remove what was not used for so long, for example 12h, 30d, 8w
    #[arg(long, value_name = "AGE", value_parser = age)]
    older: Option<Duration>,
    /// Remove the least recently used until the cache is no larger, for example 500M, 10G
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
    /// Keep the kernels of the catalogue
    #[arg(long)]
    keep_catalogue: bool,
    /// Print what would be removed; remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs `oomlab cache`; returns the program's exit status.
///
/// # Errors
/// When the cache cannot be read, or something in it cannot be removed.
pub fn run(args: &CacheArgs, context: &Context) -> Result<u8, CliError> {
    let kernels = Catalogues::read(context, None)?.kernels;
    let path = context.cache.display().to_string();
    match &args.action {
        Action::List { json: true } => print_document(&list_json(&path, &kernels.inventory()?))?,
        Action::List { json: false } => print_plain(&list(&path, &kernels.inventory()?))?,
        Action::Size { json: true } => print_document(&sizes_json(&path, &kernels.inventory()?))?,
        Action::Size { json: false } => print_plain(&sizes(&path, &kernels.inventory()?))?,
        Action::Prune(args) => {
            let scope = if args.keep_catalogue { Scope::ExceptCatalogue } else { Scope::Everything };
            let rule = Prune { scope, older: args.older, max_bytes: args.max_size };
            print_plain(&pruned(&kernels.prune(&rule, args.dry_run)?, args.dry_run))?;
        }
    }
    Ok(0)
}

fn print_document(document: &Value) -> Result<(), CliError> {
    print_json(&format!("{document:#}\n"))
}

/// A line for each part, within 80 columns.
fn list(path: &str, inventory: &Inventory) -> String {
    let mut text = format!("{path}: {}\n", HumanBytes(inventory.bytes()));
    // One by one they say nothing.
    for category in Category::ALL.into_iter().filter(|category| *category != Category::Log) {
        let mut items = inventory.of(category).peekable();
        if items.peek().is_some() {
            let _ = writeln!(text, "\n{}", category.plural());
            items.for_each(|item| text.push_str(&row(item)));
        }
    }
    if inventory.of(Category::Kernel).any(|item| item.in_catalogue) {
        text.push_str("\n* is in the catalogue\n");
    }
    text
}

fn row(item: &Item) -> String {
    let mark = if item.in_catalogue { '*' } else { ' ' };
    let (size, unused) = (HumanBytes(item.bytes).to_string(), age_text(unused(item)));
    let name = if item.category == Category::Kernel {
        let arch = item.arch.as_deref().unwrap_or("-");
        let release = item.release.as_deref().unwrap_or("-");
        format!("{} {arch:<14} {}", cut(&item.name, 29), cut(release, 13))
    } else {
        let release = item.release.as_ref().map(|release| format!(" {release}")).unwrap_or_default();
        cut(&format!("{}{release}", item.name), 58)
    };
    format!("{mark} {name} {size:>11} {unused:>7}\n")
}

/// The text in so many columns; a longer one loses its end.
fn cut(text: &str, columns: usize) -> String {
    console::pad_str(text, columns, console::Alignment::Left, Some("…")).into_owned()
}

fn unused(item: &Item) -> Duration {
    file_time().duration_since(item.used).unwrap_or_default()
}

fn age_text(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86400),
    }
}

fn list_json(path: &str, inventory: &Inventory) -> Value {
    let row = |item: &Item| {
        json!({
            "category": item.category,
            "name": item.name,
            "arch": item.arch,
            "release": item.release,
            "bytes": item.bytes,
            "unused_s": unused(item).as_secs(),
            "is_current": item.is_current,
            "in_catalogue": item.in_catalogue,
            "paths": item.paths,
        })
    };
    json!({ "schema": SCHEMA, "cache": path, "items": inventory.items.iter().map(row).collect::<Vec<_>>() })
}

/// Number and bytes of the parts of each category that has any.
fn sums(inventory: &Inventory) -> impl Iterator<Item = (Category, usize, u64)> {
    let sum = |category| {
        let bytes = inventory.of(category).map(|item| item.bytes).sum();
        (category, inventory.of(category).count(), bytes)
    };
    Category::ALL.into_iter().map(sum).filter(|(_, count, _)| *count > 0)
}

fn sizes(path: &str, inventory: &Inventory) -> String {
    let mut text = String::new();
    for (category, count, bytes) in sums(inventory) {
        let _ = writeln!(text, "{:<16} {count:>6} {:>11}", category.plural(), HumanBytes(bytes).to_string());
    }
    let total = HumanBytes(inventory.bytes()).to_string();
    text + &format!("{:<16} {:>6} {total:>11}  {path}\n", "in all", inventory.items.len())
}

fn sizes_json(path: &str, inventory: &Inventory) -> Value {
    let row = |(category, count, bytes)| json!({ "category": category, "count": count, "bytes": bytes });
    let categories: Vec<Value> = sums(inventory).map(row).collect();
    json!({ "schema": SCHEMA, "cache": path, "bytes": inventory.bytes(), "categories": categories })
}

fn pruned(pruned: &Pruned, dry_run: bool) -> String {
    let (removed, freed) = if dry_run { ("would remove", "would free") } else { ("removed", "freed") };
    let mut text = String::new();
    for (what, items) in [(removed, &pruned.removed), ("in use", &pruned.in_use)] {
        for item in items {
            let arch = item.arch.as_ref().map(|arch| format!(" {arch}")).unwrap_or_default();
            let name = format!("{}{arch}", item.name);
            let _ = writeln!(text, "{what:<12} {} {:>11}", cut(&name, 52), HumanBytes(item.bytes).to_string());
        }
    }
    let bytes = pruned.removed.iter().map(|item| item.bytes).sum();
    text + &format!("{freed} {}; {} are left\n", HumanBytes(bytes), HumanBytes(pruned.bytes_left))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(category: Category, name: &str) -> Item {
        Item {
            category,
            name: name.to_owned(),
            arch: Some("riscv64-nommu".to_owned()),
            release: Some("6.1.0-50-cloud-amd64-unsigned".to_owned()),
            bytes: 1023 << 20,
            used: file_time() - Duration::from_secs(999 * 86400),
            is_current: true,
            in_catalogue: category == Category::Kernel,
            is_variant: false,
            paths: vec!["artifacts/x".into()],
        }
    }

    #[test]
    fn rows_fit_80_columns() {
        let names = ["linux-6.1", "a-name-of-a-kernel-that-is-longer-than-its-column-and-goes-on-and-on-and-on-and-on"];
        let items =
            names.iter().flat_map(|name| [item(Category::Kernel, name), item(Category::Package, name)]).collect();
        let text = list("/c", &Inventory { items });
        assert!(text.lines().all(|line| console::measure_text_width(line) <= 80), "{text}");
        assert!(
            text.contains("* linux-6.1                     riscv64-nommu  6.1.0-50-clo… 1023.00 MiB   999 d\n"),
            "{text}"
        );
    }

    #[test]
    fn ages_are_rounded_down() {
        let texts = [5, 119, 7200, 3 * 86400].map(|seconds| age_text(Duration::from_secs(seconds)));
        assert_eq!(texts, ["5 s", "1 min", "2 h", "3 d"]);
    }

    #[test]
    fn sums_leave_out_empty_categories() {
        let inventory = Inventory { items: vec![item(Category::Index, "a"), item(Category::Index, "b")] };
        assert_eq!(sums(&inventory).collect::<Vec<_>>(), [(Category::Index, 2, 2046 << 20)]);
        assert_eq!(
            sizes("/c", &inventory),
            "package indices       2    2.00 GiB\nin all                2    2.00 GiB  /c\n"
        );
    }

    #[test]
    fn pruned_parts_are_named() {
        let pruned_parts = Pruned {
            removed: vec![item(Category::Kernel, "a")],
            in_use: vec![item(Category::Image, "b")],
            bytes_left: 5,
        };
        let text = pruned(&pruned_parts, true);
        assert!(text.starts_with("would remove a riscv64-nommu  ") && text.contains("\nin use       b "), "{text}");
        assert!(text.ends_with("would free 1023.00 MiB; 5 B are left\n"), "{text}");
    }
}
