//! Repositories of somebody else: their names reach no terminal as they are, and their configuration runs no program.

use super::{Bench, answer};
use crate::support::program::{Finished, Program, finish};
use crate::support::repository::{Repository, git, import, output};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// ESC with a colour and a window title that ends with BEL, CR, a C1 control, DEL and bidirectional controls.
const HOSTILE: &str = "\u{1b}[31mred\u{1b}]0;title\u{7}\rover\u{9b}2J\u{7f}\u{202e}back\u{2066}\u{61c}";

/// The characters of [`HOSTILE`] that a terminal obeys.
const OBEYED: [char; 8] = ['\u{1b}', '\u{7}', '\r', '\u{9b}', '\u{7f}', '\u{202e}', '\u{2066}', '\u{61c}'];

/// A branch's name may have no ASCII control character (git-check-ref-format(1)).
const BRANCH: &str = "wip\u{9b}2J\u{202e}x";

fn assert_harmless(what: &str, text: &str) {
    let found: Vec<char> = OBEYED.into_iter().filter(|c| text.contains(*c)).collect();
    assert!(found.is_empty(), "{what} has {found:?}: {text:?}");
}

/// A linear history with hostile subjects and authors on a branch with a hostile name. From the third commit on it has the bug.
fn hostile_repository(dir: &Path) -> Repository {
    let mut stream = String::new();
    for number in 1..=5 {
        let subject = format!("{number} {HOSTILE}");
        let person = format!("A{} <a@example.org> 17000000{number:02} +0000", HOSTILE.replace('\r', ""));
        let _ = write!(stream, "commit refs/heads/{BRANCH}\nmark :{number}\nauthor {person}\ncommitter {person}\n");
        let _ = write!(stream, "data {}\n{subject}\n", subject.len());
        let _ = (number > 1).then(|| writeln!(stream, "from :{}", number - 1));
        let file = if number == 3 { "bug" } else { "other" };
        let _ = write!(stream, "M 100644 inline {file}\ndata 2\n{number}\n\n");
    }
    std::fs::create_dir_all(dir).unwrap();
    output(git(dir).args(["init", "--quiet"]));
    let commits = import(dir, &stream);
    let log = output(git(dir).args(["log", "--format=%an %s", BRANCH]));
    assert!(OBEYED.iter().all(|c| log.contains(*c)), "git keeps all of it: {log:?}");
    Repository { dir: dir.to_owned(), commits }
}

fn assert_output_harmless(what: &str, finished: &Finished) {
    assert_harmless(what, &finished.stdout);
    assert_harmless(what, &finished.stderr);
}

#[test]
fn names_of_a_repository_reach_no_terminal_as_they_are() {
    let program = Program::new();
    let repository = hostile_repository(&program.dir().join("repository"));
    let good = repository.commits[0].as_str();
    let exec = "test ! -e bug";
    let bisect = |more: &[&str]| {
        let args = ["bisect", "commits", "--repo", "repository", "--good", good, "--exec", exec];
        program.run([&args[..], more].concat())
    };
    for (out, json) in [("plain", &[][..]), ("json", &["--json"])] {
        let finished = bisect(&[&["--bad", BRANCH, "--out", out], json].concat());
        assert_eq!(finished.status, Some(0), "{finished:?}");
        assert!((finished.stdout + &finished.stderr).contains("[31mred"), "the subject is shown");
        for what in ["status", "report", "log"] {
            let shown = program.run(["bisect", what, out]);
            assert_eq!(shown.status, Some(0), "{shown:?}");
            assert!(shown.stdout.contains("[31m"), "the subject is shown: {shown:?}");
            assert_output_harmless(what, &shown);
        }
        let report = std::fs::read_to_string(program.dir().join(out).join("report.md")).unwrap();
        assert!(report.contains("[31mred") && report.contains("- author A"), "{report}");
        assert_harmless("report.md", &report);
    }
    for (out, json) in [("plain2", &[][..]), ("json2", &["--json"])] {
        assert_output_harmless("bisect", &bisect(&[&["--bad", BRANCH, "--out", out], json].concat()));
    }
    let unknown = bisect(&["--bad", HOSTILE]);
    assert_eq!(unknown.status, Some(2), "{unknown:?}");
    assert_output_harmless("an unknown revision", &unknown);
}

/// A session that was written by another program.
#[test]
fn names_of_a_foreign_session_reach_no_terminal_as_they_are() {
    let program = Program::new();
    let repository = hostile_repository(&program.dir().join("repository"));
    let good = repository.commits[0].as_str();
    let args = ["bisect", "commits", "--repo", "repository", "--good", good, "--bad", BRANCH, "--out", "mine"];
    assert_eq!(program.run([&args[..], &["--exec", "test ! -e bug"]].concat()).status, Some(0));
    let dir = program.dir().join("mine");
    let mut changed = 0;
    for entry in std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(text) = std::fs::read_to_string(&entry) else { continue };
        // What the lab wrote has a replacement character; another's session has what it likes.
        let hostile = text.replace('\u{fffd}', "\u{9b}").replace("test ! -e bug", "test ! -e bug #\\u001b[2J\u{202e}");
        changed += usize::from(hostile != text);
        std::fs::write(&entry, hostile).unwrap();
    }
    assert!(changed >= 2, "the history and the configuration");
    for what in ["status", "report", "log"] {
        let shown = program.run(["bisect", what, "mine"]);
        assert_eq!(shown.status, Some(0), "{shown:?}");
        assert_output_harmless(what, &shown);
    }
}

/// In the log, which `git bisect replay` reads, and in the table of the report each line is the lab's.
#[test]
fn line_feeds_of_a_foreign_session_start_no_line() {
    let bench = Bench::new(20, 10);
    assert_eq!(finish(&mut bench.bisect("test ! -e bug; exit $?", &["--out", "mine"])).status, Some(0));
    let (program, good) = (&bench.program, bench.repository.commits[0].as_str());
    let lines = |what| program.run(["bisect", what, "mine"]).stdout.lines().count();
    let before = ["log", "report"].map(lines);
    let forged = |text: String| text.replace(good, "0\\ngit bisect good FORGED").replace("\"2026-", "\"20\\nFORGED");
    for (name, more) in [("session.json", ""), ("commits.jsonl", ""), ("journal.jsonl", "\\nFORGED ")] {
        let path = program.dir().join("mine").join(name);
        let text = forged(std::fs::read_to_string(&path).unwrap());
        let text = text.replace("\"purpose\":\"", &format!("\"purpose\":\"{more}"));
        std::fs::write(&path, text.replace("\"log\":\"", &format!("\"log\":\"{more}"))).unwrap();
    }
    assert_eq!(["log", "report"].map(lines), before);
    for what in ["log", "report", "status"] {
        let shown = program.run(["bisect", what, "mine"]);
        assert_eq!(shown.status, Some(0), "{shown:?}");
        assert!(what == "status" || shown.stdout.contains("FORGED"), "{shown:?}");
        let starts = |line: &str| line.starts_with("git bisect good FORGED") || line.starts_with("FORGED");
        assert!(!shown.stdout.lines().any(starts), "{shown:?}");
    }
}

/// What make and the compiler print of a kernel's source reaches the terminal in an error.
#[test]
fn messages_of_a_build_reach_no_terminal_as_they_are() {
    let program = Program::new();
    let source = program.dir().join("linux");
    std::fs::create_dir_all(&source).unwrap();
    // The configuration succeeds or not: the first call of make prints and fails.
    std::fs::write(source.join("Makefile"), format!("$(error {HOSTILE})\n").replace('\r', "")).unwrap();
    output(git(&source).args(["init", "--quiet"]));
    output(git(&source).args(["add", "Makefile"]));
    output(git(&source).args(["commit", "--quiet", "--message", "one"]));
    let (path, data) = (source.display(), "kernels/mine.yaml");
    program.write(data, &format!("source:\n  git: {{repository: {path}, revision: HEAD}}\nbuild:\n  x86_64: []\n"));
    for args in [
        &["kernel", "build", "mine", "--arch", "x86_64"][..],
        &["boot", "--kernel", "mine", "--arch", "x86_64", "--ram", "128M", "--workload", "idle", "--out", "run"],
    ] {
        let finished = program.run(args);
        assert_eq!(finished.status, Some(3), "{finished:?}");
        assert!((finished.stdout.clone() + &finished.stderr).contains("[31mred"), "it is shown: {finished:?}");
        assert_output_harmless(args[0], &finished);
    }
    let cell = std::fs::read_dir(program.dir().join("run/cells")).unwrap().next().unwrap().unwrap().path();
    assert_harmless("why.md", &std::fs::read_to_string(cell.join("why.md")).unwrap());
}

/// A script that leaves a file with its name in `ran`, and then passes its input on.
fn spy(program: &Program, name: &str) -> PathBuf {
    let ran = program.dir().join("ran");
    std::fs::create_dir_all(&ran).unwrap();
    let path = program.write(&format!("spies/{name}"), &format!("#!/bin/sh\n: > {}/{name}\nexec cat\n", ran.display()));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The programs that ran since the last call.
fn ran(program: &Program) -> Vec<String> {
    let dir = program.dir().join("ran");
    let mut names: Vec<String> =
        std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.iter().for_each(|name| std::fs::remove_file(dir.join(name)).unwrap());
    names
}

#[test]
fn configuration_of_a_repository_runs_no_program() {
    let bench = Bench::new(20, 10);
    let (program, root) = (&bench.program, &bench.repository.dir);
    for name in ["fsmonitor", "smudge", "clean", "process", "pager", "external"] {
        spy(program, name);
    }
    let hook = spy(program, "post-checkout");
    std::fs::create_dir_all(root.join(".git/hooks")).unwrap();
    std::fs::copy(hook, root.join(".git/hooks/post-checkout")).unwrap();
    let path = |name: &str| program.dir().join("spies").join(name).display().to_string();
    for (key, value) in [
        ("core.fsmonitor", path("fsmonitor")),
        ("core.pager", path("pager")),
        ("diff.external", path("external")),
        ("filter.a=b.smudge", path("smudge")),
        ("filter.a=b.clean", path("clean")),
        ("filter.a=b.required", "true".to_owned()),
        ("filter.p.process", path("process")),
    ] {
        output(git(root).args(["config", key, &value]));
    }
    std::fs::write(root.join(".git/info/attributes"), "part* filter=a=b\nbug filter=p\n").unwrap();
    let probe = program.dir().join("probe").display().to_string();
    // The filter protocol does not get an answer from `cat`: that checkout fails, and the others have run.
    let _ = git(root).args(["worktree", "add", "--quiet", "--detach", &probe, "main"]).output().unwrap();
    let by_git = ran(program);
    for name in ["fsmonitor", "post-checkout", "process", "smudge"] {
        assert!(by_git.iter().any(|it| it == name), "git itself runs {name}: {by_git:?}");
    }
    let finished = finish(&mut bench.bisect("test ! -e bug", &["--out", "mine"]));
    assert_eq!(bench.culprit(&answer(&finished)), Some(10), "{finished:?}");
    assert_eq!(ran(program), [""; 0], "{finished:?}");
}

/// The lab reads git's output as UTF-8, whatever the repository wants it to be.
#[test]
fn encoding_of_a_repository_does_not_change_what_is_read() {
    let bench = Bench::new(20, 10);
    let root = &bench.repository.dir;
    output(git(root).args(["config", "i18n.logOutputEncoding", "UTF-16"]));
    output(git(root).args(["config", "i18n.commitEncoding", "UTF-16"]));
    let finished = finish(&mut bench.bisect("test ! -e bug", &["--out", "mine"]));
    assert_eq!(bench.culprit(&answer(&finished)), Some(10), "{finished:?}");
    let commits = std::fs::read_to_string(bench.program.dir().join("mine/commits.jsonl")).unwrap();
    assert!(commits.contains("\"subject\":\"part 10: change it\""), "{commits}");
}
