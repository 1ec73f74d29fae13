//! Finished kernels in the cache.

use super::KernelError;
use super::cache::{Cache, Scratch, digest_of, digest_of_file, point};
use model::{Arch, Digest, KernelArtifact, KernelName};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Version of the record's format; a record of any other is not used.
const SCHEMA: u32 = 1;
/// Name of the record in the artifact's folder.
pub(super) const RECORD: &str = "artifact.json";
/// Name of the bootable image in the artifact's folder, whatever its format.
pub(super) const IMAGE: &str = "kernel";
pub(super) const SYSTEM_MAP: &str = "System.map";
pub(super) const CONFIG: &str = "config";
/// ELF file with debug information.
pub(super) const DEBUG_INFO: &str = "layouts.elf";
/// The folder of all kernels, in that of the cache.
const ARTIFACTS: &str = "artifacts";
/// Folder with `lib/modules/<release>`.
pub(super) const MODULES: &str = "modules";

/// Marks a folder that holds a whole kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    schema: u32,
    /// Digest of everything that was known about the kernel before it was made.
    recipe: Digest,
    /// The same without the compiler; `None` in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sources: Option<Digest>,
    release: String,
    /// Bytes of the image.
    size: u64,
    digest: Digest,
    /// The kernel's name, for those to which no link points any more; empty in older records.
    #[serde(default)]
    name: String,
    #[serde(default)]
    arch: String,
    /// See [`super::KernelEntry::is_variant`].
    #[serde(default)]
    is_variant: bool,
}

/// What a record says of a kernel, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub name: String,
    pub arch: String,
    pub release: String,
    pub is_variant: bool,
}

/// The label of the kernel in this folder; `None` if it holds none.
pub(super) fn label(folder: &Path) -> Option<Label> {
    let Record { name, arch, release, is_variant, .. } = read(folder)?;
    Some(Label { name, arch, release, is_variant })
}

/// The recipe of the kernel that was built of these sources and used last, whatever compiler built it.
pub(super) fn built_of(cache: &Cache, sources: &Digest) -> Option<Digest> {
    let entries = fs::read_dir(cache.path(ARTIFACTS)).ok()?.flatten();
    let of_sources = entries.filter_map(|entry| {
        let path = entry.path().join(RECORD);
        let record = read(&entry.path()).filter(|record| record.sources.as_ref() == Some(sources))?;
        Some((fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?, record.recipe))
    });
    of_sources.max_by_key(|(used, _)| *used).map(|(_, recipe)| recipe)
}

fn read(folder: &Path) -> Option<Record> {
    serde_json::from_slice(&fs::read(folder.join(RECORD)).ok()?).ok()
}

/// A kernel's place in the cache.
#[derive(Debug, Clone)]
pub(super) struct Slot<'a> {
    pub cache: &'a Cache,
    pub name: &'a KernelName,
    pub arch: Arch,
    /// The recipe, where it determines the kernel: whatever its name, it is made once.
    pub key: Option<Digest>,
    /// See [`super::KernelEntry::is_variant`].
    pub is_variant: bool,
}

impl Slot<'_> {
    /// The kernel's folder: that of its recipe, or one that is the same for each build of it.
    pub fn folder(&self) -> PathBuf {
        match &self.key {
            Some(key) => self.cache.path(artifact(key)),
            None => self.link(),
        }
    }

    /// The link to the latest build.
    fn link(&self) -> PathBuf {
        self.cache.path(format!("kernels/{}/{}", self.name, self.arch))
    }

    /// The kernel there, if it is whole and was made by this recipe.
    pub fn load(&self, recipe: &Digest) -> Option<KernelArtifact> {
        self.load_if(|record| record.recipe == *recipe)
    }

    /// The kernel there, if it is whole and was made of these sources, by whatever compiler.
    pub fn load_of(&self, sources: &Digest) -> Option<KernelArtifact> {
        self.load_if(|record| record.sources.as_ref() == Some(sources))
    }

    /// Adds the sources to the record of a kernel of this recipe that an older program made.
    pub fn note_sources(&self, recipe: &Digest, sources: &Digest) -> io::Result<()> {
        let Some(record) = read(&self.folder()).filter(|record| record.recipe == *recipe && record.sources.is_none())
        else {
            return Ok(());
        };
        // Resolved: meanwhile the link may be replaced by that of another build.
        let folder = self.folder().canonicalize()?;
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        file.write_all(&serde_json::to_vec_pretty(&Record { sources: Some(sources.clone()), ..record })?)?;
        file.as_file().set_permissions(fs::metadata(folder.join(RECORD))?.permissions())?;
        file.persist(folder.join(RECORD))?;
        Ok(())
    }

    fn load_if(&self, is_wanted: impl Fn(&Record) -> bool) -> Option<KernelArtifact> {
        let folder = self.folder();
        let record = read(&folder)?;
        let image = folder.join(IMAGE);
        let intact = record.schema == SCHEMA
            && is_wanted(&record)
            && fs::metadata(&image).ok()?.len() == record.size
            && digest_of_file(&image).ok()? == record.digest;
        let beside = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        intact.then(|| KernelArtifact {
            name: self.name.clone(),
            arch: self.arch,
            release: record.release,
            image,
            digest: record.digest,
            system_map: beside(SYSTEM_MAP),
            config: beside(CONFIG),
            vmlinux: beside(DEBUG_INFO),
            modules: Some(folder.join(MODULES)).filter(|path| path.is_dir()),
            commit: None,
        })
    }

    /// A folder for the files; `content` distinguishes builds of one recipe.
    pub fn scratch(&self, recipe: &Digest, content: &str) -> Result<Scratch, KernelError> {
        self.cache.scratch(artifact(&self.build(recipe, content)))
    }

    /// Whether the latest build was made of this content.
    pub fn is_made_of(&self, recipe: &Digest, content: &str) -> bool {
        let target = fs::read_link(self.link()).unwrap_or_default();
        target.file_name().is_some_and(|name| name == self.build(recipe, content).as_str())
    }

    /// The same of a build by any recipe.
    pub fn is_of_content(&self, content: &str) -> bool {
        read(&self.folder()).is_some_and(|record| self.is_made_of(&record.recipe, content))
    }

    fn build(&self, recipe: &Digest, content: &str) -> Digest {
        let named = || digest_of([self.name.as_str(), self.arch.name, recipe.as_str(), content]);
        self.key.clone().unwrap_or_else(named)
    }

    /// Writes the record and puts the finished folder in its place.
    pub fn finish(
        &self,
        scratch: Scratch,
        recipe: Digest,
        sources: Digest,
        release: String,
    ) -> Result<KernelArtifact, KernelError> {
        let image = scratch.path().join(IMAGE);
        let size = fs::metadata(&image).map_err(KernelError::io("read", &image))?.len();
        let digest = digest_of_file(&image).map_err(KernelError::io("read", &image))?;
        let (name, arch) = (self.name.to_string(), self.arch.name.to_owned());
        let record = Record {
            schema: SCHEMA,
            recipe: recipe.clone(),
            sources: Some(sources),
            release,
            size,
            digest,
            name,
            arch,
            is_variant: self.is_variant,
        };
        let path = scratch.path().join(RECORD);
        let text = serde_json::to_vec_pretty(&record).map_err(|error| KernelError::io("write", &path)(error.into()))?;
        fs::write(&path, text).map_err(KernelError::io("write", &path))?;
        let folder = scratch.install()?;
        let name = folder.file_name().unwrap_or_default();
        point(&self.link(), &Path::new("../../artifacts").join(name))?;
        self.load(&recipe).ok_or_else(|| KernelError::Damaged {
            path: self.folder(),
            message: "changed while it was installed".into(),
        })
    }
}

fn artifact(key: &Digest) -> String {
    format!("{ARTIFACTS}/{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_slot(test: impl FnOnce(Slot<'_>)) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().to_owned());
        test(Slot {
            cache: &cache,
            name: &KernelName::new("linux-6.1"),
            arch: arch::find("arm").unwrap(),
            key: None,
            is_variant: false,
        });
    }

    fn sources() -> Digest {
        digest_of(["sources"])
    }

    fn make(slot: &Slot<'_>, recipe: &Digest, image: &str) -> KernelArtifact {
        let scratch = slot.scratch(recipe, image).unwrap();
        fs::write(scratch.path().join(IMAGE), image).unwrap();
        fs::write(scratch.path().join(CONFIG), "CONFIG_A=y\n").unwrap();
        slot.finish(scratch, recipe.clone(), sources(), "6.1.0".into()).unwrap()
    }

    #[test]
    fn finished_kernel_is_found_at_a_stable_path() {
        with_slot(|slot| {
            let recipe = digest_of(["one"]);
            assert_eq!(slot.load(&recipe), None);
            let made = make(&slot, &recipe, "image");
            assert_eq!(slot.load(&recipe), Some(made.clone()));
            assert_eq!(made.image, slot.folder().join("kernel"));
            assert_eq!((made.system_map, made.release.as_str()), (None, "6.1.0"));
            assert_eq!(made.config, Some(slot.folder().join("config")));
            assert!(slot.is_made_of(&recipe, "image") && !slot.is_made_of(&recipe, "newer"));
            assert!(slot.is_of_content("image") && !slot.is_of_content("newer"));
            let again = make(&slot, &digest_of(["two"]), "other");
            assert_eq!(again.image, made.image);
            assert_eq!(slot.load(&recipe), None);
        });
    }

    #[test]
    fn kernel_is_found_by_its_recipe_under_every_name() {
        with_slot(|slot| {
            let (one, two) = (digest_of(["one"]), digest_of(["two"]));
            let keyed = |recipe: &Digest| Slot { key: Some(recipe.clone()), ..slot.clone() };
            let made = make(&keyed(&one), &one, "image");
            make(&keyed(&two), &two, "other");
            assert_eq!(keyed(&one).load(&one), Some(made.clone()), "a later build does not replace it");
            assert!(slot.load(&two).is_some() && slot.load(&one).is_none(), "the link is that of the later build");
            let renamed = KernelName::new("commit-2");
            let found = Slot { name: &renamed, ..keyed(&one) }.load(&one).unwrap();
            assert_eq!((found.image, found.name), (made.image, renamed));
        });
    }

    #[test]
    fn kernel_is_found_by_its_sources() {
        with_slot(|slot| {
            let (one, two) = (digest_of(["one"]), digest_of(["two"]));
            assert_eq!(built_of(slot.cache, &sources()), None);
            let made = make(&slot, &one, "image");
            assert_eq!(slot.load_of(&sources()), Some(made.clone()));
            assert_eq!((slot.load_of(&one), built_of(slot.cache, &one)), (None, None));
            let keyed = Slot { key: Some(two.clone()), ..slot.clone() };
            make(&keyed, &two, "other");
            let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
            fs::File::open(keyed.folder().join(RECORD)).unwrap().set_modified(then).unwrap();
            assert_eq!(built_of(slot.cache, &sources()), Some(one), "the one that was used last");
        });
    }

    #[test]
    fn older_record_gets_its_sources_when_it_is_used() {
        with_slot(|slot| {
            let recipe = digest_of(["one"]);
            let made = make(&slot, &recipe, "image");
            let path = slot.folder().join(RECORD);
            let older = Record { sources: None, ..read(&slot.folder()).unwrap() };
            fs::write(&path, serde_json::to_vec(&older).unwrap()).unwrap();
            assert_eq!(slot.load_of(&sources()), None);
            slot.note_sources(&digest_of(["two"]), &sources()).unwrap();
            assert_eq!(slot.load_of(&sources()), None, "it is of another recipe");
            slot.note_sources(&recipe, &sources()).unwrap();
            assert_eq!(slot.load_of(&sources()), Some(made));
        });
    }

    #[test]
    fn truncated_or_changed_image_is_not_used() {
        with_slot(|slot| {
            let recipe = digest_of(["one"]);
            for broken in ["imag", "imagE", ""] {
                let made = make(&slot, &recipe, "image");
                fs::write(&made.image, broken).unwrap();
                assert_eq!(slot.load(&recipe), None, "{broken}");
            }
        });
    }

    #[test]
    fn interrupted_build_is_not_used() {
        with_slot(|slot| {
            let recipe = digest_of(["one"]);
            let scratch = slot.scratch(&recipe, "x").unwrap();
            fs::write(scratch.path().join(IMAGE), "half").unwrap();
            // As if the process was killed here: nothing is cleaned up.
            std::mem::forget(scratch);
            assert_eq!(slot.load(&recipe), None);
            make(&slot, &recipe, "x");
            assert_eq!(fs::read(slot.folder().join(IMAGE)).unwrap(), b"x");
        });
    }
}
