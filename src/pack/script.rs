//! `run.sh` and `README.txt`, for people without the lab.

use super::program::PROGRAM;
use crate::archive::Entry;
use model::{Plan, printable};

/// Both files.
pub(super) fn entries(plan: &Plan) -> [Entry; 2] {
    [Entry::program("run.sh", script().into_bytes()), Entry::text("README.txt", readme(plan).into_bytes())]
}

/// Builtins of the shell alone: a bare host has no other programs.
fn script() -> String {
    let arch = std::env::consts::ARCH;
    format!(
        r#"#!/bin/sh
# Runs the cells of this pack. The arguments are those of `oomlab run --pack`: --jobs N, --filter EXPR, --out DIR ...
case $0 in
*/*) here=${{0%/*}} ;;
*) here=. ;;
esac
if ! "$here/{PROGRAM}" --version >/dev/null; then
    echo "$here/{PROGRAM} does not start: it is for Linux on {arch} with a C library (glibc) as new as that of the host" >&2
    echo "that packed it. On other hosts use their own: oomlab run --pack $here" >&2
    exit 3
fi
exec "$here/{PROGRAM}" run --pack "$here" "$@"
"#
    )
}

fn readme(plan: &Plan) -> String {
    let (name, cells, trials) = (printable(&plan.name), plan.cells.len(), plan.trials());
    let mut emulators: Vec<&str> = plan.cells.iter().map(|cell| cell.arch.qemu.program).collect();
    emulators.sort_unstable();
    emulators.dedup();
    let emulators = emulators.join(", ");
    format!(
        "{name}: {cells} cells, {trials} trials\n\n\
         A plan of oomlab, which boots Linux kernels in QEMU, puts them under memory pressure, and judges whether\n\
         they hang. All that its guests boot is here. The host needs {emulators}.\n\n  \
         ./run.sh                runs the plan; results are in runs/ of the current folder\n  \
         ./run.sh --jobs 4       four guests at a time\n  \
         ./run.sh --filter EXPR  only some cells, for example 'arch=arm ram<=64M'\n  \
         ./run.sh --help         all options\n\n\
         oomlab run --pack FOLDER does the same with the program of the host. pack.json lists the files.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn script_starts_the_program_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let run = |program: &str| {
            let bin = dir.path().join(PROGRAM);
            std::fs::create_dir_all(bin.parent().unwrap()).unwrap();
            std::fs::write(dir.path().join("run.sh"), script()).unwrap();
            // Written by another process, because a file that is open for writing cannot run.
            let plain = dir.path().join("plain");
            std::fs::write(&plain, program).unwrap();
            assert!(Command::new("install").arg("-m755").arg(plain).arg(&bin).status().unwrap().success());
            // No program is on the PATH.
            let mut shell = Command::new("/bin/sh");
            let output = shell.env_clear().arg(dir.path().join("run.sh")).args(["--jobs", "a b"]).output().unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            (output.status.code(), text(output.stdout), text(output.stderr))
        };
        let here = dir.path().display();
        let (status, stdout, _) = run("#!/bin/sh\nfor word; do echo \"$word\"; done\n");
        assert_eq!((status, stdout), (Some(0), format!("run\n--pack\n{here}\n--jobs\na b\n")));
        let (status, stdout, stderr) = run("#!/bin/sh\nexit 1\n");
        assert_eq!((status, stdout.as_str()), (Some(3), ""));
        assert!(stderr.contains(&format!("oomlab run --pack {here}")), "{stderr}");
    }
}
