//! A root with QEMU, a shell, and nothing else.

use super::trials;
use crate::support::kernels;
use crate::support::program::{Program, finish};
use model::TrialRecord;
use oomlab::assets::Assets;
use oomlab::kernel::{Kernels, NullProgress, Options, unpack};
use rustix::process::geteuid;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

/// The emulators of the matrix, and a shell.
const PACKAGES: &[&str] = &["qemu-system-x86", "qemu-system-arm", "qemu-system-misc", "dash"];

/// An ordinary user.
const USER: u32 = 1000;

/// Where an ordinary user may write.
const HOME: &str = "home/me";

/// In a mount namespace of its own: what it mounts ends with it. `$0` is the root, `$@` what runs in it.
const ENTER: &str = "mount --rbind /dev \"$0/dev\" && mount --rbind /proc \"$0/proc\" && exec chroot \"$@\"";

/// A root of Debian's packages alone, without what their maintainer scripts do.
fn root(folder: &Path) {
    let mirror = std::env::var("OOMLAB_DEBIAN_MIRROR").ok();
    let kernels = Kernels::new(&Assets::builtin(), kernels::cache(), Options { mirror, ..Options::default() }).unwrap();
    let set = kernels.packages(arch::find("x86_64").unwrap(), PACKAGES, &[], &NullProgress).unwrap();
    unpack(&set.files, folder, &|_| true, || Ok(())).unwrap();
    for name in ["dev", "proc", "tmp", HOME] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    fs::set_permissions(folder.join("tmp"), Permissions::from_mode(0o1777)).unwrap();
    // A maintainer script makes this link.
    let shell = folder.join("usr/bin/sh");
    if !shell.exists() {
        std::os::unix::fs::symlink("dash", shell).unwrap();
    }
}

fn verdicts(folder: &Path) -> Vec<(String, String, bool)> {
    let of = |trial: &TrialRecord| (trial.folder(), trial.verdict.outcome().as_str().to_owned(), trial.as_expected());
    let mut all: Vec<_> = trials(folder).iter().map(of).collect();
    all.sort();
    all
}

#[test]
#[ignore = "fetches QEMU, runs matrices/smoke.yaml twice: minutes: `cargo nextest run --run-ignored only packs::bare`"]
fn smoke_matrix_runs_in_a_bare_root_as_an_ordinary_user() {
    let program = Program::new();
    let matrix = Path::new(env!("CARGO_MANIFEST_DIR")).join("matrices/smoke.yaml");
    let matrix = matrix.to_str().unwrap();
    let bare = program.dir().join("root");
    root(&bare);
    let packed = finish(&mut kernels::fetching(&program, &["pack", matrix, "--out", "root/pack"]));
    assert_eq!(packed.status, Some(0), "{packed:?}");
    let here = finish(&mut kernels::fetching(&program, &["run", matrix, "--out", "here"]));
    assert_eq!(here.status, Some(0), "{here:?}");

    let is_root = geteuid().is_root();
    let mut command = Command::new("unshare");
    // No network either.
    command.args(["--mount", "--net"]);
    if is_root {
        chown(bare.join(HOME), Some(USER), Some(USER)).unwrap();
        fs::set_permissions(program.dir(), Permissions::from_mode(0o755)).unwrap();
    } else {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", ENTER]).arg(&bare);
    if is_root {
        command.arg(format!("--userspec={USER}:{USER}"));
    }
    let line = format!("cd /{HOME} && exec /pack/run.sh --out run");
    command.arg(&bare).args(["/bin/sh", "-c", &line]).env_clear().stdin(Stdio::null());
    let there = finish(command.env("PATH", std::env::var_os("PATH").unwrap()));
    assert_eq!(there.status, Some(0), "{there:?}");
    assert_eq!(verdicts(&program.dir().join("here")), verdicts(&bare.join(HOME).join("run")));
}
