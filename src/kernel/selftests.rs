//! The kernel's own tests, `tools/testing/selftests`, built for guests from the source of the kernel under test.
//!
//! The programs use the shared libraries of Debian's stable suite, which the guest must have: with static ones the programs of
//! `mm` take 43 MB in place of 3, and binutils before 2.41 cannot link those of riscv64.

use super::cache::{Lock, MAKING, digest_of};
use super::command::Job;
use super::entry::{KernelEntry, Source};
use super::error::CommandEnd;
use super::kernels::Kernels;
use super::progress::{Progress, Stage, Update};
use super::source::{self, Tree};
use super::{KernelError, toolchain, unpack, worktree};
use arch::Arch;
use model::Digest;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Part of every key; another version builds all again.
const VERSION: &str = "1";
/// The folder of the tests in a kernel's source.
const TESTS: &str = "tools/testing/selftests";
/// What the tests of `mm` are linked with.
const LIBRARIES: &[&str] = &["libc6-dev", "libcap-dev", "libnuma-dev", "liburing-dev"];
/// The kernel's own headers take the place of linux-libc-dev; the others are programs, and a library that no test uses.
const WITHOUT: &[&str] = &["linux-libc-dev", "libc-dev-bin", "libcrypt-dev", "rpcsvc-proto"];
/// The parts of those packages that a compiler reads.
const READ_BY_COMPILER: &[&str] = &["usr/include", "usr/lib", "usr/lib64"];
/// Names that folders had in older kernels (`vm` until 6.2).
const OLDER_NAMES: &[(&str, &str)] = &[("mm", "vm")];
/// Variables of the user's environment that programs need; others may change the build.
const KEPT_VARIABLES: &[&str] = &["PATH", "HOME", "TMPDIR"];
/// The target that writes down what `all` builds; the makefiles have none.
const LIST: &str = "oomlab-programs";
/// The status of make when a command failed (make(1)).
const MAKE_FAILED: i32 = 2;
/// Names the programs that do not compile, one a line.
const NOT_BUILT: &str = "not-built";

/// Programs of one folder of the kernel's own tests, in the cache; while it lives, no process removes them.
#[derive(Debug)]
pub struct Programs {
    /// The stripped programs, the scripts beside them, and `not-built`: the names of programs that do not compile, one a line.
    pub folder: PathBuf,
    /// Distinguishes them from others: for caches of what is made of them.
    pub key: Digest,
    target: String,
    _in_use: Lock,
}

impl Programs {
    /// Copies them to `usr/lib/kselftest` of a guest's root.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn install(&self, root: &Path) -> Result<(), KernelError> {
        let to = root.join("usr/lib/kselftest").join(&self.target);
        fs::create_dir_all(&to).map_err(KernelError::io("create", &to))?;
        copy_files(&self.folder, &to, |_| true)
    }
}

impl Kernels {
    /// The tests in the folder `target` of `tools/testing/selftests`, from the source of this kernel without its patches: from the
    /// cache, or built with `jobs` compilers at a time.
    ///
    /// # Errors
    /// When the kernel does not exist for the architecture or is not built here, its source has no such folder, no program can
    /// be built, or the caller cancels.
    pub fn selftests(
        &self,
        kernel: &str,
        arch: Arch,
        target: &str,
        jobs: usize,
        progress: &dyn Progress,
    ) -> Result<Programs, KernelError> {
        let entry = self.catalogue().supports(kernel, arch)?;
        let origin = self.selftests_origin(kernel, arch, progress)?;
        toolchain::check(arch)?;
        let compiler = toolchain::compiler_version(arch)?.ok_or_else(|| toolchain::no_compiler(arch))?;
        let key = digest_of([VERSION, &origin, arch.name, target, &compiler]);
        let in_use = self.cache.share(MAKING, progress)?;
        let _lock = self.cache.lock(&format!("selftests-{}", key.short()), progress)?;
        let relative = format!("selftests/{key}");
        let folder = self.cache.path(&relative);
        if !folder.is_dir() {
            let (work, programs) = (self.cache.scratch(format!("{relative}-work"))?, self.cache.scratch(&relative)?);
            let build = Build { kernels: self, entry: &entry, arch, target, work: work.path(), jobs, progress };
            build.run(programs.path())?;
            programs.install()?;
        }
        Ok(Programs { folder, key, target: target.to_owned(), _in_use: in_use })
    }

    /// The source of a kernel's tests, as far as it is known without the network.
    ///
    /// # Errors
    /// When the kernel does not exist for the architecture or is not built here, or its source cannot be read.
    pub fn selftests_origin(&self, kernel: &str, arch: Arch, progress: &dyn Progress) -> Result<String, KernelError> {
        let entry = self.catalogue().supports(kernel, arch)?;
        match (&entry.source, self.revision(&entry.source, progress)?) {
            (_, Some(revision)) => Ok(revision.identity()),
            (Source::DebianSource { suite, package }, None) => Ok(format!("{suite} {package}")),
            _ => Err(entry.not_built()),
        }
    }
}

/// One build of tests.
struct Build<'a> {
    kernels: &'a Kernels,
    entry: &'a KernelEntry,
    arch: Arch,
    target: &'a str,
    /// Removed when the programs are built.
    work: &'a Path,
    /// Parallel compilers (`make -j`).
    jobs: usize,
    progress: &'a dyn Progress,
}

impl Build<'_> {
    fn run(&self, programs: &Path) -> Result<(), KernelError> {
        let tree = self.work.join("tree");
        let source = self.sources(&tree)?;
        let headers = self.headers(&source.path)?;
        link(&headers.join("usr"), &tree.join("usr"))?;
        let tests = self.tests(&tree)?;
        let libraries = self.libraries()?;

        let list = self.work.join("programs");
        let failed = match self.compile(&tests, &headers, &libraries, &list, programs) {
            Ok(()) => None,
            // One program or more does not compile.
            Err(error) if is_failed_make(&error) => Some(error),
            Err(error) => return Err(error),
        };
        let text = fs::read_to_string(&list).unwrap_or_default();
        let (built, missing): (Vec<_>, Vec<_>) =
            names(&text).into_iter().partition(|name| programs.join(name).is_file());
        if built.is_empty() {
            return Err(failed.unwrap_or_else(|| KernelError::NoFile(list.display().to_string())));
        }
        let not_built: String = missing.iter().map(|name| format!("{name}\n")).collect();
        let file = programs.join(NOT_BUILT);
        fs::write(&file, not_built).map_err(KernelError::io("write", &file))?;
        copy_files(&tests, programs, is_script_or_setting)
    }

    /// Makes `tree` the kernel's source: links to the tree that kernels are built from, and files of the tests, beside which
    /// their makefiles write. While the value lives, the links lead to the same source.
    fn sources(&self, tree: &Path) -> Result<Tree, KernelError> {
        let Self { kernels, progress, .. } = self;
        let to = tree.join(TESTS);
        fs::create_dir_all(&to).map_err(KernelError::io("create", &to))?;
        let source = match (kernels.revision(&self.entry.source, *progress)?, &self.entry.source) {
            (Some(revision), _) => {
                let source = revision.check_out(&kernels.cache, *progress)?;
                worktree::update(&source.path.join(TESTS), &[], &to)?;
                source
            }
            (None, Source::DebianSource { suite, package }) => {
                // As for a kernel: every index lists the package, and amd64 always exists.
                let (digest, file) = kernels.apt_package(suite, "amd64", package, *progress)?;
                let source = source::unpack(&kernels.cache, &file, digest, *progress)?;
                source::unpack_files(&file, tree, &|path| is_part(path, self.target), *progress)?;
                source
            }
            _ => return Err(self.entry.not_built()),
        };
        link_entries(&source.path, tree, &["tools", "usr", ".git"])?;
        link_entries(&source.path.join("tools"), &tree.join("tools"), &["testing"])?;
        Ok(source)
    }

    /// The headers of the kernel's interface to programs, in the output tree that is returned.
    fn headers(&self, source: &Path) -> Result<PathBuf, KernelError> {
        let output = self.work.join("headers");
        fs::create_dir_all(&output).map_err(KernelError::io("create", &output))?;
        let mut make = make(source);
        make.arg(format!("O={}", output.display())).arg(format!("ARCH={}", self.arch.kernel.arch));
        make.args(["HOSTCFLAGS=-O0", "headers"]);
        self.job("make the headers of", "headers", make)?.run(|_| 0)?;
        Ok(output)
    }

    /// The folder of the tests.
    fn tests(&self, tree: &Path) -> Result<PathBuf, KernelError> {
        let all = tree.join(TESTS);
        let found = folders(self.target).map(|name| all.join(name)).find(|folder| folder.is_dir());
        found
            .ok_or_else(|| KernelError::NoFile(format!("{TESTS}/{} in the source of {}", self.target, self.entry.name)))
    }

    /// A root for the compiler, with the libraries and their headers.
    fn libraries(&self) -> Result<PathBuf, KernelError> {
        let root = self.work.join("root");
        let set = self.kernels.packages(self.arch, LIBRARIES, WITHOUT, self.progress)?;
        let check = || if self.progress.cancelled() { Err(KernelError::Cancelled) } else { Ok(()) };
        unpack(&set.files, &root, &|path| READ_BY_COMPILER.iter().any(|part| path.starts_with(part)), check)?;
        Ok(root)
    }

    /// Builds what can be built.
    fn compile(
        &self,
        tests: &Path,
        headers: &Path,
        root: &Path,
        list: &Path,
        programs: &Path,
    ) -> Result<(), KernelError> {
        let prefix = self.arch.kernel.cross_compile;
        let libraries = root.join("usr/lib").join(prefix.trim_end_matches('-'));
        let (root, libraries) = (root.display(), libraries.display());
        // A compiler for the host's own architecture looks for libraries in the host's folders, too: these come first. No rule
        // drops what is part of the compiler's name.
        let compiler = format!("{} --sysroot={root} -B{libraries} -L{libraries} -s", toolchain::compiler(self.arch));
        let machine = machine(self.arch);
        let mut make = make(tests);
        // Output files of a failed command are removed; others are built nevertheless.
        make.args(["-k", &format!("-j{}", self.jobs.max(1))]);
        make.arg(format!("ARCH={machine}"));
        // Until 6.2.
        make.arg(format!("MACHINE={machine}"));
        make.arg(format!("CROSS_COMPILE={prefix}")).arg(format!("CC={compiler}"));
        make.arg(format!("KHDR_INCLUDES=-isystem {}/usr/include", headers.display()));
        make.arg(format!("OUTPUT={}", programs.display()));
        make.arg(format!(
            "--eval={LIST}: ; @printf '%s\\n' $(notdir $(TEST_GEN_PROGS) $(TEST_GEN_PROGS_EXTENDED) $(TEST_GEN_FILES)) >{}",
            list.display()
        ));
        make.args([LIST, "all"]);
        let message = self.message();
        self.job("build", "build", make)?.run(|_| {
            let done = fs::read_dir(programs).map_or(0, |entries| entries.count() as u64);
            self.progress.update(Update { stage: Stage::Build, done, total: None, message: &message });
            done
        })
    }

    fn job(&self, verb: &str, log: &str, command: Command) -> Result<Job<'_>, KernelError> {
        let log = format!("selftests-{log}-{}-{}-{}", self.target, self.entry.name, self.arch.name);
        let log = self.kernels.cache.log(&log)?;
        Ok(Job { what: format!("{verb} {}", self.message()), command, log, progress: self.progress })
    }

    fn message(&self) -> String {
        format!("selftests {} of {} for {}", self.target, self.entry.name, self.arch.name)
    }
}

fn make(folder: &Path) -> Command {
    let mut make = Command::new("make");
    make.env_clear().env("LC_ALL", "C").arg("-C").arg(folder);
    for name in KEPT_VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            make.env(name, value);
        }
    }
    make
}

fn is_failed_make(error: &KernelError) -> bool {
    matches!(error, KernelError::Command { end: CommandEnd::Exited(status), .. } if status.code() == Some(MAKE_FAILED))
}

/// The architecture as the makefiles of the tests name it: `uname -m`, but `arm64`.
fn machine(arch: Arch) -> &'static str {
    if arch.kernel.arch == "arm64" { "arm64" } else { arch.name }
}

/// Names that the folder of these tests may have, the present one first.
fn folders(target: &str) -> impl Iterator<Item = &str> {
    let older = OLDER_NAMES.iter().filter(move |(name, _)| *name == target).map(|(_, older)| *older);
    std::iter::once(target).chain(older)
}

/// Whether a file of the source is needed for the tests of `target`: theirs, what all tests share, and headers, which
/// tests include from each other. The makefile of `mm` tries the compiler on files of `x86`.
fn is_part(path: &Path, target: &str) -> bool {
    let Ok(inside) = path.strip_prefix(TESTS) else { return false };
    let shared = ["kselftest", "x86"];
    inside.parent() == Some(Path::new(""))
        || inside.extension() == Some(OsStr::new("h"))
        || folders(target).chain(shared).any(|folder| inside.starts_with(folder))
}

fn names(list: &str) -> BTreeSet<&str> {
    list.lines().filter(|line| !line.is_empty()).collect()
}

/// Links the entries of a folder into another, all but some.
fn link_entries(from: &Path, to: &Path, without: &[&str]) -> Result<(), KernelError> {
    for entry in fs::read_dir(from).map_err(KernelError::io("list", from))? {
        let entry = entry.map_err(KernelError::io("list", from))?;
        let name = entry.file_name();
        if !without.iter().any(|left_out| name == *left_out) {
            link(&entry.path(), &to.join(name))?;
        }
    }
    Ok(())
}

fn link(target: &Path, link: &Path) -> Result<(), KernelError> {
    symlink(target, link).map_err(KernelError::io("create", link))
}

/// Copies the files of a folder that `keep` chooses by their names.
fn copy_files(from: &Path, to: &Path, keep: impl Fn(&Path) -> bool) -> Result<(), KernelError> {
    for entry in fs::read_dir(from).map_err(KernelError::io("list", from))? {
        let file = entry.map_err(KernelError::io("list", from))?.path();
        let name = Path::new(file.file_name().unwrap_or_default());
        if file.is_file() && keep(name) {
            fs::copy(&file, to.join(name)).map_err(KernelError::io("copy", &file))?;
        }
    }
    Ok(())
}

fn is_script_or_setting(name: &Path) -> bool {
    name.extension() == Some(OsStr::new("sh")) || name == Path::new("config") || name == Path::new("settings")
}

#[cfg(test)]
#[path = "selftests_tests.rs"]
mod tests;
