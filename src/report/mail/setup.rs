//! What was booted, and on what.

use super::facts::{Facts, KernelOrigin, Origin};
use super::prose::{hanging, quoted};
use model::{Accel, Canary, Faults, Payload, TrialRecord};

/// Columns of the names.
const NAMES: usize = 10;

/// Kernel, compiler, configuration, machine and workload, a line or several each.
pub(super) fn setup(facts: &Facts<'_>) -> String {
    let trial = facts.trial;
    let mut rows = vec![("Kernel", kernel(facts))];
    rows.extend(facts.compiler.map(|compiler| ("Compiler", quoted(compiler))));
    let config = facts.config.map(|name| format!("attached as {}", quoted(name)));
    rows.push(("Config", config.unwrap_or_else(|| "not recorded".to_owned())));
    rows.push(("Machine", machine(facts)));
    let parameters = trial.cell.append.join(" ");
    rows.extend((!parameters.is_empty()).then(|| ("Parameters", quoted(&parameters))));
    rows.extend(faults(&trial.cell.faults).map(|faults| ("Faults", faults)));
    rows.push(("Workload", workload(facts)));
    let row = |(name, text): (&str, String)| {
        hanging(&format!("{:width$} ", format!("{name}:"), width = NAMES + 1), &" ".repeat(NAMES + 2), &text)
    };
    rows.into_iter().map(row).collect()
}

/// `riscv64 without an MMU`.
pub(super) fn arch(trial: &TrialRecord) -> String {
    let arch = trial.cell.arch;
    match (arch.mmu, arch.name.strip_suffix("-nommu")) {
        (false, Some(name)) => format!("{name} without an MMU"),
        (false, None) => format!("{} without an MMU", arch.name),
        (true, _) => arch.name.to_owned(),
    }
}

/// The kernel's release, which is one word.
pub(super) fn release(trial: &TrialRecord) -> &str {
    trial.kernel_release.as_deref().and_then(|release| release.split_whitespace().next()).unwrap_or_default()
}

/// Where a kernel comes from, in a few words.
pub(super) fn origin(origin: &KernelOrigin) -> String {
    let source = match &origin.origin {
        Origin::DebianBinary { suite } => format!("Debian's binary package, {}", quoted(suite)),
        Origin::DebianSource { package, suite } => {
            format!("built from Debian's {} of {}, with its patches", quoted(package), quoted(suite))
        }
        Origin::Git => "built from git".to_owned(),
        Origin::Tree => "built from a local source tree".to_owned(),
        Origin::Image => "an image that I built".to_owned(),
    };
    match &origin.patches[..] {
        [] => source,
        patches => format!("{source}, patched: {}", quoted(&patches.join(", "))),
    }
}

fn kernel(facts: &Facts<'_>) -> String {
    let trial = facts.trial;
    let mut text = quoted(release(trial));
    if let Some(found) = facts.kernels.get(&trial.cell.kernel) {
        text = format!("{text}, {}", origin(found));
    }
    if let Some(commit) = &trial.kernel_commit {
        text = format!("{text}, commit {}", quoted(commit));
    }
    text
}

fn machine(facts: &Facts<'_>) -> String {
    let (trial, cell) = (facts.trial, &facts.trial.cell);
    let accel = match trial.accel {
        Accel::Kvm => "KVM",
        Accel::Tcg => "TCG",
    };
    let vcpus = if cell.vcpus == 1 { "1 vCPU".to_owned() } else { format!("{} vCPUs", cell.vcpus) };
    let version = facts.qemu_version.and_then(version).map(|version| format!(" {}", quoted(version)));
    let program = cell.arch.qemu.program;
    let machine = format!("{}, {} MiB of RAM, {vcpus}", arch(trial), cell.ram.0);
    format!("{machine}, {program}{}, {accel}", version.unwrap_or_default())
}

/// `7.2.22` of what QEMU prints: `QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`.
fn version(printed: &str) -> Option<&str> {
    printed.split_once("version ")?.1.split_whitespace().next()
}

fn faults(faults: &Faults) -> Option<String> {
    let percent = |name: &str, value: Option<u32>| value.map(|value| format!("{name} {value} %"));
    let found = [
        percent("failing page allocations", faults.page_alloc),
        percent("failing slab allocations", faults.slab),
        faults.console_bps.map(|bps| format!("console of {bps} bytes a second")),
        faults.disk.bps.map(|bps| format!("disk of {bps} bytes a second")),
        faults.disk.iops.map(|iops| format!("disk of {iops} operations a second")),
        percent("steal time", faults.vcpu_steal),
    ];
    let found: Vec<String> = found.into_iter().flatten().collect();
    (!found.is_empty()).then(|| format!("injected: {}", found.join(", ")))
}

fn workload(facts: &Facts<'_>) -> String {
    let cell = &facts.trial.cell;
    let canary = match cell.canary {
        Canary::Kernel => "",
        Canary::Noio => "; the second task allocates without __GFP_IO",
    };
    match &cell.payload {
        Payload::Workload { name, options } => {
            let options: Vec<String> = options.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let options = if options.is_empty() { String::new() } else { format!(" ({})", quoted(&options.join(" "))) };
            let summary = facts.workload.map(|summary| format!(": {summary}")).unwrap_or_default();
            format!("{}{options}{summary}{canary}", quoted(name.as_str()))
        }
        Payload::Initrd(initrd) if initrd.path.is_some() => "an initramfs of my own".to_owned(),
        Payload::Initrd(_) => "none beside the kernel".to_owned(),
    }
}
