//! QEMU's command line.

use super::kernel_words;
use crate::arch::ArchSpec;
use crate::model::{Accel, Cell};
use std::path::{Path, PathBuf};

/// Where a trial's files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Kernel image.
    pub kernel: PathBuf,
    /// Initramfs.
    pub initrd: Option<PathBuf>,
    /// Unix socket of the serial console; at most 107 bytes long.
    pub serial: PathBuf,
    /// Unix socket of QMP; at most 107 bytes long.
    pub qmp: PathBuf,
}

/// QEMU's command line, the program first. It runs the same trial by hand: nothing waits for the lab.
pub fn command(cell: &Cell, spec: &ArchSpec, accel: Accel, paths: &Paths) -> Vec<String> {
    let mut argv = Argv(vec![spec.qemu.program.to_owned()]);
    argv.pair("-name", &format!("guest={}", literal(cell.id.as_str())));
    argv.pair("-machine", spec.qemu.machine);
    argv.pair("-accel", accel.qemu_name());
    match accel {
        Accel::Kvm => argv.pair("-cpu", "host"),
        Accel::Tcg => spec.qemu.cpu.into_iter().for_each(|cpu| argv.pair("-cpu", cpu)),
    }
    argv.pair("-smp", &cell.vcpus.to_string());
    argv.pair("-m", &format!("{}M", cell.ram.0));
    argv.words(["-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"]);
    argv.words(spec.qemu.args.iter().copied());
    argv.socket("serial0", &paths.serial);
    argv.pair("-serial", "chardev:serial0");
    argv.socket("qmp0", &paths.qmp);
    argv.pair("-mon", "chardev=qmp0,mode=control");
    argv.pair("-kernel", &paths.kernel.to_string_lossy());
    if let Some(initrd) = &paths.initrd {
        argv.pair("-initrd", &initrd.to_string_lossy());
    }
    argv.pair("-append", &kernel_words(cell, spec).join(" "));
    argv.words(cell.qemu.iter().map(String::as_str));
    argv.0
}

struct Argv(Vec<String>);

impl Argv {
    fn words<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) {
        self.0.extend(words.into_iter().map(str::to_owned));
    }

    fn pair(&mut self, option: &str, value: &str) {
        self.words([option, value]);
    }

    /// A listening socket that does not hold the machine back until somebody connects.
    fn socket(&mut self, id: &str, path: &Path) {
        let path = literal(&path.to_string_lossy());
        self.pair("-chardev", &format!("socket,id={id},path={path},server=on,wait=off"));
    }
}

/// A value in QEMU's notation `name=value,…`: its parser takes a single comma for the end of the value.
fn literal(value: &str) -> String {
    value.replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch;
    use crate::model::{Expectation, Payload, RamMib, Timeouts};
    use std::collections::BTreeMap;

    fn cell(arch: &str) -> Cell {
        Cell {
            id: "k.a.32M.w".into(),
            kernel: "k".into(),
            arch: arch.into(),
            ram: RamMib(32),
            vcpus: 2,
            payload: Payload::Workload {
                name: "zombie-victim".into(),
                options: BTreeMap::from([("hogs".to_owned(), "3".to_owned())]),
            },
            axes: BTreeMap::new(),
            append: vec!["preempt=full".to_owned()],
            qemu: vec!["-d".to_owned(), "int".to_owned()],
            timeouts: Timeouts::default(),
            repeat: 1,
            expect: Expectation::pass(),
        }
    }

    fn argv(arch: &str, accel: Accel) -> Vec<String> {
        let paths =
            Paths { kernel: "/k/Image".into(), initrd: Some("/i".into()), serial: "/s,1".into(), qmp: "/q".into() };
        command(&cell(arch), arch::find(arch).unwrap(), accel, &paths)
    }

    fn value<'a>(argv: &'a [String], option: &str) -> &'a str {
        &argv[argv.iter().position(|word| word == option).unwrap() + 1]
    }

    #[test]
    fn the_users_words_come_last() {
        let argv = argv("riscv64-nommu", Accel::Tcg);
        assert!(
            value(&argv, "-append")
                .ends_with("panic=-1 oops=panic oomlab_workload=zombie-victim oomlab_opt_hogs=3 preempt=full")
        );
        assert_eq!(argv[argv.len() - 2..], ["-d", "int"]);
    }

    /// QEMU takes a bare `a=b` for the option `a`, and the id of a cell has the workload's options in it.
    #[test]
    fn the_name_may_hold_what_an_id_may() {
        let mut cell = cell("arm");
        cell.id = "k.arm.64M.w+hogs=3,writes=1M".into();
        let paths = Paths { kernel: "/k".into(), initrd: None, serial: "/s".into(), qmp: "/q".into() };
        let argv = command(&cell, arch::find("arm").unwrap(), Accel::Tcg, &paths);
        assert_eq!(value(&argv, "-name"), "guest=k.arm.64M.w+hogs=3,,writes=1M");
    }

    /// The kernel keeps a word with a dot in its name for itself.
    #[test]
    fn the_agents_words_have_no_dot_in_their_names() {
        let argv = argv("arm", Accel::Tcg);
        let words = value(&argv, "-append").split(' ').filter(|word| word.starts_with("oomlab"));
        let names: Vec<&str> = words.filter_map(|word| word.split('=').next()).collect();
        assert_eq!(names, ["oomlab_workload", "oomlab_opt_hogs"]);
        assert!(names.iter().all(|name| !name.contains('.')));
    }

    #[test]
    fn every_architecture_names_its_console_and_has_no_network() {
        for spec in arch::ALL {
            let argv = argv(spec.name, Accel::Tcg);
            assert_eq!(argv[0], spec.qemu.program);
            assert!(value(&argv, "-append").starts_with(&format!("console={} ", spec.console)));
            assert!(argv.iter().any(|word| word == "-nodefaults"), "no default NIC");
            assert_eq!(value(&argv, "-smp"), "2");
        }
    }

    #[test]
    fn kvm_takes_the_hosts_cpu_and_commas_in_paths_are_doubled() {
        let argv = argv("arm", Accel::Kvm);
        assert_eq!(value(&argv, "-cpu"), "host");
        assert!(argv.contains(&"socket,id=serial0,path=/s,,1,server=on,wait=off".to_owned()));
    }
}
