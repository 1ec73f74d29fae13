//! The file behind a guest's scratch disk.

use super::error::LabError;
use crate::host::{Captured, Limits, capture, scratch_folder, system_program, unnamed_file};
use model::{Filesystem, ScratchDisk, printable};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A sparse unlinked file: the kernel frees it with its last file descriptor.
#[derive(Debug)]
pub(super) struct ScratchFile(File);

impl ScratchFile {
    /// Creates one with its file system.
    pub async fn create(disk: &ScratchDisk) -> Result<Self, LabError> {
        let failed = |source| LabError::Disk { mib: disk.bytes >> 20, folder: scratch_folder(), source };
        let make = || {
            let file = unnamed_file()?;
            file.set_len(disk.bytes)?;
            Ok(Self(file))
        };
        let file = make().map_err(failed)?;
        if let Some(filesystem) = disk.filesystem {
            make_filesystem(filesystem, &file.path()).await.map_err(failed)?;
        }
        Ok(file)
    }

    /// A path for other processes of this user, valid while this process has the file open (proc_pid_fd(5)).
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }
}

/// Limits of mkfs.
const MAKING: Limits = Limits { timeout: Duration::from_secs(60), max_stdout: 1 << 20 };

async fn make_filesystem(filesystem: Filesystem, file: &Path) -> std::io::Result<()> {
    let [program, arguments @ ..] = filesystem.maker() else { return Ok(()) };
    let Some(found) = system_program(program) else {
        let text = format!("there is no {program} for an {} on it: `oomlab doctor --fix`", filesystem.name());
        return Err(std::io::Error::other(text));
    };
    let mut command = tokio::process::Command::new(found);
    command.args(arguments).arg(file);
    let made = capture(&mut command, MAKING).await.and_then(Captured::text);
    made.map(drop).map_err(|error| std::io::Error::other(format!("{program}: {}", printable(&error.to_string()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Throttle;
    use std::os::unix::fs::MetadataExt;

    fn disk(bytes: u64, filesystem: Option<Filesystem>) -> ScratchDisk {
        ScratchDisk { bytes, throttle: Throttle::default(), filesystem }
    }

    #[tokio::test]
    async fn it_takes_no_room_and_leaves_no_name() {
        let file = ScratchFile::create(&disk(1 << 40, None)).await.unwrap();
        let path = file.path();
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!((metadata.len(), metadata.nlink()), (1 << 40, 0));
        assert!(metadata.blocks() < 1024, "{}", metadata.blocks());
        std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_system_is_on_it() {
        for (filesystem, at, magic) in [(Filesystem::Ext4, 1024 + 56, &b"\x53\xef"[..]), (Filesystem::Xfs, 0, b"XFSB")]
        {
            let file = ScratchFile::create(&disk(filesystem.least_bytes(), Some(filesystem))).await.unwrap();
            let mut found = [0; 4];
            std::os::unix::fs::FileExt::read_exact_at(&file.0, &mut found, at).unwrap();
            assert!(found.starts_with(magic), "{filesystem:?}: {found:?}");
        }
    }

    #[tokio::test]
    async fn a_disk_that_cannot_be_made_is_an_error_with_its_place() {
        let error = ScratchFile::create(&disk(u64::MAX, None)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot make a scratch disk of {} MiB in ", u64::MAX >> 20)), "{text}");
        let error = ScratchFile::create(&disk(1 << 20, Some(Filesystem::Xfs))).await.unwrap_err();
        assert!(error.to_string().contains(": mkfs.xfs: "), "{error}");
    }
}
