//! A git repository of a kernel's source with a history of synthetic commits, of which one lets the kernel livelock.

use super::repository::{git, import, output};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

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
}

/// The repository.
pub struct Linux {
    /// Names of the commits by number, first the one without any change.
    pub commits: Vec<String>,
}

impl Linux {
    /// Makes one at `dir` from an unpacked source.
    pub fn new(dir: &Path, source: &Path, wanted: Wanted<'_>) -> Self {
        std::fs::create_dir_all(dir).expect("a folder");
        output(git(dir).args(["init", "--quiet", "--bare", "--initial-branch=main"]));
        let mut all = git(dir);
        all.arg("--work-tree").arg(source).args(["add", "--all", "--force", "."]);
        output(&mut all);
        let mut first = git(dir);
        first.arg("--work-tree").arg(source).args(["commit", "--quiet", "--message", "linux: import"]);
        output(&mut first);
        let read = |file: &str| std::fs::read_to_string(source.join(file)).expect("a file of the source");
        let mut history = History { wanted, stream: String::new(), main: BTreeMap::new(), mark: 0 };
        for file in FILES.into_iter().chain([wanted.bug.file]) {
            history.main.insert(file, read(file));
        }
        history.write();
        Self { commits: import(dir, &history.stream) }
    }
}

struct History<'w> {
    wanted: Wanted<'w>,
    stream: String,
    main: BTreeMap<&'static str, String>,
    mark: usize,
}

impl History<'_> {
    fn write(&mut self) {
        let Bug { file, found, good, .. } = self.wanted.bug;
        self.replace(file, found, good);
        let mut head = self.commit("refs/heads/main^0", None, &[file], "mm: tell when the memory of a victim is gone");
        for number in 1..=self.wanted.commits {
            head = if number == self.wanted.merge { self.merge(head, number) } else { self.next(head, number) };
        }
    }

    fn replace(&mut self, file: &'static str, from: &str, to: &str) {
        assert_eq!(self.main[file].matches(from).count(), 1, "the source is another one: {file}");
        let text = self.main[file].replacen(from, to, 1);
        self.main.insert(file, text);
    }

    /// A change of one file; what a commit before it broke is repaired with it.
    fn next(&mut self, head: usize, number: usize) -> usize {
        let file = FILES[number * 7 % FILES.len()];
        let mut touched = vec![file];
        if number == self.wanted.culprit {
            let Bug { file, good, bad, .. } = self.wanted.bug;
            self.replace(file, good, bad);
            touched.push(file);
        }
        let broken = "#error part of a change that comes later is missing\n";
        let dead = "static int __init dies(void)\n{\n\tpanic(\"does not boot\");\n}\nearly_initcall(dies);\n";
        for (marker, is_here) in [(broken, self.wanted.broken.contains(&number)), (dead, self.wanted.dead == number)] {
            let text = self.main["mm/util.c"].replace(marker, "") + if is_here { marker } else { "" };
            if text != self.main["mm/util.c"] {
                self.main.insert("mm/util.c", text);
                touched.push("mm/util.c");
            }
        }
        self.touch(file, number);
        self.commit(&format!(":{head}"), None, &touched, &format!("{file}: change part {number}"))
    }

    /// Two commits beside the main line that touch a file of their own, and the merge of them.
    fn merge(&mut self, head: usize, number: usize) -> usize {
        let file = "lib/string.c";
        self.touch(file, number * 100);
        let side = self.commit(&format!(":{head}"), None, &[file], &format!("{file}: beside, one"));
        self.touch(file, number * 100 + 1);
        let side = self.commit(&format!(":{side}"), None, &[file], &format!("{file}: beside, two"));
        self.commit(&format!(":{head}"), Some(side), &[file], "Merge the branch beside")
    }

    fn touch(&mut self, file: &'static str, number: usize) {
        if let Some(text) = self.main.get_mut(file) {
            let _ = writeln!(text, "static const int __maybe_unused part_{number} = {number};");
        }
    }

    fn commit(&mut self, from: &str, merged: Option<usize>, touched: &[&str], message: &str) -> usize {
        self.mark += 1;
        let (mark, time) = (self.mark, 1_700_000_000 + 60 * self.mark);
        let _ = write!(
            self.stream,
            "commit refs/heads/main\nmark :{mark}\ncommitter A Developer <a@example.org> {time} +0000\ndata {}\n{message}\nfrom {from}\n",
            message.len()
        );
        let _ = merged.map(|merged| writeln!(self.stream, "merge :{merged}"));
        for file in touched {
            let text = &self.main[file];
            let _ = write!(self.stream, "M 100644 inline {file}\ndata {}\n{text}\n", text.len());
        }
        mark
    }
}
