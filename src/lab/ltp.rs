//! LTP's tests, from the folder where the user has LTP installed.

use crate::kernel::{digest_of, digest_of_file};
use arch::Arch;
use model::Digest;
use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where LTP installs its tests, below its folder (LTP, `include/mk/config.mk.in`, `bindir`).
const TESTS: &str = "testcases/bin";

/// Where a guest has them: LTP's default prefix.
const GUEST: &str = "opt/ltp/testcases/bin";

/// Tests of LTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LtpTests {
    /// Digest of their names and contents.
    pub key: Digest,
    files: Vec<PathBuf>,
}

impl LtpTests {
    /// The tests whose names begin with one of these, in `folder`, for guests of `arch`.
    ///
    /// # Errors
    /// When the folder cannot be read, has none of them, or those of another architecture.
    pub fn find(folder: &Path, prefixes: &[String], arch: Arch) -> Result<Self, LtpError> {
        let tests = folder.join(TESTS);
        let missing = || LtpError::NoTests { folder: tests.clone(), names: prefixes.join(", ") };
        let mut files = Vec::new();
        for entry in fs::read_dir(&tests).map_err(|_| missing())? {
            let path = entry.map_err(read(&tests))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())) && path.is_file() {
                files.push(path.clone());
            }
        }
        if files.is_empty() {
            return Err(missing());
        }
        files.sort();
        for file in &files {
            if let Some(machine) = elf_machine(file).map_err(read(file))?
                && machine != arch.cpu.elf_machine
            {
                return Err(LtpError::Machine { file: file.clone(), arch });
            }
        }
        let mut pieces = Vec::new();
        for file in &files {
            pieces.push(file.file_name().unwrap_or_default().to_string_lossy().into_owned());
            pieces.push(digest_of_file(file).map_err(read(file))?.to_string());
        }
        Ok(Self { key: digest_of(pieces.iter().map(String::as_str)), files })
    }

    /// Copies them below the root of a guest.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn install(&self, root: &Path) -> io::Result<()> {
        let into = root.join(GUEST);
        for folder in into.ancestors().take(GUEST.split('/').count()).collect::<Vec<_>>().into_iter().rev() {
            fs::create_dir_all(folder)?;
            fs::set_permissions(folder, Permissions::from_mode(0o755))?;
        }
        for file in &self.files {
            let copy = into.join(file.file_name().unwrap_or_default());
            fs::copy(file, &copy)?;
            // Whatever the umask, and however the user has them.
            fs::set_permissions(&copy, Permissions::from_mode(0o755))?;
        }
        Ok(())
    }
}

/// `e_machine` of an ELF file; `None` for other files, such as scripts.
fn elf_machine(file: &Path) -> io::Result<Option<u16>> {
    let mut head = Vec::new();
    File::open(file)?.take(20).read_to_end(&mut head)?;
    Ok((head.len() == 20 && head.starts_with(b"\x7fELF")).then(|| u16::from_le_bytes([head[18], head[19]])))
}

fn read(path: &Path) -> impl FnOnce(io::Error) -> LtpError {
    let path = path.to_owned();
    move |source| LtpError::Io { path, source }
}

/// Why there are no tests of LTP.
#[derive(Debug, thiserror::Error)]
pub(super) enum LtpError {
    /// The user named no folder.
    #[error("the workload runs tests of LTP: name the folder where it is installed, for example `--ltp /opt/ltp`")]
    NoFolder,
    /// Another folder, or not all of LTP was built.
    #[error("there is no test of LTP whose name begins with {names} in {}: does `--ltp` name the folder where LTP is installed?", folder.display())]
    NoTests {
        /// The folder of the tests.
        folder: PathBuf,
        /// How their names begin.
        names: String,
    },
    /// The tests run on another architecture.
    #[error("{} is not a program for {arch}: LTP has to be built for the guest's architecture", file.display())]
    Machine {
        /// One of the tests.
        file: PathBuf,
        /// The guest's architecture.
        arch: Arch,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_chosen_by_their_beginning_and_copied() {
        let dir = tempfile::tempdir().unwrap();
        let tests = dir.path().join(TESTS);
        fs::create_dir_all(tests.join("oom_folder")).unwrap();
        for name in ["oom01", "oom02", "ksm01", "zoom"] {
            fs::write(tests.join(name), name).unwrap();
        }
        let found = |prefixes: &[&str]| {
            let prefixes: Vec<String> = prefixes.iter().map(ToString::to_string).collect();
            LtpTests::find(dir.path(), &prefixes, arch::find("riscv64").unwrap())
        };
        let ooms = found(&["oom"]).unwrap();
        let root = tempfile::tempdir().unwrap();
        ooms.install(root.path()).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(root.path().join(GUEST)).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["oom01", "oom02"]);
        let mode = fs::metadata(root.path().join(GUEST).join("oom01")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_ne!(found(&["oom", "ksm"]).unwrap().key, ooms.key);
        fs::write(tests.join("oom02"), "changed").unwrap();
        assert_ne!(found(&["oom"]).unwrap().key, ooms.key);
        let error = found(&["thp"]).unwrap_err().to_string();
        assert!(error.contains("thp") && error.contains(TESTS) && error.contains("--ltp"), "{error}");
        let mut elf = b"\x7fELF".to_vec();
        elf.extend([0; 14]);
        elf.extend(62_u16.to_le_bytes());
        fs::write(tests.join("oom03"), elf).unwrap();
        let error = found(&["oom"]).unwrap_err().to_string();
        assert!(error.contains("oom03 is not a program for riscv64"), "{error}");
    }
}
