//! Which functions of a call trace say something about a problem.
//!
//! A report is named by the code that did wrong, not by the check that noticed it, nor by a library function that all code
//! calls.

use crate::functions::Class;

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
    const GENERIC: [Class; 8] = [
        Class::Reporting,
        Class::Tracing,
        Class::Check,
        Class::Waiting,
        Class::Sleeping,
        Class::Library,
        Class::Copy,
        Class::Shared,
    ];
    GENERIC.iter().any(|class| class.has(name))
}

/// Whether a function hands over to others.
pub(super) fn is_dispatcher(name: &str) -> bool {
    Class::Dispatcher.has(&plain(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_of_a_class_or_not() {
        for (class, name) in [
            (Class::Check, "list_del_entry_valid"),
            (Class::Allocating, "__netdev_alloc_skb"),
            (Class::Submitting, "submit_bio"),
            (Class::Detector, "rcu_gp_kthread"),
            (Class::Interrupt, "asm_sysvec_apic_timer_interrupt"),
            (Class::CpuWait, "smp_call_function_many_cond"),
            (Class::CpuWait, "on_each_cpu"),
        ] {
            assert!(class.has(&plain(name)) && !class.has("ext4_file_write_iter"), "{name}");
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
