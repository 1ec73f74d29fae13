//! QEMU's seccomp sandbox.

/// QEMU's option for it, and the argument: obsolete system calls, changes of the user and group, new processes and
/// changes of the scheduling end QEMU or fail (QEMU, `qemu-options.hx`, `-sandbox`; the lists of system calls are in
/// `softmmu/qemu-seccomp.c`). With `spawn=deny`, QMP's `migrate exec:` and a guest that breaks out start no program.
/// QEMU applies each `-sandbox`; a second one only adds to the first, and `off` is ignored.
pub const SANDBOX: [&str; 2] = ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"];

/// A command line without [`SANDBOX`], for hosts whose QEMU may have been built without seccomp.
pub fn without_sandbox(argv: &[String]) -> Vec<String> {
    let Some(at) = argv.windows(2).position(|pair| pair == SANDBOX) else { return argv.to_vec() };
    [&argv[..at], &argv[at + 2..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_labs_sandbox_is_removed() {
        let argv = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let line = argv(&["q", SANDBOX[0], SANDBOX[1], "-m", "64", "-sandbox", "off"]);
        assert_eq!(without_sandbox(&line), argv(&["q", "-m", "64", "-sandbox", "off"]));
        assert_eq!(without_sandbox(&argv(&["q", "-sandbox"])), argv(&["q", "-sandbox"]));
    }
}
