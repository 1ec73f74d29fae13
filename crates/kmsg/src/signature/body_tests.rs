//! What single lines of a report say.

use super::*;

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
fn work_of_a_worker_is_read() {
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
fn preempt_disable_address_is_no_frame() {
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
    assert_eq!(body.frames.len(), MAX_FRAMES);
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
fn callers_in_the_same_line_are_frames_once() {
    let line = |f: &str, by: &str| format!("[<c0013a7c>] ({f}+0x8/0xf0) from [<c009274c>] ({by}+0xc4/0x11c)");
    assert_eq!(names(&taken(&[&line("a", "b"), &line("b", "c"), &line("d", "e")])), ["a", "b", "c", "d", "e"]);
}

#[test]
fn trace_begins_behind_the_pointer() {
    assert!(!taken(&["RIP: 0010:f+0x1/0x2", " g+0x1/0x2"]).has_trace());
    assert!(taken(&["RIP: 0010:f+0x1/0x2", " g+0x1/0x2", " h+0x1/0x2"]).has_trace());
}

#[test]
fn frames_know_their_trace() {
    let body = taken(&["RIP: 0010:f+0x1/0x2", "Call Trace:", " g+0x1/0x2", "Call Trace:", " h+0x1/0x2"]);
    assert_eq!(body.frames.iter().map(|frame| frame.trace).collect::<Vec<_>>(), [0, 0, 1]);
}

#[test]
fn kfence_allocation_stack_ends_the_report() {
    let mut body = Body::default();
    body.take("kfence-#150: 0xffff8c3f2e292fff-0xffff8c3f2e29301f, size=32, cache=kmalloc-32");
    assert!(body.take(" f+0x1/0x2"));
    for end in ["kfence-#150 [0xffff-0xffff, size=32] allocated by task 507:", "allocated by task 507 on cpu 1:"] {
        let mut body = body.clone();
        assert!(body.take(end) && !body.take(" g+0x1/0x2"), "{end}");
    }
}

#[test]
fn task_dumps_follow_their_heading() {
    let task = "bash            R  running task        0   205    200 0x00000202";
    let mut body = Body::default();
    body.take("Tasks are shown elsewhere");
    body.take(task);
    assert_eq!(body.task, None);
    assert_eq!(taken(&["Task dump for CPU 1:", task]).task.map(|task| task.pid), Some(Some(205)));
}

#[test]
fn locking_task_is_read() {
    for line in ["hog/22269 is trying to acquire lock:", "hog/22269 [HC0[0]:SC0[0]:HE1:SE1] takes:"] {
        let task = taken(&[line]).task.unwrap();
        assert_eq!((task.comm.as_str(), task.pid), ("hog", Some(22269)), "{line}");
    }
}

#[test]
fn pointers_beyond_their_function_are_distrusted() {
    for line in ["RIP: 0010:f+0x500/0x40", "pc : f+0x500/0x40", "NIP [c000000000012345] f+0x500/0x40"] {
        assert_eq!(taken(&[line]).pointer, None, "{line}");
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
fn wanted_and_held_locks_are_read() {
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
fn multibyte_characters_before_an_address_stay_whole() {
    let mut body = Body::default();
    assert!(body.take("(&x){+.+.}, at: \u{fffd}\u{fffd}\u{fffd}[<12>] f+0x1/0x2"));
    assert_eq!(body.lock, None);
}
