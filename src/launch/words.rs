//! The kernel command line.

use model::{Canary, Cell, Payload};

/// Words that make failures visible without changing the kernel's behaviour, for every boot:
/// all messages reach the console, sysrq answers, and an oops or panic ends the machine at once
/// (`panic=-1` reboots, QEMU's `-no-reboot` turns that into an exit). See
/// `Documentation/admin-guide/kernel-parameters.txt`.
const VISIBLE: [&str; 4] = ["ignore_loglevel", "sysrq_always_enabled", "panic=-1", "oops=panic"];

/// The words of the kernel command line, in order: console, the architecture's, those that make failures visible, the
/// workload and its options, and last the user's, so that the user's word wins. The user's `-oops=panic` removes the lab's
/// `oops=panic`.
///
/// The agent reads the workload from words without a dot: the kernel takes a word with a dot for a module's
/// parameter and does not pass it to init (`init/main.c`, `unknown_bootoption()`).
pub fn kernel_words(cell: &Cell) -> Vec<String> {
    let spec = cell.arch;
    let mut words = vec![format!("console={}", spec.console)];
    words.extend(spec.boot_words.iter().chain(&VISIBLE).map(ToString::to_string));
    let removed = |word: &String| word.strip_prefix('-').is_some_and(|word| words.iter().any(|own| own == word));
    let (removed, added): (Vec<String>, Vec<String>) = cell.append.iter().cloned().partition(removed);
    words.retain(|word| !removed.iter().any(|removed| removed[1..] == *word));
    if let Payload::Workload { name, options } = &cell.payload {
        if cell.needs.root_disk().is_some() {
            // The test and its options come over SSH.
            words.push("oomlab_root_disk=1".to_owned());
        } else {
            words.push(format!("oomlab_workload={name}"));
            words.extend(cell.needs.script.as_ref().map(|script| format!("oomlab_script={}", script.results)));
            words.extend(options.iter().map(|(option, value)| format!("oomlab_opt_{option}={value}")));
        }
    }
    let faults = [("page_alloc", cell.faults.page_alloc), ("slab", cell.faults.slab)];
    words.extend(faults.into_iter().filter_map(|(what, percent)| Some(format!("oomlab_fault_{what}={}", percent?))));
    if cell.canary != Canary::default() {
        words.push(format!("oomlab_canary={}", cell.canary));
    }
    words.extend(added);
    words
}
