//! A guest that is paused, and its tasks.

use super::allocation::{is_inside, request};
use super::error::TasksError;
use super::layout::Layout;
use super::locks::Waiter;
use super::memory::{PhysicalMemory, VirtualMemory};
use super::stack::{Frame, Start, Unwinder};
use super::state;
use super::task::{OnCpu, Stack, Task, Victim};
use crate::debuginfo::Field;
use crate::symbols::Symbols;
use arch::{Arch, CpuSpec, FrameRegisters, InterruptedPc, PageTables, Paging, Registers, StackSpec};
use std::collections::BTreeSet;
use std::ops::Range;

/// Maximum number of tasks that are read: an overwritten list may never end.
const MAX_TASKS: usize = 4096;

/// A vCPU of a paused machine.
#[derive(Debug, Clone, Copy)]
pub struct Vcpu {
    /// QEMU's number.
    pub number: u32,
    registers: Registers,
    frame_registers: FrameRegisters,
    /// Its address translation; `None` if unknown from the registers.
    paging: Option<Paging>,
}

impl Vcpu {
    /// Reads the register dump of a vCPU; `None` if it lacks a register that is needed, or the architecture has no
    /// [`StackSpec`].
    pub fn read(number: u32, dump: &str, arch: Arch) -> Option<Self> {
        let stack = arch.stack?;
        let (registers, frame_registers) = ((arch.cpu.registers)(dump)?, (stack.frame_registers)(dump)?);
        let paging = match stack.page_tables {
            PageTables::Registers(paging) => Some(paging(dump)?),
            PageTables::Search { .. } => None,
        };
        Some(Self { number, registers, frame_registers, paging })
    }
}

/// A paused guest, with all that is needed to read it.
pub struct Guest<'a> {
    memory: VirtualMemory<'a>,
    layout: &'a Layout,
    symbols: &'a Symbols,
    spec: &'a StackSpec,
    cpu: &'a CpuSpec,
    vcpus: Vec<Vcpu>,
    memdie: Option<u32>,
    init_task: u64,
}

/// The tasks of a guest.
pub(super) struct Tasks {
    pub tasks: Vec<Task>,
    /// Why tasks are missing, if some are.
    pub missing: Option<&'static str>,
}

impl<'a> Guest<'a> {
    /// A guest with a kernel of this release (`uname -r`).
    ///
    /// # Errors
    /// See [`TasksError`].
    pub fn new(
        physical: &'a dyn PhysicalMemory,
        layout: &'a Layout,
        symbols: &'a Symbols,
        arch: Arch,
        vcpus: Vec<Vcpu>,
        release: &str,
    ) -> Result<Self, TasksError> {
        let spec = arch.spec().stack.as_ref().ok_or(TasksError::Unsupported(arch))?;
        let init_task = symbols.data("init_task").ok_or(TasksError::NoInitTask)?;
        let with = |paging| VirtualMemory { physical, paging, word_bytes: arch.cpu.word_bytes };
        let is_right = |memory: &VirtualMemory<'_>| {
            comm(memory, init_task.wrapping_add(layout.task.comm.offset), layout.task.comm.size)
                .is_some_and(|comm| comm.starts_with("swapper"))
        };
        // A vCPU that the kernel has not started yet translates in another way, or not at all.
        let of_vcpus = || vcpus.iter().filter_map(|vcpu| vcpu.paging).map(with).find(is_right);
        let found = of_vcpus().or_else(|| searched(physical, spec).map(with).find(is_right));
        let memory = found.ok_or(TasksError::NoSwapper)?;
        let memdie = state::memdie(release, spec.tif_memdie);
        Ok(Self { memory, layout, symbols, spec, cpu: &arch.spec().cpu, vcpus, memdie, init_task })
    }

    /// All tasks, in the order of the kernel's list, without the idle tasks of all CPUs but the first: the list has none of
    /// them.
    pub(super) fn tasks(&self) -> Tasks {
        let mut addresses = Vec::new();
        let mut seen = BTreeSet::new();
        let whole = self.walk_list(self.init_task, self.layout.task.tasks, &mut seen, |leader| {
            self.threads(leader, &mut addresses);
        });
        let tasks: Vec<Task> = addresses.iter().filter_map(|&task| self.task(task)).collect();
        let missing = if !whole || addresses.len() >= MAX_TASKS {
            Some("the kernel's list of tasks is damaged or endless: tasks are missing")
        } else if tasks.len() < addresses.len() {
            Some("some tasks cannot be read and are missing")
        } else {
            None
        };
        Tasks { tasks, missing }
    }

    /// Visits the members of a circular list, from one on; gives whether the list leads back to it.
    fn walk_list(&self, first: u64, link: Field, seen: &mut BTreeSet<u64>, mut visit: impl FnMut(u64)) -> bool {
        let mut at = first;
        while seen.insert(at) && seen.len() <= MAX_TASKS {
            visit(at);
            match self.memory.word(at.wrapping_add(link.offset)) {
                Some(next) => at = next.wrapping_sub(link.offset),
                None => return false,
            }
            if at == first {
                return true;
            }
        }
        false
    }

    /// Appends the threads of a process, by the list whose head is in its `signal_struct`.
    fn threads(&self, leader: u64, into: &mut Vec<u64>) {
        let first = into.len();
        let link = self.layout.task.thread_node.offset;
        let signal = self.memory.word(leader.wrapping_add(self.layout.task.signal.offset));
        if let Some(signal) = signal.filter(|&signal| signal != 0) {
            let head = signal.wrapping_add(self.layout.signal.thread_head.offset);
            let mut node = self.memory.word(head);
            while let Some(at) = node.filter(|&node| node != head && into.len() < MAX_TASKS) {
                let task = at.wrapping_sub(link);
                if into[first..].contains(&task) {
                    break;
                }
                into.push(task);
                node = self.memory.word(at);
            }
        }
        if !into[first..].contains(&leader) {
            into.insert(first, leader);
        }
    }

    fn task(&self, address: u64) -> Option<Task> {
        let layout = &self.layout.task;
        let at = |field: Field| self.memory.number(address.wrapping_add(field.offset), field.size);
        let optional = |field: Option<Field>| field.and_then(at);
        let (state, exit_state, stack) = (at(layout.state)?, at(layout.exit_state)?, at(layout.stack)?);
        let running = self.on_cpu(stack, optional(layout.on_cpu), optional(layout.cpu));
        let signal = at(layout.signal).filter(|&signal| signal != 0);
        let of_signal = |field: Field| self.memory.number(signal?.wrapping_add(field.offset), field.size);
        let oom_mm = of_signal(self.layout.signal.oom_mm).filter(|&mm| mm != 0);
        let parent = at(layout.real_parent);
        let mut task = Task {
            address,
            pid: at(layout.pid)? as u32,
            tgid: at(layout.tgid)? as u32,
            ppid: parent.and_then(|it| self.memory.number(it.wrapping_add(layout.tgid.offset), 4)).map(|it| it as u32),
            comm: comm(&self.memory, address.wrapping_add(layout.comm.offset), layout.comm.size)?,
            state: state::letter(state, exit_state),
            killable: state::is_killable(state),
            flags: at(layout.flags)?,
            has_mm: at(layout.mm)? != 0,
            oom_score_adj: of_signal(self.layout.signal.oom_score_adj).unwrap_or(0) as u16 as i16,
            policy: state::policy(at(layout.policy)?, at(layout.rt_priority)?),
            running: running.as_ref().map(|(running, _)| *running),
            victim: oom_mm.map(|mm| Victim { oom_skip: self.oom_skip(mm) }),
            memdie: self.memdie.and_then(|bit| Some(optional(layout.thread_flags)? >> bit & 1 != 0)),
            stack: Stack::Released,
            resume: None,
            request: None,
            awaited: None,
        };
        let start = match running {
            Some((OnCpu { user: true, .. }, _)) => {
                task.stack = Stack::Frames(Vec::new());
                return Some(task);
            }
            Some((_, start)) => start,
            None => {
                let start = self.sleeping(address, stack).filter(|_| stack != 0);
                task.resume = start.as_ref().map(|start| [start.sp, start.pc, start.fp]);
                start
            }
        };
        if stack != 0 {
            match start {
                Some(start) => self.unwind(&mut task, start),
                None => task.stack = Stack::Unreadable,
            }
        }
        Some(task)
    }

    /// Whether `MMF_OOM_SKIP` is set; since 6.18 the flags are an array, whose first word has it.
    fn oom_skip(&self, mm: u64) -> Option<bool> {
        Some(self.memory.word(mm.wrapping_add(self.layout.mm_flags.offset))? & state::OOM_SKIP != 0)
    }

    /// Fills in the facts from a task's stack.
    fn unwind(&self, task: &mut Task, start: Start) {
        let unwinder = Unwinder { memory: self.memory, symbols: self.symbols, spec: self.spec };
        let frames = unwinder.unwind(start);
        let functions = self.functions(&frames);
        let stack = start.sp..start.end;
        if is_inside(functions.iter()) {
            task.request = request(&self.memory, self.layout, stack.clone(), &functions);
        }
        if task.running.is_none() {
            let waiter = Waiter { memory: self.memory, task: task.address, stack };
            task.awaited = waiter.awaited(&self.layout.locks, &functions);
        }
        task.stack = Stack::Frames(frames);
    }

    /// The functions of the confirmed frames.
    pub(super) fn functions(&self, frames: &[Frame]) -> Vec<&'a str> {
        frames.iter().filter(|frame| frame.confirmed).filter_map(|frame| self.symbols.function(frame.address)).collect()
    }

    /// Whether this address is in an idle function.
    pub(super) fn is_idle(&self, pc: u64) -> bool {
        self.symbols.is_idle(pc, self.cpu.idle_suffixes)
    }

    /// An address as the kernel prints it: `function+0x10`.
    pub(super) fn symbolize(&self, address: u64) -> String {
        match self.symbols.function_and_offset(address) {
            Some((name, offset)) => format!("{name}+{offset:#x}"),
            None => format!("{address:#x}"),
        }
    }

    fn sleeping(&self, task: u64, stack: u64) -> Option<Start> {
        let saved = self.layout.saved_registers;
        let sp = self.memory.word(task.wrapping_add(saved.sp.offset))?;
        let (holder, sp) = match saved.on_stack {
            Some(size) => (sp, sp.checked_add(size)?),
            None => (task, sp),
        };
        let pc = self.memory.word(holder.wrapping_add(saved.pc.offset))?;
        let fp = self.memory.word(holder.wrapping_add(saved.fp.offset))?;
        let range = self.range(stack)?;
        (range.contains(&sp) || sp == range.end).then_some(Start { pc, sp, fp, ra: None, end: range.end })
    }

    fn range(&self, stack: u64) -> Option<Range<u64>> {
        Some(stack..stack.checked_add(self.spec.thread_size)?)
    }

    /// The CPU that a task is on, and where to start unwinding its stack if it is in the kernel and on its own stack.
    fn on_cpu(&self, stack: u64, on_cpu: Option<u64>, cpu: Option<u64>) -> Option<(OnCpu, Option<Start>)> {
        if on_cpu == Some(0) {
            return None;
        }
        let range = self.range(stack).filter(|_| stack != 0);
        let cpu = cpu.and_then(|cpu| u32::try_from(cpu).ok());
        let on_stack = |vcpu: &&Vcpu| range.as_ref().is_some_and(|range| range.contains(&vcpu.registers.sp));
        // A vCPU in user space, or on an interrupt stack, is found by the number of the CPU.
        let by_number = |vcpu: &&Vcpu| on_cpu.is_some() && Some(vcpu.number) == cpu;
        let vcpu = self.vcpus.iter().find(on_stack).or_else(|| self.vcpus.iter().find(by_number));
        let Some(vcpu) = vcpu else {
            return on_cpu.map(|_| (OnCpu { cpu, vcpu: None, user: false }, None));
        };
        let (pc, sp) = self.before_interrupt(vcpu);
        let by_registers = vcpu.registers.user.filter(|_| pc == vcpu.registers.pc);
        let by_address = || self.cpu.is_kernel_address(pc).map(|kernel| !kernel);
        let user = by_registers.or_else(by_address).unwrap_or_else(|| !self.symbols.is_text(pc));
        let running = OnCpu { cpu, vcpu: Some(vcpu.number), user };
        let own = range.and_then(|range| {
            let sp = if range.contains(&sp) { Some(sp) } else { self.interrupted_sp(sp, &range) };
            Some((sp?, range.end))
        });
        let start =
            own.map(|(sp, end)| Start { pc, sp, fp: vcpu.frame_registers.fp, ra: vcpu.frame_registers.ra, end });
        Some((running, start.filter(|_| !user)))
    }

    /// A task's stack pointer while its vCPU is on an interrupt stack, which begins with it (`arch/x86/include/asm/irq_stack.h`; `arch/riscv/kernel/entry.S`, `call_on_irq_stack`).
    fn interrupted_sp(&self, sp: u64, stack: &Range<u64>) -> Option<u64> {
        const PAGE: u64 = 4096;
        let (mut at, end, mut found) = (sp, sp.checked_add(self.spec.thread_size)?, None);
        while at < end {
            let next = (at / PAGE + 1) * PAGE;
            let words = self.memory.words(at, next.min(end));
            if words.is_empty() {
                break;
            }
            found = words.into_iter().rev().map(|(_, word)| word).find(|word| stack.contains(word)).or(found);
            at = next;
        }
        found
    }

    /// Program counter and stack pointer before the interrupt that a vCPU has just taken: one that is stopped first takes
    /// the pending interrupt.
    fn before_interrupt(&self, vcpu: &Vcpu) -> (u64, u64) {
        let registers = vcpu.registers;
        let as_it_is = (registers.pc, registers.sp);
        if !self.symbols.is_entry(registers.pc, self.cpu.interrupt_entries) {
            return as_it_is;
        }
        match registers.interrupted {
            InterruptedPc::At(pc) => (pc, registers.sp),
            // Above it lie the code segment, the flags and the stack pointer (Intel SDM, volume 3, 6.14.2).
            InterruptedPc::OnStack => {
                let word = u64::from(self.cpu.word_bytes);
                let pushed = |at: u64| self.memory.word(registers.sp.wrapping_add(word * at));
                pushed(0).zip(pushed(3)).unwrap_or(as_it_is)
            }
            InterruptedPc::Unknown => as_it_is,
        }
    }

    /// The vCPUs with their program counters.
    pub(super) fn vcpus(&self) -> impl Iterator<Item = (u32, u64)> {
        self.vcpus.iter().map(|vcpu| (vcpu.number, self.before_interrupt(vcpu).0))
    }
}

/// Page tables whose top level table may be at any page of the RAM in which the kernel's image lies, for architectures whose
/// page tables are found by search.
fn searched(physical: &dyn PhysicalMemory, spec: &StackSpec) -> impl Iterator<Item = Paging> + use<> {
    /// The image is near the beginning (`Documentation/arch/arm64/booting.rst`); the largest have some 64 MiB.
    const MAX_BYTES: u64 = 128 << 20;
    const PAGE: usize = 4096;
    let (levels, decode_entry) = match spec.page_tables {
        PageTables::Search { levels, decode_entry } => (levels, Some(decode_entry)),
        PageTables::Registers(_) => (&[][..], None),
    };
    let first = physical.ranges().into_iter().next().unwrap_or_default();
    let roots = (first.start..first.end.min(first.start.saturating_add(MAX_BYTES))).step_by(PAGE);
    roots.flat_map(move |root| {
        let tables = move |levels| Some(Paging::Tables { root, levels, decode_entry: decode_entry? });
        levels.iter().copied().filter_map(tables)
    })
}

/// A task's name, escaped: it need not be text.
fn comm(memory: &VirtualMemory<'_>, address: u64, size: u64) -> Option<String> {
    const MAX_SIZE: u64 = 64;
    let mut bytes = vec![0; size.min(MAX_SIZE) as usize];
    memory.read(address, &mut bytes)?;
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    Some(String::from_utf8_lossy(&bytes[..end]).escape_debug().to_string())
}

#[cfg(test)]
#[path = "guest_tests.rs"]
mod tests;
