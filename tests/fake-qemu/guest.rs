//! Plays a script.

use super::script::Step;
use super::sockets::{self, Client};
use kmsg::console::encode_frame;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

/// Poll interval of an idle fake guest: thousands of them share the host.
const IDLE: Duration = Duration::from_millis(50);

/// Shared state: set by the script's steps and by QMP commands.
#[derive(Default)]
pub struct State {
    pub spin: AtomicBool,
    pub ignore_term: AtomicBool,
    pub qmp_hang: AtomicBool,
    pub quit: AtomicBool,
    pub paused: AtomicBool,
    /// Whether the run state is `internal-error`; then `paused` is set too.
    pub kvm_error: AtomicBool,
    pub break_seen: AtomicBool,
    pub no_break: AtomicBool,
    pub no_sysrq: AtomicBool,
    /// The sysrq letter that kills it, as a code point; 0 for none.
    pub fatal: AtomicU32,
    /// Whether it knows the command `set-action`.
    pub has_set_action: AtomicBool,
    /// Whether `set-action` has been executed.
    pub pauses_on_shutdown: AtomicBool,
    pub pc: AtomicU64,
    /// Thread id of the vCPU; 0 until the thread has started.
    pub vcpu: AtomicI32,
}

pub fn play(steps: &[Step], kvm: bool, serial: &Path, qmp: &Path) -> ExitCode {
    let state = Arc::new(State::default());
    start_vcpu(&state);
    state.has_set_action.store(steps.iter().any(|step| matches!(step, Step::Down(_))), Relaxed);
    let mut guest = Guest {
        serial: sockets::serial(serial, Arc::clone(&state)),
        qmp: sockets::qmp(qmp, Arc::clone(&state)),
        state,
        kvm,
        sequence: 0,
        rounds: 1,
        began: now(),
    };
    guest.wait_for_the_lab();
    for step in steps {
        if let Some(code) = guest.step(step) {
            return guest.end(code);
        }
    }
    guest.end(0)
}

struct Guest {
    serial: Client,
    qmp: Client,
    state: Arc<State>,
    kvm: bool,
    sequence: u32,
    rounds: u64,
    began: Instant,
}

impl Guest {
    fn wait_for_the_lab(&self) {
        let start = now();
        let deadline = start + Duration::from_secs(600);
        let configured = || self.state.pauses_on_shutdown.load(Relaxed) || !self.state.has_set_action.load(Relaxed);
        while !(self.serial.is_connected() && self.qmp.is_connected() && configured()) && now() < deadline {
            // A thousand of them wait at the same time.
            pause((start.elapsed() / 16).clamp(Duration::from_millis(1), IDLE));
        }
    }

    /// Plays one step; an exit status ends the guest.
    fn step(&mut self, step: &Step) -> Option<u8> {
        match step {
            Step::Say(text) => self.serial.send(format!("{text}\r\n").as_bytes()),
            Step::Part(text) => self.serial.send(text.as_bytes()),
            Step::Frame(fields) => self.frame(fields),
            Step::Beats { count, every, moving } => {
                for _ in 0..*count {
                    if self.sleep(*every) {
                        return Some(0);
                    }
                    self.beat(*moving);
                }
            }
            Step::Flood(mib) => self.repeat(*mib, b"[    1.000000] the same line again and again and again\r\n"),
            Step::Repeat(mib, text) => self.repeat(*mib, format!("{text}\r\n").as_bytes()),
            Step::Garbage(mib) => self.repeat(*mib, &[0xff, 0x00, 0x1b, b'[', b'x', 0xc3, 0x28, b'@']),
            Step::Sleep(time) => {
                if self.sleep(*time) {
                    return Some(0);
                }
            }
            Step::Event(name, reason) => self.event(name, reason),
            Step::Down(reason) => {
                self.event("SHUTDOWN", reason);
                self.state.spin.store(false, Relaxed);
                self.state.paused.store(true, Relaxed);
                self.event("STOP", "");
                while !self.sleep(Duration::from_secs(3600)) {}
                return Some(0);
            }
            Step::Spin(on) => self.state.spin.store(*on, Relaxed),
            Step::At(pc) => self.state.pc.store(*pc, Relaxed),
            Step::IgnoreTerm => {
                self.state.ignore_term.store(true, Relaxed);
                ignore_sigterm();
            }
            Step::KvmError if self.kvm => {
                eprintln!("KVM internal error. Suberror: 1\nemulation failure");
                self.state.kvm_error.store(true, Relaxed);
                self.state.paused.store(true, Relaxed);
                self.event("STOP", "");
                while !self.sleep(Duration::from_secs(3600)) {}
                return Some(0);
            }
            Step::KvmError => {}
            Step::QmpHang => self.state.qmp_hang.store(true, Relaxed),
            Step::NoBreak => self.state.no_break.store(true, Relaxed),
            Step::Fatal(letter) => self.state.fatal.store(u32::from(*letter), Relaxed),
            Step::NoSysrq => self.state.no_sysrq.store(true, Relaxed),
            Step::Stderr(text) => eprintln!("{text}"),
            Step::Exit(code) => return Some(*code),
            Step::Abort => std::process::abort(),
            Step::Hang => {
                while !self.sleep(Duration::from_secs(3600)) {}
                return Some(0);
            }
        }
        None
    }

    fn event(&self, name: &str, reason: &str) {
        let event = format!("{{\"event\": \"{name}\", \"data\": {{\"guest\": true, \"reason\": \"{reason}\"}}}}\n");
        self.qmp.send(event.as_bytes());
    }

    fn end(&self, code: u8) -> ExitCode {
        self.serial.close();
        self.qmp.close();
        ExitCode::from(code)
    }

    fn frame(&mut self, fields: &str) {
        let body = format!("{} {fields}", self.sequence);
        self.sequence += 1;
        self.serial.send(format!("{}\r\n", encode_frame(&body)).as_bytes());
    }

    fn beat(&mut self, moving: bool) {
        self.rounds += u64::from(moving);
        let ms = self.began.elapsed().as_millis();
        let rounds = self.rounds;
        self.frame(&format!("beat t={ms} free=1000 rounds={rounds} us=50 age=0 kills=0 reclaim=0 units=0"));
    }

    fn repeat(&self, mib: u64, piece: &[u8]) {
        let block = piece.repeat(64 * 1024 / piece.len());
        for _ in 0..mib * 16 {
            self.serial.send(&block);
        }
    }

    /// Sleeps; returns early with `true` on QMP `quit`.
    fn sleep(&self, time: Duration) -> bool {
        let until = now() + time;
        while now() < until {
            if self.state.quit.load(Relaxed) {
                return true;
            }
            pause((until - now()).min(IDLE));
        }
        false
    }
}

fn start_vcpu(state: &Arc<State>) {
    let shared = Arc::clone(state);
    std::thread::spawn(move || {
        shared.vcpu.store(rustix::thread::gettid().as_raw_nonzero().get(), Relaxed);
        loop {
            if !shared.spin.load(Relaxed) {
                pause(IDLE);
            }
        }
    });
    while state.vcpu.load(Relaxed) == 0 {
        pause(Duration::from_millis(1));
    }
}

fn ignore_sigterm() {
    const SIGTERM: i32 = 15;
    const SIG_IGN: usize = 1;
    unsafe extern "C" {
        fn signal(signum: i32, handler: usize) -> usize;
    }
    // SAFETY: it only changes this process's disposition of SIGTERM.
    unsafe {
        signal(SIGTERM, SIG_IGN);
    }
}

#[expect(clippy::disallowed_methods, reason = "a fake guest has a clock of its own")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a fake guest's waiting is what its script says")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
