//! What is searched, and what was found.

use std::fmt;
use std::str::FromStr;

/// Workloads, in the order of the table. `idle` is a guest that boots.
pub const WORKLOADS: [&str; 5] = ["idle", "anon-hog", "thread-hog", "pipe-fill", "tmpfs-fill"];

/// A kernel on an architecture, and RAM in MiB that is more than enough.
#[derive(Debug)]
pub struct Machine {
    pub kernel: &'static str,
    pub arch: &'static str,
    pub ample: u32,
}

const fn machine(kernel: &'static str, arch: &'static str, ample: u32) -> Machine {
    Machine { kernel, arch, ample }
}

/// In the order of the table.
pub const MACHINES: &[Machine] = &[
    machine("linux-5.10", "riscv64-nommu", 32),
    machine("linux-6.1", "riscv64-nommu", 32),
    machine("linux-6.12", "riscv64-nommu", 32),
    machine("linux-7.2", "riscv64-nommu", 32),
    machine("linux-7.3", "riscv64-nommu", 32),
    machine("linux-7.3", "riscv32-nommu", 32),
    machine("linux-5.10", "riscv64", 64),
    machine("linux-6.1", "riscv64", 64),
    machine("linux-7.3", "riscv64", 64),
    machine("debian-7.2", "riscv64", 192),
    machine("linux-6.1", "arm", 64),
    machine("linux-7.3", "arm", 64),
    machine("debian-5.10", "arm", 192),
    machine("debian-6.1", "arm", 192),
    machine("linux-6.1", "aarch64", 64),
    machine("linux-7.3", "aarch64", 64),
    machine("debian-6.1", "aarch64", 192),
    machine("linux-6.1", "x86_64", 64),
    machine("linux-7.3", "x86_64", 64),
    machine("debian-5.10", "x86_64", 192),
    machine("debian-6.1", "x86_64", 192),
    machine("debian-7.2", "x86_64", 192),
];

/// The smallest RAM, in MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Least {
    /// A guest with one MiB less fails.
    Found(u32),
    /// All that the loader needs is enough.
    Loader(u32),
    /// More than this.
    Above(u32),
}

impl Least {
    pub fn mib(self) -> u32 {
        let (Self::Found(mib) | Self::Loader(mib) | Self::Above(mib)) = self;
        mib
    }
}

impl fmt::Display for Least {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(mib) => write!(f, "{mib}"),
            Self::Loader(mib) => write!(f, "≤{mib}"),
            Self::Above(mib) => write!(f, ">{mib}"),
        }
    }
}

impl FromStr for Least {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(mib) = text.strip_prefix('≤') {
            return mib.parse().map(Self::Loader);
        }
        text.strip_prefix('>').map_or_else(|| text.parse().map(Self::Found), |mib| mib.parse().map(Self::Above))
    }
}

/// One search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub kernel: String,
    pub arch: String,
    pub workload: String,
    pub least: Least,
    pub trials: u64,
}

impl Row {
    pub fn is(&self, machine: &Machine, workload: &str) -> bool {
        (&*self.kernel, &*self.arch, &*self.workload) == (machine.kernel, machine.arch, workload)
    }

    /// Its place in the table.
    pub fn place(&self) -> (usize, usize) {
        let machine = MACHINES.iter().position(|one| (one.kernel, one.arch) == (&*self.kernel, &*self.arch));
        let workload = WORKLOADS.iter().position(|name| *name == self.workload);
        (machine.unwrap_or(usize::MAX), workload.unwrap_or(usize::MAX))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel, arch, workload, least, trials } = self;
        write!(f, "{kernel}\t{arch}\t{workload}\t{least}\t{trials}")
    }
}

/// The rows of a file: kernel, architecture, workload, smallest RAM in MiB and number of trials, with tabs in between.
pub fn parse(text: &str) -> Result<Vec<Row>, String> {
    let row = |(number, line): (usize, &str)| {
        let wrong = || format!("line {}: {line}", number + 1);
        let columns: Vec<&str> = line.split('\t').collect();
        let [kernel, arch, workload, least, trials] = columns[..] else { return Err(wrong()) };
        let least = least.parse().map_err(|_| wrong())?;
        let trials = trials.parse().map_err(|_| wrong())?;
        let [kernel, arch, workload] = [kernel, arch, workload].map(str::to_owned);
        Ok(Row { kernel, arch, workload, least, trials })
    };
    text.lines().enumerate().map(row).collect()
}
