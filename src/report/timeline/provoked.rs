//! What the lab itself made the kernel do: sysrq-f, the kill that it caused, and the canary's recovery.

use super::{Chart, Colour, Row};
use model::{Event, Frame, Probe, Record, Stage, Stamp};

impl Chart<'_> {
    /// The provoked kill and the recovery up to the verdict, if sysrq-f was sent.
    pub(super) fn provoked(&self) -> Option<Row> {
        let sent = self.records.iter().position(|record| record.event == Event::Probed { probe: Probe::Sysrq('f') })?;
        let (before, after) = self.records.split_at(sent);
        let judged = self.course.stages.iter().find(|(_, stage)| *stage == Stage::Judged).map(|(at, _)| *at);
        let after = after.iter().take_while(|record| judged.is_none_or(|judged| record.at <= judged));
        let rounds = before.iter().rev().find_map(canary_rounds);
        let kill = after.clone().find(|record| is_kill(record)).map(|record| record.at);
        let back = after.clone().find(|record| canary_rounds(record).is_some_and(|now| Some(now) != rounds));
        let back = back.map(|record| record.at).filter(|_| rounds.is_some());
        let mut row = self.axis.row("sysrq-f");
        let (killed, recovered) = if self.style.ascii { ('x', '^') } else { ('✗', '↑') };
        let marks = [(Some(after.clone().next()?.at), 'f'), (kill, killed), (back, recovered)];
        let mut from = 0;
        for (at, mark) in marks {
            let Some(at) = at else { continue };
            // What was at once stands side by side.
            let column = self.axis.column(at).max(from);
            row.set(column, mark, Some(Colour::Known));
            from = column + 1;
        }
        row.note = match (kill, back) {
            (None, _) => "no kill".to_owned(),
            (Some(_), None) if after.clone().any(has_finished) => "kill, workload finished".to_owned(),
            (Some(_), None) => "kill, canary stuck".to_owned(),
            (Some(_), Some(at)) => format!("kill, back at {}", seconds(at)),
        };
        Some(row)
    }
}

fn seconds(at: Stamp) -> String {
    format!("{:.1}", at.as_secs_f64())
}

/// Rounds that the canary has finished, if this is a beat.
const fn canary_rounds(record: &Record) -> Option<u64> {
    match record.event {
        Event::Agent { frame: Frame::Beat(beat), .. } => Some(beat.canary_rounds),
        _ => None,
    }
}

/// Whether the workload finished as it should.
const fn has_finished(record: &Record) -> bool {
    matches!(record.event, Event::Agent { frame: Frame::Finished { status: 0, .. }, .. })
}

/// `mm/oom_kill.c`, `__oom_kill_process()`.
fn is_kill(record: &Record) -> bool {
    matches!(&record.event, Event::Line { text } if text.contains("Killed process "))
}
