//! What the events of a trial say, collected as they are read: a record may be larger than memory.

use crate::report::timeline::latency_us;
use model::{Event, Frame, Memory, Probe, Profile, Record, Spot, Stamp, Tasks, ThreadTime};

/// What the page needs of a trial's events.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    pub(super) end: Stamp,
    pub(super) ram_kib: Option<u64>,
    /// Times of heartbeats.
    pub(super) beats: Vec<Stamp>,
    /// Microseconds of the canary's last round, or of the current one so far.
    pub(super) latencies: Vec<(Stamp, u64)>,
    /// Free memory in KiB, as heartbeats and probes have it.
    pub(super) free: Vec<(Stamp, u64)>,
    /// The latest reading of zones and watermarks.
    pub(super) memory: Option<(Stamp, Memory)>,
    /// Console lines, those of one moment together.
    pub(super) lines: Vec<(Stamp, u64)>,
    /// CPU time of all vCPUs together, and their number.
    pub(super) vcpus: Vec<(Stamp, ThreadTime, usize)>,
    /// How late the lab's own timer was, in microseconds.
    pub(super) late: Vec<(Stamp, u64)>,
    /// The highest PSI `some avg10` of the host's CPUs, in percent.
    pub(super) pressure: Option<f32>,
    /// Probes, and those that failed.
    pub(super) probes: Vec<(Stamp, Probe)>,
    pub(super) failed_probes: Vec<(Stamp, Probe, String)>,
    /// All profiles together.
    pub(super) profile: Option<Profile>,
    /// The latest reading of the tasks.
    pub(super) tasks: Option<(Stamp, Tasks)>,
}

impl Observed {
    /// The next event.
    pub fn observe(&mut self, record: &Record) {
        let at = record.at;
        self.end = self.end.max(at);
        match &record.event {
            Event::Line { .. } => self.count_lines(at, 1),
            Event::LinesDropped { lines, .. } => self.count_lines(at, *lines),
            Event::Agent { frame: Frame::Hello { ram_kib, .. }, .. } => self.ram_kib = Some(*ram_kib),
            Event::Agent { frame: Frame::Beat(beat), .. } => {
                self.beats.push(at);
                self.latencies.push((at, latency_us(beat)));
                self.free.push((at, beat.free_kib));
            }
            Event::Vcpus { threads } => {
                let sum = threads.iter().fold(ThreadTime::default(), |sum, thread| ThreadTime {
                    ran_us: sum.ran_us.saturating_add(thread.ran_us),
                    waited_us: sum.waited_us.saturating_add(thread.waited_us),
                });
                self.vcpus.push((at, sum, threads.len()));
            }
            Event::Host { late_us, psi_cpu_avg10, .. } => {
                self.late.push((at, *late_us));
                self.pressure = self.pressure.into_iter().chain(*psi_cpu_avg10).reduce(f32::max);
            }
            Event::Probed { probe } => self.probes.push((at, *probe)),
            Event::ProbeFailed { probe, why } => self.failed_probes.push((at, *probe, why.clone())),
            Event::Profile { profile } => self.add_profile(profile),
            Event::Memory { memory } => self.read_memory(at, memory),
            Event::Counters { counters } => {
                if let Some(memory) = &counters.memory {
                    self.read_memory(at, memory);
                }
            }
            Event::Tasks { tasks } => self.tasks = Some((at, (**tasks).clone())),
            _ => {}
        }
    }

    fn count_lines(&mut self, at: Stamp, lines: u64) {
        match self.lines.last_mut() {
            Some((last, sum)) if *last == at => *sum = sum.saturating_add(lines),
            _ => self.lines.push((at, lines)),
        }
    }

    fn read_memory(&mut self, at: Stamp, memory: &Memory) {
        self.free.push((at, memory.free_kib));
        if !memory.zones.is_empty() {
            self.memory = Some((at, memory.clone()));
        }
    }

    fn add_profile(&mut self, profile: &Profile) {
        let Some(sum) = &mut self.profile else {
            self.profile = Some(profile.clone());
            return;
        };
        sum.span_ms = sum.span_ms.saturating_add(profile.span_ms);
        for (total, more) in [
            (&mut sum.samples, profile.samples),
            (&mut sum.user, profile.user),
            (&mut sum.irqs_off, profile.irqs_off),
            (&mut sum.idle, profile.idle),
            (&mut sum.stacks, profile.stacks),
        ] {
            *total = total.saturating_add(more);
        }
        add_spots(&mut sum.spots, &profile.spots);
        add_spots(&mut sum.callers, &profile.callers);
    }
}

fn add_spots(sum: &mut Vec<Spot>, more: &[Spot]) {
    for spot in more {
        match sum.iter_mut().find(|known| known.symbol == spot.symbol) {
            Some(known) => known.samples = known.samples.saturating_add(spot.samples),
            None => sum.push(spot.clone()),
        }
    }
    sum.sort_by_key(|spot| std::cmp::Reverse(spot.samples));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_add_up() {
        let spot = |symbol: &str, samples| Spot { symbol: symbol.to_owned(), samples };
        let profile = |spots: Vec<Spot>| Profile { samples: 10, span_ms: 5, spots, ..Profile::default() };
        let mut observed = Observed::default();
        for (us, spots) in [(1, vec![spot("a", 6), spot("b", 4)]), (9, vec![spot("b", 7)])] {
            let event = Event::Profile { profile: profile(spots) };
            observed.observe(&Record { at: Stamp::from_micros(us), event });
        }
        let sum = observed.profile.unwrap();
        assert_eq!((sum.samples, sum.span_ms, sum.spots), (20, 10, vec![spot("b", 11), spot("a", 6)]));
        assert_eq!(observed.end, Stamp::from_micros(9));
    }

    #[test]
    fn lines_of_one_moment_are_one_entry() {
        let mut observed = Observed::default();
        for us in [1, 1, 2] {
            let event = Event::Line { text: String::new() };
            observed.observe(&Record { at: Stamp::from_micros(us), event });
        }
        assert_eq!(observed.lines, [(Stamp::from_micros(1), 2), (Stamp::from_micros(2), 1)]);
    }
}
