//! git's command line: a repository's own configuration runs no program.

use super::command::{GitError, output};
use std::path::Path;
use std::process::Command;

/// Environment variables that redirect git to another repository; they are set in hooks (githooks(5)).
const REDIRECTING: [&str; 6] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_COMMON_DIR"];

/// For every git. An empty fsmonitor is none in each version (git 2.47, `fsm-settings.c`; git 2.35, `config.c`).
const SETTINGS: [&str; 6] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
];

/// For a git in a repository that the lab did not make. A partial clone fetches missing objects by its own configuration
/// (git, `promisor-remote.c`): what that would run besides git's own transports.
const FETCH_SETTINGS: [&str; 2] = ["core.alternateRefsCommand=true", "credential.helper="];

/// Transports of such a fetch. `ext` runs a command line, `file` a local `remote.*.uploadpack`, `git` a `core.gitProxy`.
const PROTOCOLS: &str = "http:https:ssh";

/// Settings that name a program for a checkout: filters (gitattributes(5)), and hooks of git 2.54 (git-hook(1)).
const PROGRAMS: &str = r"^(filter\..*\.(clean|smudge|process|required)|hook\..*\.command)$";

/// git in a folder that the lab has made: without prompts and hooks. The user's own settings are used.
pub fn in_own_folder(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("--no-pager").arg("-C").arg(dir);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    for name in REDIRECTING {
        command.env_remove(name);
    }
    command
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

/// As [`in_repository`], for a checkout: the programs that the repository's own configuration names do not run. Those in the
/// user's and the system's configuration do.
///
/// # Errors
/// When git fails.
pub(super) async fn for_checkout(dir: &Path) -> Result<Command, GitError> {
    let mut query: tokio::process::Command = in_repository(dir).into();
    query.args(["config", "--null", "--show-scope", "--get-regexp", PROGRAMS]);
    let found = match output(&mut query, "read the configuration", dir).await {
        Ok(found) => found,
        // git prints nothing where nothing matches (git-config(1)).
        Err(GitError::Failed { message, .. }) if message.starts_with("exit status") => String::new(),
        Err(error) => return Err(error),
    };
    let mut command = in_repository(dir);
    // A name may have any character in it, which `-c` does not take. The variables add to what the user has there.
    let before = std::env::var("GIT_CONFIG_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    let mut count: usize = before;
    for (name, value) in overrides(&found) {
        command.env(format!("GIT_CONFIG_KEY_{count}"), name).env(format!("GIT_CONFIG_VALUE_{count}"), value);
        count += 1;
    }
    if count > before {
        command.env("GIT_CONFIG_COUNT", count.to_string());
    }
    Ok(command)
}

/// The repository's own settings in the output of `git config`, each with the value that disables it: an empty filter
/// changes nothing (git, `convert.c`, `apply_filter()`).
fn overrides(found: &str) -> Vec<(&str, &'static str)> {
    let mut fields = found.split('\0');
    let mut all = Vec::new();
    while let (Some(scope), Some(setting)) = (fields.next(), fields.next()) {
        let name = setting.split_once('\n').map_or(setting, |(name, _)| name);
        if !matches!(scope, "local" | "worktree") {
            continue;
        }
        let value = match name.rsplit('.').next() {
            Some("required") => "false",
            Some("command") => "true",
            _ => "",
        };
        all.push((name, value));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_settings_are_overridden_and_the_users_kept() {
        let found = "global\0filter.lfs.smudge\ngit-lfs\0local\0filter.a=b.c.smudge\nx\ny\0local\0filter.a.required\ntrue\0\
                     worktree\0hook.h.command\nx\0local\0filter.empty.clean\0";
        let expected = [
            ("filter.a=b.c.smudge", ""),
            ("filter.a.required", "false"),
            ("hook.h.command", "true"),
            ("filter.empty.clean", ""),
        ];
        assert_eq!(overrides(found), expected);
        assert_eq!(overrides(""), []);
    }
}
