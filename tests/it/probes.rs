//! Real guests, looked into from outside.

use crate::support::machine;
mod counters;
mod logs;
mod tasks;

use machine::{Machine, Running};
use model::{Event, Probe, Profile, QmpEvent, Spot};
use qapi_qmp::{cont, query_status, stop};

const LIVELOCK: Machine = Machine {
    arch: "riscv64-nommu",
    kernel: "linux-7.3",
    ram: "32M",
    vcpus: 1,
    workload: "zombie-victim",
    options: &[],
};

async fn profile(guest: &mut Running) -> Profile {
    match guest.look(Probe::Profile).await {
        Some(Event::Profile { profile }) => profile,
        other => panic!("{other:?}"),
    }
}

/// Samples in functions, and samples with callers, whose names have one of these in them.
fn seen(spots: &[Spot], names: &[&str]) -> u32 {
    let named = spots.iter().filter(|spot| names.iter().any(|name| spot.symbol.contains(name)));
    named.map(|spot| spot.samples).sum()
}

#[tokio::test]
async fn a_livelock_without_an_mmu_shows_its_functions() {
    let mut guest = LIVELOCK.start().await;
    guest.until("Killed process").await;
    guest.until(" beat ").await;
    let profile = profile(&mut guest).await;
    assert!(profile.samples >= 32 && profile.span_ms >= 1500, "{profile:?}");
    assert!(profile.user + profile.idle < profile.samples / 4, "{profile:?}");
    assert!(seen(&profile.spots, &["shrink_", "list_lru", "super_cache", "try_to_free"]) > 0, "{profile:?}");
    assert!(seen(&profile.callers, &["__alloc_pages"]) >= 8, "{profile:?}");
    let beat = guest.until(" beat ").await;
    assert!(!beat.contains("Oops"), "the guest was not disturbed: {beat}");
}

#[tokio::test]
async fn an_idle_guest_is_idle_on_every_vcpu() {
    let mut guest = Machine { vcpus: 2, workload: "idle", options: &[("ms", "60000")], ..LIVELOCK }.start().await;
    guest.until(" started ").await;
    guest.until(" beat ").await;
    let profile = profile(&mut guest).await;
    assert!(profile.samples >= 64, "two vCPUs: {profile:?}");
    assert!(profile.idle > profile.samples / 2, "{profile:?}");
}

#[tokio::test]
async fn probe_pause_is_hidden_and_a_foreign_pause_is_kept() {
    let mut guest = Machine { workload: "idle", options: &[("ms", "60000")], ..LIVELOCK }.start().await;
    guest.until(" started ").await;
    profile(&mut guest).await;
    guest.execute(stop {}).await;
    profile(&mut guest).await;
    assert!(!guest.execute(query_status {}).await.running);
    guest.execute(cont {}).await;
    let events = [guest.qmp.event().await, guest.qmp.event().await];
    assert_eq!(events, [Some(QmpEvent::Stop), Some(QmpEvent::Resume)], "nothing of the lab's own");
}

/// A figure of a line that sysrq-m prints, in KiB: ` free:4772kB`.
fn printed_kib(line: &str, name: &str) -> Option<u64> {
    let (_, rest) = line.split_once(&format!(" {name}:"))?;
    rest.split_once("kB")?.0.parse().ok()
}

/// Memory figures read from outside are those that the kernel prints a moment later: of the zones that it prints, each
/// has the same watermarks, and about as much free.
async fn assert_memory_as_printed(guest: &mut Running) {
    let Some(Event::Memory { memory }) = guest.look(Probe::Memory).await else { panic!("no figures") };
    assert_eq!(guest.look(Probe::Sysrq('m')).await, None);
    let printed = guest.until(" pages reserved").await;
    let zones: Vec<&str> = printed.lines().filter(|line| line.contains(" min:")).collect();
    assert_eq!(zones.len(), memory.zones.len(), "{memory:?}\n{printed}");
    for (zone, line) in memory.zones.iter().zip(zones) {
        assert!(line.contains(&format!("{} free:", zone.name)), "{zone:?}\n{line}");
        let printed = |name| printed_kib(line, name);
        let marks = [Some(zone.min_kib), Some(zone.low_kib), Some(zone.high_kib)];
        assert_eq!(marks, [printed("min"), printed("low"), printed("high")], "{line}");
        let (free, printed) = (zone.free_kib.expect("counted by zone"), printed("free").expect("a figure"));
        assert!(free.abs_diff(printed) < 2048, "{zone:?}\n{line}");
    }
    let free = memory.zones.iter().filter_map(|zone| zone.free_kib).sum::<u64>();
    assert_eq!(memory.free_kib, free, "all zones together");
    let node = printed.lines().find(|line| line.contains(" unevictable:") && line.contains("kB")).expect("a node");
    for (name, kib) in &memory.lru_kib {
        let printed = printed_kib(node, name).expect("a figure");
        assert!(kib.abs_diff(printed) < 512, "{name}: {kib}\n{node}");
    }
}

#[tokio::test]
async fn memory_figures_of_a_livelock_are_those_that_the_kernel_prints() {
    let mut guest = LIVELOCK.start().await;
    guest.until("Killed process").await;
    guest.until(" beat ").await;
    assert_memory_as_printed(&mut guest).await;
}

#[tokio::test]
async fn kernels_without_a_system_map_tell_the_same() {
    for (arch, ram) in [("x86_64", "128M"), ("arm", "128M")] {
        let idle = Machine { arch, kernel: "debian-6.1", ram, workload: "idle", options: &[("ms", "60000")], vcpus: 2 };
        let mut guest = idle.start().await;
        guest.until("Memory:").await;
        // Reading the symbols takes longer than booting.
        guest.execute(stop {}).await;
        guest.look(Probe::Memory).await;
        guest.execute(cont {}).await;
        let booting = profile(&mut guest).await;
        assert!(booting.idle + booting.user < booting.samples, "{arch}: {booting:?}");
        assert_eq!(seen(&booting.spots, &["[unknown]"]), 0, "{arch}: {booting:?}");
        assert!(seen(&booting.callers, &["start_kernel", "kthread", "ret_from_fork"]) > 0, "{arch}: {booting:?}");
        guest.until(" started ").await;
        guest.until(" beat ").await;
        let waiting = profile(&mut guest).await;
        assert!(waiting.idle > waiting.samples / 2, "{arch}: {waiting:?}");
        assert_memory_as_printed(&mut guest).await;
    }
}
