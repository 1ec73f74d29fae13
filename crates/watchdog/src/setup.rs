//! Fixed properties of a trial.

use model::{AlsoKind, Cell, Initrd, Payload, TestFormat, Timeouts};

/// Name of the agent's processes, PID 1 and its canary: that of `/init` (`images/agent/main.c`).
pub(super) const AGENT_COMM: &str = "init";

/// Microseconds that the agent's calibration loop may take without the guest counting as slow. An idle host of today emulates
/// it in about 1,000; four times that is within what other work on the host makes of it.
/// Guests that need longer get proportionally more time; faster ones get no less.
pub const NOMINAL_LOOP_US: u64 = 4_000;

/// How far a slow calibration may stretch a deadline: the guest is hostile and may claim anything.
const MAX_SLOWNESS: f64 = 20.0;

/// Bytes of a long report of the kernel, of an OOM kill with its table of tasks: on a slow console a beat may stand behind
/// one.
const REPORT_BYTES: f64 = 16_384.0;

/// Fixed properties of a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Whether the guest runs the lab's agent; without it, console and host alone are judged.
    pub agent: bool,
    /// Whether frames on the console are an agent's: those of a user's initramfs are no evidence.
    pub frames: bool,
    /// What a guest without the agent is expected to do.
    pub expects: Expects,
    /// The stages' time limits.
    pub timeouts: Timeouts,
    /// The share of the time for which the lab itself stops the vCPUs while the workload runs.
    pub stop_share: f64,
    /// Reports of the kernel with which the trial does not pass.
    pub fail_on: Vec<AlsoKind>,
    /// The form of the results that the workload's script prints; `None` for a program of the lab's.
    pub results: Option<TestFormat>,
    /// Whether the lab runs the test over SSH.
    pub ssh: bool,
}

/// What a guest without the agent is expected to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expects {
    /// Text on its console that says that its test has passed.
    pub until: Option<String>,
    /// Whether it may print nothing at all.
    pub silence: bool,
}

impl Expects {
    fn of(payload: &Payload) -> Self {
        match payload {
            Payload::Workload { .. } => Self::default(),
            Payload::Initrd(Initrd { until, is_silent, .. }) => Self { until: until.clone(), silence: *is_silent },
        }
    }
}

impl Setup {
    /// With plain limits, for a guest with the agent or one without.
    pub fn new(agent: bool, timeouts: Timeouts) -> Self {
        Self {
            agent,
            frames: true,
            expects: Expects::default(),
            timeouts,
            stop_share: 0.0,
            fail_on: Vec::new(),
            results: None,
            ssh: false,
        }
    }

    /// For a trial of this cell.
    pub fn of(cell: &Cell) -> Self {
        let mut timeouts = cell.timeouts;
        if let Some(bps) = cell.faults.console_bps {
            timeouts.stuck_s += REPORT_BYTES / bps.get() as f64;
        }
        Self {
            agent: matches!(cell.payload, Payload::Workload { .. }),
            frames: !matches!(cell.payload, Payload::Initrd(Initrd { path: Some(_), .. })),
            expects: Expects::of(&cell.payload),
            timeouts,
            stop_share: f64::from(cell.faults.vcpu_steal.unwrap_or(0)) / 100.0,
            fail_on: cell.fail_on.clone(),
            results: cell.needs.script.as_ref().map(|script| script.results),
            ssh: cell.needs.root_disk().is_some(),
        }
    }

    /// By how much a guest with this calibration is slower than the nominal one; from 1 to 20.
    pub fn slowness(&self, loop_us: Option<u64>) -> f64 {
        loop_us.map_or(1.0, |us| (us as f64 / NOMINAL_LOOP_US as f64).clamp(1.0, MAX_SLOWNESS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Axes, Canary, Expectation, Faults, Needs, RamMib};
    use std::collections::BTreeMap;
    use std::num::NonZeroU64;

    fn cell(payload: Payload, faults: Faults) -> Cell {
        Cell {
            id: "cell".into(),
            kernel: "linux-6.1".into(),
            arch: "riscv64-nommu".parse().unwrap(),
            ram: RamMib(32),
            vcpus: 1,
            payload,
            needs: Needs::default(),
            faults,
            canary: Canary::default(),
            axes: Axes::default(),
            append: Vec::new(),
            qemu: Vec::new(),
            timeouts: Timeouts { boot_s: 30.0, load_s: 60.0, stuck_s: 4.0 },
            repeat: 1,
            expect: Expectation::pass(),
            fail_on: vec![AlsoKind::Warning],
            quarantine: Vec::new(),
        }
    }

    #[test]
    fn setup_accounts_for_faults() {
        let workload = Payload::Workload { name: "idle".into(), options: BTreeMap::new() };
        let plain = Setup::of(&cell(workload.clone(), Faults::default()));
        assert_eq!((plain.agent, plain.timeouts.stuck_s, plain.stop_share), (true, 4.0, 0.0));
        assert_eq!(plain.fail_on, [AlsoKind::Warning]);
        let faults = Faults { console_bps: NonZeroU64::new(2048), vcpu_steal: Some(75), ..Faults::default() };
        let slow = Setup::of(&cell(workload, faults));
        assert_eq!((slow.timeouts.stuck_s, slow.stop_share), (12.0, 0.75));
        assert!(!Setup::of(&cell(Payload::Initrd(Initrd::default()), Faults::default())).agent);
    }

    #[test]
    fn slowness_is_bounded() {
        let setup = Setup::new(true, Timeouts::default());
        let slowness = [None, Some(100), Some(8_000), Some(u64::MAX)].map(|loop_us| setup.slowness(loop_us));
        assert_eq!(slowness, [1.0, 1.0, 2.0, 20.0]);
    }
}
