//! `oomlab bundle` and `oomlab repro` of trials on root disks.

use super::Lab;
use crate::support::kernels;
use crate::support::program::{Finished, Program, finish};
use model::TrialRecord;
use oomlab::image::RootDisks;
use oomlab::report::GuestFile;
use oomlab::ssh::{Client, Endpoint, Limits};
use ruzstd::decoding::StreamingDecoder;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longer than any boot takes.
const TIMEOUT: Duration = Duration::from_secs(180);

const TEST: &str = "  results: tap\n  run: |\n    echo 1..2\n    echo ok 1 $word\n    [ -e /mine ] || echo ok 2\n    echo x >/mine\n\
    options:\n  word: {type: word, default: none, help: x}\n";

/// A guest of a script, which becomes QEMU.
struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bundle(lab: &Lab) -> Finished {
    let folder = lab.folder();
    let args = ["bundle", folder.to_str().unwrap(), "--out", "a.tar.zst", "--force"];
    finish(&mut kernels::fetching(&lab.program, &args))
}

/// The folder of the archive, unpacked below another.
fn unpacked(archive: &Path, into: &Path) -> PathBuf {
    let tar = StreamingDecoder::new(File::open(archive).unwrap()).unwrap();
    tar::Archive::new(tar).unpack(into).unwrap();
    fs::read_dir(into).unwrap().next().unwrap().unwrap().path()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn bundle_of_a_root_disk_is_booted_and_tested_elsewhere() {
    let lab = Lab::new("riscv64");
    let (finished, trial) = lab.workload(TEST).boot("riscv64", &["--option", "word=mine"]);
    assert_eq!(finished.status, Some(0), "{}{}", finished.stdout, finished.stderr);
    assert!(trial.artifacts.iter().any(|artifact| artifact.file == "test.sh"), "{:?}", trial.artifacts);
    let packed = bundle(&lab);
    assert_eq!(packed.status, Some(0), "{packed:?}");

    let other = Program::new();
    let folder = unpacked(&lab.program.dir().join("a.tar.zst"), other.dir());
    assert_eq!(fs::metadata(folder.join("key")).unwrap().permissions().mode() & 0o777, 0o600);
    let recorded: TrialRecord = serde_json::from_slice(&fs::read(folder.join("trial.json")).unwrap()).unwrap();
    assert_eq!(GuestFile::RootDisk.path(&recorded).as_deref(), Some("disk.ext4"));
    let port = free_port();
    let messages = other.dir().join("messages");
    let mut script = Command::new(folder.join("run.sh"));
    script.env("PORT", port.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
    let _guest = Guest(script.stderr(File::create(&messages).unwrap()).spawn().unwrap());
    let (path, digest) = (GuestFile::RootDisk.path(&trial).unwrap(), trial.root_disk_digest.as_ref().unwrap());
    let disk = RootDisks::new(&kernels::cache()).recorded(Path::new(&*path), digest).unwrap();
    let endpoint = Endpoint {
        address: (Ipv4Addr::LOCALHOST, port).into(),
        user: "root".to_owned(),
        key: folder.join("key"),
        host_key: disk.host_key,
    };
    let said = || fs::read_to_string(&messages).unwrap();
    let client = Client::connect(&endpoint, TIMEOUT).await.unwrap_or_else(|error| panic!("{error}: {}", said()));
    let test = tokio::fs::File::open(folder.join("test.sh")).await.unwrap();
    let limits = Limits { timeout: TIMEOUT, max_stdout: 4096 };
    let ended = client.capture("sh -s", test, limits).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "1..2\nok 1 mine\nok 2\n", "{ended:?}");
    assert!(said().contains(&format!(" -p {port} ")) && !said().contains("is not the recorded"), "{}", said());
}

/// What the workload is by now does not matter, nor whether its disk could be made again.
#[test]
fn repro_runs_the_recorded_test_on_the_very_disk() {
    let lab = Lab::new("riscv64");
    let (finished, first) = lab.workload(TEST).boot("riscv64", &["--option", "word=mine"]);
    assert_eq!(finished.status, Some(0), "{}{}", finished.stdout, finished.stderr);
    lab.workload("  packages: [no-such-package]\n  run: exit 9\n");
    let folder = lab.folder();
    let repro = ["repro", "--data", ".", folder.to_str().unwrap(), "--out", "again"];
    let finished = finish(&mut kernels::fetching(&lab.program, &repro));
    assert_eq!(finished.status, Some(0), "{}{}", finished.stdout, finished.stderr);
    let cell = lab.program.dir().join("again/cells").join(first.folder());
    let again: TrialRecord = serde_json::from_slice(&fs::read(cell.join("trial.json")).unwrap()).unwrap();
    assert_eq!((&again.subtests, again.root_disk_digest), (&first.subtests, first.root_disk_digest));
    assert_eq!(fs::read(cell.join("test.sh")).unwrap(), fs::read(folder.join("test.sh")).unwrap());
}
