//! Output and files without an end.

use super::{Bench, answer};
use crate::support::program::finish;
use rustix::fs::{CWD, Mode, mkfifoat};
use std::os::unix::fs::symlink;
use std::path::Path;

#[test]
fn output_of_a_command_is_kept_in_part_and_changes_no_result() {
    let bench = Bench::new(12, 6);
    // A command that gets SIGPIPE or EFBIG does not come to its last line.
    let exec = "echo first; head -c 100000000 /dev/zero || exit 200; echo last >&2; test ! -e bug";
    let finished = finish(&mut bench.bisect(exec, &["--out", "mine"]));
    assert_eq!(bench.culprit(&answer(&finished)), Some(6), "{finished:?}");
    let log = std::fs::read_dir(bench.program.dir().join("mine/logs")).unwrap().next().unwrap().unwrap().path();
    let log = std::fs::read(log).unwrap();
    assert!(log.len() < (2 << 20) + 200, "{} bytes", log.len());
    assert!(log.starts_with(b"first\n\0") && log.ends_with(b"\0last\n"));
    let note = b"\n[oomlab: 97902859 bytes dropped here; ";
    assert!(log.windows(note.len()).any(|part| part == note));
}

/// `status`, `log` and `report` of another's session neither hang nor fill the memory.
#[test]
fn session_files_are_regular_and_of_limited_size() {
    let bench = Bench::new(20, 10);
    assert_eq!(finish(&mut bench.bisect("test ! -e bug", &["--out", "mine"])).status, Some(0));
    let endless = bench.program.write("endless", "");
    std::fs::File::options().write(true).open(&endless).unwrap().set_len(1 << 40).unwrap();
    let fifo = bench.program.dir().join("fifo");
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    for name in ["session.json", "commits.jsonl", "journal.jsonl"] {
        let file = bench.program.dir().join("mine").join(name);
        let content = std::fs::read(&file).unwrap();
        for (target, why) in [(&fifo, "it is a FIFO"), (&endless, "MiB"), (&Path::new("/dev/zero").to_owned(), "it is")]
        {
            std::fs::remove_file(&file).unwrap();
            symlink(target, &file).unwrap();
            for what in ["status", "log", "report", "resume"] {
                let refused = bench.program.run(["bisect", what, "mine"]);
                assert_eq!(refused.status, Some(3), "{what}: {refused:?}");
                assert!(refused.stderr.contains(name) && refused.stderr.contains(why), "{what}: {refused:?}");
            }
        }
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, content).unwrap();
    }
    // Whatever the lock is, nothing is written to it.
    let (lock, precious) = (bench.program.dir().join("mine/lock"), bench.program.write("precious", "mine"));
    std::fs::remove_file(&lock).unwrap();
    symlink(&precious, &lock).unwrap();
    assert_eq!(bench.program.run(["bisect", "resume", "mine"]).status, Some(0));
    assert_eq!(std::fs::read(&precious).unwrap(), b"mine");
}
