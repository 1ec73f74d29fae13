//! A guest that gets no CPU now and then, as on a host that has none to spare: `SIGSTOP` and `SIGCONT` to its QEMU.

use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// One burst and the time until the next. Whoever holds a lock inside the guest in a burst holds it for many ticks of its
/// clock, and the lab's own waits for QEMU are longer.
const PERIOD: Duration = Duration::from_millis(500);

/// Goes on until it is dropped; the guest runs then.
#[derive(Debug)]
pub(super) struct VcpuThrottle(JoinHandle<()>);

impl VcpuThrottle {
    /// Holds the process `pid` for `percent` of the time. A process that has ended is no error: the guest's end is told
    /// elsewhere.
    ///
    /// # Errors
    /// When the operating system gives no handle to the process.
    pub fn begin(pid: u32, percent: u32) -> std::io::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or(std::io::ErrorKind::NotFound)?;
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        let held = PERIOD * percent.min(100) / 100;
        Ok(Self(tokio::spawn(async move {
            loop {
                let guard = StopGuard::begin(&process);
                sleep(held).await;
                drop(guard);
                sleep(PERIOD.saturating_sub(held)).await;
            }
        })))
    }
}

impl Drop for VcpuThrottle {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The process is stopped for as long as this lives, however its end comes.
struct StopGuard<'p>(&'p OwnedFd);

impl<'p> StopGuard<'p> {
    fn begin(process: &'p OwnedFd) -> Self {
        // ESRCH: it has ended.
        let _ = pidfd_send_signal(process, Signal::STOP);
        Self(process)
    }
}

impl Drop for StopGuard<'_> {
    fn drop(&mut self) {
        let _ = pidfd_send_signal(self.0, Signal::CONT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::is_stopped;
    use std::process::Command;

    async fn reaches(pid: u32, stopped: bool) -> bool {
        for _ in 0..1000 {
            if is_stopped(pid) == stopped {
                return true;
            }
            sleep(Duration::from_millis(10)).await;
        }
        false
    }

    #[tokio::test]
    async fn a_process_is_held_again_and_again_and_runs_in_the_end() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let throttle = VcpuThrottle::begin(child.id(), 50).unwrap();
        let seen = [reaches(child.id(), true).await, reaches(child.id(), false).await, reaches(child.id(), true).await];
        drop(throttle);
        let runs = reaches(child.id(), false).await;
        sleep(PERIOD).await;
        let still = !is_stopped(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((seen, runs, still), ([true; 3], true, true));
    }

    #[tokio::test]
    async fn one_that_has_ended_is_left_alone() {
        let mut child = Command::new("true").spawn().unwrap();
        let throttle = VcpuThrottle::begin(child.id(), 95).unwrap();
        child.wait().unwrap();
        sleep(PERIOD * 2).await;
        assert!(!throttle.0.is_finished());
    }
}
