//! What the kernels of real guests count by themselves.

use super::machine::{Machine, Running};
use model::{Counters, CpuCounters, Event, Probe, RamMib};

async fn look(guest: &mut Running) -> Counters {
    match guest.look(Probe::Counters).await {
        Some(Event::Counters { counters }) => *counters,
        other => panic!("{other:?}"),
    }
}

/// What a kernel has of its CPUs.
#[derive(Clone, Copy, PartialEq)]
enum Cpus {
    /// Times, runnable tasks and context switches.
    Whole,
    /// Times alone: the kernel has no debug information of its scheduler.
    Times,
}

/// Beats within which the counters of a guest move.
const MAX_BEATS: u32 = 20;

/// Two looks at a guest whose canary allocates: what shows progress moves, and what is a size is within RAM.
async fn assert_progress_shown(arch: &'static str, kernel: &'static str, ram: &'static str, vcpus: u32, cpus: Cpus) {
    let machine = Machine { arch, kernel, ram, vcpus, workload: "idle", options: &[("ms", "60000")] };
    let mut guest = machine.start().await;
    guest.until(" started ").await;
    guest.until(" beat ").await;
    let first = look(&mut guest).await;
    let has_moved = |second: &Counters| {
        let moved = |of: fn(&Counters) -> Option<u64>| of(&first).zip(of(second)).is_some_and(|(a, b)| a < b);
        moved(|it| it.jiffies) && moved(|it| it.events.pgalloc) && moved(|it| it.events.pgfree)
    };
    // On a busy host the first beats are older than the first look.
    let mut second = first.clone();
    for _ in 0..MAX_BEATS {
        guest.until(" beat ").await;
        second = look(&mut guest).await;
        if has_moved(&second) {
            break;
        }
    }
    let both = format!("{first:?}\n{second:?}");
    assert!(has_moved(&second), "{both}");
    for events in [first.events, second.events] {
        let all =
            [events.pgsteal, events.pgscan, events.allocstall, events.oom_kill, events.pgfault, events.pgmajfault];
        assert!(all.iter().all(Option::is_some), "{both}");
        assert!(events.oom_kill == Some(0) && events.pgalloc.is_some_and(|pages| pages < 1 << 30), "{both}");
    }
    let memory = second.memory.as_ref().expect("memory");
    assert!(memory.free_kib > 0 && memory.free_kib < ram.parse::<RamMib>().unwrap().bytes() / 1024, "{both}");
    assert!(second.panicked != Some(true) && !second.torn && second.span_us > 0, "{both}");
    assert_eq!(second.cpus.len(), vcpus as usize, "{both}");
    let sum = |it: &Counters, of: fn(&CpuCounters) -> Option<u64>| it.cpus.iter().filter_map(of).sum::<u64>();
    assert!(sum(&first, |cpu| cpu.accounted_ns) < sum(&second, |cpu| cpu.accounted_ns), "{both}");
    for cpu in &second.cpus {
        assert!(cpu.accounted_ns.zip(cpu.idle_ns).is_some_and(|(all, idle)| idle <= all), "{both}");
        assert!(cpu.accounted_ns.is_some_and(|ns| ns < 300_000_000_000), "{both}");
        assert_eq!(
            (cpu.nr_running.is_some(), cpu.switches.is_some()),
            (cpus == Cpus::Whole, cpus == Cpus::Whole),
            "{both}"
        );
    }
    if cpus == Cpus::Whole {
        assert!(sum(&first, |cpu| cpu.switches) < sum(&second, |cpu| cpu.switches), "{both}");
        assert!(second.cpus.iter().all(|cpu| cpu.nr_running.is_some_and(|tasks| tasks < 100)), "{both}");
    }
    let mut spans = Vec::new();
    for _ in 0..9 {
        spans.push(look(&mut guest).await.span_us);
    }
    spans.sort_unstable();
    println!(
        "{kernel} {arch}: looks of {} to {} µs, median {}, without {:?}",
        spans[0], spans[8], spans[4], second.missing
    );
}

#[tokio::test]
async fn progress_is_counted_on_x86_64() {
    assert_progress_shown("x86_64", "debian-6.1", "128M", 2, Cpus::Whole).await;
}

/// Without `CONFIG_KALLSYMS_ALL`: what the kernel exports to modules, and BTF.
#[tokio::test]
async fn progress_is_counted_on_aarch64() {
    assert_progress_shown("aarch64", "debian-6.1", "128M", 2, Cpus::Whole).await;
}

/// Without `CONFIG_KALLSYMS_ALL` and without BTF.
#[tokio::test]
async fn progress_is_counted_on_arm() {
    assert_progress_shown("arm", "debian-6.1", "128M", 2, Cpus::Times).await;
}

/// With one vCPU: OpenSBI 1.1 does not always start a second one where the kernel wants it.
#[tokio::test]
async fn progress_is_counted_on_riscv64() {
    assert_progress_shown("riscv64", "debian-7.2", "128M", 1, Cpus::Whole).await;
}

#[tokio::test]
async fn progress_is_counted_without_an_mmu() {
    assert_progress_shown("riscv64-nommu", "linux-7.3", "32M", 2, Cpus::Times).await;
    assert_progress_shown("riscv64-nommu", "linux-6.1", "32M", 1, Cpus::Times).await;
    assert_progress_shown("riscv32-nommu", "linux-7.3", "32M", 1, Cpus::Times).await;
}

/// A livelock with heartbeats: allocations stall, and the waiting tasks allocate and free no page.
#[tokio::test]
async fn a_livelock_is_shown_by_the_kernels_own_counters() {
    let options = &[];
    let arch = "riscv64-nommu";
    let machine = Machine { arch, kernel: "linux-7.3", ram: "32M", vcpus: 1, workload: "zombie-victim", options };
    let mut guest = machine.start().await;
    guest.until("Killed process").await;
    guest.until(" beat ").await;
    guest.until(" beat ").await;
    guest.until(" beat ").await;
    let first = look(&mut guest).await;
    guest.until(" beat ").await;
    guest.until(" beat ").await;
    let second = look(&mut guest).await;
    let both = format!("{first:?}\n{second:?}");
    assert!(first.events.allocstall < second.events.allocstall, "{both}");
    assert!(first.jiffies < second.jiffies && second.events.oom_kill == Some(1), "{both}");
    let allocated = second.events.pgalloc.zip(first.events.pgalloc).map(|(b, a)| b - a);
    assert!(allocated.is_some_and(|pages| pages < 64), "{both}");
    let memory = second.memory.expect("memory");
    let min: u64 = memory.zones.iter().map(|zone| zone.min_kib).sum();
    assert!(memory.free_kib <= min + 256, "{memory:?}");
}
