//! Names of what is built, in the cache: what it is made of, and what that is on this host.

use model::Digest;
use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What something in the cache is built of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// How the folder's name begins.
    pub prefix: String,
    /// Digest of what is known without tools and without the network: sources, settings, names of packages.
    pub recipe: Digest,
    /// Digests of what stands behind that here: the compiler, the packages' files; `None` where this host cannot tell.
    pub origins: Vec<Option<Digest>>,
}

impl Key {
    /// The folder's name; `None` where an origin is not known.
    pub fn name(&self) -> Option<String> {
        let origins: Option<Vec<&str>> = self.origins.iter().map(|origin| origin.as_ref().map(Digest::short)).collect();
        Some(format!("{}{}", self.begin(), origins?.join("-")))
    }

    /// The name, with a word for what is not known.
    pub fn shown(&self) -> String {
        let origins: Vec<&str> =
            self.origins.iter().map(|origin| origin.as_ref().map_or("unknown", Digest::short)).collect();
        format!("{}{}", self.begin(), origins.join("-"))
    }

    /// The folders below `parent` that may be used: the one of this name. Where an origin is not known, this host cannot build
    /// it, and any that was built of the same recipe will do: the most similar one first, of these the last used one.
    pub fn folders(&self, parent: &Path) -> Vec<PathBuf> {
        if let Some(name) = self.name() {
            return vec![parent.join(name)];
        }
        let begin = self.begin();
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let mut found: Vec<(usize, SystemTime, PathBuf)> = entries
            .filter_map(|entry| {
                let name = entry.file_name();
                let origins: Vec<&str> = name.to_str()?.strip_prefix(&begin)?.split('-').collect();
                let used = entry.metadata().and_then(|metadata| metadata.modified()).ok()?;
                (origins.len() == self.origins.len()).then(|| (self.common(&origins), used, entry.path()))
            })
            .collect();
        found.sort_unstable_by(|a, b| Reverse(a).cmp(&Reverse(b)));
        found.into_iter().map(|(.., path)| path).collect()
    }

    fn begin(&self) -> String {
        format!("{}.{}-", self.prefix, self.recipe.short())
    }

    /// Number of origins that are the same.
    fn common(&self, origins: &[&str]) -> usize {
        let known = self.origins.iter().zip(origins);
        known.filter(|(origin, other)| origin.as_ref().is_some_and(|origin| origin.short() == **other)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn digest(byte: u8) -> Digest {
        Digest::of_bytes(&[byte; 32])
    }

    fn key(recipe: u8, origins: [Option<u8>; 2]) -> Key {
        Key { prefix: "arm.idle".to_owned(), recipe: digest(recipe), origins: origins.map(|at| at.map(digest)).into() }
    }

    #[test]
    fn known_origins_name_one_folder() {
        let key = key(1, [Some(2), Some(3)]);
        assert_eq!(key.name().as_deref(), Some("arm.idle.010101010101-020202020202-030303030303"));
        assert_eq!(key.shown(), key.name().unwrap());
        assert_eq!(key.folders(Path::new("images")), [Path::new("images").join(key.shown())]);
    }

    #[test]
    fn unknown_origin_stands_for_any() {
        let dir = tempfile::tempdir().unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (age, made) in [
            key(1, [Some(2), Some(3)]),
            key(1, [Some(2), Some(4)]),
            key(1, [Some(5), Some(3)]),
            key(9, [Some(2), Some(3)]),
        ]
        .iter()
        .enumerate()
        {
            let folder = dir.path().join(made.name().unwrap());
            fs::create_dir(&folder).unwrap();
            fs::File::open(&folder).unwrap().set_modified(then + Duration::from_secs(age as u64)).unwrap();
        }
        fs::create_dir(dir.path().join("arm.idle.010101010101-020202020202")).unwrap();
        let found = |origins| {
            let folders = key(1, origins).folders(dir.path());
            folders.iter().map(|path| path.file_name().unwrap().to_str().unwrap()[22..].to_owned()).collect::<Vec<_>>()
        };
        let [a, b, c] = ["020202020202-030303030303", "020202020202-040404040404", "050505050505-030303030303"];
        assert_eq!(found([None, None]), [c, b, a], "the last used one first");
        assert_eq!(found([Some(2), None]), [b, a, c]);
        assert_eq!(found([None, Some(3)]), [c, a, b]);
        assert_eq!(key(1, [None, Some(3)]).name(), None);
        assert_eq!(key(1, [None, Some(3)]).shown(), "arm.idle.010101010101-unknown-030303030303");
        assert_eq!(key(7, [None, None]).folders(dir.path()), Vec::<PathBuf>::new());
    }
}
