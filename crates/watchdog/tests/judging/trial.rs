//! A made-up trial, second by second.

use model::{
    Beat, Counters, Event, Evidence, Frame, Memory, Probe, Profile, QmpEvent, Record, ShutdownCause, Spot, Stamp,
    Tasks, ThreadTime, Timeouts, Verdict, VmEvents, Zone,
};
use std::collections::{BTreeMap, VecDeque};
use watchdog::{Action, Setup, Watchdog, replay};

/// What the guest and the host answer when the watchdog looks into the guest.
#[derive(Default)]
pub struct Answers {
    pub profile: Option<Profile>,
    /// One after the other; the last one for good.
    pub memory: VecDeque<Memory>,
    /// The kernel's counters when they are first looked at, and what they grow by in a second; `None` if they cannot be read.
    pub counters: Option<(Counters, Counters)>,
    /// The tasks; `None` if they cannot be read.
    pub tasks: Option<Tasks>,
    /// Console lines by sysrq letter; a letter that is not here gets no answer.
    pub sysrq: BTreeMap<char, Vec<String>>,
    /// Why no sysrq letter can be sent.
    pub unasked: Option<String>,
}

/// Plays a trial second by second; ticks come when the watchdog asks for them.
pub struct Trial {
    pub setup: Setup,
    pub watchdog: Watchdog,
    pub records: Vec<Record>,
    pub now_s: f64,
    pub beat: Beat,
    cpu: ThreadTime,
    pub answers: Answers,
    pub probes: Vec<(u64, Probe)>,
    /// Whether the canary recovers when sysrq-f has killed a task.
    pub recovers: bool,
}

impl Trial {
    pub fn new(agent: bool) -> Self {
        let setup = Setup::new(agent, Timeouts { boot_s: 30.0, load_s: 60.0, stuck_s: 4.0 });
        let mut trial = Self {
            watchdog: Watchdog::new(setup.clone()),
            setup,
            records: Vec::new(),
            now_s: 0.0,
            beat: Beat { canary_rounds: 1, ..Beat::default() },
            cpu: ThreadTime::default(),
            answers: Answers::default(),
            probes: Vec::new(),
            recovers: false,
        };
        trial.event(Event::Spawned { pid: 1 });
        trial
    }

    pub fn booted() -> Self {
        let mut trial = Self::new(true);
        trial.line("[    0.000000] Linux version 6.1");
        trial.hello();
        trial
    }

    /// The agent comes up and starts the workload.
    pub fn hello(&mut self) {
        self.frame(Frame::Hello { version: 1, arch: "x".to_owned(), page_bytes: 4096, ram_kib: 30000 });
        self.frame(Frame::Speed { loop_us: 1000 });
        self.frame(Frame::Started { workload: "w".to_owned(), pid: 20, results: None });
        self.frame(Frame::Beat(self.beat));
    }

    pub fn event(&mut self, event: Event) {
        let at = Stamp::from_secs_f64(self.now_s);
        self.records.push(Record { at, event: event.clone() });
        for action in self.watchdog.observe(at, &event) {
            if let Action::Probe(probe) = action {
                self.answer(probe);
            }
        }
    }

    fn answer(&mut self, probe: Probe) {
        if probe != Probe::Counters && (probe != Probe::Tasks || self.answers.tasks.is_some()) {
            self.probes.push((self.now_s as u64, probe));
        }
        self.event(Event::Probed { probe });
        match probe {
            Probe::Profile => {
                self.answers.profile.clone().into_iter().for_each(|profile| self.event(Event::Profile { profile }));
            }
            Probe::Memory => {
                let memories = &mut self.answers.memory;
                let next = if memories.len() > 1 { memories.pop_front() } else { memories.front().cloned() };
                next.into_iter().for_each(|memory| self.event(Event::Memory { memory }));
            }
            Probe::Counters => {
                let event = match &self.answers.counters {
                    Some((first, rates)) => Event::Counters { counters: Box::new(grown(first, rates, self.now_s)) },
                    None => Event::ProbeFailed { probe, why: "no symbols".to_owned() },
                };
                self.event(event);
            }
            Probe::Tasks => {
                let event = match self.answers.tasks.clone() {
                    Some(tasks) => Event::Tasks { tasks: Box::new(tasks) },
                    None => Event::ProbeFailed { probe, why: "no debug information".to_owned() },
                };
                self.event(event);
            }
            Probe::Sysrq(letter) => {
                if let Some(why) = self.answers.unasked.clone() {
                    return self.event(Event::ProbeFailed { probe, why });
                }
                let lines = self.answers.sysrq.get(&letter).cloned().unwrap_or_default();
                lines.iter().for_each(|line| self.line(line));
                if letter == 'f' && self.recovers {
                    self.beat.canary_rounds += 1;
                }
            }
        }
    }

    pub fn frame(&mut self, frame: Frame) {
        self.event(Event::Agent { seq: 0, frame });
    }

    pub fn line(&mut self, text: &str) {
        self.event(Event::Line { text: text.to_owned() });
    }

    /// Lets a second pass in which the vCPU ran and waited for so long, with a beat or without one.
    pub fn second(&mut self, ran: f64, waited: f64, beat: bool) {
        let until = self.now_s + 1.0;
        while let Some(deadline) = self.watchdog.deadline().filter(|stamp| stamp.as_secs_f64() < until) {
            self.now_s = self.now_s.max(deadline.as_secs_f64());
            self.event(Event::Tick);
        }
        self.now_s = until;
        self.cpu.ran_us += (ran * 1e6) as u64;
        self.cpu.waited_us += (waited * 1e6) as u64;
        self.event(Event::Vcpus { threads: vec![self.cpu] });
        if beat {
            self.beat.mono_ms += 1000;
            self.frame(Frame::Beat(self.beat));
        }
    }

    pub fn seconds(&mut self, count: u32, ran: f64, waited: f64, beat: bool) {
        (0..count).for_each(|_| self.second(ran, waited, beat));
    }

    /// Seconds until the verdict, at most `most`.
    pub fn until_verdict(&mut self, most: u32, ran: f64, waited: f64, beat: bool) -> u32 {
        let begin = self.now_s;
        while self.watchdog.verdict().is_none() && self.now_s - begin < f64::from(most) {
            self.second(ran, waited, beat);
        }
        (self.now_s - begin) as u32
    }

    pub fn kill(&mut self) {
        self.line("[    0.560000] hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=500");
        self.line("[    0.564737] Out of memory: Killed process 26 (hog) total-vm:6228kB, anon-rss:0kB");
    }

    pub fn exit(&mut self, code: Option<i32>, signal: Option<i32>) {
        let stderr = "could not load kernel".to_owned();
        self.event(Event::Exited { code, signal, stderr, host_oom: false, oom_limit: None });
    }

    pub fn power_off(&mut self) {
        self.event(Event::Qmp { what: QmpEvent::Shutdown(ShutdownCause::GuestShutdown) });
        self.exit(Some(0), None);
    }

    pub fn verdict(&self) -> Verdict {
        let verdict = self.watchdog.verdict().expect("a verdict");
        assert_eq!(replay(self.setup.clone(), &self.records), Some(verdict.clone()), "a replay judges alike");
        assert!(!verdict.rule.is_lab() && !verdict.summary.is_empty());
        verdict
    }
}

pub fn finish(status: i32) -> Frame {
    Frame::Finished {
        status,
        units: 7,
        why: if status == 0 { String::new() } else { "mmap-failed".to_owned() },
        errno: 0,
    }
}

/// The counters after so many seconds.
fn grown(first: &Counters, rates: &Counters, seconds: f64) -> Counters {
    let after = |old: Option<u64>, rate: Option<u64>| old.map(|old| old + (rate.unwrap_or(0) as f64 * seconds) as u64);
    let mut counters = first.clone();
    counters.jiffies = after(first.jiffies, rates.jiffies);
    counters.events.pgalloc = after(first.events.pgalloc, rates.events.pgalloc);
    counters.events.allocstall = after(first.events.allocstall, rates.events.allocstall);
    for (cpu, rate) in counters.cpus.iter_mut().zip(&rates.cpus) {
        cpu.accounted_ns = after(cpu.accounted_ns, rate.accounted_ns);
    }
    counters
}

/// Counters of a kernel with one zone of memory, which grow by so much a second.
pub fn counters(free_kib: u64, pgalloc: u64, allocstall: u64, jiffies: u64) -> (Counters, Counters) {
    let of = |pgalloc, allocstall, jiffies| Counters {
        jiffies: Some(jiffies),
        events: VmEvents { pgalloc: Some(pgalloc), allocstall: Some(allocstall), ..VmEvents::default() },
        ..Counters::default()
    };
    let first = Counters { memory: Some(memory(free_kib, 1000, 0)), panicked: Some(false), ..of(5000, 3, 1000) };
    (first, of(pgalloc, allocstall, jiffies))
}

fn spots(spots: &[(&str, u32)]) -> Vec<Spot> {
    spots.iter().map(|(symbol, samples)| Spot { symbol: (*symbol).to_owned(), samples: *samples }).collect()
}

/// 100 samples and 25 stacks in two seconds, busy in the kernel with interrupts on.
pub fn profile(here: &[(&str, u32)], callers: &[(&str, u32)]) -> Profile {
    Profile {
        span_ms: 2000,
        samples: 100,
        user: 0,
        irqs_off: 0,
        idle: 0,
        stacks: 25,
        spots: spots(here),
        callers: spots(callers),
    }
}

/// One zone with these figures, and as much on the LRU lists.
pub fn memory(free_kib: u64, min_kib: u64, lru_kib: u64) -> Memory {
    let zone = Zone {
        name: "DMA32".to_owned(),
        free_kib: Some(free_kib),
        min_kib,
        low_kib: min_kib * 5 / 4,
        high_kib: min_kib * 3 / 2,
    };
    let lru_kib = vec![("inactive_anon".to_owned(), lru_kib)];
    Memory { free_kib, zones: vec![zone], lru_kib, ..Memory::default() }
}

/// The function with the most samples, where this is a profile.
pub fn top_function(evidence: &Evidence) -> Option<&str> {
    let Evidence::Profile(profile) = evidence else { return None };
    profile.functions.first().map(|function| function.symbol.as_str())
}

/// The phrases of the evidence.
pub fn phrases(verdict: &Verdict) -> Vec<String> {
    verdict.evidence.iter().map(ToString::to_string).collect()
}
