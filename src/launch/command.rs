//! QEMU's command line.

use super::kernel_words;
use arch::SANDBOX;
use model::{Accel, Cell, ScratchDisk};
use std::path::{Path, PathBuf};

/// The scratch disk's name on QEMU's command line, and its serial number in the guest (images/guest/disk.c).
pub const SCRATCH_DISK: &str = "oomlab-scratch";

/// The root disk's name on QEMU's command line, and its serial number in the guest (images/agent/root_disk.c).
const ROOT_DISK: &str = "oomlab-root";

/// The user network's name on QEMU's command line.
pub const NETWORK: &str = "oomlab-net";

/// The user network: the guest reaches neither the host nor other networks (`restrict`), and a free port of the host's loopback leads to
/// its SSH server. The kernel chooses the port (bind(2), port 0), so that guests never collide; `info usernet` names it.
const USER_NETWORK: &str = "user,id=oomlab-net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22";

/// Where a trial's files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Kernel image.
    pub kernel: PathBuf,
    /// Firmware in place of QEMU's own, for machines that need one.
    pub firmware: Option<PathBuf>,
    /// Initramfs.
    pub initrd: Option<PathBuf>,
    /// Unix socket of the serial console; at most 107 bytes long.
    pub serial: PathBuf,
    /// Unix socket of QMP; at most 107 bytes long.
    pub qmp: PathBuf,
    /// The file behind the scratch disk of cells that need one: raw, of the size that the cell says.
    pub disk: PathBuf,
    /// The root disk, raw: QEMU writes to a copy.
    pub root_disk: Option<PathBuf>,
}

/// QEMU's command line, the program first. It also runs by hand: nothing in it waits for the lab. `sandbox`: whether that
/// QEMU accepts [`SANDBOX`].
pub fn command(cell: &Cell, accel: Accel, sandbox: bool, paths: &Paths) -> Vec<String> {
    let spec = cell.arch;
    let mut argv = Argv(vec![spec.qemu.program.to_owned()]);
    argv.pair("-name", &format!("guest={}", literal(cell.id.as_str())));
    argv.pair("-machine", spec.qemu.machine);
    argv.pair("-accel", accel.qemu_name());
    match accel {
        Accel::Kvm => argv.pair("-cpu", "host"),
        Accel::Tcg => spec.qemu.cpu.into_iter().for_each(|cpu| argv.pair("-cpu", cpu)),
    }
    argv.pair("-smp", &smp(cell));
    argv.pair("-m", &format!("{}M", cell.ram.0));
    argv.words(["-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"]);
    if sandbox {
        argv.words(SANDBOX);
    }
    argv.words(spec.qemu.args.iter().copied());
    // KVM starts the kernel itself, and QEMU refuses firmware (`hw/riscv/virt.c`).
    if spec.qemu.opensbi.is_some() && accel == Accel::Tcg {
        let firmware = paths.firmware.as_ref().map_or("default".into(), |path| path.to_string_lossy());
        argv.pair("-bios", &firmware);
    }
    argv.socket("serial0", &paths.serial, SERIAL_WAIT);
    argv.pair("-serial", "chardev:serial0");
    argv.socket("qmp0", &paths.qmp, QMP_WAIT);
    argv.pair("-mon", "chardev=qmp0,mode=control");
    argv.pair("-kernel", &paths.kernel.to_string_lossy());
    if let Some(initrd) = &paths.initrd {
        argv.pair("-initrd", &initrd.to_string_lossy());
    }
    if let Some(disk) = &cell.needs.disk {
        argv.disk(disk, spec.qemu.disk.device, &paths.disk);
    }
    if let Some(disk) = &paths.root_disk {
        argv.root_disk(spec.qemu.disk.device, disk);
        argv.pair("-netdev", USER_NETWORK);
        // Without an option ROM, which only machines that boot from the network need.
        argv.pair("-device", &format!("{},netdev=oomlab-net{}", spec.qemu.network.device, spec.qemu.network.options));
    }
    argv.pair("-append", &kernel_words(cell).join(" "));
    argv.words(cell.qemu.iter().map(String::as_str));
    argv.0
}

/// QEMU drops console output without a client: the machine starts only when the lab has connected.
pub(super) const SERIAL_WAIT: &str = "wait=on";

/// The machine starts without waiting for a client of its monitor.
pub(super) const QMP_WAIT: &str = "wait=off";

fn smp(cell: &Cell) -> String {
    let vcpus = cell.vcpus;
    if cell.arch.qemu.vcpu_sockets { format!("{vcpus},sockets={vcpus}") } else { vcpus.to_string() }
}

struct Argv(Vec<String>);

impl Argv {
    fn words<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) {
        self.0.extend(words.into_iter().map(str::to_owned));
    }

    fn pair(&mut self, option: &str, value: &str) {
        self.words([option, value]);
    }

    /// A listening socket.
    fn socket(&mut self, id: &str, path: &Path, wait: &str) {
        let path = literal(&path.to_string_lossy());
        self.pair("-chardev", &format!("socket,id={id},path={path},server=on,{wait}"));
    }

    /// A disk that the guest finds by its serial number. Its content is discarded after the guest, so QEMU may ignore
    /// flushes. When the host cannot write or read the file, the machine stops and QEMU reports it: an I/O error in the
    /// guest would be the host's fault, and the kernel's reaction to it would not count.
    fn disk(&mut self, disk: &ScratchDisk, device: &str, path: &Path) {
        let path = literal(&path.to_string_lossy());
        let mut drive = format!(
            "file={path},if=none,id={SCRATCH_DISK},format=raw,cache=unsafe,discard=unmap,werror=stop,rerror=stop"
        );
        let limits = [("bps", disk.throttle.bps), ("iops", disk.throttle.iops)];
        for (what, limit) in limits.into_iter().filter_map(|(what, limit)| Some((what, limit?))) {
            drive += &format!(",throttling.{what}-total={limit}");
        }
        self.pair("-drive", &drive);
        self.pair("-device", &format!("{device},drive={SCRATCH_DISK},serial={SCRATCH_DISK}"));
    }

    /// A disk whose file stays as it is: what the guest writes is in an unlinked file of QEMU's (`snapshot=on`).
    fn root_disk(&mut self, device: &str, path: &Path) {
        let path = literal(&path.to_string_lossy());
        let drive = format!("file={path},if=none,id={ROOT_DISK},format=raw,snapshot=on,werror=stop,rerror=stop");
        self.pair("-drive", &drive);
        self.pair("-device", &format!("{device},drive={ROOT_DISK},serial={ROOT_DISK}"));
    }
}

/// The device of a gdb stub that listens on a socket and does not wait for gdb.
pub fn gdb_device(socket: &Path) -> String {
    format!("unix:{},server=on,wait=off", literal(&socket.to_string_lossy()))
}

/// A value in QEMU's notation `name=value,…`: its parser takes a single comma for the end of the value.
pub(super) fn literal(value: &str) -> String {
    value.replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Payload, RamMib, Throttle};
    use std::collections::BTreeMap;

    fn cell(arch: &str) -> Cell {
        Cell {
            kernel: "k".into(),
            ram: RamMib(32),
            vcpus: 2,
            payload: Payload::Workload {
                name: "zombie-victim".into(),
                options: BTreeMap::from([("hogs".to_owned(), "3".to_owned())]),
            },
            append: vec!["preempt=full".to_owned()],
            qemu: vec!["-d".to_owned(), "int".to_owned()],
            ..model::samples::cell("k.a.32M.w", arch::find(arch).unwrap(), "idle")
        }
    }

    fn argv(arch: &str, accel: Accel) -> Vec<String> {
        argv_of(&cell(arch), accel)
    }

    fn paths() -> Paths {
        Paths {
            kernel: "/k/Image".into(),
            firmware: None,
            initrd: Some("/i".into()),
            serial: "/s,1".into(),
            qmp: "/q".into(),
            disk: "/d,1".into(),
            root_disk: None,
        }
    }

    fn argv_of(cell: &Cell, accel: Accel) -> Vec<String> {
        command(cell, accel, true, &paths())
    }

    fn value<'a>(argv: &'a [String], option: &str) -> &'a str {
        &argv[argv.iter().position(|word| word == option).unwrap() + 1]
    }

    #[test]
    fn user_words_are_last_and_remove_the_labs() {
        let append = ["-oops=panic", "-b", "oops=continue", "-nokaslr"].map(str::to_owned).to_vec();
        let words = super::kernel_words(&Cell { append, ..cell("x86_64") });
        let place = |word: &str| words.iter().position(|own| own == word);
        assert_eq!([place("oops=panic"), place("-oops=panic"), place("nokaslr"), place("-nokaslr")], [None; 4]);
        assert!(place("panic=-1") < place("-b"), "init has options, too");
        assert_eq!(place("oops=continue"), Some(words.len() - 1));
    }

    #[test]
    fn firmware_is_named_where_the_machine_has_one_and_the_users_comes_last() {
        let bios = |arch: &str, firmware: Option<&str>| {
            let mut cell = cell(arch);
            cell.qemu = vec!["-bios".to_owned(), "mine".to_owned()];
            let argv = command(&cell, Accel::Tcg, true, &Paths { firmware: firmware.map(Into::into), ..paths() });
            let values = argv.windows(2).filter(|pair| pair[0] == "-bios").map(|pair| pair[1].clone());
            values.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(bios("riscv64", None), "default mine");
        assert_eq!(bios("riscv64", Some("/f,1")), "/f,1 mine");
        assert_eq!(bios("riscv64-nommu", Some("/f")), "none mine");
        assert_eq!(bios("x86_64", Some("/f")), "mine");
    }

    #[test]
    fn user_words_come_last() {
        let argv = argv("riscv64-nommu", Accel::Tcg);
        assert!(
            value(&argv, "-append")
                .ends_with("panic=-1 oops=panic oomlab_workload=zombie-victim oomlab_opt_hogs=3 preempt=full")
        );
        assert_eq!(argv[argv.len() - 2..], ["-d", "int"]);
    }

    /// QEMU takes a bare `a=b` for the option `a`, and the id of a cell has the workload's options in it.
    #[test]
    fn commas_in_the_name_are_doubled() {
        let mut cell = cell("arm");
        cell.id = "k.arm.64M.w+hogs=3,writes=1M".into();
        let argv = argv_of(&cell, Accel::Tcg);
        assert_eq!(value(&argv, "-name"), "guest=k.arm.64M.w+hogs=3,,writes=1M");
    }

    /// The kernel keeps a word with a dot in its name for itself.
    #[test]
    fn agent_words_have_no_dot_in_their_names() {
        let argv = argv("arm", Accel::Tcg);
        let words = value(&argv, "-append").split(' ').filter(|word| word.starts_with("oomlab"));
        let names: Vec<&str> = words.filter_map(|word| word.split('=').next()).collect();
        assert_eq!(names, ["oomlab_workload", "oomlab_opt_hogs"]);
        assert!(names.iter().all(|name| !name.contains('.')));
    }

    #[test]
    fn architectures_name_their_console_and_have_no_network() {
        for spec in arch::ALL {
            let argv = argv(spec.name, Accel::Tcg);
            assert_eq!(argv[0], spec.qemu.program);
            assert!(value(&argv, "-append").starts_with(&format!("console={} ", spec.console)));
            assert!(argv.iter().any(|word| word == "-nodefaults"), "no default NIC");
            assert_eq!(value(&argv, "-smp"), if spec.name == "x86_64" { "2,sockets=2" } else { "2" });
        }
    }

    #[test]
    fn disk_has_the_device_of_the_machine_and_the_throttle_of_the_cell() {
        for (arch, device) in [("x86_64", "virtio-blk-pci"), ("arm", "virtio-blk-device")] {
            let mut cell = cell(arch);
            assert!(!argv_of(&cell, Accel::Tcg).iter().any(|word| word == "-drive"));
            let throttle = Throttle { bps: Some(4 << 20), iops: None };
            cell.needs.disk = Some(ScratchDisk { bytes: 64 << 20, throttle, filesystem: None });
            let argv = argv_of(&cell, Accel::Tcg);
            assert_eq!(value(&argv, "-device"), format!("{device},drive=oomlab-scratch,serial=oomlab-scratch"));
            let drive = value(&argv, "-drive");
            assert!(drive.starts_with("file=/d,,1,if=none,id=oomlab-scratch,format=raw,"), "{drive}");
            assert!(drive.ends_with(",werror=stop,rerror=stop,throttling.bps-total=4194304"), "{drive}");
            let throttle = Throttle { bps: None, iops: Some(9) };
            cell.needs.disk = Some(ScratchDisk { bytes: 1, throttle, filesystem: None });
            let argv = argv_of(&cell, Accel::Tcg);
            assert!(value(&argv, "-drive").ends_with(",rerror=stop,throttling.iops-total=9"));
        }
    }

    #[test]
    fn kvm_uses_the_host_cpu_and_commas_in_paths_are_doubled() {
        let argv = argv("arm", Accel::Kvm);
        assert_eq!(value(&argv, "-cpu"), "host");
        assert!(argv.contains(&"socket,id=serial0,path=/s,,1,server=on,wait=on".to_owned()));
    }
}
