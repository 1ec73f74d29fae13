//! Root disks in scripts: their place on QEMU's command line, and the way into the guest.

use std::borrow::Cow;

/// The file with the private key that logs in to a guest with a root disk, beside the disk.
pub const KEY: &str = "key";

/// The port of the host that a script takes unless its user names one.
pub const PORT: u16 = 2222;

/// Options of ssh(1): each guest has another host key, and the network between is the loopback.
pub const SSH_OPTIONS: &str = "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no";

/// What precedes and follows the path in the `-drive` of the root disk, which `launch` names `oomlab-root`.
const BEFORE_PATH: &str = "file=";
const BEHIND_PATH: &str = ",if=none,id=oomlab-root,";

/// What precedes and follows the port in the `-netdev` of such a guest: the kernel chooses one for the lab.
const BEFORE_PORT: &str = "user,id=oomlab-net,restrict=on,hostfwd=tcp:127.0.0.1:";
const BEHIND_PORT: &str = "-:22";

/// The disk's path, with single commas, in a word of QEMU's command line.
pub(super) fn path_in(word: &str) -> Option<Cow<'_, str>> {
    let path = &word.get(BEFORE_PATH.len()..word.find(BEHIND_PATH)?)?;
    if !word.starts_with(BEFORE_PATH) {
        return None;
    }
    Some(if path.contains(",,") { path.replace(",,", ",").into() } else { (*path).into() })
}

/// What follows the disk's path in a word.
pub(super) fn behind_path(word: &str) -> Option<&str> {
    path_in(word)?;
    word.find(BEHIND_PATH).map(|at| &word[at..])
}

/// What precedes and follows the port in a word.
pub(super) fn around_port(word: &str) -> Option<(&str, &str)> {
    let port = word.strip_prefix(BEFORE_PORT)?.strip_suffix(BEHIND_PORT)?;
    port.bytes().all(|byte| byte.is_ascii_digit()).then_some((BEFORE_PORT, BEHIND_PORT))
}

/// Sets the disk's path as QEMU takes it in `-drive`, and the port; says on standard error how to log in and run the test. `test` is
/// that file, in double quotes of a shell.
pub(super) fn prelude(test: &str) -> String {
    format!(
        r#"
# in QEMU's notation a comma is two
drive=$(printf '%s\n' "$root_disk" | sed 's/,/,,/g')
port=${{PORT:-{PORT}}}
login="ssh -i '$key' -p $port {SSH_OPTIONS} root@127.0.0.1"
printf '%s\n' "a shell, when the guest is up: $login" "its test: $login sh -s <'{test}'" >&2
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_port_are_found_in_their_words_alone() {
        let word = "file=/c,,1/disk.ext4,if=none,id=oomlab-root,format=raw,snapshot=on";
        assert_eq!(path_in(word).as_deref(), Some("/c,1/disk.ext4"));
        assert_eq!(behind_path(word), Some(",if=none,id=oomlab-root,format=raw,snapshot=on"));
        for other in
            ["file=/d,if=none,id=oomlab-scratch,format=raw", ",if=none,id=oomlab-root,", "x=1,if=none,id=oomlab-root,"]
        {
            assert_eq!((path_in(other), behind_path(other)), (None, None), "{other}");
        }
        assert!(around_port("user,id=oomlab-net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22").is_some());
        assert_eq!(around_port("user,id=oomlab-net,restrict=on,hostfwd=tcp:127.0.0.1:0-:80"), None);
        assert_eq!(around_port("user,id=net1"), None);
    }
}
