//! Descriptions in YAML, and the fragments and patches that they name.

use super::KernelError;
use super::config::Fragment;
use super::patch::Patch;
use crate::assets::Assets;
use crate::diagnostic::{Document, Step, did_you_mean, utf8};
use serde::de::DeserializeOwned;

/// Reads a description. `check` makes something of its content, and notes what is wrong with it; `None` only after a note.
///
/// # Errors
/// When it is not of this type, or something is wrong with it: with place and line.
pub(super) fn read<T: DeserializeOwned, R>(
    assets: &Assets,
    path: &str,
    check: impl FnOnce(T, &mut Document<'_>) -> Option<R>,
) -> Result<R, KernelError> {
    let origin = assets.origin(path);
    let bytes = assets.read(path).map_err(KernelError::io("read", origin.as_ref()))?;
    let irregular = || KernelError::Catalogue { origin: origin.clone(), message: "it is no regular file".to_owned() };
    let bytes = bytes.ok_or_else(irregular)?;
    let (content, mut document) = Document::read(&origin, utf8(&bytes, &origin)?)?;
    let made = check(content, &mut document);
    document.finish()?;
    made.ok_or_else(irregular)
}

/// The fragments that a description names in the list at `at`.
pub(super) fn fragments(
    assets: &Assets,
    names: &[String],
    at: &[Step<'_>],
    document: &mut Document<'_>,
) -> Vec<Fragment> {
    let kind = Kind { what: "fragment", folder: "kernels/config", extension: ".config" };
    named(assets, &kind, names, at, document, |name| Fragment::read(assets, name))
}

/// The patches that a description names in the list at `at`.
pub(super) fn patches(assets: &Assets, names: &[String], at: &[Step<'_>], document: &mut Document<'_>) -> Vec<Patch> {
    let kind = Kind { what: "patch", folder: "kernels/patches", extension: ".yaml" };
    named(assets, &kind, names, at, document, |name| Patch::read(assets, name))
}

/// A kind of file that descriptions name.
struct Kind {
    what: &'static str,
    folder: &'static str,
    extension: &'static str,
}

/// Reads files by name; what is wrong with them is noted where they are named, or in their own text.
fn named<T>(
    assets: &Assets,
    kind: &Kind,
    names: &[String],
    at: &[Step<'_>],
    document: &mut Document<'_>,
    read: impl Fn(&str) -> Result<T, KernelError>,
) -> Vec<T> {
    let Kind { what, folder, extension } = kind;
    let mut found = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let place = [at, &[Step::Item(index)]].concat();
        match read(name) {
            Ok(one) => found.push(one),
            Err(KernelError::Description(problems)) => document.extend(problems),
            Err(error @ KernelError::NoFile(_)) => {
                let known = assets.stems(folder, extension).unwrap_or_default();
                let wrong = document.wrong(&place, format!("unknown {what} `{name}`"));
                wrong.label = did_you_mean(name, known.iter().map(String::as_str));
                wrong.help(error.to_string());
            }
            Err(error) => {
                document.wrong(&place, error.to_string());
            }
        }
    }
    found
}
