//! The log buffers of real kernels, read from outside.

use super::machine::Machine;
use model::{Stamp, Step};
use oomlab::probe::Finding;

/// The first line of the log and one of the last, each with its time.
async fn assert_log_read(arch: &'static str, kernel: &'static str, ram: &'static str) {
    let machine = Machine { arch, kernel, ram, vcpus: 1, workload: "idle", options: &[("ms", "60000")] };
    let mut guest = machine.start().await;
    guest.until(" beat ").await;
    let prober = guest.prober.clone();
    let collecting = async move { prober.collect(Step::KernelLog, Stamp::from_micros(0)).await };
    let Finding::KernelLog(log) = guest.meanwhile(collecting).await.unwrap() else { panic!("no log") };
    let last = log.lines().last().unwrap_or_default();
    assert!(log.lines().any(|line| line.starts_with("[    0.000000] Linux version ")), "{arch}: {log}");
    assert!(log.contains("] Run /init as init process\n") && !last.starts_with("[    0.000000]"), "{arch}: {log}");
}

#[tokio::test]
async fn log_is_read_where_its_variables_are_symbols() {
    assert_log_read("x86_64", "debian-6.1", "128M").await;
    assert_log_read("riscv64-nommu", "linux-7.3", "32M").await;
}

#[tokio::test]
async fn log_is_read_where_only_functions_are_symbols() {
    assert_log_read("aarch64", "debian-6.1", "128M").await;
    assert_log_read("arm", "debian-6.1", "128M").await;
}
