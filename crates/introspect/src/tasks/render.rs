//! `tasks.txt`, for a kernel developer to read.

use super::allocation::is_inside;
use super::guest::{Guest, Tasks};
use super::task::{Stack, Task};
use super::{gfp, state};
use kmsg::functions::Class;
use std::fmt::Write;

/// What a task table is made from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The kernel's release and architecture.
    pub kernel: String,
    /// Where the layouts come from.
    pub layouts: String,
    /// MiB of RAM in the snapshot.
    pub ram_mib: u64,
    /// Seconds from the start of the trial to the pause.
    pub paused_s: f64,
}

/// The table of a guest's tasks: OOM victims, tasks inside the allocator, uninterruptible tasks, then the rest.
pub fn render(guest: &Guest<'_>, source: &Source) -> String {
    let Tasks { tasks, missing } = guest.tasks();
    let printer = TaskPrinter { guest, tasks: &tasks };
    let mut text = format!(
        "Linux {}: tasks as they were {:.1} s into the trial, read from {} MiB of RAM while the guest was paused; layouts: {}\n",
        source.kernel, source.paused_s, source.ram_mib, source.layouts
    );
    for (number, pc) in guest.vcpus() {
        let task = tasks.iter().find(|task| task.running.is_some_and(|running| running.vcpu == Some(number)));
        let no_task = if guest.is_idle(pc) { "idle" } else { "no task of the kernel's list" };
        let what = task.map_or(no_task.to_owned(), |task| format!("pid {} ({})", task.pid, task.comm));
        let place = if task.is_some_and(|task| task.running.is_some_and(|running| running.user)) {
            "in its program".to_owned()
        } else {
            format!("at {}", guest.symbolize(pc))
        };
        line(&mut text, format_args!("vCPU {number}: {what}, {place}"));
    }
    if let Some(missing) = missing {
        line(&mut text, format_args!("{missing}"));
    }
    let groups = Groups::of(guest, &tasks);
    line(
        &mut text,
        format_args!(
            "{} tasks: {} of OOM victims, {} inside the allocator or reclaim, {} otherwise blocked (D)",
            tasks.len(),
            groups.victims.len(),
            tasks.iter().filter(|task| is_allocating(guest, task)).count(),
            groups.blocked.len()
        ),
    );
    text.push_str("Of a stack, `?` marks what looks like a return address and is confirmed by nothing else.\n");
    let whole = [
        ("OOM victims", &groups.victims),
        ("Inside the allocator or reclaim", &groups.allocating),
        ("Blocked (D)", &groups.blocked),
    ];
    for (title, tasks) in whole.iter().filter(|(_, tasks)| !tasks.is_empty()) {
        line(&mut text, format_args!("\n{title}:"));
        for task in *tasks {
            printer.full(&mut text, task);
        }
    }
    if !groups.rest.is_empty() {
        printer.table(&mut text, &groups.rest);
    }
    text
}

/// Each task in the first group that it fits in.
struct Groups<'t> {
    victims: Vec<&'t Task>,
    allocating: Vec<&'t Task>,
    blocked: Vec<&'t Task>,
    rest: Vec<&'t Task>,
}

impl<'t> Groups<'t> {
    fn of(guest: &Guest<'_>, tasks: &'t [Task]) -> Self {
        let mut groups = Self { victims: Vec::new(), allocating: Vec::new(), blocked: Vec::new(), rest: Vec::new() };
        for task in tasks {
            let group = if task.victim.is_some() || task.memdie == Some(true) {
                &mut groups.victims
            } else if is_allocating(guest, task) {
                &mut groups.allocating
            } else if task.state == 'D' {
                &mut groups.blocked
            } else {
                &mut groups.rest
            };
            group.push(task);
        }
        groups
    }
}

fn is_allocating(guest: &Guest<'_>, task: &Task) -> bool {
    is_inside(guest.functions(task.frames()).iter())
}

/// Writing to a string does not fail.
fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{arguments}");
}

struct TaskPrinter<'g, 'a> {
    guest: &'g Guest<'a>,
    tasks: &'g [Task],
}

impl TaskPrinter<'_, '_> {
    /// A task with its stack.
    fn full(&self, text: &mut String, task: &Task) {
        let mm = if task.has_mm { "mm" } else { "no mm" };
        let ppid = task.ppid.map_or("?".to_owned(), |ppid| ppid.to_string());
        line(
            text,
            format_args!(
                "\n  pid {} ({}) tgid {} ppid {ppid}, {}, {mm}, oom_score_adj {}",
                task.pid,
                task.comm,
                task.tgid,
                state_of(task),
                task.oom_score_adj
            ),
        );
        let notes = notes(task);
        if !notes.is_empty() {
            line(text, format_args!("  {}", notes.join(", ")));
        }
        let resume = task.resume.map(|[sp, pc, fp]| format!(", sp {sp:#x} pc {pc:#x} fp {fp:#x}"));
        line(text, format_args!("  task_struct {:#x}{}", task.address, resume.unwrap_or_default()));
        match task.request {
            Some(request) => {
                let priority = request.priority.map(|it| format!(", priority {it}")).unwrap_or_default();
                let gfp = gfp::show(request.gfp);
                line(text, format_args!("  gfp_mask={gfp}, order={}{priority} ({})", request.order, request.source));
            }
            None if is_allocating(self.guest, task) => {
                text.push_str("  gfp_mask and order: not on the stack in a form that is known\n");
            }
            None => {}
        }
        if let Some(awaited) = &task.awaited {
            let owner = task.lock_owner(self.tasks).map(|owner| format!(" of pid {} ({})", owner.pid, owner.comm));
            let owner = owner.unwrap_or_else(|| ", whose owner is not known".to_owned());
            line(text, format_args!("  waits for the {}{owner}", awaited.sort));
        }
        match &task.stack {
            Stack::Released => text.push_str("    the stack is given back already\n"),
            Stack::Unreadable => text.push_str("    the stack cannot be read\n"),
            Stack::Frames(_) if task.running.is_some_and(|it| it.user) => text.push_str("    runs its program\n"),
            Stack::Frames(frames) => {
                for frame in frames {
                    let mark = if frame.confirmed { "" } else { "? " };
                    line(text, format_args!("    {mark}{}", self.guest.symbolize(frame.address)));
                }
            }
        }
    }

    /// Tasks on a line each, with the innermost functions.
    fn table(&self, text: &mut String, tasks: &[&Task]) {
        text.push_str("\nThe rest:\n\n    PID  TGID  PPID S MM   ADJ COMM             STACK\n");
        for task in tasks {
            let ppid = task.ppid.map_or("?".to_owned(), |ppid| ppid.to_string());
            let mm = if task.has_mm { "mm" } else { "-" };
            let notes = notes(task);
            let notes = if notes.is_empty() { String::new() } else { format!("  [{}]", notes.join(", ")) };
            line(
                text,
                format_args!(
                    "  {:>5} {:>5} {ppid:>5} {} {mm:<2} {:>5} {:<16} {}{notes}",
                    task.pid,
                    task.tgid,
                    task.state,
                    task.oom_score_adj,
                    task.comm,
                    self.short(task)
                ),
            );
        }
    }

    fn short(&self, task: &Task) -> String {
        const SHOWN: usize = 5;
        match &task.stack {
            Stack::Released => "(given back)".to_owned(),
            Stack::Unreadable => "(cannot be read)".to_owned(),
            Stack::Frames(_) if task.running.is_some_and(|it| it.user) => "(runs its program)".to_owned(),
            Stack::Frames(frames) => {
                let functions = self.guest.functions(frames).into_iter().filter(|name| !Class::Scheduler.has(name));
                functions.take(SHOWN).collect::<Vec<_>>().join(" < ")
            }
        }
    }
}

fn state_of(task: &Task) -> String {
    let meaning = match task.state {
        'R' if task.running.is_some() => "running",
        'R' => "runnable",
        'D' if task.killable => "waits for an event or a fatal signal",
        'D' => "waits, not to be interrupted",
        'S' => "sleeps",
        'Z' => "zombie",
        'X' => "dead",
        'I' => "idle",
        'T' => "stopped",
        't' => "traced",
        _ => "parked",
    };
    format!("{} ({meaning})", task.state)
}

/// Further remarks on a task.
fn notes(task: &Task) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(victim) = task.victim {
        notes.push(match victim.oom_skip {
            Some(true) => "OOM victim, MMF_OOM_SKIP set".to_owned(),
            Some(false) => "OOM victim, MMF_OOM_SKIP not set".to_owned(),
            None => "OOM victim, its mm cannot be read".to_owned(),
        });
        notes.extend(match task.memdie {
            Some(true) => Some("TIF_MEMDIE".to_owned()),
            Some(false) => None,
            None => Some("TIF_MEMDIE unknown for this release".to_owned()),
        });
    } else if task.memdie == Some(true) {
        notes.push("TIF_MEMDIE".to_owned());
    }
    if let Some(running) = task.running {
        notes.push(running.cpu.map_or("on a CPU".to_owned(), |cpu| format!("on CPU {cpu}")));
    }
    notes.extend(task.policy.clone());
    notes.extend(state::flags(task.flags).map(str::to_owned));
    notes
}
