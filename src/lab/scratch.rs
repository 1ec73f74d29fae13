//! The file behind a guest's scratch disk.

use super::error::LabError;
use crate::model::ScratchDisk;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

/// A sparse file without a name: it is gone when its last user has ended, however that happens.
#[derive(Debug)]
pub(super) struct ScratchFile(File);

impl ScratchFile {
    /// Makes an empty one.
    pub fn create(disk: &ScratchDisk) -> Result<Self, LabError> {
        let folder = folder();
        let make = || {
            let file = tempfile::tempfile_in(&folder)?;
            file.set_len(disk.bytes)?;
            Ok(file)
        };
        make().map(Self).map_err(|source| LabError::Disk { mib: disk.bytes >> 20, folder: folder.clone(), source })
    }

    /// Where other processes of this user find it as long as this process has it open (proc_pid_fd(5)).
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }
}

/// An empty file without a name where scratch disks lie.
pub(super) fn unnamed() -> std::io::Result<File> {
    tempfile::tempfile_in(folder())
}

/// `/tmp` may be a tmpfs: a guest that fills its disk would use up the host's memory. `/var/tmp` is on a disk
/// (file-hierarchy(7)).
fn folder() -> PathBuf {
    let disk = PathBuf::from("/var/tmp");
    if std::env::var_os("TMPDIR").is_none() && disk.is_dir() { disk } else { std::env::temp_dir() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Throttle;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn it_takes_no_room_and_leaves_no_name() {
        let file = ScratchFile::create(&ScratchDisk { bytes: 1 << 40, throttle: Throttle::default() }).unwrap();
        let path = file.path();
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!((metadata.len(), metadata.nlink()), (1 << 40, 0));
        assert!(metadata.blocks() < 1024, "{}", metadata.blocks());
        std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_disk_that_no_file_can_hold_is_an_error_with_its_place() {
        let error = ScratchFile::create(&ScratchDisk { bytes: u64::MAX, throttle: Throttle::default() }).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot make a scratch disk of {} MiB in ", u64::MAX >> 20)), "{text}");
    }
}
