use super::super::NullProgress;
use super::super::artifact::{IMAGE, RECORD, Slot};
use super::super::cache::{MAKING, digest_of, point};
use super::*;
use model::{KernelArtifact, KernelName};
use std::fs;
use std::path::Path;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

struct Setup {
    dir: tempfile::TempDir,
    cache: Cache,
}

fn in_catalogue(name: &str, arch: &str) -> bool {
    (name, arch) == ("linux-6.1", "arm")
}

impl Setup {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().join("cache"));
        Self { dir, cache }
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.cache.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A finished kernel of 100 KiB that was last used so many hours ago.
    fn kernel(&self, name: &str, content: &str, hours: u32) -> KernelArtifact {
        let name = KernelName::new(name);
        let is_variant = name.as_str().starts_with("commit-") || name.as_str().contains("-config-");
        let slot = Slot { cache: &self.cache, name: &name, arch: arch::find("arm").unwrap(), key: None, is_variant };
        let recipe = digest_of([content]);
        let scratch = slot.scratch(&recipe, content).unwrap();
        fs::write(scratch.path().join(IMAGE), content.repeat(100 << 10)).unwrap();
        let made = slot.finish(scratch, recipe.clone(), recipe, "6.1.0".into()).unwrap();
        let record = fs::File::open(slot.folder().join(RECORD)).unwrap();
        record.set_modified(file_time() - hours * HOUR).unwrap();
        made
    }

    fn inventory(&self) -> Inventory {
        scan::all(&self.cache, &in_catalogue).unwrap()
    }

    /// The items of a category as `name arch release`.
    fn names(&self, category: Category) -> Vec<String> {
        let inventory = self.inventory();
        let name = |item: &Item| {
            let parts = [Some(item.name.clone()), item.arch.clone(), item.release.clone()];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        inventory.of(category).map(name).collect()
    }

    fn prune(&self, rule: &Prune, dry_run: bool) -> Pruned {
        let remove = &mut |item: &Item| remove::remove(&self.cache, item, dry_run);
        prune::run(self.inventory(), rule, file_time(), remove).unwrap()
    }
}

const ALL: Prune = Prune { scope: Scope::Everything, older: None, max_bytes: Some(0) };

fn names(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.name.as_str()).collect()
}

#[test]
fn empty_cache_has_nothing() {
    let setup = Setup::new();
    assert_eq!(setup.inventory().bytes(), 0);
    assert!(setup.prune(&ALL, false).removed.is_empty());
}

#[test]
fn parts_are_listed_by_what_they_are() {
    let setup = Setup::new();
    setup.kernel("linux-6.1", "a", 1);
    setup.kernel("linux-6.1", "b", 1);
    setup.kernel("commit-0123456789ab", "c", 1);
    let digest = "0123456789abcdef".repeat(4);
    let makefile = b"# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 176\nEXTRAVERSION =\n";
    setup.write(&format!("sources/{digest}/Makefile"), makefile);
    setup.write("sources/git-fedcba987654/.git/HEAD", b"x");
    setup.write("trees/0123456789ab-riscv64-nommu/mm/a.c", &[1; 9000]);
    setup.write("objects/0123456789ab-riscv64-nommu/vmlinux", b"x");
    setup.write("objects/0123456789ab-riscv64-0123abcd/vmlinux", b"x");
    setup.write("objects/steps-arm", b"491");
    setup.write(&format!("packages/{digest}/linux-source-6.1_6.1_all.deb"), b"x");
    setup.write("apt/trixie-amd64/refreshed", b"");
    setup.write("images/arm.idle.0123/initramfs.cpio.gz", b"x");
    setup.write("disks/arm.debian.0123/disk.ext4", b"x");
    setup.write("disks/.making-y/disk.ext4", b"x");
    setup.write("artifacts/.making-x/kernel", b"x");
    setup.write("artifacts/broken/kernel", b"x");
    setup.write("mine/file", b"x");
    assert_eq!(
        setup.names(Category::Kernel),
        ["commit-0123456789ab arm 6.1.0", "linux-6.1 arm 6.1.0", "linux-6.1 arm 6.1.0"]
    );
    assert_eq!(setup.names(Category::SourceTree), ["0123456789ab 6.1.176", "git-fedcba987654"]);
    assert_eq!(
        setup.names(Category::OutputTree),
        ["0123456789ab-riscv64-0123abcd riscv64", "0123456789ab-riscv64-nommu riscv64-nommu"]
    );
    assert_eq!(setup.names(Category::Package), ["linux-source-6.1_6.1_all.deb"]);
    assert_eq!(setup.names(Category::Index), ["trixie-amd64"]);
    assert_eq!(setup.names(Category::Image), ["arm.idle.0123"]);
    assert_eq!(setup.names(Category::Disk), ["arm.debian.0123"]);
    assert_eq!(setup.names(Category::Leftover), ["artifacts/.making-x", "disks/.making-y"]);
    assert_eq!(setup.names(Category::Other), ["artifacts/broken", "mine"]);
    assert_eq!(setup.names(Category::Log), ["kernels", "objects/steps-arm"]);
    let inventory = setup.inventory();
    let kernels: Vec<_> = inventory.of(Category::Kernel).collect();
    assert!(kernels.iter().all(|kernel| (100 << 10..200 << 10).contains(&kernel.bytes)));
    let known = |kernel: &&Item| (kernel.name.clone(), kernel.is_current, kernel.in_catalogue, kernel.is_of_commit());
    let mut known: Vec<_> = kernels.iter().map(known).collect();
    known.sort();
    let expected = [
        ("commit-0123456789ab", true, false, true),
        ("linux-6.1", false, false, true),
        ("linux-6.1", true, true, false),
    ];
    assert_eq!(known, expected.map(|(name, current, known, gives_way)| (name.to_owned(), current, known, gives_way)));
    assert_eq!(inventory.of(Category::SourceTree).next().unwrap().paths.len(), 2, "the source and its patched tree");
}

#[test]
fn hard_links_count_once() {
    let setup = Setup::new();
    let digest = "0123456789abcdef".repeat(4);
    setup.write(&format!("sources/{digest}/big"), &[1; 1 << 20]);
    setup.write("trees/0123456789ab-arm/small", b"x");
    fs::hard_link(setup.cache.path(format!("sources/{digest}/big")), setup.cache.path("trees/0123456789ab-arm/big"))
        .unwrap();
    assert!((1 << 20..3 << 19).contains(&setup.inventory().bytes()));
}

#[test]
fn removed_kernel_leaves_no_link_and_no_half() {
    let setup = Setup::new();
    let kept = setup.kernel("linux-6.1", "a", 1);
    let gone = setup.kernel("commit-0123456789ab", "b", 50);
    let rule = Prune { scope: Scope::ExceptCatalogue, older: Some(24 * HOUR), max_bytes: None };
    assert_eq!(names(&setup.prune(&rule, true).removed), ["commit-0123456789ab"]);
    assert!(gone.image.is_file(), "a dry run removes nothing");
    setup.prune(&rule, false);
    assert!(kept.image.is_file() && !gone.image.exists());
    assert!(!setup.cache.path("kernels/commit-0123456789ab").exists());
    assert_eq!(fs::read_dir(setup.cache.path("artifacts")).unwrap().count(), 1);
}

#[test]
fn kernel_of_two_names_is_that_of_the_catalogue_and_loses_both_links() {
    let setup = Setup::new();
    let kernel = setup.kernel("commit-0123456789ab", "a", 50);
    let folder = kernel.image.parent().unwrap().canonicalize().unwrap();
    let target = Path::new("../../artifacts").join(folder.file_name().unwrap());
    point(&setup.cache.path("kernels/linux-6.1/arm"), &target).unwrap();
    assert_eq!(setup.names(Category::Kernel), ["linux-6.1 arm 6.1.0"]);
    make_room(&setup.cache, 0, &in_catalogue).unwrap();
    let rule = Prune { scope: Scope::ExceptCatalogue, ..ALL };
    assert!(setup.prune(&rule, false).removed.is_empty() && folder.is_dir());
    setup.prune(&ALL, false);
    assert_eq!(fs::read_dir(setup.cache.path("kernels")).unwrap().count(), 0);
}

#[test]
fn killed_removal_is_finished_by_the_next() {
    let setup = Setup::new();
    let kernel = setup.kernel("linux-6.1", "a", 1);
    let folder = kernel.image.parent().unwrap().canonicalize().unwrap();
    // As if the process was killed between the two steps.
    let half = folder.with_file_name(format!(".removing-{}", folder.file_name().unwrap().display()));
    fs::rename(&folder, &half).unwrap();
    assert_eq!(setup.names(Category::Kernel), [""; 0]);
    let rule = Prune { scope: Scope::Everything, older: Some(999 * HOUR), max_bytes: None };
    assert_eq!(setup.prune(&rule, false).removed.len(), 1);
    assert!(!half.exists());
}

#[test]
fn parts_in_use_by_another_process_stay() {
    let setup = Setup::new();
    let kernel = setup.kernel("linux-6.1", "a", 1);
    setup.kernel("commit-0123456789ab", "b", 2);
    setup.write("images/arm.idle.0123/initramfs.cpio.gz", b"x");
    setup.write("objects/0123456789ab-arm/vmlinux", b"x");
    let other = Cache::new(setup.dir.path().join("cache"));
    other.keep_file(&kernel.image);
    other.keep("images");
    let building = other.share(MAKING, &NullProgress).unwrap();
    let pruned = setup.prune(&ALL, false);
    assert_eq!(names(&pruned.removed), ["commit-0123456789ab"]);
    assert_eq!(pruned.in_use.len(), 3);
    assert!(kernel.image.is_file());
    drop((other, building));
    assert_eq!(setup.prune(&ALL, false).removed.len(), 3);
    assert!(!kernel.image.exists());
}

#[test]
fn disks_that_are_used_or_made_stay() {
    let setup = Setup::new();
    setup.write("disks/arm.debian.0123/disk.ext4", b"x");
    setup.write("disks/arm.debian.0123/key", b"x");
    setup.write("disks/.making-x/disk.ext4", b"x");
    let other = Cache::new(setup.dir.path().join("cache"));
    other.keep("disks");
    let pruned = setup.prune(&ALL, false);
    assert_eq!((pruned.removed.len(), pruned.in_use.len()), (0, 2));
    drop(other);
    assert_eq!(names(&setup.prune(&ALL, false).removed), ["disks/.making-x", "arm.debian.0123"]);
    assert_eq!(fs::read_dir(setup.cache.path("disks")).unwrap().count(), 0);
}

#[test]
fn links_out_of_the_cache_are_not_followed() {
    let setup = Setup::new();
    let outside = setup.dir.path().join("outside");
    fs::create_dir_all(outside.join("folder")).unwrap();
    fs::write(outside.join("file"), vec![1; 1 << 20]).unwrap();
    setup.kernel("linux-6.1", "a", 1);
    let image = setup.inventory().items[0].paths[0].clone();
    std::os::unix::fs::symlink(&outside, setup.cache.path(image).join("modules")).unwrap();
    std::os::unix::fs::symlink(&outside, setup.cache.path("artifacts/foreign")).unwrap();
    std::os::unix::fs::symlink(&outside, setup.cache.path("packages")).unwrap();
    assert_eq!(setup.names(Category::Other), ["artifacts/foreign", "packages"]);
    assert!(setup.inventory().bytes() < 1 << 20);
    assert_eq!(names(&setup.prune(&ALL, false).removed), ["linux-6.1"]);
    assert!(outside.join("file").is_file() && outside.join("folder").is_dir());
    assert!(setup.cache.path("artifacts/foreign").is_symlink());
}

#[test]
fn kernels_of_commits_give_way_to_the_limit() {
    let setup = Setup::new();
    for (name, hours) in
        [("commit-a", 3), ("commit-b", 1), ("linux-6.1-config-c", 2), ("linux-6.1", 9), ("debian-6.1", 9)]
    {
        setup.kernel(name, name, hours);
    }
    let one = setup.inventory().of(Category::Kernel).next().unwrap().bytes;
    make_room(&setup.cache, 8 * one, &in_catalogue).unwrap();
    assert_eq!(setup.names(Category::Kernel).len(), 5);
    setup.cache.keep_file(Path::new(&setup.cache.path("kernels/linux-6.1-config-c/arm/kernel")));
    make_room(&setup.cache, 0, &in_catalogue).unwrap();
    let left: Vec<String> = setup.inventory().items.into_iter().map(|item| item.name).collect();
    assert_eq!(left, ["debian-6.1", "linux-6.1", "linux-6.1-config-c", "kernels", "locks"]);
}
