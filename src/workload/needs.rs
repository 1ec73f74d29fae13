//! `needs` of a manifest: what the lab must provide.

use crate::diagnostic::{Document, Step};
use arch::Arch;
use model::{Filesystem, Needs, RamMib, ScratchDisk, Throttle};
use serde::{Deserialize, Deserializer};

const MIB: u64 = 1 << 20;

/// `needs` of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NeedsSpec {
    /// Kernel modules, as `lsmod` names them; without those of the disk, which are implied.
    pub modules: Vec<String>,
    /// A scratch disk.
    pub disk: Option<DiskNeed>,
    /// Options of the kernel that must be built in, without `CONFIG_`.
    pub config: Vec<String>,
}

/// A scratch disk as a manifest writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskNeed {
    /// Its size.
    pub size: DiskSize,
    /// How slow it is: `bps` (for example `4M`) and `iops`, as QEMU's `throttling.bps-total` and `throttling.iops-total`.
    #[serde(default, deserialize_with = "throttle")]
    pub throttle: Throttle,
    /// The file system that is made on it.
    #[serde(default)]
    pub filesystem: Option<Filesystem>,
}

/// What a value of an option needs beside the workload's `needs`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValueNeeds {
    /// Kernel modules, as `lsmod` names them.
    pub modules: Vec<String>,
    /// The file system that is made on the disk.
    pub filesystem: Option<Filesystem>,
}

/// The size of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskSize {
    /// In bytes, for example `64M`.
    Bytes(u64),
    /// In percent of the guest's RAM, for example `150%`.
    OfRam(u32),
}

impl NeedsSpec {
    /// These and those of an option's value.
    pub(super) fn with(mut self, more: &ValueNeeds) -> Self {
        self.modules.extend(more.modules.iter().cloned());
        if let Some(disk) = &mut self.disk {
            disk.filesystem = more.filesystem.or(disk.filesystem);
        }
        self
    }

    /// The needs on a machine.
    pub(super) fn on(&self, arch: Arch, ram: RamMib) -> Needs {
        let disk = self.disk.map(|need| {
            let min = need.filesystem.map_or(0, Filesystem::least_bytes);
            ScratchDisk { bytes: need.size.on(ram).max(min), throttle: need.throttle, filesystem: need.filesystem }
        });
        let drivers = if disk.is_some() { arch.qemu.disk.modules } else { &[] };
        let filesystem = disk.and_then(|disk| disk.filesystem).map(Filesystem::name);
        let mut modules: Vec<String> = Vec::new();
        let requested = self.modules.iter().map(String::as_str);
        for module in drivers.iter().copied().chain(filesystem).chain(requested) {
            if !modules.iter().any(|known| known == module) {
                modules.push(module.to_owned());
            }
        }
        Needs { modules, disk, config: self.config.clone(), script: None }
    }

    /// Notes what is wrong with it, below the key `needs`.
    pub(super) fn check(&self, document: &mut Document<'_>) {
        check_modules(&[Step::Key("needs"), Step::Key("modules")], &self.modules, document);
        for (index, name) in self.config.iter().enumerate() {
            if name.is_empty() || !name.bytes().all(is_option_byte) || name.starts_with("CONFIG_") {
                let message = format!("`{name}` is not a kernel option");
                let at = [Step::Key("needs"), Step::Key("config"), Step::Item(index)];
                document.wrong(&at, message).help("write for example `MEMCG`, without `CONFIG_`");
            }
        }
        let Some(disk) = self.disk else { return };
        let of_disk = |key| [Step::Key("needs"), Step::Key("disk"), Step::Key(key)];
        if matches!(disk.size, DiskSize::Bytes(size) if size % MIB != 0) {
            document.wrong(&of_disk("size"), "the size of a disk is a whole number of MiB");
        }
        if disk.throttle.bps == Some(0) || disk.throttle.iops == Some(0) {
            let wrong = document.wrong(&of_disk("throttle"), "a disk with a throttle of 0 never completes a request");
            wrong.help("leave out what is not limited");
        }
    }
}

impl ValueNeeds {
    /// Notes what is wrong with it, below `at`; `disk` is that of the workload.
    pub(super) fn check(&self, at: &[Step<'_>], disk: Option<DiskNeed>, document: &mut Document<'_>) {
        check_modules(&[at, &[Step::Key("modules")]].concat(), &self.modules, document);
        let at = [at, &[Step::Key("filesystem")]].concat();
        match disk {
            _ if self.filesystem.is_none() => {}
            None => {
                let wrong = document.wrong(&at, "the workload has no disk for a file system");
                wrong.help("add for example `needs: {disk: {size: 64M}}`");
            }
            Some(disk) if disk.filesystem.is_some() => {
                let wrong = document.wrong(&at, "`needs` names the file system of the disk already");
                wrong.help("name it in one of the two places");
            }
            Some(_) => {}
        }
    }
}

fn check_modules(at: &[Step<'_>], modules: &[String], document: &mut Document<'_>) {
    for (index, name) in modules.iter().enumerate() {
        if name.is_empty() || !name.bytes().all(is_module_byte) {
            let message = format!("`{name}` is not a module");
            document
                .wrong(&[at, &[Step::Item(index)]].concat(), message)
                .help("write it as `lsmod` does: letters, digits and `_`");
        }
    }
}

fn is_option_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'
}

fn is_module_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl DiskSize {
    /// In bytes; a whole number of MiB.
    fn on(self, ram: RamMib) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::OfRam(percent) => (u64::from(ram.0) * u64::from(percent)).div_ceil(100) * MIB,
        }
    }
}

impl std::fmt::Display for DiskSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} MiB", bytes / MIB),
            Self::OfRam(percent) => write!(f, "{percent}% of the RAM"),
        }
    }
}

impl<'de> Deserialize<'de> for DiskSize {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let percent = text.strip_suffix('%').and_then(|number| number.parse().ok()).filter(|percent| *percent > 0);
        let size = percent.map(Self::OfRam).or_else(|| read_bytes(&text).filter(|size| *size > 0).map(Self::Bytes));
        size.ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not the size of a disk: write for example `64M` or, for a share of the RAM, `150%`"
            ))
        })
    }
}

fn throttle<'de, D: Deserializer<'de>>(from: D) -> Result<Throttle, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        #[serde(default)]
        bps: Option<String>,
        #[serde(default)]
        iops: Option<u64>,
    }
    let Written { bps, iops } = Written::deserialize(from)?;
    let wrong = |text: &str| format!("`{text}` is not a number of bytes: write for example `512K` or `4M`");
    let bps = bps.map(|text| read_bytes(&text).ok_or_else(|| serde::de::Error::custom(wrong(&text)))).transpose()?;
    Ok(Throttle { bps, iops })
}

/// A whole number of `K`, `M` or `G`.
fn read_bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let shift = match unit {
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    let number: u32 = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
    Some(u64::from(number) << shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostic;

    fn read(text: &str) -> NeedsSpec {
        checked(text).unwrap_or_else(|found| panic!("{text}: {found:?}"))
    }

    fn checked(text: &str) -> Result<NeedsSpec, Vec<Diagnostic>> {
        let (needs, mut document) = Document::read::<NeedsSpec>("needs.yaml", text)?;
        needs.check(&mut document);
        document.finish().map(|()| needs)
    }

    #[test]
    fn disk_implies_its_drivers() {
        let needs = read("modules: [zram, virtio_blk]\ndisk: {size: 64M, throttle: {bps: 512K, iops: 200}}");
        let on = |name: &str| needs.on(arch::find(name).unwrap(), RamMib(128));
        assert_eq!(on("x86_64").modules, ["virtio_pci", "virtio_blk", "zram"]);
        assert_eq!(on("arm").modules, ["virtio_mmio", "virtio_blk", "zram"]);
        let throttle = Throttle { bps: Some(512 << 10), iops: Some(200) };
        assert_eq!(on("arm").disk, Some(ScratchDisk { bytes: 64 << 20, throttle, filesystem: None }));
        assert!(read("{}").on(arch::find("arm").unwrap(), RamMib(128)).is_empty());
    }

    #[test]
    fn disk_size_may_be_a_share_of_ram() {
        let needs = read("disk: {size: 150%}");
        let bytes = |mib| needs.on(arch::find("arm").unwrap(), RamMib(mib)).disk.unwrap().bytes;
        assert_eq!((bytes(128), bytes(101)), (192 << 20, 152 << 20));
    }

    #[test]
    fn filesystem_implies_its_module_and_min_size() {
        let on = |text: &str| read(text).on(arch::find("arm").unwrap(), RamMib(32));
        let needs = on("disk: {size: 100%, filesystem: ext4}");
        assert_eq!(needs.modules, ["virtio_mmio", "virtio_blk", "ext4"]);
        assert_eq!(needs.disk.map(|disk| (disk.bytes >> 20, disk.filesystem)), Some((32, Some(Filesystem::Ext4))));
        let needs = on("disk: {size: 100%, filesystem: xfs}");
        assert_eq!(needs.disk.map(|disk| disk.bytes >> 20), Some(300));
    }

    #[test]
    fn wrong_needs_are_refused() {
        for (text, part) in [
            ("disk: {size: 64}", "`64` is not the size of a disk"),
            ("disk: {size: 0M}", "`0M` is not the size of a disk"),
            ("disk: {size: 0%}", "`0%` is not the size of a disk"),
            ("disk: {size: 99999999999G}", "is not the size of a disk"),
            ("disk: {size: 64K}", "a whole number of MiB"),
            ("disk: {throttle: {iops: 1}}", "size"),
            ("disk: {size: 1M, throttle: {bps: fast}}", "`fast` is not a number of bytes"),
            ("disk: {size: 1M, throttle: {iops: 0}}", "never completes a request"),
            ("disk: {size: 1M, filesystem: fat}", "unknown word `fat`"),
            ("config: [CONFIG_MEMCG]", "`CONFIG_MEMCG` is not a kernel option"),
            ("config: [memcg]", "`memcg` is not a kernel option"),
            ("modules: [virtio-blk]", "`virtio-blk` is not a module"),
            ("modules: [../x]", "`../x` is not a module"),
            ("swap: 1M", "swap"),
        ] {
            let shown = checked(text).unwrap_err()[0].to_string();
            assert!(shown.contains(part), "{text}: {shown}");
        }
    }
}
