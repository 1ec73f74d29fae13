//! What single lines of a report say.

use super::*;

fn name(line: &str) -> Option<String> {
    frame(line).map(|(name, sure)| if sure { name.to_owned() } else { format!("? {name}") })
}

#[test]
fn frames_of_all_architectures_are_read() {
    for (line, expected) in [
        ("  [<ffffffff8395bdaf>] mutex_lock_nested+0x2ff/0x830", "mutex_lock_nested"),
        (" ? find_held_lock+0x35/0x1d0", "? find_held_lock"),
        ("[<c001a250>] (unwind_backtrace) from [<c00149a0>] (show_stack+0x20/0x24)", "unwind_backtrace"),
        ("[<c0013a7c>] (a+0x0/0xf0) from [<c009274c>] (b+0xc4/0x11c)", "a"),
        (" unwind_backtrace from show_stack+0x10/0x14", "unwind_backtrace"),
        ("[c0000000] [c000000000012345] .do_exit+0x5c/0x70 (unreliable)", "do_exit"),
        (" __mutex_lock_common kernel/locking/mutex.c:679 [inline]", "__mutex_lock_common"),
        (" ([<000000000011a5c2>] show_stack+0x8a/0xd0)", "show_stack"),
        (" f+0x12/0x34 [kvm]", "f"),
        ("f (arch/arm64/kernel/process.c:740) (T)", "f"),
        (" [<ffffffff884a9aa0>] :ip_conntrack:f+0x33/0x7a", "f"),
        (" <IRQ>  [<ffffffff810c026a>] f+0x33/0x7a", "f"),
        (" f+0x0/0x10", "? f"),
        (" ? f.part.0 (mm/slub.c:12 (discriminator 3)) kvm", "? f"),
    ] {
        assert_eq!(name(line).as_deref(), Some(expected), "{line}");
    }
}

#[test]
fn other_lines_are_no_frames() {
    for line in [
        "hardirqs last enabled at (12): [<c0>] f+0x1/0x2",
        "Modules linked in: a b",
        "lr : f+0x1/0x2",
        "lr : f (mm/slub.c:12)",
        "lr : f mm/slub.c:12 [inline]",
        "Function entered at [<c0011738>] from [<c03019b8>]",
        "from here on",
        "stack+0x20/0x24)",
        "note: module: f+0x1/0x2",
    ] {
        assert_eq!(name(line), None, "{line}");
    }
}

#[test]
fn pointers_of_all_architectures_are_read() {
    for line in [
        "RIP: 0010:f+0x1/0x2",
        "RIP: 0010:[<ffffffff810d9c93>]  [<ffffffff810d9c93>] f+0x3b3/0x3d0",
        "IP: [<ffffffff810d9c93>] f+0x3b3/0x3d0",
        "EIP is at f+0x1/0x2",
        "PC is at f+0x1/0x2",
        "pc : f+0x1/0x2",
        "epc : f+0x1/0x2",
        "epc   : 80123456 f+0x1/0x2",
        "NIP [c000000000012345] f+0x1/0x2",
        "PC: [<0004f2a8>] f+0x1/0x2",
        "Krnl PSW : 0704c00180000000 00000000001a2b3c (f+0x1/0x2)",
        "RIP: 0010:f (mm/slub.c:12)",
        "pc : f (mm/slub.c:12)",
    ] {
        let mut body = Body::default();
        assert!(body.take(line), "{line}");
        assert_eq!(body.pointer.as_deref(), Some("f"), "{line}");
    }
    let mut body = Body::default();
    assert!(body.take("RIP: 0033:0x4512c9"));
    assert_eq!(body.pointer, None);
}

#[test]
fn what_a_worker_does_is_read() {
    for line in [
        "Workqueue: events f",
        "Workqueue: writeback f (flush-8:0)",
        "Workqueue: usb: tx wq f [usbcore]",
        "Workqueue: events f [kvm] (x)",
    ] {
        let mut body = Body::default();
        assert!(body.take(line), "{line}");
        assert_eq!(body.work.as_deref(), Some("f"), "{line}");
    }
}

#[test]
fn where_preemption_was_disabled_is_no_frame() {
    let mut body = Body::default();
    for line in ["Preemption disabled at:", "[<c07d10ec>] f+0x1c/0x20", " g+0x1/0x2"] {
        assert!(body.take(line), "{line}");
    }
    assert_eq!(body.frames.iter().map(|frame| &frame.name[..]).collect::<Vec<_>>(), ["g"]);
}

#[test]
fn frames_are_bounded() {
    let mut body = Body::default();
    for _ in 0..10_000 {
        body.take(" f+0x1/0x2");
    }
    assert_eq!(body.frames.len(), MOST_FRAMES);
}

/// Takes lines, of which all belong to the report.
fn taken(lines: &[&str]) -> Body {
    let mut body = Body::default();
    for line in lines {
        assert!(body.take(line), "{line}");
    }
    body
}

fn names(body: &Body) -> Vec<&str> {
    body.frames.iter().map(|frame| &frame.name[..]).collect()
}

#[test]
fn return_addresses_behind_a_function_count_only_where_the_unwinder_is_sure() {
    assert_eq!(names(&taken(&[" f+0x10/0x10", " ? g+0x10/0x10", " ? h+0x8/0x10"])), ["f", "h"]);
}

#[test]
fn callers_in_the_same_line_are_told_once() {
    let line = |f: &str, by: &str| format!("[<c0013a7c>] ({f}+0x8/0xf0) from [<c009274c>] ({by}+0xc4/0x11c)");
    assert_eq!(names(&taken(&[&line("a", "b"), &line("b", "c"), &line("d", "e")])), ["a", "b", "c", "d", "e"]);
}

#[test]
fn a_trace_is_told_when_more_than_the_place_is_known() {
    assert!(!taken(&["RIP: 0010:f+0x1/0x2", " g+0x1/0x2"]).is_told());
    assert!(taken(&["RIP: 0010:f+0x1/0x2", " g+0x1/0x2", " h+0x1/0x2"]).is_told());
}

#[test]
fn traces_are_told_apart_and_the_place_before_one_belongs_to_it() {
    let body = taken(&["RIP: 0010:f+0x1/0x2", "Call Trace:", " g+0x1/0x2", "Call Trace:", " h+0x1/0x2"]);
    assert_eq!(body.frames.iter().map(|frame| frame.trace).collect::<Vec<_>>(), [0, 0, 1]);
}

#[test]
fn what_kfence_tells_of_an_object_ends_no_report_but_who_allocated_it_does() {
    let mut body = Body::default();
    body.take("kfence-#150: 0xffff8c3f2e292fff-0xffff8c3f2e29301f, size=32, cache=kmalloc-32");
    assert!(body.take(" f+0x1/0x2"));
    for end in ["kfence-#150 [0xffff-0xffff, size=32] allocated by task 507:", "allocated by task 507 on cpu 1:"] {
        let mut body = body.clone();
        assert!(body.take(end) && !body.take(" g+0x1/0x2"), "{end}");
    }
}

#[test]
fn the_task_of_a_stalled_cpu_stands_behind_its_heading_alone() {
    let task = "bash            R  running task        0   205    200 0x00000202";
    let mut body = Body::default();
    body.take("Tasks are shown elsewhere");
    body.take(task);
    assert_eq!(body.task, None);
    assert_eq!(taken(&["Task dump for CPU 1:", task]).task.map(|task| task.pid), Some(Some(205)));
}

#[test]
fn who_wants_a_lock_is_read() {
    for line in ["hog/22269 is trying to acquire lock:", "hog/22269 [HC0[0]:SC0[0]:HE1:SE1] takes:"] {
        let task = taken(&[line]).task.unwrap();
        assert_eq!((task.comm.as_str(), task.pid), ("hog", Some(22269)), "{line}");
    }
}

#[test]
fn user_code_is_no_place_in_the_kernel() {
    for segment in ["0033", "0023"] {
        assert_eq!(taken(&[&format!("RIP: {segment}:f+0x1/0x2")]).pointer, None, "{segment}");
    }
}

#[test]
fn accesses_are_read() {
    for (line, access) in [
        ("Read of size 8 at addr ffff888003c40040 by task hog/26", "Read"),
        ("Read at addr f5ff000017f2e000 by task hog/26", "Read"),
        ("Write of size 8 at addr ffff888003c40040 by task hog/26", "Write"),
        ("Write at addr f5ff000017f2e000 by task hog/26", "Write"),
    ] {
        let body = taken(&[line]);
        assert_eq!((body.access, body.task.and_then(|task| task.pid)), (Some(access), Some(26)), "{line}");
    }
    let mut body = Body::default();
    assert!(!body.take("Write protecting the kernel read-only data: 14336k") && body.access.is_none());
}

#[test]
fn the_lock_of_a_report_may_stand_in_the_next_line_and_one_that_is_held_is_another() {
    let lock = "(&bdev->bd_mutex){+.+.}, at: ";
    let held = "#0:  (&lo->lo_ctl_mutex#2){+.+.}, at: ";
    let wanted = format!("{lock}[<000000002cc60f49>] f+0x1e/0x40");
    let locks = |lines: &[&str]| {
        let body = taken(lines);
        (body.lock.unwrap_or_default(), body.held.unwrap_or_default())
    };
    let (f, g) = ("f".to_owned(), "g".to_owned());
    assert_eq!(locks(&[&wanted]), (f.clone(), String::new()));
    assert_eq!(locks(&[&format!("{held}[<00000000ab8c2b9d>] g+0x119/0x150"), &wanted]), (f.clone(), g.clone()));
    // The first counts.
    assert_eq!(locks(&[&wanted, &wanted.replace(" f+", " h+")]).0, f);
    // A mail program has wrapped the line behind `at:`, with and without the blank.
    for line in [lock, lock.trim_end(), "hog/12 is trying to release lock (&x) at:"] {
        assert_eq!(locks(&[line, "[<000000002cc60f49>] f+0x1e/0x40"]).0, f, "{line}");
    }
    for line in [held, held.trim_end()] {
        let mut body = Body::default();
        body.take(line);
        body.take("[<000000002cc60f49>] f+0x1e/0x40");
        assert_eq!(body.lock, None, "{line}");
    }
    let mut body = Body::default();
    assert!(!body.take("hog/12 was last seen at:"));
    body.take("[<000000002cc60f49>] f+0x1e/0x40");
    assert_eq!(body.lock, None);
}

#[test]
fn an_address_that_stands_elsewhere_cuts_no_character_in_two() {
    let mut body = Body::default();
    assert!(body.take("(&x){+.+.}, at: \u{fffd}\u{fffd}\u{fffd}[<12>] f+0x1/0x2"));
    assert_eq!(body.lock, None);
}
