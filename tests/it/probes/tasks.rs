//! Tasks of real guests, read from outside.

use super::machine::{Machine, Running};
use model::Stamp;

/// A livelock without an MMU, a while after its only kill.
async fn livelock(kernel: &'static str) -> (Running, String) {
    let machine =
        Machine { arch: "riscv64-nommu", kernel, ram: "32M", vcpus: 1, workload: "zombie-victim", options: &[] };
    let mut guest = machine.start().await;
    let mut printed = guest.until("Killed process").await;
    printed += &guest.until(" beat ").await;
    printed += &guest.until(" beat ").await;
    (guest, printed)
}

/// The process id behind the last `Killed process` on a console.
fn killed(printed: &str) -> &str {
    let (_, behind) = printed.rsplit_once("Killed process ").expect("a kill");
    behind.split_once(' ').expect("a name behind it").0
}

/// The part of a table between a title and the next one.
fn part<'t>(table: &'t str, title: &str) -> &'t str {
    let (_, behind) = table.split_once(&format!("\n{title}:\n")).unwrap_or_else(|| panic!("no `{title}`:\n{table}"));
    behind.split_once(":\n\n").map_or(behind, |(part, _)| part)
}

/// What the stack of a task that loops in reclaim holds. Between two rounds of its loop it holds less.
const IN_RECLAIM: [&str; 3] = ["try_to_free_pages", "__alloc_pages", "gfp_mask=0x"];

/// Looks, a beat apart. One of them at the wrong moment is nothing; so many are.
const LOOKS: u32 = 24;

async fn assert_livelock_shown(kernel: &'static str) {
    let (mut guest, printed) = livelock(kernel).await;
    let mut table = guest.tasks().await.unwrap();
    for _ in 1..LOOKS {
        if IN_RECLAIM.iter().all(|expected| table.contains(expected)) {
            break;
        }
        guest.until(" beat ").await;
        table = guest.tasks().await.unwrap();
    }
    let victims = part(&table, "OOM victims");
    let victim = format!("pid {} (", killed(&printed));
    assert!(victims.contains(&victim) && victims.contains("MMF_OOM_SKIP not set"), "{victim}\n{table}");
    assert!(victims.contains("Z (zombie)"), "{table}");
    let allocating = part(&table, "Inside the allocator or reclaim");
    for expected in IN_RECLAIM.iter().chain(&["(scan_control)", "oom_score_adj -1000"]) {
        assert!(allocating.contains(expected), "{expected}\n{table}");
    }
    assert!(part(&table, "The rest").contains(" kthreadd "), "{table}");
    assert!(table.starts_with("Linux ") && table.contains("DWARF of "), "{table}");
    guest.until(" beat ").await;
}

#[tokio::test]
async fn victim_and_its_waiters_are_named_on_7_3() {
    assert_livelock_shown("linux-7.3").await;
}

#[tokio::test]
async fn victim_and_its_waiters_are_named_on_6_1() {
    assert_livelock_shown("linux-6.1").await;
}

/// Programs of the guest that sleep, and the kernel's own threads, on kernels as a distribution builds them.
async fn assert_idle_shown(arch: &'static str, kernel: &'static str, vcpus: u32, wait: &str) {
    let machine = Machine { arch, kernel, ram: "128M", vcpus, workload: "idle", options: &[("ms", "60000")] };
    let mut guest = machine.start().await;
    guest.until(" started ").await;
    guest.until(" beat ").await;
    let table = guest.tasks().await.unwrap();
    assert!(table.contains("BTF of ") && table.contains(&format!("\nvCPU {}: ", vcpus - 1)), "{table}");
    assert!(table.contains(": 0 of OOM victims, 0 inside"), "{table}");
    let rest = part(&table, "The rest");
    let line = |name: &str| rest.lines().find(|line| line.contains(&format!(" {name} "))).expect(name);
    let init = line("init").split_whitespace().collect::<Vec<_>>();
    assert_eq!((init[0], init[1], init[2], init[4]), ("1", "1", "0", "mm"), "{table}");
    assert!(line("init").contains(wait), "{table}");
    assert!(line("kthreadd").contains("PF_KTHREAD") && line("kthreadd").contains("kthreadd"), "{table}");
    assert!(line("kswapd0").contains("PF_KSWAPD"), "{table}");
}

#[tokio::test]
async fn tasks_of_a_kernel_with_btf_are_shown_on_x86_64() {
    assert_idle_shown("x86_64", "debian-6.1", 2, "poll").await;
}

/// Its page tables are found by search.
#[tokio::test]
async fn tasks_of_a_kernel_with_btf_are_shown_on_aarch64() {
    assert_idle_shown("aarch64", "debian-6.1", 2, "poll").await;
}

/// With one vCPU: OpenSBI 1.1 does not always start a second one where the kernel wants it (src/watchdog/rules/boot.rs).
#[tokio::test]
async fn tasks_of_a_kernel_with_btf_are_shown_on_riscv64() {
    assert_idle_shown("riscv64", "debian-7.2", 1, "poll").await;
}

/// A kernel thread of a module sleeps in the module's code (`net/core/pktgen.c`, `pktgen_thread_worker()`).
#[tokio::test]
async fn code_of_a_module_has_its_name() {
    let options = &[("ms", "60000")];
    let machine = Machine { arch: "x86_64", kernel: "debian-6.1", ram: "128M", vcpus: 1, workload: "idle", options };
    let mut guest = machine.start_with(&["pktgen"]).await;
    guest.until(" started ").await;
    guest.until(" beat ").await;
    let table = guest.tasks().await.unwrap();
    let thread = part(&table, "The rest").lines().find(|line| line.contains(" kpktgend_0 "));
    assert!(thread.is_some_and(|line| line.contains("[pktgen]")), "{table}");
}

/// Real-time tasks keep the CPU from the victim, so that it cannot end: `tests/guests/README.md`.
#[tokio::test]
async fn victim_without_cpu_is_shown_with_its_competitors() {
    let machine = Machine {
        arch: "x86_64",
        kernel: "debian-6.1",
        ram: "128M",
        vcpus: 1,
        workload: "starved-victim",
        options: &[],
    };
    let mut guest = machine.start().await;
    let mut printed = guest.until("Killed process").await;
    printed += &guest.until(" beat ").await;
    printed += &guest.until(" beat ").await;
    let table = guest.tasks().await.unwrap();
    let victims = part(&table, "OOM victims");
    assert!(victims.contains(&format!("pid {} (", killed(&printed))), "{table}");
    assert!(victims.contains("TIF_MEMDIE") && victims.contains("MMF_OOM_SKIP"), "{table}");
    assert!(table.contains("SCHED_FIFO") || table.contains("SCHED_RR"), "{table}");
}

/// The time is for the headline alone.
const AT: Stamp = Stamp::from_micros(12_345_678);

impl Running {
    async fn tasks(&mut self) -> Result<String, oomlab::probe::ProbeError> {
        let prober = self.prober.clone();
        self.meanwhile(async move { prober.tasks(AT).await }).await
    }
}
