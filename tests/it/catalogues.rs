//! The built-in matrices, kernels, architectures and workloads fit together.

use crate::support::program;

use model::{Outcome, RamMib};
use oomlab::assets::Assets;
use oomlab::image::load_workloads;
use oomlab::kernel::{Catalogue, Kernels, Options};
use oomlab::workload::Manifest;
use program::Program;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn matrices() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("matrices");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The plan that the program makes of a matrix, with its own catalogues.
fn plan(matrix: &Path) -> Value {
    let program = Program::new();
    program.write("matrix.yaml", &std::fs::read_to_string(matrix).unwrap());
    let finished = program.run(["plan", "matrix.yaml", "--json"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{}", matrix.display());
    serde_json::from_str(&finished.stdout).unwrap()
}

fn kernels() -> Kernels {
    Kernels::new(&Assets::builtin(), "/nonexistent".into(), Options::default()).unwrap()
}

#[test]
fn matrices_have_plans_without_warnings() {
    let matrices = matrices();
    assert!(matrices.len() >= 3);
    for matrix in matrices {
        assert!(matrix.extension().is_some_and(|extension| extension == "yaml"), "{}", matrix.display());
        let plan = plan(&matrix);
        assert_eq!(plan["skipped"].as_array().map(Vec::len), Some(0), "{}: {}", matrix.display(), plan["skipped"]);
    }
}

#[test]
fn smoke_matrix_has_twenty_cells_on_four_architectures() {
    let plan = plan(&matrices().into_iter().find(|path| path.ends_with("smoke.yaml")).unwrap());
    let cells = plan["cells"].as_array().unwrap();
    assert!(cells.len() >= 20, "{} cells", cells.len());
    let arches: BTreeSet<&str> = cells.iter().map(|cell| cell["cell"]["arch"].as_str().unwrap()).collect();
    assert_eq!(arches, BTreeSet::from(["arm", "riscv64", "riscv64-nommu", "x86_64"]));
}

#[test]
fn nightly_matrix_has_every_workload() {
    let plan = plan(&matrices().into_iter().find(|path| path.ends_with("nightly.yaml")).unwrap());
    let cells = plan["cells"].as_array().unwrap();
    let ran: BTreeSet<&str> = cells.iter().filter_map(|cell| cell["cell"]["payload"]["name"].as_str()).collect();
    let workloads = load_workloads(&Assets::builtin()).unwrap().known;
    // Without LTP installed its tests cannot run.
    let needs_ltp = |name| workloads[name].script.as_ref().is_some_and(|script| !script.ltp.is_empty());
    let missing: Vec<_> = workloads.keys().filter(|name| !ran.contains(name.as_str()) && !needs_ltp(name)).collect();
    assert!(missing.is_empty(), "workloads that no nightly cell runs: {missing:?}");
}

#[test]
fn architectures_have_kernels_and_workloads() {
    let kernels = kernels();
    let workloads = load_workloads(&Assets::builtin()).unwrap().known;
    for &spec in arch::ALL {
        let entries = kernels.catalogue().entries().iter().filter(|entry| entry.arches().contains(&spec));
        assert!(entries.count() > 0, "no kernel for {}", spec.name);
        assert!(workloads[&"idle".into()].fits(spec, spec.min_ram).is_ok(), "no control for {}", spec.name);
        let fits = workloads.values().filter(|workload| workload.fits(spec, RamMib(1024)).is_ok());
        assert!(fits.count() >= 3, "{} has hardly a workload", spec.name);
    }
}

#[test]
fn kernel_lines_exist_for_several_architectures() {
    let kernels = kernels();
    let mut lines: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in kernels.catalogue().entries() {
        let (source, line) = entry.name.as_str().split_once('-').expect("SOURCE-VERSION");
        if source == "zoo" {
            continue;
        }
        // Another configuration is not a line of its own.
        let line = line.split('-').next().unwrap_or(line);
        lines.entry(line).or_default().extend(entry.arches().into_iter().map(|arch| arch.name));
    }
    assert_eq!(lines.keys().copied().collect::<Vec<_>>(), ["5.10", "6.1", "6.12", "7.2", "7.3"]);
    for (line, arches) in lines {
        assert!(arches.contains("riscv64-nommu") && arches.len() >= 2, "{line}: {arches:?}");
    }
}

#[test]
fn documentation_manifest_is_valid() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/workloads.md")).unwrap();
    let example = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    Manifest::parse(example, "images/workloads/swap-thrash/manifest.yaml").unwrap_or_else(|error| panic!("{error:?}"));
}

#[test]
fn workloads_are_fully_described() {
    let mut wrong = Vec::new();
    for (name, manifest) in load_workloads(&Assets::builtin()).unwrap().known {
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{name}: {what}"));
            }
        };
        expect(manifest.name == name, "its name is not that of its folder");
        for (text, what) in [
            (&manifest.summary, "summary"),
            (&manifest.aims_at, "aims_at"),
            (&manifest.source, "source"),
            (&manifest.unit, "unit"),
            (&manifest.finished, "finished"),
        ] {
            expect(!text.trim().is_empty(), &format!("`{what}` is empty"));
            expect(!text.ends_with('.') && !text.contains('\n'), &format!("`{what}` is not a fragment of one line"));
        }
        let fits: Vec<_> =
            arch::ALL.iter().copied().filter(|&spec| manifest.fits(spec, manifest.min_ram).is_ok()).collect();
        expect(!fits.is_empty(), "it fits no architecture");
        for spec in fits {
            let healthy = manifest.healthy(spec).verdict;
            expect(
                healthy.outcome == Outcome::Pass || (healthy.outcome == Outcome::Crash && healthy.kind.is_some()),
                "a healthy kernel either lets it finish or ends in one known way",
            );
        }
        let defaults: BTreeMap<String, String> =
            manifest.options.iter().map(|(option, spec)| (option.clone(), spec.default.clone())).collect();
        expect(manifest.check_options(&defaults).is_ok(), "a default is not a value of its option");
        for (option, spec) in &manifest.options {
            expect(!spec.help.is_empty(), &format!("option `{option}` has no help"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn examples_of_the_kernels_page_can_be_used() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kernels.md")).unwrap();
    let blocks = |language: &str| -> Vec<String> {
        let fence = format!("```{language}\n");
        page.split(&fence).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
    };
    let data = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = data.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let (patches, kernels): (Vec<String>, Vec<String>) =
        blocks("yaml").into_iter().partition(|block| block.starts_with("summary:"));
    write("kernels/patches/wait-longer.yaml", &patches.concat());
    write("kernels/config/slab-debug.config", &blocks("kconfig").concat());
    for (number, kernel) in kernels.iter().enumerate() {
        write(&format!("kernels/example-{number}.yaml"), kernel);
    }
    // The patch of the page in place of the one that its kernel names.
    let patched = kernels.iter().find(|kernel| kernel.contains("patches:")).unwrap();
    write("kernels/example-patched.yaml", &patched.replace("nommu-sets-oom-skip", "wait-longer"));
    let catalogue = Catalogue::read(&Assets::with_overlay(data.path())).unwrap();
    assert_eq!(catalogue.broken(), []);
    let examples = catalogue.entries().iter().filter(|entry| entry.name.as_str().starts_with("example-"));
    let kinds: Vec<&str> = examples.map(|entry| entry.source.kind()).collect();
    assert_eq!(kinds.len(), kernels.len() + 1);
    assert_eq!(BTreeSet::from_iter(kinds), BTreeSet::from(["debian", "debian-source", "git", "local", "tree"]));
}

/// The drafts for linux-mm say what the patches of the catalogue do.
#[test]
fn drafts_have_the_lines_of_their_patches() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (draft, name) in [
        ("0001-mm-nommu-set-MMF_OOM_SKIP-in-exit_mmap", "nommu-sets-oom-skip"),
        ("0002-mm-oom_kill-wait-a-second-at-most-without-an-MMU", "nommu-oom-victim-timeout"),
        ("0003-mm-nommu-allocate-before-nommu_region_sem", "nommu-allocates-unlocked"),
    ] {
        let read = |path: String| std::fs::read_to_string(root.join(path)).unwrap();
        let patch = read(format!("kernels/patches/{name}.yaml"));
        let known: BTreeSet<&str> = patch.lines().map(str::trim).collect();
        let draft = read(format!("docs/findings/{draft}.patch"));
        let hunks = draft.split_once("\n@@").expect("a hunk").1.split("\n-- \n").next().unwrap_or_default();
        // The header of the next file is no change.
        let lines = hunks.lines().filter(|line| !line.starts_with("+++ ") && !line.starts_with("--- "));
        let changed = lines.filter_map(|line| line.strip_prefix(['+', '-'])).map(str::trim);
        let changed: Vec<_> = changed.filter(|line| !line.is_empty()).collect();
        assert!(changed.len() > 1 && changed.iter().all(|line| known.contains(line)), "{name}: {changed:#?}");
    }
}
