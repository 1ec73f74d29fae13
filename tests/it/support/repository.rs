//! Git repositories of known histories.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A repository whose commits from one on have a file `bug`.
pub struct Repository {
    pub dir: PathBuf,
    /// Names of the commits, in the order in which they were made; the last one has all others in its history.
    pub commits: Vec<String>,
}

/// git as the tests need it, whoever's settings are there.
pub fn git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "A Developer").env(format!("GIT_{role}_EMAIL"), "a@example.org");
        // The same history has the same names tomorrow: what was built of it is still there then.
        command.env(format!("GIT_{role}_DATE"), "2026-01-02T03:04:05Z");
    }
    command
}

/// What a git prints that must succeed.
pub fn output(command: &mut Command) -> String {
    let output = command.output().expect("git runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("git writes UTF-8")
}

impl Repository {
    /// A repository of so many commits at `dir`, of which each tenth is a merge of a branch of three. What comes after the commit
    /// `culprit` has the bug; what is beside it has not.
    pub fn new(dir: &Path, commits: usize, culprit: usize) -> Self {
        let mut stream = Stream { text: String::new(), buggy: Vec::new(), culprit };
        let mut head = stream.commit(None, None);
        while stream.buggy.len() < commits {
            if stream.buggy.len() % 10 != 3 || stream.buggy.len() + 6 > commits {
                head = stream.commit(Some(head), None);
                continue;
            }
            let mut side = head;
            for _ in 0..3 {
                side = stream.commit(Some(side), None);
            }
            for _ in 0..2 {
                head = stream.commit(Some(head), None);
            }
            head = stream.commit(Some(head), Some(side));
        }
        std::fs::create_dir_all(dir).expect("a folder");
        output(git(dir).args(["init", "--quiet", "--initial-branch=main"]));
        let commits = import(dir, &stream.text);
        output(git(dir).args(["checkout", "--quiet", "main"]));
        Self { dir: dir.to_owned(), commits }
    }
}

/// Makes the commits that a stream for `git fast-import` describes; gives their names, in the order of their marks.
pub fn import(dir: &Path, stream: &str) -> Vec<String> {
    let mut import = git(dir);
    import.args(["fast-import", "--quiet", "--force", "--export-marks=marks"]).stdin(Stdio::piped());
    let mut import = import.spawn().expect("git runs");
    import.stdin.take().expect("a pipe").write_all(stream.as_bytes()).expect("git reads");
    assert!(import.wait().expect("git ends").success());
    let marks = std::fs::read_to_string(dir.join("marks")).expect("marks");
    let mut names: Vec<(usize, String)> = marks
        .lines()
        .filter_map(|line| line.strip_prefix(':')?.split_once(' '))
        .map(|(mark, name)| (mark.parse().expect("a mark"), name.to_owned()))
        .collect();
    names.sort();
    names.into_iter().map(|(_, name)| name).collect()
}

/// What `git fast-import` reads. A commit's mark is its number, counted from 1.
struct Stream {
    text: String,
    /// Whether a commit has the bug, in the order in which they were made.
    buggy: Vec<bool>,
    culprit: usize,
}

impl Stream {
    /// One more; gives its number, counted from 0.
    fn commit(&mut self, parent: Option<usize>, merged: Option<usize>) -> usize {
        let number = self.buggy.len();
        let had = [parent, merged].into_iter().flatten().any(|parent| self.buggy[parent]);
        let has = had || number == self.culprit;
        let (mark, time, message) = (number + 1, 1_700_000_000 + 60 * number, format!("part {number}: change it"));
        let _ = write!(
            self.text,
            "commit refs/heads/main\nmark :{mark}\ncommitter A Developer <a@example.org> {time} +0000\ndata {}\n{message}\n",
            message.len()
        );
        let _ = parent.map(|parent| writeln!(self.text, "from :{}", parent + 1));
        let _ = merged.map(|merged| writeln!(self.text, "merge :{}", merged + 1));
        let content = number.to_string();
        let _ = write!(self.text, "M 100644 inline part{}\ndata {}\n{content}\n", number % 7, content.len());
        if has {
            self.text += "M 100644 inline bug\ndata 3\nbug\n";
        }
        self.buggy.push(has);
        number
    }
}
