//! Titles of reports whose lines are given.

use super::*;
use crate::signature::search::read_head;

/// The title of the report that begins with the first line.
fn of(lines: &[&str]) -> String {
    let head = read_head(lines[0]).unwrap_or_else(|| panic!("no report begins with {}", lines[0]));
    let mut body = Body::behind(lines[0]);
    for line in &lines[1..] {
        body.take(line);
    }
    title(&head, &body)
}

const LOCKUP: &str = "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [kworker/0:1:26]";

#[test]
fn kasan_titles_tell_the_access() {
    let read = "Read of size 8 at addr ffff888003c40040 by task hog/26";
    assert_eq!(of(&["BUG: KASAN: use-after-free in f_one+0x1/0x2", read]), "KASAN: use-after-free Read in f_one");
    let kfence = "BUG: KFENCE: use-after-free read in f_one+0x1/0x2";
    assert_eq!(of(&[kfence, read]), of(&[kfence]));
}

#[test]
fn work_names_stalls_but_no_crash() {
    let (work, loops) = ("Workqueue: events f_work", " process_one_work+0x1/0x2");
    assert_eq!(of(&[LOCKUP, work, loops]), "soft lockup in f_work");
    assert_eq!(of(&[LOCKUP, work, " f_inner+0x1/0x2", " f_entry+0x1/0x2", loops]), "soft lockup in f_entry");
    let others = &LOCKUP.replace("kworker/0:1", "hog");
    assert_eq!(of(&[others, work]), "soft lockup of hog");
    // Without a function, a crash of a worker has one at least.
    let warning = "WARNING: CPU: 0 PID: 26 at mm/slub.c:12 kthread+0x1/0x2";
    let comm = "CPU: 0 PID: 26 Comm: kworker/0:1 Not tainted 6.1.0 #1";
    assert_eq!(of(&[warning, comm, work]), "WARNING in f_work");
}

#[test]
fn serror_is_named_by_the_interrupted_function() {
    let panic = "Kernel panic - not syncing: Asynchronous SError Interrupt";
    let inner = [" dump_stack+0x1/0x2", " arm64_serror_panic+0x1/0x2"];
    let exception = [" el1h_64_error+0x1/0x2", " f_one+0x1/0x2", " f_two+0x1/0x2"];
    assert_eq!(of(&[&[panic][..], &inner, &exception].concat()), "panic: Asynchronous SError Interrupt in f_one");
    // Where the exception is not in the trace, its innermost that says something.
    assert_eq!(of(&[panic, " f_two+0x1/0x2"]), "panic: Asynchronous SError Interrupt in f_two");
    assert_eq!(of(&["Kernel panic - not syncing: another", " f_two+0x1/0x2"]), "panic: another");
}

#[test]
fn generic_functions_give_way_to_their_caller() {
    let oops = "BUG: kernel NULL pointer dereference, address: 0000000000000010";
    let at = |name: &str| format!("RIP: 0010:{name}+0x1/0x2");
    let caller = " f_caller+0x1/0x2";
    assert_eq!(of(&[oops, &at("f_own"), caller]), "kernel NULL pointer dereference in f_own");
    assert_eq!(of(&[oops, &at("memcpy"), caller]), "kernel NULL pointer dereference in f_caller");
    assert_eq!(of(&[oops, &at("memcpy")]), "kernel NULL pointer dereference in memcpy");
    // But a panic over a stack means the function that it names.
    let stack = "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: memcpy+0x1/0x2";
    assert_eq!(of(&[stack, caller]), "panic: stack is corrupted in memcpy");
}

#[test]
fn waiting_function_outranks_the_submitting_one() {
    let hung = "INFO: task hog:26 blocked for more than 120 seconds.";
    let trace = [" __schedule+0x1/0x2", " io_schedule+0x1/0x2", " submit_bio_wait+0x1/0x2", " f_waits+0x1/0x2"];
    assert_eq!(of(&[&[hung][..], &trace].concat()), "task hung in f_waits");
    assert_eq!(of(&[hung]), "task hung of hog");
}

#[test]
fn allocation_is_named_by_its_caller() {
    let failed = "hog: page allocation failure: order:5, mode:0xcc0(GFP_KERNEL), nodemask=(null)";
    let inner = [" warn_alloc+0x1/0x2", " __alloc_pages+0x1/0x2", " __get_free_pages+0x1/0x2"];
    assert_eq!(
        of(&[&[failed][..], &inner, &[" f_asks+0x1/0x2"]].concat()),
        "page allocation failure, order 5 in f_asks"
    );
    // What was left on the stack above the entry does not count, unless reclaim is at work there.
    let left = [" f_left+0x1/0x2"];
    assert_eq!(
        of(&[&[failed][..], &left, &inner, &[" f_asks+0x1/0x2"]].concat()),
        "page allocation failure, order 5 in f_asks"
    );
    let reclaim = [" f_shrinks+0x1/0x2", " try_to_free_pages+0x1/0x2"];
    let title = of(&[&[failed][..], &reclaim, &inner, &[" f_asks+0x1/0x2"]].concat());
    assert_eq!(title, "page allocation failure, order 5 in f_shrinks");
    // The caller of an allocating function outranks it, and it outranks nothing.
    let (own, other) = (" f_alloc_thing+0x1/0x2", " f_uses+0x1/0x2");
    assert_eq!(of(&[&[failed][..], &inner, &[own, other]].concat()), "page allocation failure, order 5 in f_uses");
    assert_eq!(of(&[&[failed][..], &inner, &[own]].concat()), "page allocation failure, order 5 in f_alloc_thing");
    assert_eq!(of(&[failed]), "page allocation failure, order 5 of hog");
}

#[test]
fn stalls_are_named_by_the_interrupted_entry() {
    let hog = &LOCKUP.replace("kworker/0:1", "hog");
    let entry = [" f_inner+0x1/0x2", " f_entry+0x1/0x2", " do_syscall_64+0x1/0x2"];
    let of = |lines: &[&str]| of(&[&[hog.as_str()][..], lines].concat());
    assert_eq!(of(&entry), "soft lockup in f_entry");
    // What runs in the interrupt is not what the CPU was at.
    let interrupt = [
        " watchdog_timer_fn+0x1/0x2",
        " f_timer+0x1/0x2",
        " do_idle+0x1/0x2",
        " asm_sysvec_apic_timer_interrupt+0x1/0x2",
    ];
    assert_eq!(of(&[&interrupt[..], &entry].concat()), "soft lockup in f_entry");
    // TaskRef waits for other CPUs is named by that.
    let waits = [" smp_call_function_many_cond+0x1/0x2", " f_entry+0x1/0x2", " do_syscall_64+0x1/0x2"];
    assert_eq!(of(&waits), "soft lockup in smp_call_function");
    // Of several traces the first that tells it; one of the kthread that gets no CPU tells nothing.
    let starved = ["Call Trace:", " f_waits+0x1/0x2", " rcu_gp_kthread+0x1/0x2", " do_exit+0x1/0x2"];
    let traces = [&starved[..], &["Call Trace:"], &entry].concat();
    assert_eq!(of(&traces), "soft lockup in f_entry");
    // Without an entry, the innermost, but not one that only looks for stalls.
    assert_eq!(of(&[" f_inner+0x1/0x2"]), "soft lockup in f_inner");
    assert_eq!(of(&[" rcu_sched_clock_irq+0x1/0x2", " f_inner+0x1/0x2"]), "soft lockup of hog");
    // Frames that are doubted count where there are no others.
    assert_eq!(of(&[" ? f_inner+0x1/0x2", " ? f_entry+0x1/0x2", " ? do_syscall_64+0x1/0x2"]), "soft lockup in f_entry");
    assert_eq!(of(&[" ? f_inner+0x1/0x2"]), "soft lockup in f_inner");
}

#[test]
fn glue_of_file_systems_is_not_blamed() {
    let hog = &LOCKUP.replace("kworker/0:1", "hog");
    for glue in [
        &[" direct_entry+0x1/0x2", " full_proxy_write+0x1/0x2"][..],
        &[" kobj_attr_store+0x1/0x2", " sysfs_kf_write+0x1/0x2", " kernfs_fop_write_iter+0x1/0x2"],
        &[" proc_sys_call_handler+0x1/0x2"],
        &[" proc_reg_write+0x1/0x2"],
        &[" cgroup_file_write+0x1/0x2", " kernfs_fop_write_iter+0x1/0x2"],
    ] {
        let entry = [" f_inner+0x1/0x2", " f_entry+0x1/0x2"];
        let lines = [&[hog.as_str()][..], &entry, glue, &[" vfs_write+0x1/0x2"]].concat();
        assert_eq!(of(&lines), "soft lockup in f_entry", "{glue:?}");
    }
}

#[test]
fn idle_cpus_are_not_blamed_for_stalls() {
    let stall = "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:";
    let comm = "CPU: 1 PID: 0 Comm: swapper/1 Not tainted 6.1.0 #1";
    let idle = ["RIP: 0010:pv_native_safe_halt+0xb/0x10", " default_idle+0x5/0x10", " default_idle_call+0x29/0x50"];
    let lines = [&[stall, comm][..], &idle, &[" do_idle+0x1/0x2", " cpu_startup_entry+0x1/0x2"]].concat();
    assert_eq!(of(&lines), "rcu stall");
}

#[test]
fn names_far_before_an_address_are_distrusted() {
    let oops = "BUG: kernel NULL pointer dereference, address: 0000000000000010";
    let pointer = "RIP: 0010:f_before+0x500/0x40";
    assert_eq!(of(&[oops, pointer, " f_caller+0x1/0x2"]), "kernel NULL pointer dereference in f_caller");
    assert_eq!(of(&[oops, " f_before+0x500/0x40", " f_caller+0x1/0x2"]), "kernel NULL pointer dereference in f_caller");
}
