//! What kernel functions do, by their names: the table is `functions/*.txt`, one file a class.
//!
//! A line has a name and the kernel file that it comes from; `*` stands for anything, and leading underscores do not count.

use std::sync::LazyLock;

/// Names of functions in the table.
#[derive(Debug, Default)]
struct Names {
    exact: Vec<&'static str>,
    prefixes: Vec<&'static str>,
    suffixes: Vec<&'static str>,
    parts: Vec<&'static str>,
}

impl Names {
    fn parse(table: &'static str) -> Self {
        let mut names = Self::default();
        for (name, _) in rows(table) {
            let bare = name.trim_matches('*');
            match (name.starts_with('*'), name.ends_with('*')) {
                (false, false) => names.exact.push(bare),
                (false, true) => names.prefixes.push(bare),
                (true, false) => names.suffixes.push(bare),
                (true, true) => names.parts.push(bare),
            }
        }
        names
    }

    fn has(&self, bare: &str) -> bool {
        self.exact.contains(&bare)
            || self.prefixes.iter().any(|prefix| bare.starts_with(prefix))
            || self.suffixes.iter().any(|suffix| bare.ends_with(suffix))
            || self.parts.iter().any(|part| bare.contains(part))
    }
}

/// The names of a table and the files that they come from.
fn rows(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').map_or((line, ""), |(name, file)| (name, file.trim_start())))
}

macro_rules! classes {
    ($($(#[$doc:meta])* $class:ident = $file:literal,)+) => {
        /// A class of kernel functions. A function may be of several.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Class {
            $($(#[$doc])* $class,)+
        }

        impl Class {
            #[cfg(test)]
            const ALL: &[(Self, &str)] = &[$((Self::$class, include_str!(concat!("../functions/", $file, ".txt"))),)+];

            fn names(self) -> &'static Names {
                match self {
                    $(Self::$class => {
                        static NAMES: LazyLock<Names> =
                            LazyLock::new(|| Names::parse(include_str!(concat!("../functions/", $file, ".txt"))));
                        &NAMES
                    })+
                }
            }
        }
    };
}

classes! {
    /// The page allocator, the OOM killer, charges of memory cgroups.
    Allocator = "allocator",
    /// Reclaim, and what walks pages and caches on its behalf.
    Reclaim = "reclaim",
    /// Waits inside reclaim for the progress of others.
    Throttle = "throttle",
    /// Sleeping locks.
    Lock = "lock",
    /// File systems and the block layer.
    Storage = "storage",
    /// The ways into the page allocator's slow path.
    AllocationSlowpath = "allocation-slowpath",
    /// Reclaim with a `struct scan_control` on its stack.
    DirectReclaim = "direct-reclaim",
    /// The OOM killer with a `struct oom_control` on its stack.
    OomKiller = "oom-killer",
    /// The idle loop.
    Idle = "idle",
    /// The innermost frames of every task that does not run.
    Scheduler = "scheduler",
    /// Functions that report, handle exceptions, or stand at the outer end of every trace.
    Reporting = "reporting",
    /// Tracers, which any function may be in.
    Tracing = "tracing",
    /// Checks within a library.
    Check = "checks",
    /// Locks, waits, and the way to the scheduler.
    Waiting = "waiting",
    /// Waits for a device, a journal, reclaim, or for a while.
    Sleeping = "sleeping",
    /// Memory, data structures and the driver model, which all code uses.
    Library = "library",
    /// The architectures' copies, fills and atomic operations.
    Copy = "copies",
    /// Fragments of pages, walks of page tables, hash tables.
    Shared = "shared",
    /// Functions that allocate for their caller.
    Allocating = "allocating",
    /// The way of a request to a device.
    Submitting = "submitting",
    /// Detectors of stalls, and the tick that they run in.
    Detector = "detectors",
    /// Functions that call the code which names a problem.
    Dispatcher = "dispatchers",
    /// Where an interrupt came in.
    Interrupt = "interrupts",
    /// Waits of one CPU for others.
    CpuWait = "cpu-waits",
}

impl Class {
    /// Whether a function is of this class; suffixes such as `.isra.0` do not matter to prefixes.
    pub fn has(self, function: &str) -> bool {
        self.names().has(function.trim_start_matches('_'))
    }
}

/// A part of the kernel that matters to a stuck allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsystem {
    /// [`Class::Throttle`].
    Throttle,
    /// [`Class::Allocator`].
    Allocator,
    /// [`Class::Reclaim`].
    Reclaim,
    /// [`Class::Lock`].
    Lock,
    /// [`Class::Storage`].
    Storage,
}

impl Subsystem {
    /// The subsystem of a function. Waits come before the code that waits.
    pub fn of(function: &str) -> Option<Self> {
        let classes = [
            (Class::Throttle, Self::Throttle),
            (Class::Allocator, Self::Allocator),
            (Class::Reclaim, Self::Reclaim),
            (Class::Lock, Self::Lock),
            (Class::Storage, Self::Storage),
        ];
        classes.into_iter().find(|(class, _)| class.has(function)).map(|(_, subsystem)| subsystem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_its_kernel_file() {
        for (class, table) in Class::ALL {
            assert!(table.starts_with("# ") && rows(table).next().is_some(), "{class:?} says what it is");
            for (name, file) in rows(table) {
                let bare = name.trim_matches('*');
                assert!(bare.len() > 1 && !bare.contains('*') && !name.starts_with('_'), "{class:?}: {name}");
                assert!(file.contains('/') && file.contains('.') && !file.contains(' '), "{class:?}: {name}: {file}");
            }
        }
    }

    #[test]
    fn classes_list_a_function_once() {
        for (class, table) in Class::ALL {
            let mut names: Vec<&str> = rows(table).map(|(name, _)| name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{class:?}");
        }
    }

    #[test]
    fn functions_belong_to_subsystems() {
        for (function, expected) in [
            ("__alloc_pages_slowpath.constprop.0", Some(Subsystem::Allocator)),
            ("__alloc_frozen_pages_noprof", Some(Subsystem::Allocator)),
            ("out_of_memory", Some(Subsystem::Allocator)),
            ("shrink_node", Some(Subsystem::Reclaim)),
            ("do_try_to_free_pages", Some(Subsystem::Reclaim)),
            ("throttle_direct_reclaim", Some(Subsystem::Throttle)),
            ("reclaim_throttle", Some(Subsystem::Throttle)),
            ("__lru_add_drain_all", Some(Subsystem::Throttle)),
            ("rwsem_down_write_slowpath", Some(Subsystem::Lock)),
            ("mutex_lock_nested", Some(Subsystem::Lock)),
            ("ext4_da_write_begin", Some(Subsystem::Storage)),
            ("schedule", None),
            ("sys_read", None),
            ("", None),
        ] {
            assert_eq!(Subsystem::of(function), expected, "{function}");
        }
    }
}
