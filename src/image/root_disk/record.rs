//! The record of a disk, beside it: whether it is whole, without reading all of it.

use super::super::ImageError;
use model::Digest;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

const FILE: &str = "disk.json";
/// A record of another schema is none: the disk is made again.
pub(super) const SCHEMA: u32 = 1;

/// What is known of a disk.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    schema: u32,
    /// Length of the file.
    pub bytes: u64,
    pub digest: Digest,
    /// Public key of the guest's server, as a line.
    pub host_key: String,
}

impl Record {
    pub fn new(bytes: u64, digest: Digest, host_key: String) -> Self {
        Self { schema: SCHEMA, bytes, digest, host_key }
    }

    /// The record in a folder; `None` where there is none that this program understands.
    pub fn read(folder: &Path) -> Result<Option<Self>, ImageError> {
        let path = folder.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok().filter(|record: &Self| record.schema == SCHEMA)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(ImageError::io(path)(error)),
        }
    }

    pub fn write(&self, folder: &Path) -> Result<(), ImageError> {
        let path = folder.join(FILE);
        let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::other);
        text.and_then(|text| fs::write(&path, text)).map_err(ImageError::io(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip_and_others_are_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), None);
        let record = Record::new(7, Digest::of_bytes(&[1; 32]), "ssh-ed25519 A".to_owned());
        record.write(dir.path()).unwrap();
        assert_eq!(Record::read(dir.path()).unwrap().as_ref(), Some(&record));
        for text in ["", "{}", "{\"schema\": 2}"] {
            fs::write(dir.path().join(FILE), text).unwrap();
            assert_eq!(Record::read(dir.path()).unwrap(), None, "{text}");
        }
        Record { schema: 2, ..record }.write(dir.path()).unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), None);
    }
}
