//! A scripted stand-in for QEMU. It accepts QEMU's command line, opens the same sockets and plays a script: the file of
//! `fake_script=FILE` on the kernel command line, else the kernel image itself. See `script.rs` for the steps.

mod guest;
mod script;
mod sockets;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let argv: Vec<String> = std::env::args().collect();
    let socket = |id: &str| chardev(&argv, id).unwrap_or_else(|| panic!("no chardev `{id}` on the command line"));
    if value(&argv, "-cpu") == Some("help") {
        // How a QEMU answers to -sandbox that was built without seccomp.
        eprintln!("fake-qemu: There is no option group 'sandbox'");
        return ExitCode::from(1);
    }
    let append = value(&argv, "-append").unwrap_or_default();
    let given = append.split(' ').find_map(|word| word.strip_prefix("fake_script="));
    let Some(path) = given.or_else(|| value(&argv, "-kernel")) else {
        eprintln!("fake-qemu: no script: neither fake_script=FILE on the kernel command line nor -kernel");
        return ExitCode::from(1);
    };
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let steps = script::parse(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    // On a user's command line the lab's chardevs have ids of their own.
    let socket = |id: &str, own: &str| chardev(&argv, own).unwrap_or_else(|| socket(id));
    let kvm = value(&argv, "-accel") == Some("kvm");
    guest::play(&steps, kvm, &socket("serial0", "oomlab-serial"), &socket("qmp0", "oomlab-qmp"))
}

/// The argument of an option.
fn value<'a>(argv: &'a [String], option: &str) -> Option<&'a str> {
    let at = argv.iter().position(|word| word == option)?;
    argv.get(at + 1).map(String::as_str)
}

/// The path of the socket chardev of this id.
fn chardev(argv: &[String], id: &str) -> Option<PathBuf> {
    let start = format!("socket,id={id},path=");
    let rest = argv.iter().find_map(|word| word.strip_prefix(&start))?;
    Some(rest.split(",server=").next()?.replace(",,", ",").into())
}
