//! Which functions of a call trace say something about a problem.
//!
//! A report is named by the code that did wrong, not by the check that noticed it, nor by a library function that all code
//! calls. The lists hold classes of functions: `*` stands for anything, leading underscores do not count.

use std::sync::LazyLock;

/// Functions that report, handle exceptions, or stand at the outer end of every trace.
const REPORTING: &str = "\
    dump_stack* dump_backtrace* show_stack* show_regs* show_trace* show_registers* unwind_* print* report_* \
    end_report* put_report* *kasan_* *kmsan_* *kcsan_* *kfence_* ubsan_* *asan_* *msan_* *tsan_* *hwasan_* \
    *sanitizer_* check_memory_region* shadow_* warn warn_* panic* *_panic *assert* die die_* oops_* \
    check_panic_on_warn bug_at* nmi nmi_* do_nmi default_do_nmi *backtrace* stack_trace_* save_stack* save_trace* \
    arch_stack_walk* sched_show_task show_state* rcu_dump_cpu_stacks* msg_print_text record_print_text page_fault* \
    do_page_fault* do_user_addr_fault do_kern_addr_fault handle_page_fault exc_* asm_exc_* do_error_trap do_trap* \
    invalid_op do_invalid_op fixup_bug* fixup_exception handle_bug general_protection do_general_protection \
    bad_area* bad_page* no_context kernelmode_fixup* double_fault* divide_error do_divide_error error_entry \
    error_exit error_code common_exception el0_* el0t_* el1_* el1h_* do_mem_abort do_sea do_undefinstr \
    do_translation_fault do_kernel_fault do_bad_area do_tag_check_fault do_tag_recovery do_sp_pc_abort do_DataAbort \
    do_PrefetchAbort do_alignment_fault do_serror arm64_is_fatal_ras_serror bad_mode \
    dabt_svc pabt_svc und_svc* und_fault handle_exception ret_from_exception \
    do_trap_break brk_handler bug_handler do_debug_exception call_break_hook debug_exception x86_indirect_thunk_* \
    lockdep_* debug_check* debug_object* debug_print_object debug_deactivate *is_static_object \
    check_preemption_disabled debug_smp_processor_id this_cpu_preempt_check spin_bug spin_dump rwlock_bug* might_* \
    cant_sleep schedule_bug schedule_debug cond_resched* retint_* preempt_count_* fortify_* stack_chk_fail \
    usercopy_abort usercopy_warn should_fail* fail_dump trace_hardirqs* hardirqs_* softirqs_* mark_lock* \
    mark_held_locks mark_usage validate_chain check_prev* check_noncircular check_deadlock check_irq_usage \
    check_wait_context valid_state register_lock_class assign_lock_key look_up_lock_class perf_trace_lock* \
    trace_lock* trace_irq_* slab_bug slab_err object_err check_slab check_object* on_freelist free_debug_processing \
    free_consistency_checks alloc_debug_processing check_bytes_and_report watchdog_overflow* watchdog_timer_fn \
    watchdog_hardlockup* perf_event_overflow perf_event_nmi* x86_pmu_handle_irq intel_pmu_handle_irq sysrq_* \
    write_sysrq_trigger warn_alloc* create_object rela_dyn_start* rela_iplt* ret_from_fork* ret_to_user \
    ret_fast_syscall kthread kernel_thread* entry_* do_syscall_* do_fast_syscall* do_int80* syscall_* system_call* \
    invoke_syscall work_pending start_secondary secondary_startup* start_kernel x86_64_start* rest_init kernel_init* \
    do_initcall*";

/// Locks, waits, and the way to the scheduler.
const WAITING: &str = "\
    schedule* sched_text_start io_schedule* context_switch switch_to* preempt_schedule* lock_acquire* lock_release* lock_is_held* \
    lock_set_class lock_downgrade reacquire_held_locks raw_spin_* spin_* raw_read_lock* raw_read_unlock* \
    raw_read_try* raw_write_lock* raw_write_unlock* raw_write_try* read_lock* write_lock* read_unlock* write_unlock* \
    do_raw_* queued_* native_queued_* pv_* ticket_spin* mutex_* ww_mutex_* rt_mutex_* rt_spin_* rwsem_* call_rwsem_* \
    rwbase_* rt_read_* rt_write_* down down_* up up_* percpu_down_* percpu_up_* percpu_rwsem* osq_* mcs_spin* \
    wait_for_completion* wait_for_common do_wait_for_common bit_wait* wait_on_bit* out_of_line_wait_on_bit* \
    wait_on_page* wait_on_buffer* wait_on_state folio_wait* folio_lock* lock_page* lock_buffer* wait_rcu_gp* \
    arch_spin_* arch_read_* arch_write_* wait_woken prepare_to_wait* finish_wait wake_up* complete complete_* \
    swake_up* rcu_read_lock* rcu_read_unlock* rcu_lock_* rcu_dynticks* rcu_is_watching rcu_note_context_switch \
    rcu_barrier* local_bh_* local_irq_* seqcount_* read_seq* write_seq* kvm_wait ldsem_* closure_sync* flush_work* \
    cancel_work* cancel_delayed_work* drain_workqueue console_lock lock_sock* release_sock filemap_fdatawait* \
    filemap_fdatawrite* autoremove_wake* do_wait_intr*";

/// Waits for buffers and inodes (`fs/buffer.c`, `fs/inode.c`, `mm/filemap.c`), for the journal (`fs/jbd2/journal.c`), for
/// requests and devices (`block/blk-rq-qos.c`, `block/blk-wbt.c`, `block/blk-mq-tag.c`, `mm/backing-dev.c`), for reclaim
/// (`mm/vmscan.c`), for others and for a while (`kernel/sched/completion.c`, `kernel/time/`, `arch/*/lib/delay.c`), and
/// SPL's (`spl-condvar.c`).
const SLEEPING: &str = "\
    sleep_on* interruptible_sleep_on* wait_on_freeing_inode wait_on_inode inode_wait inode_wait_for_writeback \
    inode_sleep_on_writeback wait_for_stable_page log_wait_commit jbd2_log_wait_commit rq_qos_wait rq_qos_throttle \
    wbt_wait blk_mq_get_tag bt_get congestion_wait* wait_iff_congested reclaim_throttle throttle_direct_reclaim \
    wait_for_common* hrtimer_cancel* hrtimer_try_to_cancel hrtimer_nanosleep do_nanosleep msleep* ssleep fsleep \
    usleep_range* delay_tsc delay_loop delay_halt* const_udelay udelay ndelay loop_const_udelay loop_udelay cv_wait* \
    cv_timedwait*";

/// Tracers, which any function may be in (`kernel/trace/`, `arch/*/kernel/ftrace*.S`), and the old detector of soft lockups
/// (`kernel/softlockup.c`).
const TRACING: &str = "\
    ftrace_call ftrace_caller* ftrace_regs_call* ftrace_regs_caller* ftrace_graph_call* ftrace_stub* ftrace_ops_* \
    arch_ftrace_ops_list_func trace_clock_* return_to_handler mcount softlockup_tick";

/// Checks within a library (`lib/refcount.c`, `lib/list_debug.c`): where nobody tells who called them, the worker or the
/// task names the problem.
const CHECKS: &str = "refcount_warn* list_add_valid* list_del_entry_valid* list_add list_del list_del_entry";

/// What the architectures call their copies, fills and atomic operations (`arch/*/lib/`, arm64's `asm/atomic_ll_sc.h` and
/// `atomic_lse.h`).
const COPIES: &str = "\
    generic_copy_* arm_copy_* arm_clear_user* arch_clear_user asm_copy_* copy_user copy_tofrom_user* memzero* bzero \
    mmiocpy mmioset pi_mem* pi_str* strnlen_user fallback_scalar_usercopy* cmpxchg* xchg* ll_sc_* lse_*";

/// Fragments of pages (`mm/page_frag_cache.c`, `net/core/skbuff.c`), walks of page tables (`mm/memory.c`), hash tables
/// (`lib/rhashtable.c`).
const SHARED: &str = "\
    page_frag_* skb_free_head get_zeroed_page* get_dma_pages* apply_to_page_range* apply_to_existing_page_range \
    rht_* rhashtable_* rhltable_*";

/// Functions that pass on the wish for memory, besides those whose names say so: what they fail at is their caller's
/// (`net/core/skbuff.c`, `mm/slab.c`).
const ALLOCATORS: &str = "\
    build_skb* napi_build_skb pskb_expand_head skb_copy skb_copy_expand pskb_copy* devm_k* skb_clone skb_realloc* skb_cow* \
    alloc_skb* netdev_alloc_* napi_alloc_* skb_page_frag_refill sock_alloc_send_* sock_wmalloc cache_grow* \
    dma_alloc_* dma_direct_alloc* dma_generic_alloc* arm_dma_alloc* swiotlb_alloc* alloc_from_contiguous*";

/// The way of a request from who wants it to the queue (`block/blk-core.c`, `block/blk-mq.c`,
/// `drivers/scsi/scsi_lib.c`).
const SUBMITTING: &str = "\
    submit_bio* generic_make_request* blk_mq_submit_bio blk_mq_make_request blk_sq_make_request blk_queue_bio \
    blk_mq_get_request blk_mq_alloc_request* blk_mq_get_new_requests get_request get_request_wait blk_get_request* \
    blk_mq_get_cached_request blk_execute_rq* scsi_execute*";

/// Detectors of stalls, the tick that they run in, and the samples that the NMI takes: `kernel/rcu/tree.c`,
/// `kernel/rcu/tree_stall.h`, `kernel/time/tick-*.c`, `kernel/events/`; and the idle loop.
const DETECTORS: &str = "\
    dump_cpu_task rcu_check_callbacks rcu_sched_clock_irq rcu_pending print_cpu_stall print_other_cpu_stall \
    check_cpu_stall update_process_times tick_sched_timer tick_sched_handle tick_nohz_handler tick_periodic \
    tick_handle_periodic cpu_startup_entry rcu_gp_kthread rcu_gp_fqs_loop perf_prepare_sample perf_event_* \
    perf_output_* perf_callchain* perf_ibs_* perf_sample_* x86_pmu_* intel_pmu_* amd_pmu_*";

/// Memory, data structures and the driver model, which all code uses.
const LIBRARY: &str = "\
    memcpy* memmove* memset* memcmp* memscan memchr* memdup* memweight rep_movs* rep_stos* copy_user_* copy_from_* \
    copy_to_* copy_page_from* copy_page_to* copy_mc* simple_copy_to_iter copyin copyout raw_copy_* arch_copy_* \
    instrument_* clear_user* csum_partial* csum_and_copy* strlen strnlen* strcmp strncmp strcasecmp strncasecmp \
    strcpy strncpy* strlcpy* strscpy* strndup_user strcat strncat strlcat strchr strrchr strnchr strchrnul strstr strnstr strspn \
    strcspn strpbrk strsep strim strreplace sized_str* vsnprintf* snprintf scnprintf vscnprintf sprintf vsprintf \
    string string_nocheck kmalloc* kzalloc* kcalloc krealloc* kvmalloc* kvzalloc* kvcalloc kfree* kvfree* kvrealloc* \
    kmemdup* kstrdup* kstrndup* kasprintf kvasprintf* do_kmalloc* do_kmem* slob_* kmem_cache_* kmem_* kmemleak_* \
    slab_* do_slab* cache_alloc* cache_free* cache_grow* cache_from_obj cache_flusharray new_slab free_slab \
    discard_slab allocate_slab get_partial* alloc_pages* alloc_page* alloc_frozen* free_pages* free_page* \
    free_unref* free_frozen* free_pcp* free_large_kmalloc free_the_page free_one_page get_free_page* \
    get_page_from_freelist prep_new_page post_alloc_hook rmqueue* folio_alloc* vmalloc* vzalloc* vfree* vmap* \
    vunmap* alloc_percpu* pcpu_alloc* pcpu_mem_* free_percpu* check_heap_object check_object_size check_copy_size \
    mempool_alloc* virt_to_* phys_addr* physaddr virt_addr_valid* list_* llist_* hlist_* plist_* klist_* rb_insert* \
    rb_erase* rb_next* rb_first* rb_last* rb_prev* rb_link* rb_add* rb_color* xas_* xa_* ida_* idr_* \
    radix_tree_lookup* radix_tree_delete* radix_tree_load* rhashtable_lookup* refcount_* kref_* kobject_* kobj_* \
    ref_tracker_* atomic* arch_atomic* arch_static* test_bit* set_bit* clear_bit* change_bit* test_and_* \
    find_first_* find_next_* find_last_bit find_lock_entries find_get_entr* find_get_page* filemap_get_entry \
    filemap_get_folio* pagecache_get_page grab_cache_page* truncate_inode_pages* truncate_pagecache* \
    invalidate_inode_pages* invalidate_mapping_pages read_word_at_a_time read_once* write_once* bitmap_* hex_dump* \
    get_unaligned* put_unaligned* crc* jhash* siphash* hweight* native_write_* native_read_* native_safe_halt \
    native_irq* arch_local_irq* cpu_relax raw_readb raw_readw raw_readl raw_readq raw_writeb raw_writew raw_writel \
    raw_writeq readb readw readl readq writeb writew writel writeq inb inw inl outb outw outl ioread* iowrite* \
    sock_hold skb_put* skb_push* skb_pull* skb_over_panic skb_under_panic skb_panic pskb_pull* uuid_* get_random* \
    folio_unlock unlock_page put_page get_page folio_get folio_put* inc_nlink drop_nlink clear_nlink set_nlink iput \
    ihold dput fast_dput dget mark_buffer_dirty* delayacct_* psi_* notifier_call_chain raw_notifier_* \
    blocking_notifier_* srcu_notifier_* atomic_notifier_* call_rcu* workqueue_* queue_work* queue_delayed* \
    insert_work init_timer* add_timer* mod_timer* del_timer* timer_delete* timer_shutdown* try_to_del_timer* \
    lock_timer_base iov_iter_* iterate_iovec* get_user* put_user* device_add device_del device_unregister \
    device_release* device_link* device_pm_* get_device_parent sysfs_* devres_* add_uevent_var bus_* driver_* \
    really_probe";

/// Functions that hand work to the code that is named by what they call: system calls, drivers' operations, timers, received
/// packets, worker and kernel threads.
const DISPATCHERS: &str = "\
    do_syscall_* do_fast_syscall* do_int80* entry_* syscall_* system_call* sysenter* tracesys* invoke_syscall \
    el0_svc* ret_fast_syscall ret_to_user ret_from_fork* do_trap_ecall* kthread process_one_work \
    process_scheduled_works smpboot_thread_fn run_ksoftirqd do_softirq* invoke_softirq handle_softirqs \
    tasklet_action* tasklet_hi_action call_timer_fn expire_timers run_timers* run_timer* run_hrtimer* hrtimer_run* \
    netif_receive_skb* process_backlog napi_poll net_rx_action vfs_ioctl do_vfs_ioctl ksys_ioctl sys_ioctl \
    compat_sys_ioctl vfs_read vfs_write ksys_read ksys_write new_sync_read new_sync_write call_read_iter \
    call_write_iter do_iter_* vfs_iter_* do_readv* do_writev* blkdev_driver_ioctl blkdev_ioctl sock_sendmsg* \
    sock_recvmsg* sock_write_iter sock_read_iter nfnetlink_rcv* rtnetlink_rcv_msg netlink_rcv_skb genl_rcv_msg \
    genl_family_rcv* task_work_run exit_to_user* prepare_exit* rcu_do_batch rcu_core* rcu_process_callbacks \
    handle_irq_event* handle_edge_irq handle_fasteoi_irq generic_handle_irq* do_idle cpu_startup_entry \
    start_secondary irq_work_run* flush_smp_call_function* do_one_initcall irq_thread* fput do_exit";

/// Where an interrupt came in: what stands before it in a trace is the interrupt's own work.
const INTERRUPTS: &str = "\
    *apic_timer_interrupt* asm_sysvec_* asm_common_interrupt reschedule_interrupt call_function_* common_interrupt \
    ret_from_intr asm_exc_nmi end_repeat_nmi nmi asm_nmi el1_irq el1h_64_irq el1h_64_irq_handler el0_irq* irq_svc \
    ret_from_irq do_irq_user handle_irq_int gic_handle_irq timer_interrupt hardware_interrupt_common \
    decrementer_common* handle_riscv_irq";

/// A class of functions.
#[derive(Debug)]
struct Class {
    exact: Vec<&'static str>,
    prefixes: Vec<&'static str>,
    suffixes: Vec<&'static str>,
    parts: Vec<&'static str>,
}

static GENERIC: LazyLock<Class> =
    LazyLock::new(|| Class::new(&[REPORTING, TRACING, CHECKS, WAITING, SLEEPING, LIBRARY, COPIES, SHARED]));
static CHECK: LazyLock<Class> = LazyLock::new(|| Class::new(&[CHECKS]));
static ALLOCATOR: LazyLock<Class> = LazyLock::new(|| Class::new(&[ALLOCATORS]));
static SUBMITTER: LazyLock<Class> = LazyLock::new(|| Class::new(&[SUBMITTING]));
static DETECTOR: LazyLock<Class> = LazyLock::new(|| Class::new(&[DETECTORS]));
static DISPATCHER: LazyLock<Class> = LazyLock::new(|| Class::new(&[DISPATCHERS]));
static INTERRUPT: LazyLock<Class> = LazyLock::new(|| Class::new(&[INTERRUPTS]));

impl Class {
    fn new(lists: &[&'static str]) -> Self {
        let mut class = Self { exact: Vec::new(), prefixes: Vec::new(), suffixes: Vec::new(), parts: Vec::new() };
        for word in lists.iter().flat_map(|list| list.split_whitespace()) {
            let bare = word.trim_matches('*');
            match (word.starts_with('*'), word.ends_with('*')) {
                (false, false) => class.exact.push(bare),
                (false, true) => class.prefixes.push(bare),
                (true, false) => class.suffixes.push(bare),
                (true, true) => class.parts.push(bare),
            }
        }
        class
    }

    fn has(&self, name: &str) -> bool {
        let bare = name.trim_start_matches('_');
        self.exact.contains(&bare)
            || self.prefixes.iter().any(|prefix| bare.starts_with(prefix))
            || self.suffixes.iter().any(|suffix| bare.ends_with(suffix))
            || self.parts.iter().any(|part| bare.contains(part))
    }
}

/// The function's name as titles have it, the same on every architecture and version: a system call's without its wrappers,
/// and one name for functions that do the same in different ways.
pub(super) fn plain(name: &str) -> String {
    const WRAPPERS: [&str; 16] = [
        "__x64_sys_",
        "__ia32_sys_",
        "__ia32_compat_sys_",
        "__x64_compat_sys_",
        "__x32_compat_sys_",
        "__se_sys_",
        "__do_sys_",
        "__se_compat_sys_",
        "__do_compat_sys_",
        "__arm64_sys_",
        "__arm64_compat_sys_",
        "__riscv_sys_",
        "__s390x_sys_",
        "compat_SyS_",
        "SyS_",
        "SYSC_",
    ];
    const FAMILIES: [&str; 3] = ["smp_call_function", "synchronize_rcu", "synchronize_srcu"];
    if let Some(call) = WRAPPERS.iter().find_map(|wrapper| name.strip_prefix(wrapper)) {
        return format!("sys_{call}");
    }
    let family = FAMILIES.into_iter().find(|family| name.starts_with(family));
    // RCU's flavours became one in 4.20.
    let family =
        family.or_else(|| ["synchronize_sched", "synchronize_rcu_bh"].contains(&name).then_some("synchronize_rcu"));
    family.unwrap_or(name).to_owned()
}

/// Whether a function says nothing of the cause.
pub(super) fn is_generic(name: &str) -> bool {
    GENERIC.has(name)
}

/// Whether a function hands over to others.
pub(super) fn is_dispatcher(name: &str) -> bool {
    DISPATCHER.has(&plain(name))
}

/// Whether a function is a check within a library.
pub(super) fn is_check(name: &str) -> bool {
    CHECK.has(name)
}

/// Whether a function merely passes on the wish for memory.
pub(super) fn allocates(name: &str) -> bool {
    ALLOCATOR.has(name)
}

/// Whether a function passes on a request to a device.
pub(super) fn submits(name: &str) -> bool {
    SUBMITTER.has(name)
}

/// Whether a function looks for stalled CPUs or idles: where a trace ends there, it does not tell what the CPU was at.
pub(super) fn looks_for_stalls(name: &str) -> bool {
    DETECTOR.has(name)
}

/// Whether an interrupt came in here.
pub(super) fn is_interrupt(name: &str) -> bool {
    INTERRUPT.has(name)
}

/// Whether a CPU waits here until others have run something: which of them is at fault, this trace does not tell.
pub(super) fn waits_for_cpus(name: &str) -> bool {
    name.starts_with("smp_call_function") || name.starts_with("on_each_cpu")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_of_a_class_or_not() {
        type Is = fn(&str) -> bool;
        let classes: [(Is, &str); 7] = [
            (is_check, "list_del_entry_valid"),
            (allocates, "__netdev_alloc_skb"),
            (submits, "submit_bio"),
            (looks_for_stalls, "rcu_gp_kthread"),
            (is_interrupt, "asm_sysvec_apic_timer_interrupt"),
            (waits_for_cpus, "smp_call_function_many_cond"),
            (waits_for_cpus, "on_each_cpu"),
        ];
        for (is, name) in classes {
            assert!(is(&plain(name)) && !is("ext4_file_write_iter"), "{name}");
        }
    }

    #[test]
    fn wrappers_of_system_calls_go() {
        for (name, expected) in [
            ("__x64_sys_mount", "sys_mount"),
            ("SyS_futex", "sys_futex"),
            ("__se_sys_mremap", "sys_mremap"),
            ("smp_call_function_many", "smp_call_function"),
        ] {
            assert_eq!(plain(name), expected);
        }
    }

    #[test]
    fn checks_and_libraries_say_nothing_code_does() {
        for name in [
            "dump_stack",
            "__might_sleep",
            "kasan_report",
            "mutex_lock_nested",
            "__kmalloc_node",
            "_raw_spin_lock",
            "schedule",
            "sleep_on_buffer",
            "__wait_on_freeing_inode",
            "msleep_interruptible",
            "__cv_timedwait_sig",
            "ftrace_regs_call",
            "refcount_warn_saturate",
            "__list_del_entry_valid_or_report",
            "arm_copy_from_user",
            "__cmpxchg_case_acq_32",
            "__apply_to_page_range",
            "get_zeroed_page_noprof",
        ] {
            assert!(is_generic(name), "{name}");
        }
        for name in [
            "rtnl_lock",
            "tipc_bearer_find",
            "io_sq_thread",
            "sctp_rcv",
            "blk_sync_queue",
            "nmissed",
            "sg_remove_request",
            "test_ubsan_out_of_bounds",
            "wbt_init",
        ] {
            assert!(!is_generic(name), "{name}");
        }
    }
}
