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

/// How long a fake guest that does nothing sleeps at a time: thousands of them share the host.
const IDLE: Duration = Duration::from_millis(50);

/// What the script has switched on, and what QMP has asked for.
#[derive(Default)]
pub struct Switches {
    pub burn: AtomicBool,
    pub stubborn: AtomicBool,
    pub deaf: AtomicBool,
    pub quit: AtomicBool,
    pub paused: AtomicBool,
    /// Whether it is paused for good.
    pub broken: AtomicBool,
    pub break_seen: AtomicBool,
    pub no_break: AtomicBool,
    pub numb: AtomicBool,
    /// The sysrq letter that it dies of; 0 for none.
    pub fatal: AtomicU32,
    /// Whether it can keep a machine that is down.
    pub keeps: AtomicBool,
    /// Whether it was told to.
    pub kept: AtomicBool,
    pub pc: AtomicU64,
    pub vcpu: AtomicI32,
}

pub fn play(steps: &[Step], kvm: bool, serial: &Path, qmp: &Path) -> ExitCode {
    let switches = Arc::new(Switches::default());
    start_vcpu(&switches);
    switches.keeps.store(steps.iter().any(|step| matches!(step, Step::Down(_))), Relaxed);
    let mut guest = Guest {
        serial: sockets::serial(serial, Arc::clone(&switches)),
        qmp: sockets::qmp(qmp, Arc::clone(&switches)),
        switches,
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
    switches: Arc<Switches>,
    kvm: bool,
    sequence: u32,
    rounds: u64,
    began: Instant,
}

impl Guest {
    fn wait_for_the_lab(&self) {
        let start = now();
        let deadline = start + Duration::from_secs(600);
        let told = || self.switches.kept.load(Relaxed) || !self.switches.keeps.load(Relaxed);
        while !(self.serial.is_connected() && self.qmp.is_connected() && told()) && now() < deadline {
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
            Step::Garbage(mib) => self.repeat(*mib, &[0xff, 0x00, 0x1b, b'[', b'x', 0xc3, 0x28, b'@']),
            Step::Sleep(time) => {
                if self.sleep(*time) {
                    return Some(0);
                }
            }
            Step::Event(name, reason) => self.event(name, reason),
            Step::Down(reason) => {
                self.event("SHUTDOWN", reason);
                self.switches.burn.store(false, Relaxed);
                self.switches.paused.store(true, Relaxed);
                self.event("STOP", "");
                while !self.sleep(Duration::from_secs(3600)) {}
                return Some(0);
            }
            Step::Burn(on) => self.switches.burn.store(*on, Relaxed),
            Step::At(pc) => self.switches.pc.store(*pc, Relaxed),
            Step::Stubborn => {
                self.switches.stubborn.store(true, Relaxed);
                ignore_sigterm();
            }
            Step::Broken if self.kvm => {
                eprintln!("KVM internal error. Suberror: 1\nemulation failure");
                self.switches.broken.store(true, Relaxed);
                self.switches.paused.store(true, Relaxed);
                self.event("STOP", "");
                while !self.sleep(Duration::from_secs(3600)) {}
                return Some(0);
            }
            Step::Broken => {}
            Step::Deaf => self.switches.deaf.store(true, Relaxed),
            Step::NoBreak => self.switches.no_break.store(true, Relaxed),
            Step::Fatal(letter) => self.switches.fatal.store(u32::from(*letter), Relaxed),
            Step::Numb => self.switches.numb.store(true, Relaxed),
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

    /// Sleeps; whether QMP asked to quit meanwhile.
    fn sleep(&self, time: Duration) -> bool {
        let until = now() + time;
        while now() < until {
            if self.switches.quit.load(Relaxed) {
                return true;
            }
            pause((until - now()).min(IDLE));
        }
        false
    }
}

fn start_vcpu(switches: &Arc<Switches>) {
    let shared = Arc::clone(switches);
    std::thread::spawn(move || {
        shared.vcpu.store(rustix::thread::gettid().as_raw_nonzero().get(), Relaxed);
        loop {
            if !shared.burn.load(Relaxed) {
                pause(IDLE);
            }
        }
    });
    while switches.vcpu.load(Relaxed) == 0 {
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
