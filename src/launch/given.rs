//! A foreign QEMU command line: what it says about the guest, and how to attach to its console.

use super::command::{QMP_WAIT, SERIAL_WAIT, literal};
use arch::Arch;
use model::{MAX_VCPUS, RamMib};
use std::path::{Path, PathBuf};

/// What a command line says about its guest, as far as the lab needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The architecture that the program emulates, where the lab knows it. `qemu-system-riscv64` runs kernels with an MMU and
    /// without one: then it is the one with an MMU, the first of [`arch::ALL`].
    pub arch: Option<Arch>,
    /// `-kernel`.
    pub kernel: Option<PathBuf>,
    /// `-initrd`.
    pub initrd: Option<PathBuf>,
    /// `-m`, QEMU's default of 128 MiB without it.
    pub ram: RamMib,
    /// `-smp`.
    pub vcpus: u32,
}

impl Given {
    /// Reads a command line, the program first.
    pub fn read(argv: &[String]) -> Self {
        let value = |option: &str| {
            let at = argv.iter().position(|word| word.trim_start_matches('-') == option && word.starts_with('-'))?;
            argv.get(at + 1).map(String::as_str)
        };
        let program = argv.first().map(String::as_str).unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or_default();
        let arch = arch::ALL.iter().find(|arch| arch.qemu.program == program).copied();
        Self {
            arch,
            kernel: value("kernel").map(PathBuf::from),
            initrd: value("initrd").map(PathBuf::from),
            ram: value("m").and_then(ram).unwrap_or(RamMib(128)),
            // QEMU refuses what is out of range; a plan with it could not be read again.
            vcpus: value("smp").and_then(|smp| first(smp, "cpus").parse().ok()).unwrap_or(1).clamp(1, MAX_VCPUS),
        }
    }
}

/// QEMU takes a number without a unit for MiB.
fn ram(text: &str) -> Option<RamMib> {
    let size = first(text, "size");
    let bare = size.bytes().all(|byte| byte.is_ascii_digit());
    if bare { format!("{size}M").parse().ok() } else { size.parse().ok() }
}

/// The value of `name` in `name=value,…`, or the first one without a name.
fn first<'a>(text: &'a str, name: &str) -> &'a str {
    let named = text.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    named.unwrap_or_else(|| text.split(',').next().unwrap_or_default())
}

/// The character device of the serial console in [`with_channels`].
pub const CONSOLE: &str = "oomlab-serial";

/// QEMU's name of the character device at a socket: that of `-chardev`, else that of the first `-serial`.
pub fn chardev_at(argv: &[String], socket: &Path) -> String {
    let name = socket.file_name().unwrap_or_default().to_string_lossy();
    let there = |word: &&String| word.starts_with("socket,") && first(word, "path").rsplit('/').next() == Some(&*name);
    argv.iter().find(there).map_or("serial0", |word| first(word, "id")).to_owned()
}

/// The command line with the lab's channels: the first serial console goes to the socket `serial` in place of where it went,
/// and one more QMP monitor listens at the socket `qmp`.
pub fn with_channels(argv: &[String], serial: &Path, qmp: &Path) -> Vec<String> {
    let mut words: Vec<String> = argv.to_vec();
    let console = format!("chardev:{CONSOLE}");
    match words.iter().position(|word| word == "-serial" || word == "--serial") {
        Some(at) if at + 1 < words.len() => words[at + 1] = console,
        _ => words.extend(["-serial".to_owned(), console]),
    }
    for (id, path, wait) in [(CONSOLE, serial, SERIAL_WAIT), ("oomlab-qmp", qmp, QMP_WAIT)] {
        let path = literal(&path.to_string_lossy());
        words.extend(["-chardev".to_owned(), format!("socket,id={id},path={path},server=on,{wait}")]);
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
    fn command_line_is_read() {
        let given =
            Given::read(&argv("/usr/bin/qemu-system-x86_64 -M q35 -m 1G -smp 2,cores=2 -kernel bz --initrd i.gz"));
        let expected = Given {
            arch: arch::find("x86_64"),
            kernel: Some("bz".into()),
            initrd: Some("i.gz".into()),
            ram: RamMib(1024),
            vcpus: 2,
        };
        assert_eq!(given, expected);
        let given = Given::read(&argv("qemu-system-arm -m size=64,slots=2 -smp cpus=4"));
        assert_eq!((given.arch, given.ram, given.vcpus), (arch::find("arm"), RamMib(64), 4));
        assert_eq!(Given::read(&argv("qemu-system-riscv64")).arch, arch::find("riscv64"));
        let given = Given::read(&argv("my-qemu -kernel"));
        assert_eq!((given.arch, given.kernel, given.ram, given.vcpus), (None, None, RamMib(128), 1));
        assert_eq!(Given::read(&[]).vcpus, 1);
        assert_eq!(Given::read(&argv("qemu-system-arm -smp 0")).vcpus, 1);
        assert_eq!(Given::read(&argv("qemu-system-arm -smp 4000000000")).vcpus, MAX_VCPUS);
    }

    #[test]
    fn chardev_is_found_by_the_path_of_its_socket() {
        let line =
            argv("q -chardev socket,id=mon,path=/t/q -chardev socket,id=con,path=/t/s,server=on -serial chardev:con");
        assert_eq!(chardev_at(&line, Path::new("s")), "con");
        assert_eq!(chardev_at(&argv("q -serial unix:/t/s,server"), Path::new("/t/s")), "serial0");
    }

    #[test]
    fn channels_replace_the_console() {
        let words = |text: &str| with_channels(&argv(text), Path::new("/t/s"), Path::new("/t/q,x")).join(" ");
        let channels = "-chardev socket,id=oomlab-serial,path=/t/s,server=on,wait=on \
                        -chardev socket,id=oomlab-qmp,path=/t/q,,x,server=on,wait=off -mon chardev=oomlab-qmp,mode=control";
        assert_eq!(words("q -nographic"), format!("q -nographic -serial chardev:oomlab-serial {channels}"));
        assert_eq!(words("q -serial mon:stdio -m 64"), format!("q -serial chardev:oomlab-serial -m 64 {channels}"));
    }
}
