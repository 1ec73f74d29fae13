//! A QEMU command line that somebody else has written: what it says of the guest, and how to listen in.

use model::RamMib;
use std::path::{Path, PathBuf};

/// What a command line says of its guest, as far as the lab needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The name of the architecture in matrices that QEMU's program stands for; nothing when it is none of the lab's.
    pub arch: Option<&'static str>,
    /// `-kernel`.
    pub kernel: Option<PathBuf>,
    /// `-initrd`.
    pub initrd: Option<PathBuf>,
    /// `-m`, QEMU's default of 128 MiB without it.
    pub ram: RamMib,
    /// `-smp`.
    pub vcpus: u32,
}

/// Programs and what they emulate. `qemu-system-riscv64` runs kernels with an MMU and without one: only the user knows.
const PROGRAMS: &[(&str, &str)] = &[
    ("qemu-system-x86_64", "x86_64"),
    ("qemu-system-arm", "arm"),
    ("qemu-system-aarch64", "aarch64"),
    ("qemu-system-riscv64", "riscv64"),
];

impl Given {
    /// Reads a command line, the program first.
    pub fn read(argv: &[String]) -> Self {
        let value = |option: &str| {
            let at = argv.iter().position(|word| word.trim_start_matches('-') == option && word.starts_with('-'))?;
            argv.get(at + 1).map(String::as_str)
        };
        let program = argv.first().map(String::as_str).unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or_default();
        let arch = PROGRAMS.iter().find(|(known, _)| *known == program).map(|(_, arch)| *arch);
        Self {
            arch,
            kernel: value("kernel").map(PathBuf::from),
            initrd: value("initrd").map(PathBuf::from),
            ram: value("m").and_then(ram).unwrap_or(RamMib(128)),
            vcpus: value("smp").and_then(|smp| first(smp, "cpus").parse().ok()).unwrap_or(1),
        }
    }
}

/// QEMU takes a number without a unit for MiB.
fn ram(text: &str) -> Option<RamMib> {
    let size = first(text, "size");
    let bare = size.bytes().all(|byte| byte.is_ascii_digit());
    if bare { format!("{size}M").parse().ok() } else { size.parse().ok() }
}

/// The value of `name` in `name=value,…`, or what stands first without a name.
fn first<'a>(text: &'a str, name: &str) -> &'a str {
    let named = text.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    named.unwrap_or_else(|| text.split(',').next().unwrap_or_default())
}

/// What [`with_channels`] calls the character device of the serial console.
pub const CONSOLE: &str = "oomlab-serial";

/// What QEMU calls the character device at a socket: as `-chardev` says, else as it calls the first `-serial`.
pub fn chardev_at(argv: &[String], socket: &Path) -> String {
    let name = socket.file_name().unwrap_or_default().to_string_lossy();
    let there = |word: &&String| word.starts_with("socket,") && first(word, "path").rsplit('/').next() == Some(&*name);
    argv.iter().find(there).map_or("serial0", |word| first(word, "id")).to_owned()
}

/// The command line with the lab's own channels: the first serial console goes to the socket `serial`, wherever else it would
/// have gone, and there is one more QMP monitor, at the socket `qmp`.
pub fn with_channels(argv: &[String], serial: &Path, qmp: &Path) -> Vec<String> {
    let mut words: Vec<String> = argv.to_vec();
    let console = format!("chardev:{CONSOLE}");
    match words.iter().position(|word| word == "-serial" || word == "--serial") {
        Some(at) if at + 1 < words.len() => words[at + 1] = console,
        _ => words.extend(["-serial".to_owned(), console]),
    }
    for (id, path) in [(CONSOLE, serial), ("oomlab-qmp", qmp)] {
        let path = path.to_string_lossy().replace(',', ",,");
        words.extend(["-chardev".to_owned(), format!("socket,id={id},path={path},server=on,wait=off")]);
    }
    words.extend(["-mon".to_owned(), "chardev=oomlab-qmp,mode=control".to_owned()]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_command_line_says_what_runs() {
        let given =
            Given::read(&argv("/usr/bin/qemu-system-x86_64 -M q35 -m 1G -smp 2,cores=2 -kernel bz --initrd i.gz"));
        let expected = Given {
            arch: Some("x86_64"),
            kernel: Some("bz".into()),
            initrd: Some("i.gz".into()),
            ram: RamMib(1024),
            vcpus: 2,
        };
        assert_eq!(given, expected);
        let given = Given::read(&argv("qemu-system-arm -m size=64,slots=2 -smp cpus=4"));
        assert_eq!((given.arch, given.ram, given.vcpus), (Some("arm"), RamMib(64), 4));
        let given = Given::read(&argv("my-qemu -kernel"));
        assert_eq!((given.arch, given.kernel, given.ram, given.vcpus), (None, None, RamMib(128), 1));
        assert_eq!(Given::read(&[]).vcpus, 1);
    }

    #[test]
    fn a_sockets_character_device_is_found_by_its_path() {
        let line =
            argv("q -chardev socket,id=mon,path=/t/q -chardev socket,id=con,path=/t/s,server=on -serial chardev:con");
        assert_eq!(chardev_at(&line, Path::new("s")), "con");
        assert_eq!(chardev_at(&argv("q -serial unix:/t/s,server"), Path::new("/t/s")), "serial0");
    }

    #[test]
    fn the_labs_channels_take_the_place_of_the_console() {
        let words = |text: &str| with_channels(&argv(text), Path::new("/t/s"), Path::new("/t/q,x")).join(" ");
        let channels = "-chardev socket,id=oomlab-serial,path=/t/s,server=on,wait=off \
                        -chardev socket,id=oomlab-qmp,path=/t/q,,x,server=on,wait=off -mon chardev=oomlab-qmp,mode=control";
        assert_eq!(words("q -nographic"), format!("q -nographic -serial chardev:oomlab-serial {channels}"));
        assert_eq!(words("q -serial mon:stdio -m 64"), format!("q -serial chardev:oomlab-serial -m 64 {channels}"));
    }
}
