//! Pages of large runs: their bytes, and that they open.

use super::sample::{livelock, page_of_run, run, trial};
use crate::support::browser::Browser;

use model::RunRecord;

/// Bytes of a page of 5,000 cells.
const MAX_BYTES: usize = 10_000_000;

/// A run of 5,000 cells; `fails` says which of them fail.
fn large(fails: impl Fn(usize) -> bool) -> RunRecord {
    let mut trials = Vec::new();
    for kernel in 0..25 {
        for ram in 0..8 {
            for workload in 0..25 {
                let name = format!("linux-6.{kernel}");
                let arch = if workload % 2 == 0 { "x86_64" } else { "riscv64-nommu" };
                let trial = trial(&name, arch, 32 << ram, &format!("workload-{workload}"), 1);
                let mut trial = if fails(trials.len()) { livelock(trial) } else { trial };
                // Failures that are alike are shown once.
                trial.verdict.title = trial.verdict.title.map(|title| format!("{title} {}", trials.len()));
                trials.push(trial);
            }
        }
    }
    assert_eq!(trials.len(), 5000);
    RunRecord { trials, planned: 5000, interrupted: false, regressions: Vec::new(), ..run() }
}

#[test]
fn large_run_opens() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::start();
    for (name, run) in [("few", large(|index| index % 100 == 3)), ("all", large(|_| true))] {
        let page = page_of_run(&run, &[]);
        assert!(page.len() <= MAX_BYTES, "{name}: {} bytes", page.len());
        let file = folder.path().join(name);
        std::fs::write(file.with_extension("html"), &page).unwrap();
        browser.open(&file.with_extension("html"), "");
        assert_eq!(browser.eval("document.querySelectorAll('[data-item]').length"), 5001, "one of them did not run");
        let opened = "performance.timing.loadEventEnd - performance.timing.navigationStart";
        let opened_ms = browser.eval(opened).as_f64().unwrap();
        let search = "(() => { const field = document.querySelector('[name=q]'); const start = performance.now(); \
            field.value = 'workload-7'; field.dispatchEvent(new Event('input', { bubbles: true })); \
            return [performance.now() - start, document.getElementById('shown').textContent]; })()";
        let searched = browser.eval(search);
        println!("{name}: {} bytes, open after {opened_ms} ms, first search {} ms", page.len(), searched[0]);
        assert_eq!(searched[1], "200 of 5001 cells");
        // Two seconds on an idle host; beside other tests it takes longer.
        assert!(opened_ms < 20_000.0, "{name}: {opened_ms} ms");
        assert_eq!(browser.complaints(), [""; 0]);
    }
}
