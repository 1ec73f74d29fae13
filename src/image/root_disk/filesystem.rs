//! The file system on a root disk: ext4, made of a folder by mke2fs(8).

use super::super::ImageError;
use super::owner;
use crate::host::{Limits, capture_blocking, system_program};
use model::{RamMib, printable};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const MAKER: &str = "mke2fs";

/// Far beyond what a slow disk takes for some hundred MiB.
const MAKING: Limits = Limits { timeout: Duration::from_secs(300), max_stdout: 1 << 20 };

const BLOCK: u64 = 4096;
const INODE: u64 = 256;
/// A test may fill the free space with files of this size.
const BYTES_PER_INODE: u64 = 8192;

/// What every kernel of the catalogue mounts, whatever the host's mke2fs.conf(5) has. There is no journal: a guest that is killed
/// leaves nothing to recover, and none writes behind the back of a test. Without checksums the owners can be changed in place.
const FEATURES: &str =
    "none,ext_attr,dir_index,filetype,extent,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize";

/// Of the file system and its hashed folders: the same input gives the same bytes.
const UUID: &str = "6f6f6d6c-6162-4000-8000-726f6f746673";

/// The time of everything, for an mke2fs that knows SOURCE_DATE_EPOCH (e2fsprogs 1.47.1): the release of Debian 13.
const TIME: &str = "1754697600";

/// Makes a sparse file, which the user alone may read, with an ext4 file system of the folder's files, owned by root, and free space.
pub(super) fn make(folder: &Path, file: &Path, free: RamMib) -> Result<(), ImageError> {
    let program = system_program(MAKER).ok_or(ImageError::NoFilesystemMaker)?;
    let need = Need::of(folder).map_err(ImageError::io(folder))?;
    let (inodes, bytes) = need.with_free(free.bytes());
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    created.and_then(|created| created.set_len(bytes)).map_err(ImageError::io(file))?;
    let mut command = Command::new(program);
    command.env("SOURCE_DATE_EPOCH", TIME).env("LC_ALL", "C");
    command.args(["-q", "-F", "-t", "ext4", "-m", "0", "-L", "root-disk"]);
    command.args(["-O", FEATURES, "-U", UUID, "-E", &format!("hash_seed={UUID},lazy_itable_init=0")]);
    command.args(["-b", &BLOCK.to_string(), "-I", &INODE.to_string(), "-N", &inodes.to_string()]);
    command.arg("-d").arg(folder).arg(file);
    let failed =
        |error: String| ImageError::Filesystem { path: file.to_owned(), message: printable(&error).to_string() };
    let made = capture_blocking(command, MAKING).and_then(crate::host::Captured::text);
    made.map_err(|error| failed(error.to_string()))?;
    owner::give_to_root(file).map_err(|error| failed(error.to_string()))
}

/// What a folder's files take.
#[derive(Debug, Default, PartialEq, Eq)]
struct Need {
    inodes: u64,
    blocks: u64,
}

impl Need {
    /// Counts a file with several names each time, and so never too little.
    fn of(folder: &Path) -> io::Result<Self> {
        // The folder itself, and `lost+found` with its reserved blocks.
        let mut need = Self { inodes: 16, blocks: 16 };
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let mut bytes_of_names = 0;
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let metadata = entry.metadata()?;
                need.inodes += 1;
                // The header of an entry, and the padding of its name (Documentation/filesystems/ext4/directory.rst).
                bytes_of_names += entry.file_name().len() as u64 + 12;
                if metadata.is_dir() {
                    folders.push(entry.path());
                } else {
                    need.blocks += metadata.len().div_ceil(BLOCK);
                }
            }
            // Blocks of a folder may be half full.
            need.blocks += 1 + 2 * bytes_of_names / BLOCK;
        }
        Ok(need)
    }

    /// Inodes and bytes of a file system with so many bytes free.
    fn with_free(&self, free: u64) -> (u64, u64) {
        let inodes = self.inodes + free / BYTES_PER_INODE;
        let data = self.blocks * BLOCK + free + inodes * INODE;
        // Bitmaps, copies of the superblock, trees of extents: less than 1 %.
        let all = data + data / 128 + (1 << 20);
        (inodes, all.next_multiple_of(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn need_covers_blocks_and_names() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Need::of(dir.path()).unwrap(), Need { inodes: 16, blocks: 17 });
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/b"), [0; 4097]).unwrap();
        fs::write(dir.path().join("c"), "").unwrap();
        assert_eq!(Need::of(dir.path()).unwrap(), Need { inodes: 19, blocks: 20 });
    }

    #[test]
    fn size_is_in_whole_mib_and_larger_than_what_is_in_it() {
        let need = Need { inodes: 1000, blocks: 25_600 };
        let (inodes, bytes) = need.with_free(512 << 20);
        assert_eq!(inodes, 1000 + 65_536);
        assert_eq!(bytes % (1 << 20), 0);
        assert!((628 << 20..640 << 20).contains(&bytes), "{}", bytes >> 20);
    }
}
