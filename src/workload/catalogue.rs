//! All workloads by name.

use super::Manifest;
use crate::diagnostic::Diagnostic;
use model::WorkloadName;
use std::collections::BTreeMap;

/// Reads all manifests, given as path and text; the folder's name is the workload's.
///
/// # Errors
/// Every manifest that cannot be used.
pub fn catalogue<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<BTreeMap<WorkloadName, Manifest>, Vec<Diagnostic>> {
    let mut found = BTreeMap::new();
    let mut errors = Vec::new();
    for (path, text) in files {
        match Manifest::parse(text, path) {
            Ok(manifest) => {
                found.insert(manifest.name.clone(), manifest);
            }
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::Assets;

    fn builtin() -> BTreeMap<WorkloadName, Manifest> {
        let assets = Assets::builtin();
        let paths =
            assets.list("images/workloads").unwrap().into_iter().filter(|path| path.ends_with("/manifest.yaml"));
        let files: Vec<_> = paths
            .map(|path| (String::from_utf8(assets.read(&path).unwrap().unwrap().into_owned()).unwrap(), path))
            .collect();
        catalogue(files.iter().map(|(text, path)| (path.as_str(), text.as_str()))).unwrap()
    }

    #[test]
    fn builtin_workloads_have_manifest_and_program() {
        let known = builtin();
        let folders: std::collections::BTreeSet<_> = Assets::builtin()
            .list("images/workloads")
            .unwrap()
            .into_iter()
            .filter_map(|path| Some(path.split('/').nth(2)?.to_owned()))
            .collect();
        assert!(folders.contains("idle"));
        for folder in folders {
            assert!(known.contains_key(&WorkloadName::new(folder.as_str())), "{folder} lacks a manifest.yaml");
            let program = format!("images/workloads/{folder}/main.c");
            assert!(Assets::builtin().read(&program).unwrap().is_some(), "{program} is missing");
        }
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let errors = catalogue([("w/a/manifest.yaml", "name: a"), ("w/b/manifest.yaml", "nam: b")]).unwrap_err();
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn folder_has_the_name_of_the_workload() {
        let text = Assets::builtin().read("images/workloads/idle/manifest.yaml").unwrap().unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        let errors = catalogue([("images/workloads/sleep/manifest.yaml", text)]).unwrap_err();
        assert_eq!(errors[0].message, "the workload is named `idle`, but its folder `sleep`");
    }
}
