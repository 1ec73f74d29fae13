//! Steals CPU time from a guest, as an overloaded host does: `SIGSTOP` and `SIGCONT` to its QEMU.

use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Period of a stop and a run. A lock that the guest holds during a stop is held for many ticks of its clock; all timeouts of
/// the lab for QEMU are longer.
const PERIOD: Duration = Duration::from_millis(500);

/// Stops QEMU periodically until dropped, which resumes it.
#[derive(Debug)]
pub(super) struct VcpuThrottle(JoinHandle<()>);

impl VcpuThrottle {
    /// Stops the process `pid` for `percent` of each period of 500 ms. Its exit is no error.
    ///
    /// # Errors
    /// When pidfd_open(2) fails.
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

/// Stops the process until dropped.
struct StopGuard<'p>(&'p OwnedFd);

impl<'p> StopGuard<'p> {
    fn begin(process: &'p OwnedFd) -> Self {
        // ESRCH: it has exited.
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
