//! Real kernels. They take long: `cargo test --test it bisections::linux -- --ignored`.

use super::answer;
use crate::support::kernels;
use crate::support::linux::{Linux, NOMMU_OOM_SKIP, OOM_REAPER_LAZY, Wanted};
use crate::support::program::{Program, finish};
use crate::support::repository::output;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// The unpacked source of Linux 6.1.
pub(super) fn source() -> PathBuf {
    let arch = "riscv64-nommu";
    kernels::kernel("linux-6.1", arch);
    let sources = std::fs::read_dir(kernels::cache().join("sources")).unwrap();
    // Those of commits are beside it.
    let is_commit = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("git-");
    let is_6_1 = |path: &PathBuf| {
        let makefile = std::fs::read_to_string(path.join("Makefile")).unwrap_or_default();
        makefile.contains("\nVERSION = 6\nPATCHLEVEL = 1\n")
    };
    sources
        .map(|entry| entry.unwrap().path())
        .find(|path| !is_commit(path) && is_6_1(path))
        .expect("the source of linux-6.1")
}

/// The unpacked sources of point releases of Linux 6.1, oldest first, as the host's archive has them. They stay in the cache.
fn point_releases(wanted: usize) -> Vec<PathBuf> {
    let listed = output(Command::new("apt-cache").args(["madison", "linux-source-6.1"]));
    let versions = listed.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    let mut newest = BTreeMap::new();
    for version in versions {
        let (release, revision) = version.split_once('-').expect("a Debian version");
        let point: u32 = release.rsplit('.').next().unwrap().parse().expect("a point release");
        let last = newest.entry(point).or_insert(revision);
        *last = revision.max(last);
    }
    assert!(newest.len() >= wanted, "point releases that apt knows: {newest:?}; `apt-get update` learns of newer ones");
    let newest = newest.into_iter().rev().take(wanted).collect::<BTreeMap<_, _>>();
    newest.into_iter().map(|(point, revision)| unpacked(&format!("6.1.{point}-{revision}"))).collect()
}

fn unpacked(version: &str) -> PathBuf {
    let folder = kernels::cache().join("point-releases");
    let source = folder.join(version);
    if source.is_dir() {
        return source;
    }
    std::fs::create_dir_all(&folder).unwrap();
    let scratch = tempfile::tempdir_in(&folder).unwrap();
    let mut download = Command::new("apt-get");
    output(download.args(["download", &format!("linux-source-6.1={version}")]).current_dir(scratch.path()));
    output(Command::new("sh").current_dir(scratch.path()).args(["-e", "-c", UNPACK]));
    std::fs::rename(scratch.path().join("linux"), &source).unwrap();
    source
}

/// What no configuration of the lab uses is left out; the configuration itself needs all Kconfig files and makefiles.
const UNPACK: &str = "
    dpkg-deb --fsys-tarfile *.deb | tar -xO ./usr/src/linux-source-6.1.tar.xz > linux.tar.xz
    rm *.deb
    mkdir linux
    tar -xJf linux.tar.xz -C linux --strip-components=1
    cd linux
    others=$(cd arch && ls -d */ | grep -vx -e 'arm/' -e 'arm64/' -e 'riscv/' -e 'x86/' | sed s,^,arch/,)
    find Documentation samples sound tools/perf tools/testing $others drivers/gpu/drm drivers/media drivers/staging \
        drivers/infiniband drivers/net/ethernet drivers/net/wireless arch/*/boot/dts -type f \
        ! -name 'Kconfig*' ! -name 'Makefile*' ! -name 'Kbuild*' ! -name 'Platform*' -delete
";

/// Boots the livelock of [`NOMMU_OOM_SKIP`] with a probability of 0.4.
const ZOMBIE: [&str; 8] =
    ["--arch", "riscv64-nommu", "--ram", "32M", "--workload", "zombie-victim", "--option", "probability=0.4"];

const SHORT: Wanted<'_> =
    Wanted { bug: NOMMU_OOM_SKIP, commits: 16, culprit: 0, broken: &[], dead: 0, merge: 3, releases: &[] };

/// Bisects such a history with this cell.
fn bisect(sources: &[PathBuf], wanted: Wanted<'_>, cell: &[&str]) {
    let program = Program::new();
    let linux = Linux::new(&program.dir().join("linux"), sources, wanted);
    let args = ["bisect", "commits", "--repo", "linux", "--good", &linux.commits[0], "--bad", "main"];
    let mut command = kernels::command(&program, &[&args[..], cell, &["--json"]].concat());
    let finished = finish(&mut command);
    eprintln!("{}", finished.stderr);
    let answer = answer(&finished);
    let subject = answer["candidates"][0]["subject"].as_str().unwrap();
    assert!(subject.ends_with(&format!(" change part {}", wanted.culprit)), "{answer}");
    assert!(answer["confirmed"] == true && answer["probability"].as_f64() >= Some(0.95), "{answer}");
}

#[test]
#[ignore = "builds about twenty kernels: up to 40 minutes on two cores"]
fn livelock_is_bisected() {
    let broken = &[17, 36, 44];
    let wanted = Wanted { bug: NOMMU_OOM_SKIP, commits: 68, culprit: 41, broken, dead: 50, merge: 30, releases: &[] };
    bisect(&[source()], wanted, &ZOMBIE);
}

/// Across point releases of Linux 6.1.
fn bisect_lazy_reaper(arch: &str) {
    let (broken, releases) = (&[17, 36, 44], &[12, 26, 46, 58]);
    let wanted = Wanted { bug: OOM_REAPER_LAZY, commits: 72, culprit: 41, broken, dead: 50, merge: 30, releases };
    let sources = point_releases(1 + releases.len());
    bisect(&sources, wanted, &["--arch", arch, "--ram", "128M", "--workload", "blocked-victim"]);
}

#[test]
#[ignore = "fetches five source packages and builds about twenty kernels: up to 50 minutes on two cores"]
fn livelock_is_bisected_on_x86_64() {
    bisect_lazy_reaper("x86_64");
}

#[test]
#[ignore = "fetches five source packages and builds about twenty kernels: up to 50 minutes on two cores"]
fn livelock_is_bisected_on_aarch64() {
    bisect_lazy_reaper("aarch64");
}

#[test]
#[ignore = "builds several kernels: up to 10 minutes on two cores"]
fn livelock_is_bisected_in_a_short_history() {
    let wanted = Wanted { culprit: 11, broken: &[5, 9], dead: 13, ..SHORT };
    bisect(&[source()], wanted, &ZOMBIE);
}

#[test]
#[ignore = "builds several kernels: up to 15 minutes on two cores"]
fn livelock_of_a_run_is_bisected() {
    let program = Program::new();
    let wanted = Wanted { culprit: 7, broken: &[4, 10], dead: 12, ..SHORT };
    let linux = Linux::new(&program.dir().join("linux"), &[source()], wanted);
    let last = linux.commits.last().unwrap();
    let description = |revision: &str| {
        let repository = program.dir().join("linux");
        let (repository, fragments) = (repository.display(), "[base, detect, riscv64-nommu]");
        format!(
            "source:\n  git: {{repository: {repository}, revision: {revision}}}\nbuild:\n  riscv64-nommu: {fragments}\n"
        )
    };
    program.write("nightly.yaml", "axes: {kernel: mine, arch: riscv64-nommu, ram: 32M, workload: zombie-victim}\n");
    let night = |revision: &str| {
        program.write("kernels/mine.yaml", &description(revision));
        let args = ["--data", ".", "run", "nightly.yaml", "--bisect-regressions=30"];
        finish(&mut kernels::command(&program, &args))
    };
    let green = night(&linux.commits[1]);
    assert_eq!(green.status, Some(0), "{green:?}");
    let red = night(last);
    eprintln!("{}\n{}", red.stderr, red.stdout);
    assert_eq!(red.status, Some(1), "{red:?}");
    let named = red.stdout.lines().last().unwrap_or_default();
    assert!(
        named.starts_with("mine.riscv64-nommu.32M.zombie-victim: ") && named.contains(" change part 7 (9"),
        "{named}"
    );
}
