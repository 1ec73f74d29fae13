//! All workloads by name.

use super::Manifest;
use crate::diagnostic::{BrokenFile, Diagnostic, did_you_mean};
use model::WorkloadName;
use std::collections::BTreeMap;

/// The workloads that can be used, and the manifests that cannot.
#[derive(Debug, Default)]
pub struct Workloads {
    /// By name.
    pub known: BTreeMap<WorkloadName, Manifest>,
    /// The others.
    pub broken: Vec<BrokenFile>,
}

impl Workloads {
    /// The workload of this name, which may be that of a folder.
    ///
    /// # Errors
    /// What is wrong with its manifest; or, if there is none, a suggestion.
    pub fn find(&self, name: &str) -> Result<&Manifest, Vec<Diagnostic>> {
        if let Some(broken) = self.broken.iter().find(|broken| broken.names.iter().any(|other| other == name)) {
            return Err(broken.problems.clone());
        }
        self.known.get(&WorkloadName::new(name)).ok_or_else(|| {
            let mut unknown = Diagnostic::error(format!("unknown workload `{name}`"), None);
            unknown.label = did_you_mean(name, self.known.keys().map(|name| name.as_str()));
            unknown.help("`oomlab workload list` names all of them");
            vec![unknown]
        })
    }
}

/// Reads all manifests, given as path and text; the folder's name is the workload's.
pub fn catalogue<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Workloads {
    let mut workloads = Workloads::default();
    for (path, text) in files {
        match Manifest::parse(text, path) {
            Ok(manifest) => {
                workloads.known.insert(manifest.name.clone(), manifest);
            }
            Err(problems) => {
                let folder = path.rsplit('/').nth(1).unwrap_or(path).to_owned();
                workloads.broken.push(BrokenFile { names: vec![folder], problems });
            }
        }
    }
    workloads
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::Assets;

    fn builtin() -> Workloads {
        let assets = Assets::builtin();
        let paths =
            assets.list("images/workloads").unwrap().into_iter().filter(|path| path.ends_with("/manifest.yaml"));
        let files: Vec<_> = paths
            .map(|path| (String::from_utf8(assets.read(&path).unwrap().unwrap().into_owned()).unwrap(), path))
            .collect();
        catalogue(files.iter().map(|(text, path)| (path.as_str(), text.as_str())))
    }

    #[test]
    fn builtin_workloads_have_manifest_and_program_or_script() {
        let known = builtin();
        assert_eq!(known.broken, []);
        let folders: std::collections::BTreeSet<_> = Assets::builtin()
            .list("images/workloads")
            .unwrap()
            .into_iter()
            .filter_map(|path| Some(path.split('/').nth(2)?.to_owned()))
            .collect();
        assert!(folders.contains("idle"));
        for folder in folders {
            let manifest = known.known.get(&WorkloadName::new(folder.as_str()));
            let manifest = manifest.unwrap_or_else(|| panic!("{folder} lacks a manifest.yaml"));
            let program = format!("images/workloads/{folder}/main.c");
            let has_program = Assets::builtin().read(&program).unwrap().is_some();
            assert_eq!(has_program, manifest.script.is_none(), "{program}");
        }
    }

    #[test]
    fn broken_manifest_leaves_the_others() {
        let text = Assets::builtin().read("images/workloads/idle/manifest.yaml").unwrap().unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        let workloads =
            catalogue([("w/a/manifest.yaml", "name: a"), ("w/idle/manifest.yaml", text), ("w/b/x", "nam: b")]);
        assert_eq!(workloads.known.len(), 1);
        assert_eq!(workloads.broken.iter().flat_map(|file| &file.names).collect::<Vec<_>>(), ["a", "b"]);
        assert!(workloads.find("idle").is_ok());
        let message = |name: &str| workloads.find(name).unwrap_err()[0].to_string();
        assert!(message("b").contains("unknown key `nam`"));
        assert!(message("idel").contains("did you mean `idle`?"));
    }

    #[test]
    fn folder_has_the_name_of_the_workload() {
        let text = Assets::builtin().read("images/workloads/idle/manifest.yaml").unwrap().unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        let workloads = catalogue([("images/workloads/sleep/manifest.yaml", text)]);
        let message = "the workload is named `idle`, but its folder `sleep`";
        assert_eq!(workloads.broken[0].problems[0].message, message);
    }
}
