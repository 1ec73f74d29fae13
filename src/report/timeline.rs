//! One trial on a time axis of host seconds, for a terminal.

mod provoked;

use super::axis::{Axis, Row, height};
use super::layout::{Colour, Style, duration};
use model::{Beat, Course, Event, Frame, Outcome, Probe, Record, Stage, Stamp, ThreadTime};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

/// Beats come once a second; further apart than this, the guest was silent between them.
pub(super) const SILENCE: Duration = Duration::from_millis(2500);

/// A canary that has not finished a round for so long waits for memory; usually it begins one every 100 ms.
pub(super) const WAITING_US: u64 = 250_000;

/// A canary that waits for so long is stuck, by default (`timeouts.stuck_s` of a matrix).
const STUCK_US: u64 = 5_000_000;

/// The upper bounds of the canary's latency for the first seven heights, in microseconds: latencies differ by powers of ten.
const LATENCIES_US: [u64; 7] = [100, 1_000, 10_000, 100_000, 500_000, 2_000_000, 10_000_000];

/// The chart of a trial: its stages, what the console and the vCPUs did, beats, canary, free memory, kills and probes, each in a
/// row. A row without anything to show is left out. `name` comes first; nothing of what the guest printed is shown.
pub fn timeline(name: &str, records: &[Record], course: &Course, style: Style) -> String {
    let end = records.iter().map(|record| record.at).max().unwrap_or_default();
    let chart = Chart { axis: Axis::new(end, style), end, records, course, style };
    let mut out = chart.heading(name);
    let rows = [
        chart.stages(),
        chart.console(),
        chart.cpu(),
        chart.beats(),
        chart.canary(),
        chart.free(),
        chart.kills(),
        chart.provoked(),
        chart.probes(),
    ];
    rows.iter().flatten().for_each(|row| out.push_str(&row.render(style)));
    out.push_str(&chart.axis.ruler(style));
    out.extend(chart.onset().map(|row| row.render(style)));
    out
}

struct Chart<'a> {
    axis: Axis,
    end: Stamp,
    records: &'a [Record],
    course: &'a Course,
    style: Style,
}

impl Chart<'_> {
    /// The trial's name with its verdict, and the seconds at which its stages began.
    fn heading(&self, name: &str) -> String {
        let verdict = self.course.verdict.as_ref();
        let (words, colour) = match verdict {
            Some(verdict) => (format!("{} {}", verdict.outcome(), verdict.kind), self.colour_of_verdict()),
            None => ("no verdict".to_owned(), Colour::Faint),
        };
        let name = self.style.fit(name, 300);
        let mut out = format!("{}   {}\n", self.style.paint(Colour::Strong, &name), self.style.paint(colour, &words));
        // The stage `boot` always starts at the spawn.
        let stages = &self.course.stages;
        let begun = stages
            .iter()
            .skip(usize::from(stages.len() > 1))
            .map(|(at, stage)| format!("{} {}", stage.as_str(), seconds(*at)));
        let facts = begun.collect::<Vec<_>>().join(self.style.separator());
        if !facts.is_empty() {
            let _ = writeln!(out, "  {}", self.style.paint(Colour::Faint, &facts));
        }
        out
    }

    fn colour_of_verdict(&self) -> Colour {
        match self.course.verdict.as_ref().map(|verdict| verdict.outcome()) {
            Some(Outcome::Pass) => Colour::Good,
            Some(Outcome::Inconclusive) => Colour::Known,
            Some(_) => Colour::Bad,
            None => Colour::Faint,
        }
    }

    fn stages(&self) -> Option<Row> {
        if self.course.stages.is_empty() {
            return None;
        }
        let mut row = self.axis.row("stage");
        let (line, first, next, last) =
            if self.style.ascii { ('-', '|', '|', '|') } else { ('─', '├', '┼', '┤') };
        let stages = &self.course.stages;
        let verdict = self.colour_of_verdict();
        let columns = self.axis.columns;
        for (index, (at, stage)) in stages.iter().enumerate() {
            let begin = self.axis.column(*at);
            let end = stages.get(index + 1).map_or(columns, |(at, _)| self.axis.column(*at));
            let colour = match stage {
                Stage::Booting | Stage::Finishing => Some(Colour::Faint),
                Stage::Ready | Stage::Loading => None,
                Stage::Judged => Some(verdict),
            };
            (begin..end).for_each(|column| row.set(column, line, colour));
            row.set(begin, if begin == 0 { first } else { next }, colour);
            // A stage that is too short for its word has its time in the heading.
            let word = stage.as_str();
            if let Some(room) = (end - begin.min(end)).checked_sub(word.len() + 2) {
                row.write(begin + 1 + room / 2, word, colour);
            }
        }
        let colour = if self.course.verdict.is_some() { Some(verdict) } else { None };
        row.set(columns - 1, if self.course.verdict.is_some() { last } else { line }, colour);
        row.note = if self.course.verdict.is_some() { String::new() } else { "goes on".to_owned() };
        Some(row)
    }

    fn console(&self) -> Option<Row> {
        let mut lines = vec![0_u64; self.axis.columns];
        for record in self.records {
            lines[self.axis.column(record.at)] += match record.event {
                Event::Line { .. } => 1,
                Event::LinesDropped { lines, .. } => lines.min(1 << 40),
                _ => 0,
            };
        }
        let (sum, most) = (lines.iter().sum::<u64>(), lines.iter().copied().max()?);
        let mut row = self.axis.row("console");
        for (column, lines) in lines.into_iter().enumerate().filter(|(_, lines)| *lines > 0) {
            // A boot prints hundreds of lines, and the one that matters comes alone.
            let share = (1.0 + lines as f64).ln() / (1.0 + most as f64).ln();
            row.set(column, height(share - 0.01, self.style), Some(Colour::Faint));
        }
        row.note = format!("{sum} line{}", if sum == 1 { "" } else { "s" });
        (sum > 0).then_some(row)
    }

    /// What the vCPUs ran of what they could have run, between two samples each.
    fn cpu(&self) -> Option<Row> {
        let mut row = self.axis.row("vCPU");
        let mut before: Option<(Stamp, ThreadTime)> = None;
        let (mut host_s, mut ran_s, mut waited_s, mut vcpus) = (0.0, 0.0, 0.0, 0);
        for record in self.records {
            let Event::Vcpus { threads } = &record.event else { continue };
            vcpus = vcpus.max(threads.len());
            let total = threads.iter().fold(ThreadTime::default(), |sum, thread| ThreadTime {
                ran_us: sum.ran_us.saturating_add(thread.ran_us),
                waited_us: sum.waited_us.saturating_add(thread.waited_us),
            });
            let (since, old) = before.unwrap_or_default();
            let span_s = record.at.since(since).as_secs_f64();
            if span_s > 0.0 {
                let ran = total.ran_us.saturating_sub(old.ran_us) as f64 / 1e6;
                waited_s += total.waited_us.saturating_sub(old.waited_us) as f64 / 1e6;
                (host_s, ran_s) = (host_s + span_s, ran_s + ran);
                let share = ran / span_s / vcpus.max(1) as f64;
                for column in self.axis.column(since)..=self.axis.column(record.at) {
                    row.set(column, height(share, self.style), None);
                }
            }
            before = Some((record.at, total));
        }
        let share = |part_s: f64| (100.0 * part_s / host_s / vcpus.max(1) as f64).min(999.0);
        row.note = format!("{:.0} % ran", share(ran_s));
        if share(waited_s) >= 1.0 {
            let _ = write!(row.note, ", {:.0} % waits", share(waited_s));
        }
        (host_s > 0.0).then_some(row)
    }

    /// The beats with their times, in order.
    fn each_beat(&self) -> impl Iterator<Item = (Stamp, Beat)> {
        self.records.iter().filter_map(|record| match record.event {
            Event::Agent { frame: Frame::Beat(beat), .. } => Some((record.at, beat)),
            _ => None,
        })
    }

    /// A line for as long as they come, broken where they do not.
    fn beats(&self) -> Option<Row> {
        let (line, beat) = if self.style.ascii { ('-', '+') } else { ('─', '┼') };
        let mut row = self.axis.row("beats");
        let (mut count, mut longest) = (0_u64, Duration::ZERO);
        let mut before: Option<Stamp> = None;
        for (at, _) in self.each_beat() {
            if let Some(before) = before {
                let gap = at.since(before);
                longest = longest.max(gap);
                if gap <= SILENCE {
                    let between = self.axis.column(before) + 1..self.axis.column(at);
                    between.for_each(|column| row.set(column, line, Some(Colour::Good)));
                }
            }
            row.set(self.axis.column(at), beat, Some(Colour::Good));
            before = Some(at);
            count += 1;
        }
        let watched = self.course.stages.iter().find(|(_, stage)| matches!(stage, Stage::Finishing | Stage::Judged));
        let last = watched.map_or(self.end, |(at, _)| *at).since(before?);
        row.note = format!("{count}{}gaps to {}", self.style.separator(), duration(longest.max(last).as_secs_f64()));
        Some(row)
    }

    fn canary(&self) -> Option<Row> {
        let mut row = self.axis.row("canary");
        let values = self.each_beat().map(|(at, beat)| (at, latency_us(&beat)));
        let (low, high) = self.steps(&mut row, values, u64::max, |us, style| {
            let level = LATENCIES_US.iter().filter(|bound| us >= **bound).count();
            let colour = match us {
                STUCK_US.. => Some(Colour::Bad),
                WAITING_US.. => Some(Colour::Known),
                _ => Some(Colour::Good),
            };
            (height(level as f64 / 8.0, style), colour)
        })?;
        let unit = if self.style.ascii { "us" } else { "µs" };
        row.note = range(microseconds(low, unit), microseconds(high, unit));
        Some(row)
    }

    /// Free memory as the beats carry it, and as the lab reads it from the guest's memory.
    fn free(&self) -> Option<Row> {
        let ram = self.records.iter().find_map(|record| match &record.event {
            Event::Agent { frame: Frame::Hello { ram_kib, .. }, .. } => Some(*ram_kib),
            _ => None,
        });
        let values = || {
            self.records.iter().filter_map(|record| match &record.event {
                Event::Agent { frame: Frame::Beat(beat), .. } => Some((record.at, beat.free_kib)),
                Event::Memory { memory } => Some((record.at, memory.free_kib)),
                Event::Counters { counters } => Some((record.at, counters.memory.as_ref()?.free_kib)),
                _ => None,
            })
        };
        let whole = ram.or_else(|| values().map(|(_, free)| free).max())?.max(1);
        let mut row = self.axis.row("free");
        let (low, high) = self.steps(&mut row, values(), u64::min, |free, style| {
            let share = free as f64 / whole as f64;
            (height(share, style), if share < 0.1 { Some(Colour::Known) } else { None })
        })?;
        let of = ram.map(|ram| format!(" of {}", size(ram))).unwrap_or_default();
        row.note = format!("{}{of}", range(size(low), size(high)));
        Some(row)
    }

    /// Draws values that hold until the next one comes, though not for longer than a guest may be silent; gives the lowest and the
    /// highest.
    fn steps(
        &self,
        row: &mut Row,
        values: impl Iterator<Item = (Stamp, u64)>,
        worse: fn(u64, u64) -> u64,
        sign: impl Fn(u64, Style) -> (char, Option<Colour>),
    ) -> Option<(u64, u64)> {
        let mut range: Option<(u64, u64)> = None;
        let mut columns: Vec<Option<u64>> = vec![None; self.axis.columns];
        let mut before: Option<(Stamp, u64)> = None;
        for (at, value) in values {
            if let Some((since, old)) = before
                && at.since(since) <= SILENCE
            {
                let between = self.axis.column(since) + 1..self.axis.column(at);
                between.for_each(|column| columns[column] = Some(old));
            }
            let here = &mut columns[self.axis.column(at)];
            *here = Some(here.map_or(value, |other| worse(other, value)));
            range = Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))));
            before = Some((at, value));
        }
        for (column, value) in columns.into_iter().enumerate() {
            if let Some((mark, colour)) = value.map(|value| sign(value, self.style)) {
                row.set(column, mark, colour);
            }
        }
        range
    }

    fn kills(&self) -> Option<Row> {
        let mut row = self.axis.row("kills");
        let mut columns = vec![0_u64; self.axis.columns];
        let mut known = 0;
        for (at, kills) in &self.course.kills {
            let here = &mut columns[self.axis.column(*at)];
            *here = here.saturating_add(kills.saturating_sub(known));
            known = *kills;
        }
        for (column, kills) in columns.into_iter().enumerate() {
            let mark = match kills {
                0 => continue,
                1 if self.style.ascii => 'x',
                1 => '✗',
                2..10 => char::from_digit(kills as u32, 10).unwrap_or('#'),
                _ => '#',
            };
            row.set(column, mark, Some(Colour::Bad));
        }
        row.note = format!("{known} kill{}", if known == 1 { "" } else { "s" });
        (known > 0).then_some(row)
    }

    /// When the lab looked into the guest: `P` for where the vCPUs run, `M` for memory, `C` for the kernel's counters, `T` for the tasks, a
    /// sysrq letter for itself. What was done at once stands side by side.
    fn probes(&self) -> Option<Row> {
        const WORDS: [(char, &str); 4] = [('P', "P CPU"), ('M', "M mem"), ('C', "C stat"), ('T', "T tasks")];
        let mut row = self.axis.row("probes");
        let (mut marks, mut failed) = (BTreeSet::new(), 0);
        for record in self.records {
            let mark = match record.event {
                Event::Probed { probe: Probe::Profile } => 'P',
                Event::Probed { probe: Probe::Memory } => 'M',
                Event::Probed { probe: Probe::Counters } => 'C',
                Event::Probed { probe: Probe::Tasks } => 'T',
                Event::Probed { probe: Probe::Sysrq(letter) } if letter.is_ascii_alphanumeric() => letter,
                Event::Probed { .. } => '?',
                Event::ProbeFailed { .. } => {
                    failed += 1;
                    continue;
                }
                _ => continue,
            };
            marks.insert(mark);
            let column = self.axis.column(record.at);
            if let Some(free) = (column..self.axis.columns).find(|column| row.is_free(*column)) {
                row.set(free, mark, Some(Colour::Strong));
            }
        }
        let mut words: Vec<&str> =
            WORDS.iter().filter(|(mark, _)| marks.contains(mark)).map(|(_, word)| *word).collect();
        if marks.iter().any(|mark| WORDS.iter().all(|(known, _)| known != mark)) {
            words.push("sysrq");
        }
        row.note = if failed > 0 { format!("{failed} failed") } else { words.join(", ") };
        (!marks.is_empty()).then_some(row)
    }

    /// Points to the last sign of progress before the trouble.
    fn onset(&self) -> Option<Row> {
        let onset = self.course.verdict.as_ref()?.onset?;
        let mut row = self.axis.row("");
        let column = self.axis.column(onset.host);
        row.set(column, if self.style.ascii { '^' } else { '▲' }, Some(Colour::Bad));
        let words = format!("onset {}", seconds(onset.host));
        let at = if column + 2 + words.len() <= self.axis.columns {
            column + 2
        } else {
            column.saturating_sub(words.len() + 1)
        };
        row.write(at, &words, Some(Colour::Bad));
        Some(row)
    }
}

/// Duration of the canary's last round, or of the current one so far.
pub(super) fn latency_us(beat: &Beat) -> u64 {
    let age_us = beat.canary_age_ms.saturating_mul(1000);
    if age_us >= WAITING_US { age_us.max(beat.canary_us) } else { beat.canary_us }
}

fn range(low: String, high: String) -> String {
    if low == high { low } else { format!("{low} to {high}") }
}

fn seconds(at: Stamp) -> String {
    format!("{:.2} s", at.as_secs_f64())
}

pub(super) fn microseconds(us: u64, unit: &str) -> String {
    match us {
        0..1_000 => format!("{us} {unit}"),
        1_000..1_000_000 => format!("{} ms", (us + 500) / 1_000),
        _ => duration(us as f64 / 1e6),
    }
}

pub(super) fn size(kib: u64) -> String {
    let mib = kib as f64 / 1024.0;
    match mib {
        ..10.0 => format!("{mib:.1}M"),
        10.0..10_240.0 => format!("{mib:.0}M"),
        _ => format!("{:.0}G", mib / 1024.0),
    }
}
