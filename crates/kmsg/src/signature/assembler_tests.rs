//! How long reports wait for further lines, and what later lines change in them.

use super::*;
use crate::console::printk;
use crate::task::TaskRef;

/// Lines with their numbers.
type Lines<'a> = Vec<(u64, &'a str)>;

/// Lines with their numbers → the reports that end with them, and those that are still open.
fn read(lines: &[(u64, &str)]) -> (Vec<Report>, Vec<Report>) {
    let (mut assembler, mut ended) = (Assembler::default(), Vec::new());
    for (number, line) in lines {
        assembler.push(Position { number: *number, order: *number, provoked: false }, &printk::parse(line), &mut ended);
    }
    let mut open = Vec::new();
    assembler.finish(&mut open);
    (ended, open)
}

const OOPS: &str = "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000010";
const INVOKED: &str = "[    1.000000] hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0";
const KILLED: &str = "[    1.000000] Out of memory: Killed process 5 (hog) total-vm:6228kB, anon-rss:0kB";
const OTHER: &str = "[    2.000000] usb 1-1: new high-speed USB device";

#[test]
fn reports_time_out() {
    let trace = [
        (2, "[    1.000000] RIP: 0010:tipc_sk_lookup+0x131/0xfa0"),
        (3, "[    1.000000] Call Trace:"),
        (4, "[    1.000000]  tipc_sk_rcv+0x1/0x20"),
        (5, "[    1.000000]  tipc_node_xmit+0x1/0x20"),
        (6, "[    1.000000]  tipc_sendmsg+0x1/0x20"),
    ];
    let lines_with_trace: Lines<'_> = std::iter::once((1, OOPS)).chain(trace).collect();
    let cases: [(&str, Lines<'_>, u64); 4] = [
        ("without a trace", vec![(1, OOPS)], 1 + EARLY_TIMEOUT_LINES),
        ("with a trace", lines_with_trace, 6 + TIMEOUT_LINES),
        ("tasks are listed", vec![(1, INVOKED)], 1 + OOM_TIMEOUT_LINES),
        ("a victim is named", vec![(1, KILLED)], 1 + EARLY_TIMEOUT_LINES),
    ];
    for (name, lines, last) in cases {
        for (number, open) in [(last, 1), (last + 1, 0)] {
            let mut lines = lines.clone();
            lines.push((number, OTHER));
            let (ended, waiting) = read(&lines);
            assert_eq!((ended.len(), waiting.len()), (1 - open, open), "{name}, line {number}");
        }
    }
}

#[test]
fn killed_process_outranks_the_announced_one() {
    let announced = "[    1.000000] Out of memory: Kill process 10 (parent) score 900 or sacrifice child";
    let killed = "[    1.000000] Killed process 11 (child) total-vm:6228kB, anon-rss:0kB, file-rss:0kB";
    let (ended, open) = read(&[(1, INVOKED), (2, announced), (3, killed)]);
    assert_eq!((ended.len(), open.len()), (0, 1), "{ended:?} {open:?}");
    assert_eq!(open[0].victim.as_ref().map(|victim| victim.pid), Some(Some(11)));
    assert_eq!((open[0].line, open[0].last_line), (1, 3));
    // The next kill is another report.
    let (ended, open) = read(&[(1, INVOKED), (2, announced), (3, killed), (4, &killed.replace("11", "12"))]);
    assert_eq!((ended.len(), open.len()), (1, 1));
    assert_eq!(open[0].victim.as_ref().map(|victim| victim.pid), Some(Some(12)));
}

#[test]
fn panic_behind_its_report_keeps_its_own_title() {
    let lockup = "[    1.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]";
    let panic = "[    1.000000] Kernel panic - not syncing: softlockup: hung tasks";
    let trace = [
        (5, "[    1.000000] Call Trace:"),
        (6, "[    1.000000]  panic+0x1/0x20"),
        (7, "[    1.000000]  spinning_around+0x1/0x20"),
        (8, "[    1.000000]  do_syscall_64+0x1/0x20"),
    ];
    let titles = |lines: &[(u64, &str)]| {
        let (mut all, open) = read(lines);
        all.extend(open);
        all.into_iter().map(|report| (report.kind, report.title)).collect::<Vec<_>>()
    };
    let mut lines = vec![(4, panic)];
    lines.extend(trace);
    assert_eq!(titles(&lines), [(ReportKind::SoftLockup, "soft lockup in spinning_around".to_owned())]);
    lines.insert(0, (1, lockup));
    let (kind, title) = titles(&lines).pop().unwrap();
    assert_eq!((kind, title.as_str()), (ReportKind::Panic, "panic: softlockup: hung tasks"));
}

#[test]
fn pending_reports_are_bounded() {
    let lines: Vec<String> = (0..10)
        .map(|cpu| format!("[    1.000000][   C{cpu}] BUG: kernel NULL pointer dereference, address: 0"))
        .collect();
    let lines: Lines<'_> = (1..).zip(lines.iter().map(String::as_str)).collect();
    let (ended, open) = read(&lines);
    assert_eq!((ended.len(), open.len()), (lines.len() - MAX_PENDING, MAX_PENDING));
    assert_eq!(ended.iter().map(|report| report.line).collect::<Vec<_>>(), [1, 2], "the oldest go");
}

/// The titles and tasks of what is read, ended or not.
fn titles_and_tasks(lines: &[&str]) -> Vec<(String, Option<TaskRef>)> {
    let lines: Lines<'_> = (1..).zip(lines.iter().copied()).collect();
    let (mut all, open) = read(&lines);
    all.extend(open);
    all.into_iter().map(|report| (report.title, report.task)).collect()
}

#[test]
fn lines_belong_to_reports_of_their_context() {
    let head = "[    1.000000][   T12] BUG: kernel NULL pointer dereference, address: 0000000000000010";
    for (caller, title) in [
        ("", "kernel NULL pointer dereference in f_one"),
        ("[   T12]", "kernel NULL pointer dereference in f_one"),
        ("[   T13]", "kernel NULL pointer dereference"),
    ] {
        let pointer = format!("[    1.000000]{caller} RIP: 0010:f_one+0x131/0xfa0");
        assert_eq!(titles_and_tasks(&[head, &pointer])[0].0, title, "{caller}");
    }
}

#[test]
fn announced_victim_counts_until_the_kill() {
    let announced = "[    1.000000] Out of memory: Kill process 10 (parent) score 900 or sacrifice child";
    let (_, open) = read(&[(1, INVOKED), (2, announced)]);
    assert_eq!(open[0].victim.as_ref().map(|victim| victim.pid), Some(Some(10)));
}

#[test]
fn missing_pid_comes_from_the_task_of_that_name() {
    let head = "[    1.000000] BUG: Bad page state in process hog  pfn:12345";
    let ran = |comm: &str| format!("[    1.000000] CPU: 0 PID: 26 Comm: {comm} Not tainted 6.1.0 #1");
    let task = |comm: &str| titles_and_tasks(&[head, &ran(comm)]).remove(0).1.unwrap();
    assert_eq!((task("hog").pid, task("hog").comm.as_str()), (Some(26), "hog"));
    assert_eq!((task("other").pid, task("other").comm.as_str()), (None, "hog"));
    let known = "[    1.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:5]";
    assert_eq!(titles_and_tasks(&[known, &ran("hog")])[0].1.as_ref().unwrap().pid, Some(5), "the head knows best");
}

#[test]
fn oops_number_precedes_its_trace() {
    let die = "[    1.000000] Oops: 0002 [#1] SMP";
    let trace = ["f_one", "f_two", "f_three"].map(|f| format!("[    1.000000]  {f}+0x1/0x20"));
    let [one, two, three] = trace.each_ref().map(String::as_str);
    assert_eq!(titles_and_tasks(&[OOPS, die, one, two, three]).len(), 1);
    assert_eq!(titles_and_tasks(&[OOPS, one, two, three, die]).len(), 2, "the next oops");
}

#[test]
fn sysrq_dumps_belong_to_no_report() {
    let lockup = "[    1.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]";
    let asked = "[    2.000000] sysrq: Show Blocked State";
    let frames = ["[    2.000001]  f_blocked+0x1/0x20", "[    2.000002]  do_syscall_64+0x1/0x20"];
    assert_eq!(titles_and_tasks(&[lockup, frames[0], frames[1]])[0].0, "soft lockup in f_blocked");
    assert_eq!(titles_and_tasks(&[lockup, asked, frames[0], frames[1]])[0].0, "soft lockup of hog");
    // Nor do they stand for one whose beginning is missing.
    let killing = "[    2.000001]  oom_kill_process+0x10/0x20";
    assert_eq!((titles_and_tasks(&[killing]).len(), titles_and_tasks(&[asked, killing]).len()), (1, 0));
}
