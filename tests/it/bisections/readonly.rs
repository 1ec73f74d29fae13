//! The user's repository is only read, whatever its owner has put into it.

use super::{Bench, answer};
use crate::support::program::finish;
use crate::support::repository::{git, output};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// The culprit is found, in worktrees.
fn assert_found(bench: &Bench, repository: &str, out: &str) {
    let exec = "test -e part0 || exit 200; test ! -e bug";
    let finished = finish(&mut bench.bisect_in(repository, exec, &["--jobs", "2", "--out", out]));
    assert_eq!(bench.culprit(&answer(&finished)), Some(10), "{finished:?}");
}

/// Files below a folder, with their content.
fn files(dir: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn links_in_the_list_of_worktrees_are_not_followed() {
    let bench = Bench::new(20, 10);
    let dir = bench.program.dir();
    bench.program.write("victim/deep/file", "precious");
    bench.program.write("victim/file", "precious");
    let (victim, list) = (dir.join("victim"), bench.repository.dir.join(".git/worktrees"));
    let before = files(&victim);
    std::fs::create_dir(&list).unwrap();
    symlink(&victim, list.join("x")).unwrap();
    assert_found(&bench, "repository", "one");
    assert_eq!(files(&victim), before);
    std::fs::remove_file(list.join("x")).unwrap();
    std::fs::remove_dir(&list).unwrap();
    symlink(&victim, &list).unwrap();
    assert_found(&bench, "repository", "two");
    // The repository of a folder may be elsewhere.
    bench.program.write("above/.git", "gitdir: ../repository/.git");
    assert_found(&bench, "above", "three");
    assert_eq!(files(&victim), before);
}

#[test]
fn configuration_of_a_repository_names_no_folder_to_check_out_to() {
    let bench = Bench::new(20, 10);
    let root = &bench.repository.dir;
    let file = bench.program.write("victim/part0", "mine");
    let victim = bench.program.dir().join("victim");
    output(git(root).args(["config", "core.repositoryFormatVersion", "1"]));
    output(git(root).args(["config", "extensions.worktreeConfig", "true"]));
    let setting = format!("\tworktree = {}\n", victim.display());
    let settings = format!("[core]\n{setting}{setting}");
    std::fs::write(root.join(".git/config.worktree"), &settings).unwrap();
    assert_found(&bench, "repository", "one");
    std::fs::remove_file(root.join(".git/config.worktree")).unwrap();
    output(git(root).args(["config", "core.worktree", victim.to_str().unwrap()]));
    assert_found(&bench, "repository", "two");
    assert_eq!(files(&victim), [(file.display().to_string(), "mine".to_owned())]);
}

#[test]
fn worktree_on_an_absent_disk_is_kept() {
    let bench = Bench::new(20, 10);
    let (dir, root) = (bench.program.dir(), &bench.repository.dir);
    let disk = dir.join("disk");
    std::fs::create_dir(&disk).unwrap();
    let tree = disk.join("tree");
    output(git(root).args(["worktree", "add", "--quiet", "--detach", tree.to_str().unwrap()]));
    std::fs::write(tree.join("staged"), "mine").unwrap();
    output(git(&tree).args(["add", "staged"]));
    std::fs::rename(&disk, dir.join("away")).unwrap();
    assert_found(&bench, "repository", "mine");
    std::fs::rename(dir.join("away"), &disk).unwrap();
    assert_eq!(output(git(&tree).args(["status", "--porcelain"])), "A  staged\n");
}

#[test]
fn objects_may_be_in_another_repository() {
    let bench = Bench::new(20, 10);
    let dir = bench.program.dir();
    output(git(dir).args(["clone", "--quiet", "--shared", "repository", "second"]));
    output(git(dir).args(["clone", "--quiet", "--shared", "second", "third \"\n"]));
    assert_found(&bench, "third \"\n", "mine");
}

/// The remote of a partial clone is known to the worktrees; no other setting is.
#[test]
fn missing_objects_of_a_partial_clone_are_fetched() {
    let bench = Bench::new(20, 10);
    let dir = bench.program.dir();
    let root = &bench.repository.dir;
    output(git(root).args(["config", "uploadpack.allowFilter", "true"]));
    output(git(root).args(["config", "uploadpack.allowAnySHA1InWant", "true"]));
    let ssh = bench.program.write("ssh", "#!/bin/sh\nfor last; do :; done\nexec sh -c \"$last\"\n");
    std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let url = format!("ssh://here{}", root.display());
    let clone = ["clone", "--quiet", "--bare", "--filter=blob:none", &url, "partial"];
    output(git(dir).env("GIT_SSH_COMMAND", &ssh).args(clone));
    output(git(&dir.join("partial")).args(["config", "core.sshCommand", "touch ran #"]));
    let mut search = bench.bisect_in("partial", "test ! -e bug; test -e part0 || exit 200; test ! -e bug", &[]);
    let finished = finish(search.env("GIT_SSH_COMMAND", &ssh));
    assert_eq!(bench.culprit(&answer(&finished)), Some(10), "{finished:?}");
    // Without the user's command, the lab's own ssh is run, which finds no such host.
    let refused = finish(&mut bench.bisect_in("partial", "test ! -e bug", &["--out", "refused"]));
    assert_eq!(refused.status, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("failed to check out a commit"), "{refused:?}");
    assert!(!dir.join("ran").exists() && !dir.join("refused/trees/0/ran").exists());
}
