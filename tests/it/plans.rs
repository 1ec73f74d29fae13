//! Matrices and the plans that they make: `tests/plans/*.yaml` → `*.json`, and the ones that are wrong:
//! `tests/plans/errors/*.yaml` → `*.txt`. `SNAPSHOTS=overwrite` rewrites them.

use arch::Arch;
use model::{Expectation, ExpectedVerdict, Needs, Outcome, Plan, RamMib, ScratchDisk, Throttle};
use oomlab::diagnostic::Diagnostic;
use oomlab::matrix::{
    KernelLack, Known, KnownKernel, KnownKernels, KnownWorkload, UnknownKernel, WrongOption, json_schema, load,
};
use oomlab::workload::Unfit;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

#[derive(Clone, Copy)]
struct Kernel(&'static [&'static str]);

impl KnownKernel for Kernel {
    fn available(&self, arch: Arch) -> Result<(), KernelLack> {
        if self.0.contains(&arch.name) { Ok(()) } else { Err(KernelLack::Arch(arch)) }
    }

    fn image_ram(&self, _: Arch, _: bool) -> Option<RamMib> {
        None
    }

    fn min_ram(&self, _: Arch) -> Option<RamMib> {
        None
    }

    /// Prebuilt kernels have modules.
    fn provides(&self, arch: Arch, needs: &Needs) -> Result<(), KernelLack> {
        match needs.modules.first() {
            Some(module) if self.0 == RISCV => Err(KernelLack::Module { module: module.clone(), arch }),
            _ => Ok(()),
        }
    }
}

struct Workload {
    name: &'static str,
    needs_mmu: bool,
    needs_disk: bool,
    healthy: Outcome,
    options: &'static [&'static str],
}

impl KnownWorkload for Workload {
    fn fits(&self, arch: Arch, ram: RamMib) -> Result<(), Unfit> {
        let workload = self.name.into();
        if self.needs_mmu && !arch.mmu {
            Err(Unfit::NeedsMmu { workload, arch })
        } else if self.name == "anon-hog" && ram > RamMib(4096) {
            Err(Unfit::Excluded { workload, arch, reason: "it does not fill more than 4G".to_owned() })
        } else {
            Ok(())
        }
    }

    fn needs(&self, arch: Arch, ram: RamMib, _: &BTreeMap<String, String>) -> Needs {
        if !self.needs_disk {
            return Needs::default();
        }
        let throttle = Throttle { bps: Some(4 << 20), iops: None };
        let modules = arch.qemu.disk.modules.iter().map(ToString::to_string).collect();
        let disk = Some(ScratchDisk { bytes: 2 * ram.bytes(), throttle, filesystem: None });
        Needs { modules, disk, config: Vec::new(), script: None }
    }

    fn healthy(&self, _: Arch) -> Expectation {
        Expectation::of(ExpectedVerdict { outcome: self.healthy, kind: None })
    }

    fn check_options(&self, options: &BTreeMap<String, String>) -> Result<(), WrongOption> {
        for (option, value) in options {
            let unknown = !self.options.contains(&option.as_str());
            if unknown || value.trim_end_matches(['M', '%']).parse::<f64>().is_err() {
                let message = if unknown {
                    format!("{} has no option `{option}`", self.name)
                } else {
                    format!("`{value}` is not a number")
                };
                return Err(WrongOption { option: option.clone(), unknown, message });
            }
        }
        Ok(())
    }

    fn option_names(&self) -> Vec<&str> {
        self.options.to_vec()
    }
}

const HARMLESS: Workload =
    Workload { name: "idle", needs_mmu: false, needs_disk: false, healthy: Outcome::Pass, options: &[] };

const WORKLOADS: &[Workload] = &[
    HARMLESS,
    Workload { name: "anon-hog", ..HARMLESS },
    Workload { name: "zombie-victim", options: &["hogs", "probability"], ..HARMLESS },
    Workload { name: "pipe-fill", ..HARMLESS },
    Workload { name: "tmpfs-fill", ..HARMLESS },
    Workload { name: "fork-hog", needs_mmu: true, ..HARMLESS },
    Workload { name: "swap-thrash", needs_mmu: true, needs_disk: true, options: &["churn"], ..HARMLESS },
    Workload { name: "no-killable", healthy: Outcome::Crash, ..HARMLESS },
];

const EVERY: &[&str] = &["x86_64", "arm", "aarch64", "riscv64", "riscv64-nommu"];
const PREBUILT: &[&str] = &["x86_64", "arm", "aarch64"];
const RISCV: &[&str] = &["riscv64", "riscv64-nommu"];
const KERNELS: &[(&str, Kernel)] = &[
    ("debian-5.10", Kernel(PREBUILT)),
    ("debian-6.1", Kernel(PREBUILT)),
    ("debian-7.2", Kernel(&["x86_64", "arm", "aarch64", "riscv64"])),
    ("linux-5.10", Kernel(RISCV)),
    ("linux-6.1", Kernel(EVERY)),
    ("linux-6.10", Kernel(EVERY)),
    ("linux-6.12", Kernel(RISCV)),
    ("linux-7.2", Kernel(RISCV)),
    ("linux-7.3", Kernel(RISCV)),
];

struct Kernels;

impl KnownKernels for Kernels {
    fn find(&self, name: &str) -> Result<Rc<dyn KnownKernel + '_>, UnknownKernel> {
        let found = KERNELS.iter().find(|(known, _)| *known == name);
        let unknown = || UnknownKernel::of(name, KERNELS.iter().map(|(name, _)| (*name).to_owned()));
        found.map(|(_, kernel)| Rc::new(*kernel) as Rc<dyn KnownKernel>).ok_or_else(unknown)
    }

    fn names(&self, arch: Arch) -> Vec<String> {
        let available = KERNELS.iter().filter(|(_, kernel)| kernel.available(arch).is_ok());
        available.map(|(name, _)| (*name).to_owned()).collect()
    }
}

fn known() -> Known<'static> {
    Known {
        kernels: &Kernels,
        workloads: WORKLOADS.iter().map(|w| (w.name.to_owned(), w as &dyn KnownWorkload)).collect(),
    }
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "{folder} has no matrices");
    files
}

fn file_name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn shown(findings: &[Diagnostic]) -> String {
    findings.iter().map(|found| found.render(false)).collect::<Vec<_>>().join("\n")
}

fn assert_golden(path: &Path, actual: &str) {
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        std::fs::write(path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(actual, expected, "{} differs; SNAPSHOTS=overwrite rewrites it", path.display());
}

fn plan_of(text: &str, name: &str) -> (Plan, Vec<Diagnostic>) {
    load(text, name, &known()).unwrap_or_else(|errors| panic!("{}", shown(&errors)))
}

#[test]
fn matrices_expand_to_their_plans() {
    for file in yaml_files("tests/plans") {
        let (plan, warnings) = plan_of(&std::fs::read_to_string(&file).unwrap(), file_name(&file));
        assert_golden(&file.with_extension("json"), &(serde_json::to_string_pretty(&plan).unwrap() + "\n"));
        if !warnings.is_empty() {
            assert_golden(&file.with_extension("txt"), &shown(&warnings));
        }
    }
}

#[test]
fn wrong_matrices_report_every_error() {
    for file in yaml_files("tests/plans/errors") {
        let text = std::fs::read(&file).unwrap();
        let errors = load(&text, file_name(&file), &known()).map(|(plan, _)| plan).unwrap_err();
        assert_golden(&file.with_extension("txt"), &shown(&errors));
    }
}

#[test]
fn documentation_example_is_valid() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/matrix.md")).unwrap();
    let example = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (plan, warnings) = plan_of(example, "matrix.md");
    assert!(warnings.is_empty(), "{}", shown(&warnings));
    assert_eq!((plan.cells.len(), plan.skipped.len()), (14, 0));
}

#[test]
fn huge_product_is_refused() {
    let list = |prefix: &str| (0..400).map(|n| format!("{}{prefix}", n + 8)).collect::<Vec<_>>().join(", ");
    let axes = format!(
        "axes: {{kernel: linux-6.1, arch: riscv64, workload: idle, ram: [{}], vcpus: [{}]}}",
        list("M"),
        list("")
    );
    let errors = load(&axes, "huge.yaml", &known()).unwrap_err();
    assert!(shown(&errors).contains("this makes 160000 cells, more than 100000"), "{}", shown(&errors));
}

#[test]
fn invalid_utf8_is_reported() {
    let errors = load(b"name: x\naxes: \xff\n", "bytes.yaml", &known()).unwrap_err();
    assert!(shown(&errors).contains("bytes.yaml:2:7") && shown(&errors).contains("byte 0xff"), "{}", shown(&errors));
}

#[test]
fn schema_is_an_object_with_descriptions() {
    let schema = json_schema();
    assert_eq!(schema["type"], "object");
    assert!(schema.pointer("/properties/axes/description").is_some_and(serde_json::Value::is_string));
}

/// Axes of a valid matrix as text, and the size of their product.
fn matrices() -> impl Strategy<Value = (String, usize)> {
    let some = |values: &'static [&'static str]| {
        prop::sample::subsequence(values.to_vec(), 1..=values.len())
            .prop_shuffle()
            .prop_map(|chosen| (chosen.join(", "), chosen.len()))
    };
    (
        some(&["linux-6.1", "linux-6.10", "debian-6.1"]),
        some(&["riscv64", "riscv64-nommu", "arm"]),
        some(&["32M", "64M", "1G"]),
        some(&["idle", "fork-hog", "{zombie-victim: {hogs: 3}}", "{zombie-victim: {hogs: 0.2}}", "zombie-victim"]),
        some(&["1", "2", "4"]),
        some(&["a: {}", "b.c: {append: x}", "b-c: {append: y}", "1.2cpu: {}"]),
    )
        .prop_map(|(kernel, arch, ram, workload, vcpus, own)| {
            let product = kernel.1 * arch.1 * ram.1 * workload.1 * vcpus.1 * own.1;
            let text = format!(
                "axes:\n  kernel: [{}]\n  arch: [{}]\n  ram: [{}]\n  workload: [{}]\n  \
                 vcpus: [{}]\n  own: {{{}}}\n",
                kernel.0, arch.0, ram.0, workload.0, vcpus.0, own.0
            );
            (text, product)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ids_are_unique_and_file_names((text, product) in matrices()) {
        if let Ok((plan, _)) = load(&text, "p.yaml", &known()) {
            let mut seen = BTreeSet::new();
            for id in plan.cells.iter().map(|cell| &cell.id).chain(plan.skipped.iter().map(|skipped| &skipped.id)) {
                prop_assert!(seen.insert(id.clone()), "{} twice", id);
                prop_assert!(id.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"._=,+-".contains(&b)), "{}", id);
                prop_assert!(id.as_str().len() <= 200);
            }
            prop_assert_eq!(seen.len(), product);
        }
    }

    #[test]
    fn expansion_is_deterministic_and_ids_are_stable((text, _) in matrices()) {
        let plan = |text: &str| load(text, "p.yaml", &known()).map(|(plan, _)| plan);
        if let Ok(first) = plan(&text) {
            prop_assert_eq!(&first, &plan(&text).unwrap());
            let more = text.replace("  vcpus: [", "  vcpus: [3, ");
            let ids: BTreeSet<String> = plan(&more).unwrap().cells.iter().map(|cell| cell.id.to_string()).collect();
            prop_assert!(first.cells.iter().all(|cell| ids.contains(cell.id.as_str())));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = load(&text, "p.yaml", &known());
    }

    #[test]
    fn any_yaml_like_text_is_read_or_refused(
        words in prop::collection::vec(prop::sample::select(vec![
            "axes", "include", "expect", "kernel", "linux-6.1", ":", ": ", "\n", "\n  ", "- ", "[", "]", "{", "}", ",",
            "&a", "*a", "<<", "32M", "arm", "|", "'", "\"", "#", "~", "!!int", "%", "\t", "é",
        ]), 0..60),
    ) {
        if let Err(errors) = load(words.concat(), "p.yaml", &known()) {
            prop_assert!(!errors.is_empty());
            prop_assert!(!shown(&errors).is_empty());
        }
    }
}
