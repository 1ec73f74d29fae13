//! Descriptions in YAML, and the fragments and patches that they name.

use super::KernelError;
use super::config::Fragment;
use super::patch::Patch;
use crate::assets::Assets;
use serde::Deserialize;

/// Reads a description; file, line and column are in the message of an error.
pub(super) fn parse<T: for<'a> Deserialize<'a>>(assets: &Assets, path: &str) -> Result<T, KernelError> {
    let origin = assets.origin(path);
    let wrong = |origin: String, message: String| KernelError::Catalogue { origin, message };
    let bytes = assets.read(path).map_err(KernelError::io("read", origin.as_ref()))?;
    let bytes = bytes.ok_or_else(|| wrong(origin.clone(), "it is no regular file".to_owned()))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| wrong(origin.clone(), error.to_string()))?;
    serde_yaml::from_str(text).map_err(|error| {
        let place = error.location().map(|at| format!(":{}:{}", at.line(), at.column())).unwrap_or_default();
        let message = error.without_snippet().to_string();
        // The place is in front of the message.
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        wrong(format!("{origin}{place}"), with_suggestion(message))
    })
}

/// An unknown key or value with the known one that was probably meant.
fn with_suggestion(message: &str) -> String {
    let expected = message.split_once(", expected ").filter(|_| message.starts_with("unknown "));
    let Some((found, expected)) = expected else { return message.to_owned() };
    let wrong = found.split('`').nth(1).unwrap_or_default();
    let known = expected.split(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c)));
    let near = known.map(|known| (strsim::damerau_levenshtein(wrong, known), known)).min();
    match near.filter(|(distance, _)| *distance <= 2) {
        Some((_, known)) => format!("{message}; did you mean `{known}`?"),
        None => message.to_owned(),
    }
}

/// The fragments of these names; `place` is where the description names them.
pub(super) fn read_fragments(
    assets: &Assets,
    names: &[String],
    origin: &str,
    place: &str,
) -> Result<Vec<Fragment>, KernelError> {
    let message = |name: &str| format!("{place}: no fragment kernels/config/{name}.config");
    names.iter().map(|name| Fragment::read(assets, name).map_err(missing(origin, message))).collect()
}

/// The patches of these names.
pub(super) fn read_patches(assets: &Assets, names: &[String], origin: &str) -> Result<Vec<Patch>, KernelError> {
    let message = |name: &str| format!("no patch kernels/patches/{name}.yaml");
    names.iter().map(|name| Patch::read(assets, name).map_err(missing(origin, message))).collect()
}

/// Reports a name that does not exist at the description that uses it.
fn missing(origin: &str, message: impl Fn(&str) -> String) -> impl Fn(KernelError) -> KernelError {
    move |error| match error {
        KernelError::Unknown { name, .. } => {
            KernelError::Catalogue { origin: origin.to_owned(), message: message(&name) }
        }
        other => other,
    }
}
