//! The files of an image whose init is systemd: what its packages' maintainer scripts would have made, and what makes a guest quiet, quick
//! to start, and the lab's alone.

use super::files::{Content, Entry};

/// Accounts and groups that the units of systemd's packages name (sysusers.d(5)).
pub(super) const ACCOUNTS: &str = "systemd-oom:x:980:980:systemd Userspace OOM Killer:/:/usr/sbin/nologin\n";
pub(super) const SHADOW: &str = "systemd-oom:*::0:99999:7:::\n";
pub(super) const GROUPS: &str = "systemd-oom:x:980:\nsystemd-journal:x:999:\n";

/// Without it systemd takes each start for the first one, and enables what its presets say (machine-id(5)).
const MACHINE_ID: &str = "6f6f6d6c616200000000000000000001\n";

/// The lab's own time limits count, in guests that may be slow; the console is the agent's (systemd-system.conf(5)).
const MANAGER: &str = "\
[Manager]
ShowStatus=no
LogLevel=notice
DefaultTimeoutStartSec=infinity
DefaultDeviceTimeoutSec=infinity
";

/// In memory, and not on the console (journald.conf(5)).
const JOURNAL: &str = "\
[Journal]
Storage=volatile
RuntimeMaxUse=16M
ForwardToSyslog=no
ForwardToConsole=no
ForwardToWall=no
";

/// PID 1 and the lab's agent are in this one.
const SCOPE: &str = "\
[Scope]
ManagedOOMPreference=omit
";

/// As where the agent starts the server: both OOM killers spare it and its sessions. The lab's configuration needs no check before the start.
const SERVER: &str = "\
[Service]
OOMScoreAdjust=-1000
ManagedOOMPreference=omit
ExecStartPre=
";

/// Generators, for what a guest of the lab's does not have: a login on a terminal, disks to be found, a hibernated system, a TPM, scripts
/// of System V, commands on the kernel's command line (systemd.generator(7)).
const GENERATORS: [&str; 10] = [
    "etc/systemd/system-generators/systemd-debug-generator",
    "etc/systemd/system-generators/systemd-getty-generator",
    "etc/systemd/system-generators/systemd-gpt-auto-generator",
    "etc/systemd/system-generators/systemd-hibernate-resume-generator",
    "etc/systemd/system-generators/systemd-rc-local-generator",
    "etc/systemd/system-generators/systemd-run-generator",
    "etc/systemd/system-generators/systemd-ssh-generator",
    "etc/systemd/system-generators/systemd-system-update-generator",
    "etc/systemd/system-generators/systemd-sysv-generator",
    "etc/systemd/system-generators/systemd-tpm2-generator",
];

/// Units that do nothing in such a guest, or what the lab has done when it made the disk; each takes a guest that is emulated a part of a second.
const MASKED: [&str; 34] = [
    // What would use the console.
    "etc/systemd/system/console-getty.service",
    "etc/systemd/system/getty.target",
    "etc/systemd/system/systemd-ask-password-console.path",
    "etc/systemd/system/systemd-ask-password-wall.path",
    // Logins need D-Bus, and the lab's none of them.
    "etc/systemd/system/systemd-logind.service",
    "etc/systemd/system/systemd-user-sessions.service",
    // What the first start and the first after an update do.
    "etc/systemd/system/ldconfig.service",
    "etc/systemd/system/systemd-firstboot.service",
    "etc/systemd/system/systemd-journal-catalog-update.service",
    "etc/systemd/system/systemd-machine-id-commit.service",
    "etc/systemd/system/systemd-sysusers.service",
    "etc/systemd/system/systemd-update-done.service",
    // What lasts from one start to the next.
    "etc/systemd/system/systemd-journal-flush.service",
    "etc/systemd/system/systemd-random-seed.service",
    // The agent has loaded the modules, mounted the disk, and made the devices.
    "etc/systemd/system/kmod-static-nodes.service",
    "etc/systemd/system/systemd-modules-load.service",
    "etc/systemd/system/systemd-remount-fs.service",
    "etc/systemd/system/systemd-tmpfiles-setup-dev-early.service",
    "etc/systemd/system/systemd-tmpfiles-setup-dev.service",
    "etc/systemd/system/proc-sys-fs-binfmt_misc.automount",
    "etc/systemd/system/systemd-binfmt.service",
    // Modules that are not there.
    "etc/systemd/system/sys-fs-fuse-connections.mount",
    "etc/systemd/system/sys-kernel-config.mount",
    // As on the image without an init: tests count on the disk's room.
    "etc/systemd/system/tmp.mount",
    // Devices that the guest does not have.
    "etc/systemd/system/systemd-hibernate-clear.service",
    "etc/systemd/system/systemd-pcrmachine.service",
    "etc/systemd/system/systemd-pcrphase-sysinit.service",
    "etc/systemd/system/systemd-pcrphase.service",
    "etc/systemd/system/systemd-tpm2-setup-early.service",
    "etc/systemd/system/systemd-tpm2-setup.service",
    // What starts on request.
    "etc/systemd/system/systemd-hostnamed.socket",
    "etc/systemd/system/systemd-initctl.socket",
    "etc/systemd/system/systemd-sysext.socket",
    "etc/systemd/system/systemd-tmpfiles-clean.timer",
];

/// What the packages enable, each a wish of a target for a unit.
const ENABLED: [(&str, &str); 4] = [
    ("etc/systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target"),
    ("etc/systemd/system/multi-user.target.wants/ssh.service", "/usr/lib/systemd/system/ssh.service"),
    ("etc/systemd/system/multi-user.target.wants/systemd-oomd.service", "/usr/lib/systemd/system/systemd-oomd.service"),
    ("etc/systemd/system/sockets.target.wants/systemd-oomd.socket", "/usr/lib/systemd/system/systemd-oomd.socket"),
];

/// The program that the agent starts as PID 1; on other images nothing is in this place (images/agent/init.c).
const PROGRAM: (&str, &str) = ("usr/lib/oomlab/init", "../systemd/systemd");

/// All of them, each folder before what is in it.
pub(super) fn files() -> Vec<Entry> {
    let file = |path, text: &str| Entry { path, content: Content::File(0o644, text.to_owned()) };
    let folder = |path| Entry { path, content: Content::Folder(0o755) };
    let link = |(path, target)| Entry { path, content: Content::Link(target) };
    let mut all: Vec<Entry> = [
        "etc/systemd",
        "etc/systemd/journald.conf.d",
        "etc/systemd/system",
        "etc/systemd/system/init.scope.d",
        "etc/systemd/system/multi-user.target.wants",
        "etc/systemd/system/sockets.target.wants",
        "etc/systemd/system/ssh.service.d",
        "etc/systemd/system-generators",
        "etc/systemd/system.conf.d",
        "usr/lib",
        "usr/lib/oomlab",
    ]
    .map(folder)
    .into();
    all.extend([
        file("etc/machine-id", MACHINE_ID),
        file("etc/systemd/journald.conf.d/oomlab.conf", JOURNAL),
        file("etc/systemd/system/init.scope.d/oomlab.conf", SCOPE),
        file("etc/systemd/system/ssh.service.d/oomlab.conf", SERVER),
        file("etc/systemd/system.conf.d/oomlab.conf", MANAGER),
        link(PROGRAM),
    ]);
    all.extend(ENABLED.map(link));
    all.extend(GENERATORS.into_iter().chain(MASKED).map(|path| link((path, "/dev/null"))));
    all
}
