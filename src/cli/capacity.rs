//! What a run's user must know about limits of the host: fewer trials at a time than expected, cells that do not fit.

use crate::host::Resources;
use crate::schedule::{Budget, Need};
use model::Cell;

/// The limits that the process has got from outside and that count here, one a line.
pub(super) fn limits(cells: &[Cell], budget: &Budget, resources: &Resources) -> Vec<String> {
    let mut lines = Vec::new();
    let counts_cpus = budget.cpus == resources.cpus && budget.jobs.is_none();
    if let Some(limit) = resources.cpu_limit.as_ref().filter(|_| counts_cpus) {
        lines.push(limit.to_string());
    }
    if let Some(limit) = resources.ram_limit.as_ref().filter(|_| budget.ram_mib == resources.ram_mib) {
        lines.push(format!("{limit}; guests get {} MiB", budget.ram_mib));
    }
    if budget.jobs.unwrap_or(budget.cpus) > budget.guests {
        lines.push(resources.files.to_string());
    }
    let mut big = cells.iter().filter(|cell| budget.is_too_big(Need::of(cell)));
    if let Some(first) = big.next() {
        let (id, need) = (&first.id, Need::of(first).ram_mib);
        let others = match big.count() {
            0 => String::new(),
            others => format!(" (as {others} more)"),
        };
        let fate = "it runs alone and may run out of memory: give it less RAM, or raise the limit";
        lines.push(format!("{id}{others} needs {need} MiB of memory, guests get {}: {fate}", budget.ram_mib));
    }
    lines
}

/// The same for a bisection, whose cells are not known yet; a command that is tried has needs of its own.
pub(super) fn limits_of_bisection(has_cells: bool, jobs: Option<u32>, resources: &Resources) -> Vec<String> {
    let budget = Budget { jobs: if has_cells { jobs } else { jobs.or(Some(1)) }, ..resources.budget() };
    let resources = if has_cells { resources } else { &Resources { ram_limit: None, ..resources.clone() } };
    limits(&[], &budget, resources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{CpuLimit, MemoryLimit, OpenFiles};

    fn resources() -> Resources {
        Resources {
            cpus: 2,
            ram_mib: 400,
            files: OpenFiles { limit: Some(64) },
            cpu_limit: Some(CpuLimit { file: "/g/cpu.max".into(), cpus: 2.5 }),
            ram_limit: Some(MemoryLimit { file: "/g/memory.max".into(), limit_mib: 600, free_mib: 500 }),
        }
    }

    #[test]
    fn limits_are_named_where_they_count() {
        let resources = resources();
        let all = resources.budget();
        let memory = "cgroup limit /g/memory.max: 600 MiB of memory, 500 MiB of it free; guests get 400 MiB";
        let (cpus, files) = ("cgroup limit /g/cpu.max: 2.5 CPUs", "64 open files: at most 3 at a time (`ulimit -n`)");
        assert_eq!(limits(&[], &all, &resources), [cpus, memory]);
        assert_eq!(limits(&[], &Budget { jobs: Some(20), ..all }, &resources), [memory, files]);
        assert_eq!(limits(&[], &Budget { cpus: 3, ram_mib: 9999, ..all }, &resources), [""; 0]);
        assert_eq!(limits_of_bisection(false, Some(20), &resources), [files]);
        assert_eq!(limits_of_bisection(true, Some(2), &resources), [memory]);
    }
}
