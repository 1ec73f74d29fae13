//! The workloads, read from the program's files and the user's.

use super::ImageError;
use crate::assets::Assets;
use crate::workload::{Manifest, catalogue};
use model::WorkloadName;
use std::collections::BTreeMap;

/// The folder with a folder for each workload.
pub(super) const FOLDER: &str = "images/workloads";

/// Reads all manifests.
///
/// # Errors
/// When a file cannot be read, or manifests are invalid; the error names all of them.
pub fn load_workloads(assets: &Assets) -> Result<BTreeMap<WorkloadName, Manifest>, ImageError> {
    let mut files = Vec::new();
    for path in assets.list(FOLDER).map_err(ImageError::io(FOLDER))? {
        if path.ends_with("/manifest.yaml") {
            let text = assets.read(&path).map_err(ImageError::io(assets.origin(&path)))?.unwrap_or_default();
            files.push((assets.origin(&path), String::from_utf8_lossy(&text).into_owned()));
        }
    }
    catalogue(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))).map_err(ImageError::Manifests)
}
