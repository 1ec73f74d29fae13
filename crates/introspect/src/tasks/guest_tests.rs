use super::super::decisive::decisive;
use super::super::render::{Source, render};
use super::super::samples::{Ram, layout, symbols};
use super::*;
use proptest::prelude::*;

const BASE: u64 = 0x8000_0000;
/// `init_task` of the sample's symbols, without regard to what lies there.
const INIT: u64 = 0x8000_1000;
const SIZE: usize = 0x2_0000;

/// A task to put into memory.
struct Sample<'s> {
    at: u64,
    signal: u64,
    pid: u32,
    tgid: u32,
    comm: &'s str,
    /// State, state of exit, flags.
    numbers: [u32; 3],
    stack: u64,
}

fn put(ram: &mut Ram, task: &Sample<'_>) {
    let [state, exit_state, flags] = task.numbers;
    for (offset, number) in
        [(8, state), (12, exit_state), (16, flags), (20, task.pid), (24, task.tgid), (28, 0), (32, 0), (36, 0), (40, 0)]
    {
        ram.put(task.at + offset, &number.to_le_bytes());
    }
    ram.put(task.at + 48, task.comm.as_bytes());
    for (offset, word) in [(96, INIT), (112, task.signal), (120, task.stack)] {
        ram.put_word(task.at + offset, word);
    }
}

/// Makes a circle of members at this offset.
fn link(ram: &mut Ram, nodes: &[u64]) {
    for (at, node) in nodes.iter().enumerate() {
        ram.put_word(*node, nodes[(at + 1) % nodes.len()]);
    }
}

/// The idle task; a process that was killed; one of two threads.
fn memory() -> Ram {
    let mut ram = Ram::new(BASE, SIZE);
    let (zombie, process, thread) = (BASE + 0x3000, BASE + 0x4000, BASE + 0x5000);
    let signals = [BASE + 0x6000, BASE + 0x6100, BASE + 0x6200];
    let idle = Sample {
        at: INIT,
        signal: signals[0],
        pid: 0,
        tgid: 0,
        comm: "swapper/0",
        numbers: [0, 0, 0x20_0002],
        stack: BASE + 0x8000,
    };
    put(&mut ram, &idle);
    let dead =
        Sample { at: zombie, signal: signals[1], pid: 41, tgid: 41, comm: "hog", numbers: [0x80, 0x20, 4], stack: 0 };
    put(&mut ram, &dead);
    let alive =
        Sample { at: process, signal: signals[2], pid: 50, tgid: 50, comm: "a\nb", numbers: [0x102, 0, 0], stack: 1 };
    put(&mut ram, &alive);
    put(&mut ram, &Sample { at: thread, pid: 51, numbers: [1, 0, 0x800], ..alive });
    link(&mut ram, &[INIT + 64, zombie + 64, process + 64]);
    link(&mut ram, &[signals[0], INIT + 80]);
    link(&mut ram, &[signals[1], zombie + 80]);
    link(&mut ram, &[signals[2], process + 80, thread + 80]);
    ram.put_word(signals[1] + 16, BASE + 0x7000);
    ram.put(signals[1] + 24, &500_i16.to_le_bytes());
    ram.put(signals[2] + 24, &(-1000_i16).to_le_bytes());
    ram.put_word(process + 104, BASE + 0x7000);
    ram
}

fn text(ram: &Ram) -> Result<String, TasksError> {
    let source =
        Source { kernel: "6.1.0 riscv64-nommu".to_owned(), layouts: "samples".to_owned(), ram_mib: 0, paused_s: 1.25 };
    read(ram, |guest| render(guest, &source))
}

fn read<T>(ram: &Ram, read: impl FnOnce(&Guest<'_>) -> T) -> Result<T, TasksError> {
    let (layout, symbols, arch) = (layout(), symbols(), arch::find("riscv64-nommu").unwrap());
    let dump = " pc       0000000002000010\r\n mstatus  0000000a00000080\r\n sepc     0\r\n mepc     0\r\n \
        x1/ra    0000000000000000 x2/sp    0000000080009000 x8/s0    0000000000000000\r\n";
    let vcpus = Vec::from_iter(Vcpu::read(0, dump, arch));
    assert_eq!(vcpus.len(), 1);
    Ok(read(&Guest::new(ram, &layout, &symbols, arch, vcpus, "6.1.0")?))
}

#[test]
fn render_groups_tasks_and_threads() {
    let expected = "\
Linux 6.1.0 riscv64-nommu: tasks as they were 1.2 s into the trial, read from 0 MiB of RAM while the guest was paused; layouts: samples
vCPU 0: no task of the kernel's list, at f0+0x10
4 tasks: 1 of OOM victims, 0 inside the allocator or reclaim, 1 otherwise blocked (D)
Of a stack, `?` marks what looks like a return address and is confirmed by nothing else.

OOM victims:

  pid 41 (hog) tgid 41 ppid 0, Z (zombie), no mm, oom_score_adj 500
  OOM victim, MMF_OOM_SKIP not set, PF_EXITING
  task_struct 0x80003000
    the stack is given back already

Blocked (D):

  pid 50 (a\\nb) tgid 50 ppid 0, D (waits for an event or a fatal signal), mm, oom_score_adj -1000
  task_struct 0x80004000
    the stack cannot be read

The rest:

    PID  TGID  PPID S MM   ADJ COMM             STACK
      0     0     0 R -      0 swapper/0        (cannot be read)  [PF_KTHREAD]
     51    50     0 S -  -1000 a\\nb             (cannot be read)  [PF_MEMALLOC]
";
    assert_eq!(text(&memory()).unwrap(), expected);
}

#[test]
fn decisive_tasks_are_the_victims_here() {
    let tasks = read(&memory(), decisive).unwrap();
    let [victim] = &tasks.tasks[..] else { panic!("{tasks:?}") };
    assert_eq!((victim.pid, victim.comm.as_str(), victim.state, tasks.left_out), (41, "hog", 'Z', 0));
    assert_eq!(tasks.victim().map(|facts| facts.pid), Some(41));
}

#[test]
fn running_task_is_found_by_its_stack() {
    let mut ram = memory();
    ram.put(INIT + 28, &1_u32.to_le_bytes());
    let shown = text(&ram).unwrap();
    assert!(shown.contains("vCPU 0: pid 0 (swapper/0), at f0+0x10\n"), "{shown}");
    assert!(shown.contains("swapper/0        f0  [on CPU 0, PF_KTHREAD]\n"), "{shown}");
}

#[test]
fn running_task_on_an_interrupt_stack_is_found_by_its_cpu() {
    let mut ram = memory();
    ram.put(INIT + 28, &1_u32.to_le_bytes());
    // The vCPU's stack pointer is in none of the tasks' stacks.
    ram.put_word(INIT + 120, BASE + 0x1_0000);
    ram.put_word(BASE + 0x9ff8, BASE + 0x1_0100);
    let shown = text(&ram).unwrap();
    assert!(shown.contains("swapper/0        f0  [on CPU 0, PF_KTHREAD]\n"), "{shown}");
}

#[test]
fn damaged_task_list_is_reported() {
    let damaged = "the kernel's list of tasks is damaged or endless: tasks are missing\n";
    for next in [0, BASE + 0x3000 + 64, u64::MAX] {
        let mut ram = memory();
        ram.put_word(BASE + 0x4000 + 64, next);
        let shown = text(&ram).unwrap();
        assert!(shown.contains(damaged) && shown.contains("pid 41 (hog)"), "{shown}");
    }
}

#[test]
fn memory_of_another_kernel_is_an_error() {
    let mut ram = memory();
    ram.put(INIT + 48, b"else");
    assert!(text(&ram) == Err(TasksError::NoSwapper));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn overwritten_memory_never_panics_or_loops(
        words in proptest::collection::vec((0_u64..0x7000, prop_oneof![any::<u64>(), BASE..BASE + 0x8000]), 1..40)
    ) {
        let mut ram = memory();
        for (at, word) in words {
            ram.put_word(BASE + at / 8 * 8, word);
        }
        drop((text(&ram), read(&ram, decisive)));
    }
}
