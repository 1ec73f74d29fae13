//! Real guests, looked into from outside.

#[path = "support/machine.rs"]
mod machine;

use machine::{Machine, Running};
use oomlab::model::{Event, Probe, Profile, QmpEvent, Spot};
use serde_json::Value;
use std::time::Duration;

const LIVELOCK: Machine = Machine {
    arch: "riscv64-nommu",
    kernel: "linux-7.3",
    ram: "32M",
    vcpus: 1,
    workload: "zombie-victim",
    options: &[],
};

async fn profile(guest: &Running) -> Profile {
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
    let profile = profile(&guest).await;
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
    let profile = profile(&guest).await;
    assert!(profile.samples >= 64, "two vCPUs: {profile:?}");
    assert!(profile.idle > profile.samples / 2, "{profile:?}");
}

#[tokio::test]
async fn what_the_lab_holds_still_is_no_pause_and_what_others_paused_stays_so() {
    let mut guest = Machine { workload: "idle", options: &[("ms", "60000")], ..LIVELOCK }.start().await;
    guest.until(" started ").await;
    profile(&guest).await;
    let patience = Duration::from_secs(30);
    let execute = |name| guest.qmp.commands().execute(name, Value::Null, patience);
    let others = [execute("stop"), execute("query-status")];
    for other in others {
        other.await.unwrap();
    }
    profile(&guest).await;
    assert_eq!(execute("query-status").await.unwrap()["running"], false);
    execute("cont").await.unwrap();
    let events = [guest.qmp.event().await, guest.qmp.event().await];
    assert_eq!(events, [Some(QmpEvent::Stop), Some(QmpEvent::Resume)], "nothing of the lab's own");
}

#[tokio::test]
async fn memory_figures_are_those_that_the_kernel_prints() {
    let mut guest = LIVELOCK.start().await;
    guest.until("Killed process").await;
    guest.until(" beat ").await;
    let memory = guest.look(Probe::Memory).await;
    eprintln!("{memory:?}");
    assert_eq!(guest.look(Probe::Sysrq('m')).await, None);
    eprintln!("{}", guest.until("pages reserved").await);
}
