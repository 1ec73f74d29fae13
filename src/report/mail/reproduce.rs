//! How to reproduce a failure, and what else was tried.

use super::super::guest_file::GuestFile;
use super::super::script::without_channels;
use super::counts::Occurrence;
use super::facts::{Facts, Origin};
use super::prose::{COLUMNS, paragraph, quoted};
use super::regression::short;
use super::release::{Line, line};
use super::setup;
use arch::without_sandbox;
use model::{Canary, Cell, Payload, Timeouts, TrialRecord};
use std::fmt::Write as _;

/// Trials of a command that a reader runs: enough for a rate.
const REPEAT: u32 = 20;

/// Maximum size of an attachment in bytes: what is larger belongs onto a server, as Linux says of patches
/// (`Documentation/process/submitting-patches.rst`, "E-mail size").
pub const MAX_ATTACHMENT: u64 = 300_000;

/// Lines of a command line of QEMU.
const MAX_COMMAND: usize = 10;

/// One command, and the archive.
pub(super) fn reproduce(facts: &Facts<'_>) -> String {
    let mut out = String::new();
    if let Some(command) = boot_command(facts) {
        let is_commit = facts.kernels.get(&facts.trial.cell.kernel).is_some_and(|origin| origin.origin == Origin::Git);
        let place = if is_commit { ", in a checkout of the commit" } else { "" };
        out.push_str(&paragraph(&format!("To reproduce it with oomlab, which needs QEMU and a compiler{place}:")));
        let _ = write!(out, "\n{command}\n");
    }
    let text = match facts.archive {
        Some(archive) if archive.bytes <= MAX_ATTACHMENT => format!(
            "The attached {} has the kernel, the initramfs and a script, run.sh, that boots them in QEMU, without oomlab.",
            quoted(archive.name)
        ),
        Some(archive) => format!(
            "I have an archive with the kernel, the initramfs and a script that boots them in QEMU, without oomlab. With {} kB it \
             is too large for a list; I send it or upload it on request.",
            archive.bytes.div_ceil(1000)
        ),
        None => {
            "I can send the kernel and the initramfs, with a script that boots them in QEMU, without oomlab.".to_owned()
        }
    };
    out.push_str(&paragraph(&text));
    if let Some(command) = qemu_command(facts.trial) {
        let _ = write!(out, "\n{}\n{command}", paragraph("QEMU's command line is:"));
    }
    out
}

/// QEMU's command line with the console where it is started, the guest's files by the names that they have in an archive. `None` where it is
/// long, or names other files of this host.
fn qemu_command(trial: &TrialRecord) -> Option<String> {
    if trial.cell.needs.disk.is_some() || trial.root_disk_digest.is_some() || !trial.cell.qemu.is_empty() {
        return None;
    }
    let command = without_sandbox(&trial.command);
    let argv = without_channels(&command);
    let mut groups: Vec<Vec<String>> = Vec::new();
    for (index, word) in argv.iter().enumerate() {
        let file = GuestFile::ALL.into_iter().find(|file| file.position(trial, &argv) == Some(index));
        let word = file.map_or_else(|| (*word).to_owned(), |file| file.name().to_owned());
        match groups.last_mut() {
            Some(group) if group.len() == 1 && group[0].starts_with('-') && !word.starts_with('-') => group.push(word),
            _ => groups.push(vec![word]),
        }
    }
    // The name of the lab's guest means nothing to others.
    groups.retain(|group| group[0] != "-name");
    groups.push(["-serial", "mon:stdio"].map(str::to_owned).to_vec());
    let mut others = groups.iter().filter(|group| group[0] != "-append").flatten();
    let has_path = others.any(|word| word.contains('/'));
    lines(&groups).filter(|text| !has_path && groups.len() > 2 && text.lines().count() <= MAX_COMMAND)
}

/// The command for a cell that the reader's lab has, too: not for files of this host.
fn boot_command(facts: &Facts<'_>) -> Option<String> {
    let cell = &facts.trial.cell;
    let Payload::Workload { name, options } = &cell.payload else { return None };
    let origin = facts.kernels.get(&cell.kernel)?;
    let kernel = match origin.origin {
        Origin::Git | Origin::Tree if origin.patches.is_empty() => vec!["--tree".to_owned(), ".".to_owned()],
        Origin::DebianBinary { .. } | Origin::DebianSource { .. } => {
            vec!["--kernel".to_owned(), cell.kernel.to_string()]
        }
        _ => return None,
    };
    if !cell.qemu.is_empty() || !cell.faults.is_none() {
        return None;
    }
    let mut words: Vec<Vec<String>> =
        vec![["oomlab", "boot", "--arch", cell.arch.name].map(str::to_owned).to_vec(), kernel];
    let mut pair = |option: &str, value: String| words.push(vec![option.to_owned(), value]);
    pair("--ram", cell.ram.to_string());
    pair("--workload", name.to_string());
    options.iter().for_each(|(name, value)| pair("--option", format!("{name}={value}")));
    if cell.vcpus != 1 {
        pair("--vcpus", cell.vcpus.to_string());
    }
    if cell.canary != Canary::default() {
        pair("--canary", cell.canary.to_string());
    }
    let (timeouts, default) = (cell.timeouts, Timeouts::default());
    for (option, value, usual) in [
        ("--boot-timeout", timeouts.boot_s, default.boot_s),
        ("--load-timeout", timeouts.load_s, default.load_s),
        ("--stuck-timeout", timeouts.stuck_s, default.stuck_s),
    ] {
        if value != usual {
            pair(option, value.to_string());
        }
    }
    cell.append.iter().for_each(|word| words.push(vec![format!("--append={word}")]));
    words.push(vec!["--repeat".to_owned(), REPEAT.to_string()]);
    lines(&words)
}

/// The words as lines for a shell, with pairs kept together. `None` where a word cannot be shown as it is.
fn lines(words: &[Vec<String>]) -> Option<String> {
    let (first, rest) = ("    ", "        ");
    let mut out = String::new();
    let mut line = first.to_owned();
    for group in words {
        let quoted = group
            .iter()
            .map(|word| shlex::try_quote(word).ok().filter(|_| word.bytes().all(|byte| (b' '..=b'~').contains(&byte))));
        let group = quoted.collect::<Option<Vec<_>>>()?.join(" ");
        if line.trim().is_empty() {
            line.push_str(&group);
        } else if line.len() + 1 + group.len() + 2 <= COLUMNS {
            line = format!("{line} {group}");
        } else {
            let _ = writeln!(out, "{line} \\");
            line = format!("{rest}{group}");
        }
    }
    Some(out + &line + "\n")
}

/// The other kernels of the run that ran the same cell, each with its rate; empty without one.
pub(super) fn other_kernels(facts: &Facts<'_>) -> String {
    let others = others(facts.trial, facts.trials);
    if others.is_empty() {
        return String::new();
    }
    let mut out = paragraph("Other kernels, with the same machine and workload, in the same run:");
    out.push('\n');
    let name = |trial: &TrialRecord| {
        let release = Some(setup::release(trial)).filter(|release| !release.is_empty()).unwrap_or("release not known");
        let origin = facts.kernels.get(&trial.cell.kernel).map(|origin| format!(", {}", setup::origin(origin)));
        let commit = trial.kernel_commit.as_deref().map(|commit| format!(", commit {}", short(commit)));
        quoted(&format!("{release}{}{}", origin.unwrap_or_default(), commit.unwrap_or_default())).replace('\u{a0}', " ")
    };
    for (trial, occurrence) in others {
        let more = match occurrence.others {
            0 => String::new(),
            others => format!(", {others} with another failure"),
        };
        let _ = writeln!(out, "  {}{more}\n    {}", occurrence.words(), name(trial));
    }
    out
}

/// The first trial of each other kernel, in the order of the run, and the trials of that kernel.
fn others<'a>(trial: &TrialRecord, trials: &'a [TrialRecord]) -> Vec<(&'a TrialRecord, Occurrence)> {
    let mut found: Vec<(&TrialRecord, Occurrence)> = Vec::new();
    let (cell, verdict) = (&trial.cell, &trial.verdict);
    let alike = trials.iter().filter(|trial| is_alike(&trial.cell, cell) && trial.cell.kernel != cell.kernel);
    for trial in alike {
        if found.iter().any(|(known, _)| known.cell.kernel == trial.cell.kernel) {
            continue;
        }
        let same = trials.iter().filter(|other| other.cell.id == trial.cell.id);
        let occurrence = Occurrence::of(verdict, same);
        if occurrence.trials > 0 {
            found.push((trial, occurrence));
        }
    }
    found
}

/// The kernels of a run that do not have a failure, each with its first trial and its rate, in the order of the run.
pub fn good_kernels<'a>(trial: &TrialRecord, trials: &'a [TrialRecord]) -> Vec<(&'a TrialRecord, Occurrence)> {
    let same = trials.iter().filter(|other| other.cell.id == trial.cell.id);
    let bad = Occurrence::of(&trial.verdict, same);
    let mut found = others(trial, trials);
    found.retain(|(_, occurrence)| occurrence.is_good_beside(bad));
    found
}

/// Whether two cells differ in their kernel alone.
fn is_alike(one: &Cell, other: &Cell) -> bool {
    let key = |cell: &Cell| {
        (
            cell.arch,
            cell.ram,
            cell.vcpus,
            cell.payload.clone(),
            cell.faults,
            cell.canary,
            cell.axes.clone(),
            cell.append.clone(),
            cell.qemu.clone(),
        )
    };
    key(one) == key(other)
}

/// The paragraph on what no record shows.
pub(super) fn untested(facts: &Facts<'_>) -> String {
    let others = others(facts.trial, facts.trials);
    let tested = std::iter::once(facts.trial).chain(others.iter().map(|(trial, _)| *trial));
    let releases: Vec<&str> = tested.filter_map(|trial| trial.kernel_release.as_deref()).collect();
    let newest = |wanted: Line| releases.iter().rev().find(|release| line(release) == wanted);
    let mainline = newest(Line::Candidate).map(|release| format!("mainline after {}", quoted(release)));
    let next = newest(Line::Next).map(|release| format!("linux-next after {}", quoted(release)));
    let mut parts =
        vec![mainline.unwrap_or_else(|| "mainline".to_owned()), next.unwrap_or_else(|| "linux-next".to_owned())];
    let has_first_bad = facts.regression.is_some_and(|regression| regression.first_bad.is_some());
    if has_first_bad {
        parts.push("a revert of the first bad commit".to_owned());
    }
    let stable =
        if others.is_empty() { "stable releases other than this one" } else { "stable releases other than these" };
    paragraph(&format!("{NOT_TESTED} {}, {stable}.", parts.join(", ")))
}

/// The first words of that paragraph, by which the lint knows it.
pub(super) const NOT_TESTED: &str = "Not tested:";
