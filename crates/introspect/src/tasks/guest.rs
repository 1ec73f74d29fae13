//! A guest that is held still, and its tasks.

use super::allocation::{is_inside, request};
use super::layout::Layout;
use super::memory::{Memory, Physical};
use super::stack::{Frame, Start, Unwinder};
use super::state;
use super::task::{Running, Stack, Task, Victim};
use crate::debuginfo::Field;
use crate::symbols::Symbols;
use arch::{Arch, Before, CpuSpec, Links, Paging, Registers, StackSpec};
use std::collections::BTreeSet;
use std::ops::Range;

/// Tasks that are looked at; a list that was overwritten may go on for ever.
const MOST_TASKS: usize = 4096;

/// A vCPU that is held still.
#[derive(Debug, Clone, Copy)]
pub struct Vcpu {
    /// QEMU's number.
    pub number: u32,
    registers: Registers,
    links: Links,
    paging: Paging,
}

impl Vcpu {
    /// Reads the dump of a vCPU's registers; `None` when something that is needed is not in it.
    pub fn read(number: u32, dump: &str, arch: Arch) -> Option<Self> {
        let stack = arch.stack?;
        let (registers, links) = ((arch.cpu.registers)(dump)?, (stack.links)(dump)?);
        Some(Self { number, registers, links, paging: (stack.paging)(dump)? })
    }
}

/// A guest that is held still, with all that is needed to read it.
pub struct Guest<'a> {
    memory: Memory<'a>,
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
    /// What is missing, and why.
    pub missing: Option<&'static str>,
}

impl<'a> Guest<'a> {
    /// Takes a guest with a kernel of this release.
    ///
    /// # Errors
    /// When its kernel is not found in its memory; the message says what is.
    pub fn new(
        physical: &'a dyn Physical,
        layout: &'a Layout,
        symbols: &'a Symbols,
        arch: Arch,
        vcpus: Vec<Vcpu>,
        release: &str,
    ) -> Result<Self, String> {
        let spec =
            arch.spec().stack.as_ref().ok_or_else(|| format!("the lab cannot read the tasks of {}", arch.name))?;
        let init_task = symbols.data("init_task").ok_or("the symbols have no `init_task`")?;
        // A vCPU that the kernel has not started yet translates in another way, or not at all.
        let found = vcpus.iter().find_map(|vcpu| {
            let memory = Memory { physical, paging: vcpu.paging, word_bytes: arch.cpu.word_bytes };
            comm(&memory, init_task.wrapping_add(layout.task.comm.offset), layout.task.comm.size)
                .is_some_and(|comm| comm.starts_with("swapper"))
                .then_some(memory)
        });
        let why = "the kernel's first task is not where its symbols and debug information say: they belong to another \
                   kernel, or this one has not started yet";
        let memory = found.ok_or(why)?;
        let memdie = state::memdie(release, spec.memdie);
        Ok(Self { memory, layout, symbols, spec, cpu: &arch.spec().cpu, vcpus, memdie, init_task })
    }

    /// All tasks, in the order in which the kernel lists them. Those idle tasks that no list has are left out: all but the
    /// first CPU's.
    pub(super) fn tasks(&self) -> Tasks {
        let mut addresses = Vec::new();
        let mut seen = BTreeSet::new();
        let whole = self.each(self.init_task, self.layout.task.tasks, &mut seen, |leader| {
            self.threads(leader, &mut addresses);
        });
        let tasks: Vec<Task> = addresses.iter().filter_map(|&task| self.task(task)).collect();
        let missing = if !whole || addresses.len() >= MOST_TASKS {
            Some("the kernel's list of tasks is damaged or endless: tasks are missing")
        } else if tasks.len() < addresses.len() {
            Some("some tasks cannot be read and are missing")
        } else {
            None
        };
        Tasks { tasks, missing }
    }

    /// Follows a list of the kernel from one member on until it comes back; whether it does.
    fn each(&self, first: u64, link: Field, seen: &mut BTreeSet<u64>, mut visit: impl FnMut(u64)) -> bool {
        let mut at = first;
        while seen.insert(at) && seen.len() <= MOST_TASKS {
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

    /// The threads of a process, by the list that begins in its `signal_struct`.
    fn threads(&self, leader: u64, into: &mut Vec<u64>) {
        let first = into.len();
        let link = self.layout.task.thread_node.offset;
        let signal = self.memory.word(leader.wrapping_add(self.layout.task.signal.offset));
        if let Some(signal) = signal.filter(|&signal| signal != 0) {
            let head = signal.wrapping_add(self.layout.signal.thread_head.offset);
            let mut node = self.memory.word(head);
            while let Some(at) = node.filter(|&node| node != head && into.len() < MOST_TASKS) {
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
        let running = self.running(stack, optional(layout.on_cpu), optional(layout.cpu));
        let signal = at(layout.signal).filter(|&signal| signal != 0);
        let of_signal = |field: Field| self.memory.number(signal?.wrapping_add(field.offset), field.size);
        let oom_mm = of_signal(self.layout.signal.oom_mm).filter(|&mm| mm != 0);
        let parent = at(layout.real_parent);
        let mut task = Task {
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
            request: None,
        };
        let start = match running {
            Some((Running { user: true, .. }, _)) => {
                task.stack = Stack::Frames(Vec::new());
                return Some(task);
            }
            Some((_, start)) => start,
            None => self.sleeping(address, stack),
        };
        if stack != 0 {
            (task.stack, task.request) = start.map_or((Stack::Unreadable, None), |start| self.stack(start));
        }
        Some(task)
    }

    /// Whether `MMF_OOM_SKIP` is set; since 6.18 the flags are an array, whose first word has it.
    fn oom_skip(&self, mm: u64) -> Option<bool> {
        Some(self.memory.word(mm.wrapping_add(self.layout.mm_flags.offset))? & state::OOM_SKIP != 0)
    }

    fn stack(&self, start: Start) -> (Stack, Option<super::allocation::Request>) {
        let unwinder = Unwinder { memory: self.memory, symbols: self.symbols, spec: self.spec };
        let frames = unwinder.unwind(start);
        let functions = self.functions(&frames);
        let inside = is_inside(functions.iter());
        let request = inside.then(|| request(&self.memory, self.layout, start.sp..start.end, &functions)).flatten();
        (Stack::Frames(frames), request)
    }

    /// The functions of those frames that are certain.
    pub(super) fn functions(&self, frames: &[Frame]) -> Vec<&'a str> {
        frames.iter().filter(|frame| frame.sure).filter_map(|frame| self.symbols.function(frame.address)).collect()
    }

    /// Whether a vCPU waits for work at this address.
    pub(super) fn is_idle(&self, pc: u64) -> bool {
        self.symbols.is_idle(pc, self.cpu.idle)
    }

    /// A frame's place as the kernel prints it.
    pub(super) fn place(&self, address: u64) -> String {
        match self.symbols.place(address) {
            Some((name, offset)) => format!("{name}+{offset:#x}"),
            None => format!("{address:#x}"),
        }
    }

    fn sleeping(&self, task: u64, stack: u64) -> Option<Start> {
        let saved = self.layout.saved;
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
        Some(stack..stack.checked_add(self.spec.bytes)?)
    }

    /// Where a task runs, and where its stack is to be read from, if it is in the kernel and on its own stack.
    fn running(&self, stack: u64, on_cpu: Option<u64>, cpu: Option<u64>) -> Option<(Running, Option<Start>)> {
        if on_cpu == Some(0) {
            return None;
        }
        let range = self.range(stack).filter(|_| stack != 0);
        let cpu = cpu.and_then(|cpu| u32::try_from(cpu).ok());
        let on_stack = |vcpu: &&Vcpu| range.as_ref().is_some_and(|range| range.contains(&vcpu.registers.sp));
        // A vCPU in a program, or on a stack for interrupts, is told by the CPU's number.
        let by_number = |vcpu: &&Vcpu| on_cpu.is_some() && Some(vcpu.number) == cpu;
        let vcpu = self.vcpus.iter().find(on_stack).or_else(|| self.vcpus.iter().find(by_number));
        let Some(vcpu) = vcpu else {
            return on_cpu.map(|_| (Running { cpu, vcpu: None, user: false }, None));
        };
        let (pc, sp) = self.before_interrupt(vcpu);
        let user = vcpu.registers.user.unwrap_or(false) && pc == vcpu.registers.pc || !self.symbols.is_text(pc);
        let running = Running { cpu, vcpu: Some(vcpu.number), user };
        let own = range.and_then(|range| {
            let sp = if range.contains(&sp) { Some(sp) } else { self.left_at(sp, &range) };
            Some((sp?, range.end))
        });
        let start = own.map(|(sp, end)| Start { pc, sp, fp: vcpu.links.fp, ra: vcpu.links.ra, end });
        Some((running, start.filter(|_| !user)))
    }

    /// Where a task's stack is in use up to, while its vCPU is on a stack for interrupts: that begins with the task's
    /// stack pointer (`arch/x86/include/asm/irq_stack.h`; `arch/riscv/kernel/entry.S`, `call_on_irq_stack`).
    fn left_at(&self, sp: u64, stack: &Range<u64>) -> Option<u64> {
        const PAGE: u64 = 4096;
        let (mut at, end, mut found) = (sp, sp.checked_add(self.spec.bytes)?, None);
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

    /// Program counter and stack pointer before the interrupt that a vCPU has just taken: one that is held still first
    /// takes what is pending.
    fn before_interrupt(&self, vcpu: &Vcpu) -> (u64, u64) {
        let registers = vcpu.registers;
        let as_it_is = (registers.pc, registers.sp);
        if !self.symbols.begins(registers.pc, self.cpu.interrupts) {
            return as_it_is;
        }
        match registers.before {
            Before::At(pc) => (pc, registers.sp),
            // Above it lie the code segment, the flags and the stack pointer (Intel SDM, volume 3, 6.14.2).
            Before::OnStack => {
                let pushed = |at: u64| self.memory.word(registers.sp.wrapping_add(8 * at));
                pushed(0).zip(pushed(3)).unwrap_or(as_it_is)
            }
            Before::Lost => as_it_is,
        }
    }

    /// The vCPUs that were given, each with where it is.
    pub(super) fn vcpus(&self) -> impl Iterator<Item = (u32, u64)> {
        self.vcpus.iter().map(|vcpu| (vcpu.number, self.before_interrupt(vcpu).0))
    }
}

/// A task's name, which need not be text.
fn comm(memory: &Memory<'_>, address: u64, size: u64) -> Option<String> {
    const MOST: u64 = 64;
    let mut bytes = vec![0; size.min(MOST) as usize];
    memory.read(address, &mut bytes)?;
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    Some(String::from_utf8_lossy(&bytes[..end]).escape_debug().to_string())
}

#[cfg(test)]
#[path = "guest_tests.rs"]
mod tests;
