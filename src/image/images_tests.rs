use super::*;
use crate::image::load_workloads;

fn idle() -> Manifest {
    load_workloads(&Assets::builtin()).unwrap().known.remove(&"idle".into()).unwrap()
}

fn images(cache: &Path) -> Images {
    Images::new(Assets::builtin(), cache.to_owned())
}

#[test]
fn image_is_built_once_at_its_path() {
    let cache = tempfile::tempdir().unwrap();
    let nommu = arch::find("riscv64-nommu").unwrap();
    let path = images(cache.path()).path(nommu, &idle(), &[]).unwrap();
    assert!(!path.exists());
    let first = images(cache.path()).image(nommu, &idle(), &[], None).unwrap();
    assert_eq!(first.path, path);
    let built = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(images(cache.path()).image(nommu, &idle(), &[], None).unwrap(), first);
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), built);
}

#[test]
fn truncated_image_is_rebuilt() {
    let cache = tempfile::tempdir().unwrap();
    let nommu = arch::find("riscv64-nommu").unwrap();
    let first = images(cache.path()).image(nommu, &idle(), &[], None).unwrap();
    let whole = std::fs::read(&first.path).unwrap();
    for damaged in [&whole[..whole.len() / 2], &[]] {
        std::fs::write(&first.path, damaged).unwrap();
        assert_eq!(images(cache.path()).image(nommu, &idle(), &[], None).unwrap(), first);
        assert_eq!(std::fs::read(&first.path).unwrap(), whole);
    }
}

#[test]
fn key_depends_on_names_contents_and_order_of_modules() {
    let cache = tempfile::tempdir().unwrap();
    let module = |name: &str, content: &str| KernelModule { name: name.to_owned(), content: content.into() };
    let (a, b) = (module("a", "1"), module("b", "2"));
    let sets = [vec![], vec![a.clone(), b.clone()], vec![b, a.clone()], vec![a], vec![module("a", "2")]];
    let paths = sets.map(|set| images(cache.path()).path(arch::find("arm").unwrap(), &idle(), &set).unwrap());
    assert_eq!(std::collections::BTreeSet::from(paths).len(), 5);
}

#[test]
fn concurrent_builds_agree() {
    let cache = tempfile::tempdir().unwrap();
    let nommu = arch::find("riscv64-nommu").unwrap();
    let build = || images(cache.path()).image(nommu, &idle(), &[], None).unwrap();
    let made = std::thread::scope(|scope| {
        let others: Vec<_> = (0..2).map(|_| scope.spawn(build)).collect();
        others.into_iter().map(|other| other.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(made[0], made[1]);
    let left: Vec<_> = std::fs::read_dir(made[0].path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file is left");
}

#[test]
fn path_needs_no_compiler() {
    let cache = tempfile::tempdir().unwrap();
    let mut spec = *arch::find("arm").unwrap();
    spec.guest.cc = "no-such-cross-gcc";
    let arch = Arch::of(Box::leak(Box::new(spec)));
    let path = images(cache.path()).path(arch, &idle(), &[]).unwrap();
    assert!(path.starts_with(cache.path().join("images")) && path.ends_with(FILE), "{}", path.display());
    assert!(matches!(images(cache.path()).image(arch, &idle(), &[], None), Err(ImageError::NoCompiler { .. })));
}

#[test]
fn image_of_another_host_is_used_without_a_compiler() {
    let cache = tempfile::tempdir().unwrap();
    let nommu = arch::find("riscv64-nommu").unwrap();
    let mut spec = *nommu;
    spec.guest.cc = "no-such-cross-gcc";
    let bare = Arch::of(Box::leak(Box::new(spec)));
    let built = images(cache.path()).image(nommu, &idle(), &[], None).unwrap();
    let here = images(cache.path());
    assert!(here.is_present(bare, &idle(), &[], None).unwrap());
    assert_eq!(here.path(bare, &idle(), &[]).unwrap(), built.path);
    assert_eq!(here.image(bare, &idle(), &[], None).unwrap(), built);
    let mut other = idle();
    other.options.get_mut("ms").unwrap().default = "2000".to_owned();
    assert!(!here.is_present(bare, &other, &[], None).unwrap());
    assert!(matches!(here.image(bare, &other, &[], None), Err(ImageError::NoCompiler { .. })));
    std::fs::write(&built.path, "").unwrap();
    assert!(matches!(here.image(bare, &idle(), &[], None), Err(ImageError::NoCompiler { .. })), "it is damaged");
}

#[test]
fn compiler_errors_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("images/workloads/idle");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("main.c"), "int workload_main(void) { return nonsense; }\n").unwrap();
    let images = Images::new(Assets::with_overlay(dir.path()), dir.path().join("cache"));
    let error = images.image(arch::find("riscv64-nommu").unwrap(), &idle(), &[], None).unwrap_err().to_string();
    assert!(error.starts_with("riscv64-linux-gnu-gcc could not build the workload idle"), "{error}");
    assert!(error.contains("main.c:1") && error.contains("nonsense"), "{error}");
}

#[test]
fn unwritable_cache_error_names_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let error = images(&blocked).image(arch::find("riscv64-nommu").unwrap(), &idle(), &[], None).unwrap_err();
    assert!(error.to_string().starts_with(&blocked.display().to_string()), "{error}");
}
