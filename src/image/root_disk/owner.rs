//! Gives all files of an ext4 file system to root.
//!
//! mke2fs(8) copies the owners of a folder's files, and an ordinary user's are the user's. A user namespace would show others, but
//! distributions and containers forbid it. Inodes have no checksum in a file system without `metadata_csum`, so that their owners
//! can be changed where they are (Documentation/filesystems/ext4/super.rst, group_descr.rst, inodes.rst).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const SUPERBLOCK: u64 = 1024;
const MAGIC: u16 = 0xef53;
/// Features that change the place of inode tables or add checksums: `64bit` and `meta_bg`; `gdt_csum` and `metadata_csum`.
const INCOMPATIBLE: u32 = 0x80 | 0x10;
const CHECKSUMS: u32 = 0x10 | 0x400;
/// Size of a group's descriptor without `64bit`.
const DESCRIPTOR: u64 = 32;
/// Where an inode has the halves of its owner and group.
const OWNER: [std::ops::Range<usize>; 3] = [2..4, 24..26, 120..124];

/// Sets owner and group of every inode to 0.
///
/// # Errors
/// When the file cannot be read or written, or has no file system of this form.
pub(super) fn give_to_root(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let form = Form::read(&file)?;
    for group in 0..form.inodes.div_ceil(form.inodes_per_group) {
        let mut descriptor = [0; DESCRIPTOR as usize];
        file.read_exact_at(&mut descriptor, form.descriptors + group * DESCRIPTOR)?;
        let table = u64::from(u32_at(&descriptor, 8)) * form.block;
        form.change_table(&file, table)?;
    }
    Ok(())
}

/// The part of the superblock that tells where the inodes are.
struct Form {
    inodes: u64,
    inodes_per_group: u64,
    inode: usize,
    block: u64,
    /// Place of the groups' descriptors.
    descriptors: u64,
}

impl Form {
    fn read(file: &File) -> io::Result<Self> {
        let mut superblock = [0; 1024];
        file.read_exact_at(&mut superblock, SUPERBLOCK)?;
        let unknown = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("mke2fs has made {what}"));
        if u16_at(&superblock, 56) != MAGIC {
            return Err(unknown("no ext4 file system"));
        }
        if u32_at(&superblock, 96) & INCOMPATIBLE != 0 || u32_at(&superblock, 100) & CHECKSUMS != 0 {
            return Err(unknown("a file system with features that were not requested"));
        }
        let block = 1024_u64.checked_shl(u32_at(&superblock, 24)).unwrap_or(0);
        let form = Self {
            inodes: u32_at(&superblock, 0).into(),
            inodes_per_group: u32_at(&superblock, 40).into(),
            inode: u16_at(&superblock, 88).into(),
            block,
            descriptors: (u64::from(u32_at(&superblock, 20)) + 1) * block,
        };
        let is_sound = block >= 1024 && form.inode >= 128 && form.inodes_per_group > 0;
        if is_sound { Ok(form) } else { Err(unknown("a damaged superblock")) }
    }

    /// Writes back the blocks that have inodes in use, and so keeps the file sparse.
    fn change_table(&self, file: &File, at: u64) -> io::Result<()> {
        let bytes = self.inodes_per_group * self.inode as u64;
        let mut block = vec![0; usize::try_from(self.block).unwrap_or(usize::MAX)];
        for offset in (0..bytes).step_by(block.len()) {
            file.read_exact_at(&mut block, at + offset)?;
            let mut is_changed = false;
            // Without a mode (the first two bytes) an inode is not in use.
            for inode in block.chunks_exact_mut(self.inode).filter(|inode| inode[..2] != [0, 0]) {
                OWNER.into_iter().for_each(|part| inode[part].fill(0));
                is_changed = true;
            }
            if is_changed {
                file.write_all_at(&block, at + offset)?;
            }
        }
        Ok(())
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_file_system_is_refused_and_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        let refused = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            let error = give_to_root(&path).unwrap_err().to_string();
            assert_eq!(std::fs::read(&path).unwrap(), content);
            error
        };
        assert_eq!(refused(&[1; 4096]), "mke2fs has made no ext4 file system");
        let mut content = vec![0; 4096];
        content[1024 + 56..1024 + 58].copy_from_slice(&MAGIC.to_le_bytes());
        assert_eq!(refused(&content), "mke2fs has made a damaged superblock");
        content[1024 + 101] = 4;
        assert_eq!(refused(&content), "mke2fs has made a file system with features that were not requested");
        assert!(!refused(b"short").is_empty());
    }
}
