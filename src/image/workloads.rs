//! The workloads, read from the program's files and the user's.

use super::ImageError;
use crate::assets::Assets;
use crate::diagnostic::utf8;
use crate::workload::{Manifest, Workloads, catalogue};

/// The folder with a folder for each workload.
pub(super) const FOLDER: &str = "images/workloads";

/// Reads the manifest of one workload.
///
/// # Errors
/// When there is none, or it is invalid.
pub fn read_workload(assets: &Assets, name: &str) -> Result<Manifest, ImageError> {
    let path = format!("{FOLDER}/{name}/manifest.yaml");
    let origin = assets.origin(&path);
    let bytes = assets.read(&path).map_err(ImageError::io(&origin))?;
    let bytes = bytes.ok_or_else(|| ImageError::NoManifest { folder: name.to_owned() })?;
    let manifest = utf8(&bytes, &origin).and_then(|text| Manifest::in_folder(text, &origin, Some(name)));
    manifest.map_err(ImageError::Manifests)
}

/// Reads all manifests.
///
/// # Errors
/// When a file cannot be read. An invalid manifest is one of [`Workloads::broken`].
pub fn load_workloads(assets: &Assets) -> Result<Workloads, ImageError> {
    let mut files = Vec::new();
    for path in assets.list(FOLDER).map_err(ImageError::io(FOLDER))? {
        if path.ends_with("/manifest.yaml") {
            let text = assets.read(&path).map_err(ImageError::io(assets.origin(&path)))?.unwrap_or_default();
            files.push((assets.origin(&path), String::from_utf8_lossy(&text).into_owned()));
        }
    }
    Ok(catalogue(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))))
}
