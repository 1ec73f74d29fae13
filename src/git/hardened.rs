//! git's command line: a repository's own configuration runs no program. Nothing is checked out of such a repository.

use std::path::Path;
use std::process::Command;

/// Environment variables that redirect git to another repository; they are set in hooks (githooks(5)).
const REDIRECTING: [&str; 6] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_COMMON_DIR"];

/// For every git. An empty fsmonitor is none in each version (git 2.47, `fsm-settings.c`; git 2.35, `config.c`).
const SETTINGS: [&str; 7] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    // The lab reads UTF-8, whatever git writes for the user.
    "i18n.logOutputEncoding=UTF-8",
];

/// For a git in a repository that the lab did not make. A partial clone fetches missing objects by its own configuration
/// (git, `promisor-remote.c`): what that would run besides git's own transports.
const FETCH_SETTINGS: [&str; 2] = ["core.alternateRefsCommand=true", "credential.helper="];

/// Transports of such a fetch. `ext` runs a command line, `file` a local `remote.*.uploadpack`, `git` a `core.gitProxy`.
const PROTOCOLS: &str = "http:https:ssh";

/// git in a folder that the lab has made: without prompts and hooks. The user's own settings are used.
pub fn in_own_folder(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("--no-pager").arg("-C").arg(dir);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    without_redirection(&mut command);
    command
}

/// A program whose git finds the repository by its folder, even if the lab itself runs in a hook.
pub fn without_redirection(command: &mut Command) {
    for name in REDIRECTING {
        command.env_remove(name);
    }
}

/// git in a repository whose configuration and hooks may be another's, as those of an unpacked archive are. git itself refuses
/// one that another user owns (git-config(1), `safe.directory`).
pub fn in_repository(dir: &Path) -> Command {
    let mut command = in_own_folder(dir);
    for setting in FETCH_SETTINGS {
        command.args(["-c", setting]);
    }
    command.env("GIT_ALLOW_PROTOCOL", PROTOCOLS).env("GIT_ASKPASS", "true");
    // The environment is the user's own, and comes before `core.sshCommand`.
    if ["GIT_SSH_COMMAND", "GIT_SSH"].iter().all(|name| std::env::var_os(name).is_none()) {
        command.env("GIT_SSH_COMMAND", "ssh");
    }
    command
}
