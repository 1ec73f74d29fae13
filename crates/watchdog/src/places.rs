//! What a kernel function's name says about what the task in it is doing.

/// A part of the kernel that matters to a stuck allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The page allocator, the OOM killer, charges of memory cgroups: `mm/page_alloc.c`, `mm/oom_kill.c`, `mm/compaction.c`,
    /// `mm/memcontrol.c`.
    Allocator,
    /// Reclaim: `mm/vmscan.c`, `mm/workingset.c`, `mm/rmap.c` on its behalf, the shrinkers.
    Reclaim,
    /// Waits inside reclaim for the progress of others: `mm/vmscan.c`, `mm/backing-dev.c`, `mm/page-writeback.c`,
    /// `mm/swap.c` (`lru_add_drain_all()` flushes work).
    Throttle,
    /// Sleeping locks: `kernel/locking/`.
    Lock,
    /// File systems and the block layer, which allocate with `GFP_NOFS` and `GFP_NOIO`.
    Storage,
}

/// Beginnings of function names, from the kernels 4.4 to 7.x. The first that fits counts: waits before what waits.
const NAMES: &[(Place, &[&str])] = &[
    (
        Place::Throttle,
        &[
            "throttle_direct_reclaim",
            "throttle_vm_writeout",
            "reclaim_throttle",
            "consider_reclaim_throttle",
            "congestion_wait",
            "wait_iff_congested",
            "too_many_isolated",
            "wait_on_page_writeback",
            "folio_wait_writeback",
            "balance_dirty_pages",
            "lru_add_drain_all",
            "__lru_add_drain_all",
            "flush_work",
            "__flush_work",
        ],
    ),
    (
        Place::Allocator,
        &[
            "__alloc_pages",
            "alloc_pages",
            "__alloc_frozen_pages",
            "alloc_frozen_pages",
            "__folio_alloc",
            "folio_alloc",
            "__get_free_pages",
            "get_page_from_freelist",
            "get_free_pages",
            "should_reclaim_retry",
            "should_compact_retry",
            "zone_watermark_",
            "__zone_watermark_ok",
            "zone_reclaimable_pages",
            "__next_zones_zonelist",
            "wake_all_kswapds",
            "wakeup_kswapd",
            "prepare_alloc_pages",
            "rmqueue",
            "warn_alloc",
            "drain_all_pages",
            "__drain_all_pages",
            "zone_page_state_snapshot",
            "try_to_compact",
            "compact_",
            "out_of_memory",
            "oom_",
            "select_bad_process",
            "task_will_free_mem",
            "pagefault_out_of_memory",
            "try_charge",
            "mem_cgroup_oom",
            "mem_cgroup_out_of_memory",
        ],
    ),
    (
        Place::Reclaim,
        &[
            "shrink_",
            "do_shrink_",
            "try_to_free_",
            "do_try_to_free_pages",
            "isolate_lru",
            "isolate_folios",
            "scan_folios",
            "evict_folios",
            "move_folios_to_lru",
            "move_pages_to_lru",
            "balance_pgdat",
            "kswapd",
            "get_scan_count",
            "prepare_scan_",
            "snapshot_refaults",
            "workingset_",
            "count_shadow_nodes",
            "inactive_is_low",
            "page_referenced",
            "folio_referenced",
            "super_cache_",
            "prune_",
            "list_lru_",
            "lru_",
        ],
    ),
    (
        Place::Lock,
        &[
            "mutex_lock",
            "__mutex_lock",
            "rwsem_down",
            "down_read",
            "down_write",
            "__down",
            "down",
            "percpu_down",
            "__percpu_down",
            "rt_mutex",
            "__rt_mutex",
            "rwbase_",
            "osq_lock",
        ],
    ),
    (
        Place::Storage,
        &[
            "ext2_",
            "ext4_",
            "jbd2_",
            "xfs_",
            "btrfs_",
            "f2fs_",
            "fat_",
            "nfs_",
            "iomap_",
            "generic_perform_write",
            "__block_write",
            "block_write",
            "submit_bio",
            "bio_",
            "blk_",
            "mempool_alloc",
            "swap_write",
            "pageout",
        ],
    ),
];

/// What the function `symbol` belongs to; compiler suffixes such as `.isra.0` do not matter.
pub(super) fn place(symbol: &str) -> Option<Place> {
    let fits = |names: &[&str]| names.iter().any(|name| symbol.starts_with(name));
    NAMES.iter().find(|(_, names)| fits(names)).map(|(place, _)| *place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_by_subsystem() {
        for (symbol, expected) in [
            ("__alloc_pages_slowpath.constprop.0", Some(Place::Allocator)),
            ("__alloc_frozen_pages_noprof", Some(Place::Allocator)),
            ("out_of_memory", Some(Place::Allocator)),
            ("shrink_node", Some(Place::Reclaim)),
            ("do_try_to_free_pages", Some(Place::Reclaim)),
            ("throttle_direct_reclaim", Some(Place::Throttle)),
            ("reclaim_throttle", Some(Place::Throttle)),
            ("rwsem_down_write_slowpath", Some(Place::Lock)),
            ("mutex_lock_nested", Some(Place::Lock)),
            ("ext4_da_write_begin", Some(Place::Storage)),
            ("schedule", None),
            ("sys_read", None),
            ("", None),
        ] {
            assert_eq!(place(symbol), expected, "{symbol}");
        }
    }
}
