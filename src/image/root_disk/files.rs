//! The files that the packages' maintainer scripts, or a person, would have made.

use super::description::{Init, RootDiskSpec};
use super::systemd;

/// The keys of a disk as the guest has them.
#[derive(Debug, Clone, Default)]
pub(super) struct GuestKeys {
    /// Private, in OpenSSH's format.
    pub host: String,
    /// One line.
    pub host_public: String,
    /// One line: who has its private part logs in as root.
    pub client_public: String,
}

/// One path on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Relative to the root.
    pub path: &'static str,
    pub content: Content,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// A folder with this mode.
    Folder(u32),
    /// A file with this mode, in place of what a package has there.
    File(u32, String),
    /// A symbolic link, unless a package has something there that is no empty folder.
    Link(&'static str),
    /// A symbolic link to the first of these files beside it that is there, unless a package has something in its place: what
    /// update-alternatives(1) would choose.
    FirstOf(&'static [&'static str]),
}

/// The server's configuration. It runs for the lab alone, in a guest that may be too slow for all that guards a server in the open.
const SSHD: &str = "\
Port 22
AddressFamily inet
HostKey /etc/ssh/ssh_host_ed25519_key
AllowUsers root
PermitRootLogin prohibit-password
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
# What a test does to the permissions of /root does not lock the lab out.
StrictModes no
UseDNS no
# A guest under memory pressure may need minutes, and the lab may try many times.
LoginGraceTime 0
MaxStartups 100:30:200
MaxSessions 100
PerSourcePenalties no
X11Forwarding no
PrintMotd no
PrintLastLog no
PidFile none
LogLevel VERBOSE
Subsystem sftp internal-sftp
SetEnv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
";

/// The groups of Debian's base-passwd that kernels, udev rules and tests name.
const GROUPS: &str = "\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
kmem:x:15:
shadow:x:42:
utmp:x:43:
users:x:100:
sshd:x:101:
nogroup:x:65534:
";

/// Without passwords. `*` in place of one, not `!`: that would lock root out of the server, keys or not.
const SHADOW: &str = "\
root:*::0:99999:7:::
daemon:*::0:99999:7:::
bin:*::0:99999:7:::
sys:*::0:99999:7:::
sshd:*::0:99999:7:::
nobody:*::0:99999:7:::
";

const NAME_SERVICES: &str = "\
passwd: files
group: files
shadow: files
hosts: files
networks: files
protocols: files
services: files
";

/// Root becomes any user without a password, su(1), and no other user does. Debian's services include the parts of these names.
const PAM: [(&str, &str); 6] = [
    ("etc/pam.d/common-account", "account required pam_permit.so\n"),
    ("etc/pam.d/common-auth", "auth required pam_deny.so\n"),
    ("etc/pam.d/common-password", "password required pam_permit.so\n"),
    ("etc/pam.d/common-session", "session required pam_permit.so\n"),
    ("etc/pam.d/common-session-noninteractive", "session required pam_permit.so\n"),
    ("etc/pam.d/other", "account required pam_permit.so\nsession required pam_permit.so\n"),
];

/// For login shells; that of base-files comes to its place by a maintainer script alone.
const PROFILE: &str = "\
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
PS1='\\u@\\h:\\w\\$ '
";

/// All of them, each folder before what is in it.
pub(super) fn files(spec: &RootDiskSpec, keys: &GuestKeys) -> Vec<Entry> {
    let file = |path, mode, text: &str| Entry { path, content: Content::File(mode, text.to_owned()) };
    let line = |path, mode, text: &str| Entry { path, content: Content::File(mode, format!("{}\n", text.trim_end())) };
    let folder = |path, mode| Entry { path, content: Content::Folder(mode) };
    let link = |path, target| Entry { path, content: Content::Link(target) };
    let first = |path, choices| Entry { path, content: Content::FirstOf(choices) };
    let name = &spec.name;
    let (accounts, shadow, groups) = match spec.init {
        None => ("", "", ""),
        Some(Init::Systemd) => (systemd::ACCOUNTS, systemd::SHADOW, systemd::GROUPS),
    };
    let mut all = vec![
        // Where the guest's init mounts something.
        folder("dev", 0o755),
        folder("proc", 0o555),
        folder("run", 0o755),
        folder("sys", 0o555),
        folder("tmp", 0o1777),
        folder("etc", 0o755),
        folder("mnt", 0o755),
        folder("root", 0o700),
        folder("var", 0o755),
        folder("var/lib", 0o755),
        folder("var/log", 0o755),
        // sshd complains without them.
        file("var/log/lastlog", 0o644, ""),
        file("var/log/wtmp", 0o644, ""),
        folder("var/tmp", 0o1777),
        link("var/lock", "/run/lock"),
        link("var/run", "/run"),
        file("etc/passwd", 0o644, &(passwd(spec.shell()) + accounts)),
        file("etc/group", 0o644, &(GROUPS.to_owned() + groups)),
        file("etc/shadow", 0o640, &(SHADOW.to_owned() + shadow)),
        file("etc/hostname", 0o644, &format!("{name}\n")),
        file("etc/hosts", 0o644, &format!("127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost\n")),
        file("etc/nsswitch.conf", 0o644, NAME_SERVICES),
        // A guest reaches no network.
        file("etc/resolv.conf", 0o644, ""),
        file("etc/fstab", 0o644, ""),
        file("etc/profile", 0o644, PROFILE),
        file("etc/shells", 0o644, "/bin/sh\n/bin/bash\n/bin/dash\n"),
        link("etc/mtab", "../proc/self/mounts"),
        folder("etc/ssh", 0o755),
        file("etc/ssh/sshd_config", 0o644, SSHD),
        file("etc/ssh/ssh_host_ed25519_key", 0o600, &keys.host),
        line("etc/ssh/ssh_host_ed25519_key.pub", 0o644, &keys.host_public),
        folder("root/.ssh", 0o700),
        line("root/.ssh/authorized_keys", 0o600, &keys.client_public),
        folder("usr", 0o755),
        folder("usr/bin", 0o755),
        first("usr/bin/sh", &["dash", "bash", "busybox"]),
        first("usr/bin/awk", &["gawk", "mawk", "busybox"]),
        first("usr/bin/pager", &["less", "more"]),
        first("usr/bin/which", &["which.debianutils", "busybox"]),
        folder("usr/local", 0o755),
        folder("usr/local/bin", 0o755),
        folder("usr/local/sbin", 0o755),
        folder("etc/pam.d", 0o755),
    ];
    all.extend(PAM.map(|(path, text)| file(path, 0o644, text)));
    match spec.init {
        None => {}
        Some(Init::Systemd) => all.extend(systemd::files()),
    }
    all
}

fn passwd(shell: &str) -> String {
    format!(
        "root:x:0:0:root:/root:{shell}\n\
         daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
         bin:x:2:2:bin:/bin:/usr/sbin/nologin\n\
         sys:x:3:3:sys:/dev:/usr/sbin/nologin\n\
         sshd:x:101:101::/run/sshd:/usr/sbin/nologin\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn spec() -> RootDiskSpec {
        let text = "summary: Mine\ninit: systemd\npackages: [bash, openssh-server, systemd]\n";
        RootDiskSpec::parse("mine", "mine.yaml", text).unwrap()
    }

    fn keys() -> GuestKeys {
        let [host, host_public, client_public] = ["secret\n", "ssh-ed25519 H", "ssh-ed25519 C"].map(str::to_owned);
        GuestKeys { host, host_public, client_public }
    }

    fn file(path: &str) -> (u32, String) {
        let found = files(&spec(), &keys()).into_iter().find(|entry| entry.path == path).unwrap();
        match found.content {
            Content::File(mode, text) => (mode, text),
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn secrets_are_roots_alone() {
        assert_eq!(file("etc/ssh/ssh_host_ed25519_key"), (0o600, "secret\n".to_owned()));
        assert_eq!(file("root/.ssh/authorized_keys"), (0o600, "ssh-ed25519 C\n".to_owned()));
        assert_eq!(file("etc/shadow").0, 0o640);
    }

    #[test]
    fn accounts_agree() {
        let names = |text: &str| -> BTreeSet<String> {
            text.lines().map(|line| line.split(':').next().unwrap().to_owned()).collect()
        };
        let (_, accounts) = file("etc/passwd");
        assert_eq!(names(&accounts), names(&file("etc/shadow").1));
        assert!(accounts.starts_with("root:x:0:0:root:/root:/bin/bash\n"));
        let groups = file("etc/group").1;
        for line in accounts.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            assert_eq!(fields.len(), 7, "{line}");
            assert!(groups.contains(&format!(":x:{}:", fields[3])), "{line}");
        }
        // A password that is none, but does not lock the account.
        assert!(file("etc/shadow").1.lines().all(|line| line.contains(":*:") && line.split(':').count() == 9));
    }

    #[test]
    fn only_the_key_logs_in() {
        let (_, text) = file("etc/ssh/sshd_config");
        for line in ["AuthenticationMethods publickey", "PasswordAuthentication no", "UsePAM no", "UseDNS no"] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
        assert!(!text.contains("AcceptEnv"));
    }

    #[test]
    fn host_has_the_descriptions_name() {
        assert_eq!(file("etc/hostname").1, "mine\n");
        assert!(file("etc/hosts").1.contains("127.0.1.1 mine\n"));
    }

    #[test]
    fn image_without_an_init_has_nothing_of_systemds() {
        let all = files(&RootDiskSpec { init: None, ..spec() }, &keys());
        assert!(!format!("{all:?}").contains("systemd"), "{all:?}");
        let init = files(&spec(), &keys()).into_iter().find(|entry| entry.path == "usr/lib/oomlab/init").unwrap();
        assert_eq!(init.content, Content::Link("../systemd/systemd"));
    }

    #[test]
    fn folders_come_before_their_content_and_paths_once() {
        let mut seen = BTreeSet::from([""]);
        for entry in files(&spec(), &keys()) {
            let parent = entry.path.rsplit_once('/').map_or("", |(parent, _)| parent);
            assert!(seen.contains(parent), "{} has no folder", entry.path);
            assert!(seen.insert(entry.path), "{} is there twice", entry.path);
        }
    }
}
