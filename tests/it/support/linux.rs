//! A git repository of a kernel's source: releases, and synthetic commits between them, of which one lets the kernel livelock.

use super::repository::{git, import, output};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Files that every kernel of the lab compiles, and that a commit may touch.
const FILES: [&str; 16] = [
    "mm/util.c",
    "mm/page_alloc.c",
    "mm/vmscan.c",
    "mm/slub.c",
    "mm/filemap.c",
    "mm/oom_kill.c",
    "kernel/fork.c",
    "kernel/exit.c",
    "kernel/sys.c",
    "kernel/signal.c",
    "fs/open.c",
    "fs/read_write.c",
    "fs/namei.c",
    "fs/exec.c",
    "lib/string.c",
    "lib/vsprintf.c",
];

/// A bug that one commit brings in.
#[derive(Debug, Clone, Copy)]
pub struct Bug {
    pub file: &'static str,
    /// A text of the source.
    found: &'static str,
    /// What the first commit makes of it.
    good: &'static str,
    /// What the culprit makes of that.
    bad: &'static str,
}

/// Without an MMU nothing says that a victim's memory is gone (`kernels/patches/nommu-sets-oom-skip.yaml`).
pub const NOMMU_OOM_SKIP: Bug = Bug {
    file: "mm/nommu.c",
    found: "\t__mt_destroy(&mm->mm_mt);\n\tmmap_write_unlock(mm);\n",
    good: "\t__mt_destroy(&mm->mm_mt);\n\tmmap_write_unlock(mm);\n\tset_bit(MMF_OOM_SKIP, &mm->flags);\n",
    bad: "\t__mt_destroy(&mm->mm_mt);\n\tmmap_write_unlock(mm);\n",
};

/// The OOM reaper leaves out two victims of five (`kernels/patches/oom-reaper-gone.yaml`): the time of a kill differs from boot to
/// boot.
pub const OOM_REAPER_LAZY: Bug = Bug {
    file: "mm/oom_kill.c",
    found: "\t/* mm is already queued? */\n",
    good: "\t/* mm is already queued? */\n",
    bad: "\tif (jiffies % 5 < 2)\n\t\treturn;\n",
};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    /// What the culprit brings in.
    pub bug: Bug,
    /// Commits behind the first one.
    pub commits: usize,
    /// Number of the one with the bug, from 1.
    pub culprit: usize,
    /// Numbers of those that do not compile.
    pub broken: &'w [usize],
    /// Number of one that does not boot.
    pub dead: usize,
    /// Number of a merge of three commits.
    pub merge: usize,
    /// Numbers of those that go to the next release.
    pub releases: &'w [usize],
}

/// The repository.
pub struct Linux {
    /// Names of the commits by number, first the one without any change.
    pub commits: Vec<String>,
}

/// A release of the kernel.
struct Release {
    /// Git's name for its tree.
    tree: String,
    /// Those of [`FILES`], and the one of the bug.
    files: BTreeMap<&'static str, String>,
}

impl Linux {
    /// Makes one at `dir` from the unpacked sources of one release, and of one more for each of `wanted.releases`.
    pub fn new(dir: &Path, sources: &[PathBuf], wanted: Wanted<'_>) -> Self {
        assert_eq!(sources.len(), 1 + wanted.releases.len(), "releases of Linux");
        std::fs::create_dir_all(dir).expect("a folder");
        output(git(dir).args(["init", "--quiet", "--bare", "--initial-branch=main"]));
        let mut releases: VecDeque<Release> =
            sources.iter().map(|source| Release::new(dir, source, wanted.bug.file)).collect();
        let release = releases.pop_front().expect("a release");
        let mut history = History {
            wanted,
            stream: String::new(),
            release,
            later: releases,
            parts: BTreeMap::new(),
            is_bad: false,
            marker: None,
            mark: 0,
        };
        history.write();
        Self { commits: import(dir, &history.stream) }
    }
}

impl Release {
    fn new(repository: &Path, source: &Path, bug: &'static str) -> Self {
        let mut add = git(repository);
        output(add.arg("--work-tree").arg(source).args(["add", "--all", "--force", "."]));
        let tree = output(git(repository).arg("write-tree")).trim_end().to_owned();
        let read = |file: &str| std::fs::read_to_string(source.join(file)).expect("a file of the source");
        Self { tree, files: FILES.into_iter().chain([bug]).map(|file| (file, read(file))).collect() }
    }
}

struct History<'w> {
    wanted: Wanted<'w>,
    stream: String,
    release: Release,
    later: VecDeque<Release>,
    /// What commits have added at the end of a file.
    parts: BTreeMap<&'static str, String>,
    is_bad: bool,
    /// What breaks the newest commit.
    marker: Option<&'static str>,
    mark: usize,
}

const BROKEN: &str = "#error part of a change that comes later is missing\n";
const DEAD: &str = "static int __init dies(void)\n{\n\tpanic(\"does not boot\");\n}\nearly_initcall(dies);\n";

impl History<'_> {
    fn write(&mut self) {
        let mut head = self.commit(None, None, "linux: import");
        for number in 1..=self.wanted.commits {
            head = if number == self.wanted.merge { self.merge(head, number) } else { self.next(head, number) };
        }
    }

    /// A change of one file, or the next release; what a commit before it broke is repaired with it.
    fn next(&mut self, head: usize, number: usize) -> usize {
        self.is_bad |= number == self.wanted.culprit;
        let markers = [(BROKEN, self.wanted.broken.contains(&number)), (DEAD, self.wanted.dead == number)];
        self.marker = markers.into_iter().find_map(|(marker, is_here)| is_here.then_some(marker));
        if self.wanted.releases.contains(&number) {
            self.release = self.later.pop_front().expect("a release");
            return self.commit(Some(head), None, "linux: the next release");
        }
        let file = FILES[number * 7 % FILES.len()];
        self.touch(file, number);
        self.commit(Some(head), None, &format!("{file}: change part {number}"))
    }

    /// Two commits beside the main line that touch a file of their own, and the merge of them.
    fn merge(&mut self, head: usize, number: usize) -> usize {
        let file = "lib/string.c";
        self.marker = None;
        self.touch(file, number * 100);
        let side = self.commit(Some(head), None, &format!("{file}: beside, one"));
        self.touch(file, number * 100 + 1);
        let side = self.commit(Some(side), None, &format!("{file}: beside, two"));
        self.commit(Some(head), Some(side), "Merge the branch beside")
    }

    fn touch(&mut self, file: &'static str, number: usize) {
        let _ =
            writeln!(self.parts.entry(file).or_default(), "static const int __maybe_unused part_{number} = {number};");
    }

    /// A file as the newest commit has it.
    fn text(&self, file: &str) -> String {
        let Bug { file: buggy, found, good, bad } = self.wanted.bug;
        let mut text = self.release.files[file].clone();
        if file == buggy {
            assert_eq!(text.matches(found).count(), 1, "the source is another one: {file}");
            text = text.replacen(found, if self.is_bad { bad } else { good }, 1);
        }
        text += self.parts.get(file).map_or("", String::as_str);
        text + self.marker.filter(|_| file == "mm/util.c").unwrap_or_default()
    }

    fn commit(&mut self, from: Option<usize>, merged: Option<usize>, message: &str) -> usize {
        self.mark += 1;
        let (mark, time) = (self.mark, 1_700_000_000 + 60 * self.mark);
        let _ = write!(
            self.stream,
            "commit refs/heads/main\nmark :{mark}\ncommitter A Developer <a@example.org> {time} +0000\ndata {}\n{message}\n",
            message.len()
        );
        let _ = from.map(|from| writeln!(self.stream, "from :{from}"));
        let _ = merged.map(|merged| writeln!(self.stream, "merge :{merged}"));
        let _ = writeln!(self.stream, "M 040000 {} ", self.release.tree);
        for file in self.release.files.keys() {
            let text = self.text(file);
            let _ = write!(self.stream, "M 100644 inline {file}\ndata {}\n{text}\n", text.len());
        }
        mark
    }
}
