//! The build of selftests, as far as it needs no compiler.

use super::super::NullProgress;
use super::super::kernels::Options;
use super::*;
use crate::assets::Assets;

#[test]
fn ready_made_kernel_has_no_tests() {
    let dir = tempfile::tempdir().unwrap();
    let kernels = Kernels::new(&Assets::builtin(), dir.path().join("cache"), Options::default()).unwrap();
    let arch = arch::find("aarch64").unwrap();
    let message = kernels.selftests("debian-6.1", arch, "mm", 1, &NullProgress).unwrap_err().to_string();
    assert_eq!(message, "debian-6.1 comes ready-made (debian), it is not built here");
    assert!(!dir.path().join("cache").exists());
}

#[test]
fn part_of_the_source_is_unpacked() {
    let is_part = |path: &str| is_part(Path::new(path), "mm");
    for path in ["mm/cow.c", "vm/Makefile", "lib.mk", "kselftest/runner.sh", "pidfd/pidfd.h", "x86/check_cc.sh"] {
        assert!(is_part(&format!("{TESTS}/{path}")), "{path}");
    }
    for path in ["tools/testing/selftests/net/tcp.c", "tools/testing/vma/vma.c", "mm/gup_test.h"] {
        assert!(!is_part(path), "{path}");
    }
}

#[test]
fn source_is_linked_around_the_tests() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    for folder in ["from/mm", "from/tools/include", "from/tools/testing", "to/tools/testing/selftests"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    fs::write(from.join("mm/gup_test.h"), "x").unwrap();
    link_entries(&from, &to, &["tools"]).unwrap();
    link_entries(&from.join("tools"), &to.join("tools"), &["testing"]).unwrap();
    assert!(to.join("mm/gup_test.h").is_file() && to.join("tools/include").is_symlink());
    assert!(!to.join("tools/testing").is_symlink());
}

#[test]
fn programs_are_installed_below_their_target() {
    let dir = tempfile::tempdir().unwrap();
    let kernels = Kernels::new(&Assets::builtin(), dir.path().join("cache"), Options::default()).unwrap();
    let folder = kernels.cache.folder("selftests/key").unwrap();
    fs::write(folder.join("cow"), "x").unwrap();
    let _in_use = kernels.cache.share(MAKING, &NullProgress).unwrap();
    let programs = Programs { folder, key: digest_of(["key"]), target: "mm".into(), _in_use };
    programs.install(&dir.path().join("root")).unwrap();
    assert_eq!(fs::read(dir.path().join("root/usr/lib/kselftest/mm/cow")).unwrap(), b"x");
}

#[test]
fn scripts_and_settings_are_kept() {
    let kept = ["run_vmtests.sh", "config", "settings", "cow.c", "Makefile"];
    let kept = kept.map(|name| is_script_or_setting(Path::new(name)));
    assert_eq!(kept, [true, true, true, false, false]);
}

#[test]
fn older_folder_comes_second() {
    assert_eq!(folders("mm").collect::<Vec<_>>(), ["mm", "vm"]);
    assert_eq!(folders("memfd").collect::<Vec<_>>(), ["memfd"]);
}

#[test]
fn machines_have_the_names_of_the_makefiles() {
    let all = ["x86_64", "aarch64", "riscv64", "arm"].map(|name| machine(arch::find(name).unwrap()));
    assert_eq!(all, ["x86_64", "arm64", "riscv64", "arm"]);
}
