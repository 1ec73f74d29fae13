//! Packs an initramfs: a compressed cpio archive (`newc`, Documentation/driver-api/early-userspace/buffer-format.rst).

use cpio::newc::{Builder, ModeFileType, trailer};
use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use model::KernelModule;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What an initramfs holds.
pub(super) struct Content<'a> {
    pub agent: &'a [u8],
    /// Name and program.
    pub workload: (&'a str, &'a [u8]),
    /// Kernel modules, in the order in which the agent loads them.
    pub modules: &'a [KernelModule],
    /// `/bin/sh` and what it needs.
    pub shell: Option<Shell<'a>>,
    /// A folder whose files it has, too.
    pub root: Option<&'a Path>,
}

/// A shell for a person.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shell<'a> {
    /// The lab's own.
    Own(&'a [u8]),
    /// BusyBox, whose shell knows its applets without links.
    Busybox(&'a [u8]),
}

/// The initramfs with this content. The same content gives the same bytes.
pub(super) fn initramfs(content: &Content<'_>) -> std::io::Result<Vec<u8>> {
    let (workload_name, workload) = content.workload;
    let mut archive = Archive { out: Vec::new(), inode: 0 };
    archive.add("dev", ModeFileType::Directory, 0o755, &[])?;
    archive.add_console()?;
    if let Some(root) = content.root {
        archive.add_folder(root, Path::new(""))?;
    }
    archive.add("workloads", ModeFileType::Directory, 0o755, &[])?;
    archive.add("init", ModeFileType::Regular, 0o755, content.agent)?;
    archive.add(&format!("workloads/{workload_name}"), ModeFileType::Regular, 0o755, workload)?;
    if !content.modules.is_empty() {
        archive.add_modules(content.modules)?;
    }
    if let Some(shell) = content.shell {
        archive.add_shell(shell)?;
    }
    compress(&trailer(archive.out)?)
}

/// True for a complete initramfs: the compressed stream ends with a checksum and its length.
pub(super) fn is_intact(bytes: &[u8]) -> bool {
    let mut decoder = GzDecoder::new(bytes);
    let whole = std::io::copy(&mut decoder, &mut std::io::sink()).is_ok();
    whole && decoder.into_inner().is_empty()
}

struct Archive {
    out: Vec<u8>,
    inode: u32,
}

impl Archive {
    fn add(&mut self, name: &str, kind: ModeFileType, mode: u32, content: &[u8]) -> std::io::Result<()> {
        self.write(Builder::new(name).mode(mode).set_mode_file_type(kind), content)
    }

    /// `/dev/console`, character device 5:1 (Documentation/admin-guide/devices.txt): the kernel opens it for init.
    fn add_console(&mut self) -> std::io::Result<()> {
        let node = Builder::new("dev/console").mode(0o600).set_mode_file_type(ModeFileType::Char);
        self.write(node.rdev_major(5).rdev_minor(1), &[])
    }

    fn add_shell(&mut self, shell: Shell<'_>) -> std::io::Result<()> {
        self.add("bin", ModeFileType::Directory, 0o755, &[])?;
        match shell {
            Shell::Own(program) => self.add("bin/sh", ModeFileType::Regular, 0o755, program),
            Shell::Busybox(program) => {
                self.add("bin/busybox", ModeFileType::Regular, 0o755, program)?;
                self.add("bin/sh", ModeFileType::Symlink, 0o777, b"busybox")
            }
        }
    }

    /// The files of a folder in the order of their names; `inside` is the path below it.
    fn add_folder(&mut self, root: &Path, inside: &Path) -> std::io::Result<()> {
        let mut entries: Vec<_> = std::fs::read_dir(root.join(inside))?.collect::<Result<_, _>>()?;
        entries.sort_unstable_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = inside.join(entry.file_name());
            let metadata = entry.metadata()?;
            let name = path.to_string_lossy();
            let mode = metadata.permissions().mode() & 0o7777;
            if metadata.is_dir() {
                self.add(&name, ModeFileType::Directory, mode, &[])?;
                self.add_folder(root, &path)?;
            } else if metadata.is_symlink() {
                let target = std::fs::read_link(entry.path())?;
                self.add(&name, ModeFileType::Symlink, mode, target.as_os_str().as_bytes())?;
            } else if metadata.is_file() {
                self.add(&name, ModeFileType::Regular, mode, &std::fs::read(entry.path())?)?;
            }
        }
        Ok(())
    }

    /// The list has one name a line, in load order; PROTOCOL.md of the agent describes it.
    fn add_modules(&mut self, modules: &[KernelModule]) -> std::io::Result<()> {
        self.add("modules", ModeFileType::Directory, 0o755, &[])?;
        let list: String = modules.iter().map(|module| format!("{}\n", module.name)).collect();
        self.add("modules/list", ModeFileType::Regular, 0o644, list.as_bytes())?;
        for module in modules {
            self.add(&format!("modules/{}.ko", module.name), ModeFileType::Regular, 0o644, &module.content)?;
        }
        Ok(())
    }

    fn write(&mut self, entry: Builder, content: &[u8]) -> std::io::Result<()> {
        let size = u32::try_from(content.len()).map_err(std::io::Error::other)?;
        let mut writer = entry.ino(self.inode).nlink(1).mtime(0).write(std::mem::take(&mut self.out), size);
        writer.write_all(content)?;
        self.out = writer.finish()?;
        self.inode += 1;
        Ok(())
    }
}

fn compress(archive: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(archive)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn decompress(image: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut archive = Vec::new();
        GzDecoder::new(image).read_to_end(&mut archive)?;
        Ok(archive)
    }

    fn entries(image: &[u8]) -> Vec<(String, u32, u32, Vec<u8>)> {
        let archive = decompress(image).unwrap();
        let mut rest = archive.as_slice();
        let mut found = Vec::new();
        loop {
            let mut reader = cpio::newc::Reader::new(rest).unwrap();
            let entry = reader.entry().clone();
            if entry.is_trailer() {
                return found;
            }
            let mut content = Vec::new();
            reader.read_to_end(&mut content).unwrap();
            found.push((entry.name().to_owned(), entry.mode(), entry.rdev_major() << 8 | entry.rdev_minor(), content));
            rest = reader.finish().unwrap();
        }
    }

    fn pack(modules: &[KernelModule]) -> Vec<u8> {
        initramfs(&Content { agent: b"agent", workload: ("idle", b"workload"), modules, shell: None, root: None })
            .unwrap()
    }

    #[test]
    fn modules_are_listed_in_load_order() {
        let module = |name: &str| KernelModule { name: name.to_owned(), content: name.to_uppercase().into() };
        let entries = entries(&pack(&[module("virtio"), module("ext4"), module("a")]));
        let files: Vec<_> = entries[5..].iter().map(|(name, _, _, content)| (name.as_str(), &content[..])).collect();
        assert_eq!(
            files,
            [
                ("modules", &b""[..]),
                ("modules/list", b"virtio\next4\na\n"),
                ("modules/virtio.ko", b"VIRTIO"),
                ("modules/ext4.ko", b"EXT4"),
                ("modules/a.ko", b"A"),
            ]
        );
    }

    #[test]
    fn archive_contains_agent_and_workload() {
        let image = pack(&[]);
        let file = |name: &str, mode, device, content: &[u8]| (name.to_owned(), mode, device, content.to_vec());
        assert_eq!(
            entries(&image),
            [
                file("dev", 0o040_755, 0, b""),
                file("dev/console", 0o020_600, 0x501, b""),
                file("workloads", 0o040_755, 0, b""),
                file("init", 0o100_755, 0, b"agent"),
                file("workloads/idle", 0o100_755, 0, b"workload"),
            ]
        );
    }

    #[test]
    fn archive_is_reproducible() {
        assert_eq!(pack(&[]), pack(&[]));
    }

    #[test]
    fn is_intact_rejects_truncated_and_changed_archives() {
        let image = pack(&[]);
        assert!(is_intact(&image));
        assert!((0..image.len()).all(|length| !is_intact(&image[..length])));
        let content = decompress(&image).unwrap();
        for at in 0..image.len() {
            let mut changed = image.clone();
            changed[at] ^= 0x40;
            let harmless = || decompress(&changed).is_ok_and(|archive| archive == content);
            assert!(!is_intact(&changed) || harmless(), "byte {at}");
        }
        assert!(!is_intact(&[image.as_slice(), b"more"].concat()));
    }
}
