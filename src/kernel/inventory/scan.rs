//! Lists what lies in the cache. Symbolic links are not followed.

use super::super::KernelError;
use super::super::artifact::{RECORD, label};
use super::super::cache::Cache;
use super::item::{Category, Inventory, Item};
use super::remove::REMOVING;
use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// Whether the catalogue has a kernel, by its name and that of the architecture.
pub(super) type InCatalogue<'a> = &'a dyn Fn(&str, &str) -> bool;

/// Folders whose parts are listed; those of sources before those that belong to a source.
const FOLDERS: [&str; 10] =
    ["artifacts", "sources", "trees", "objects", "packages", "apt", "images", "disks", "selftests", "firmware"];

/// All of the cache.
pub(super) fn all(cache: &Cache, in_catalogue: InCatalogue<'_>) -> Result<Inventory, KernelError> {
    let mut scan = Scan::new(cache);
    scan.kernels(in_catalogue)?;
    scan.sources()?;
    scan.trees()?;
    scan.objects()?;
    scan.folders("packages", Category::Package)?;
    scan.folders("apt", Category::Index)?;
    scan.folders("images", Category::Image)?;
    scan.folders("disks", Category::Disk)?;
    scan.folders("selftests", Category::Selftests)?;
    scan.folders("firmware", Category::Firmware)?;
    for (name, metadata) in list(&cache.path(""))? {
        if !metadata.is_dir() || !FOLDERS.contains(&name.as_str()) {
            scan.other(Path::new(&name), &metadata);
        }
    }
    Ok(scan.finish())
}

/// The kernels alone.
pub(super) fn kernels(cache: &Cache, in_catalogue: InCatalogue<'_>) -> Result<Inventory, KernelError> {
    let mut scan = Scan::new(cache);
    scan.kernels(in_catalogue)?;
    Ok(scan.finish())
}

struct Scan<'c> {
    cache: &'c Cache,
    /// Files with several names that were counted.
    counted: HashSet<(u64, u64)>,
    items: Vec<Item>,
}

impl<'c> Scan<'c> {
    fn new(cache: &'c Cache) -> Self {
        Self { cache, counted: HashSet::new(), items: Vec::new() }
    }

    fn finish(mut self) -> Inventory {
        self.items.sort_by(|a, b| (a.category, &a.name, &a.arch).cmp(&(b.category, &b.name, &b.arch)));
        Inventory { items: self.items }
    }

    /// Counts a path as part of an item.
    fn add_to(&mut self, item: &mut Item, path: &Path, metadata: &Metadata) {
        item.bytes += self.bytes(&self.cache.path(path), metadata);
        item.used = item.used.max(modified(metadata));
        item.paths.push(path.to_owned());
    }

    fn push(&mut self, category: Category, name: String, path: &Path, metadata: &Metadata) -> &mut Item {
        let mut item = Item::new(category, name, modified(metadata));
        self.add_to(&mut item, path, metadata);
        self.items.push(item);
        self.items.last_mut().expect("it was just pushed")
    }

    /// What is not a part of its own, not the lab's, or damaged.
    fn other(&mut self, path: &Path, metadata: &Metadata) {
        let name = path.display().to_string();
        self.push(category(path, metadata), name, path, metadata);
    }

    /// Hands the folders in a folder of the cache to `take`; everything else in it is [`Scan::other`].
    fn each(
        &mut self,
        folder: &Path,
        mut take: impl FnMut(&mut Self, &str, &Path, &Metadata) -> bool,
    ) -> Result<(), KernelError> {
        for (name, metadata) in list(&self.cache.path(folder))? {
            let path = folder.join(&name);
            let is_taken = metadata.is_dir() && !name.starts_with('.') && take(self, &name, &path, &metadata);
            if !is_taken {
                self.other(&path, &metadata);
            }
        }
        Ok(())
    }

    fn kernels(&mut self, in_catalogue: InCatalogue<'_>) -> Result<(), KernelError> {
        let links = links(self.cache)?;
        self.each(Path::new("artifacts"), |scan, key, path, metadata| {
            let folder = scan.cache.path(path);
            let (Some(label), Ok(record)) = (label(&folder), fs::symlink_metadata(folder.join(RECORD))) else {
                return false;
            };
            // Kernels of several names may be one: it stays for the one that is to stay.
            let names = links.get(key).map(Vec::as_slice).unwrap_or_default();
            let known = names.iter().find(|(name, arch)| in_catalogue(name, arch));
            let link = known.or(names.first());
            let (name, arch) = link.cloned().unwrap_or((label.name, label.arch));
            let item = scan.push(Category::Kernel, name, path, metadata);
            item.used = modified(&record);
            item.is_current = link.is_some();
            item.in_catalogue = known.is_some();
            item.is_variant = label.is_variant && known.is_none();
            if item.name.is_empty() {
                item.name = key.chars().take(12).collect();
            }
            item.arch = Some(arch).filter(|arch| !arch.is_empty());
            item.release = Some(label.release);
            true
        })
    }

    fn sources(&mut self) -> Result<(), KernelError> {
        self.each(Path::new("sources"), |scan, name, path, metadata| {
            let is_package = is_digest(name);
            if !is_package && !name.starts_with("git-") {
                return false;
            }
            let release = release(&scan.cache.path(path));
            // A tree of git is used as often as it is checked out.
            let checked_out = fs::symlink_metadata(scan.cache.path(path).join(".git"));
            let name = if is_package { name.chars().take(12).collect() } else { name.to_owned() };
            let item = scan.push(Category::SourceTree, name, path, metadata);
            item.used = item.used.max(checked_out.map_or(item.used, |git| modified(&git)));
            item.release = release;
            true
        })
    }

    /// They belong to their source: most of their files are links to its own.
    fn trees(&mut self) -> Result<(), KernelError> {
        self.each(Path::new("trees"), |scan, name, path, metadata| {
            let Some((source, _)) = of_arch(name) else { return false };
            let owner = |item: &Item| item.category == Category::SourceTree && item.name == source;
            match scan.items.iter().position(owner) {
                Some(at) => {
                    let mut item = scan.items.remove(at);
                    scan.add_to(&mut item, path, metadata);
                    scan.items.push(item);
                }
                None => drop(scan.push(Category::SourceTree, source.to_owned(), path, metadata)),
            }
            true
        })
    }

    /// Every build in an output tree uses the source, too.
    fn objects(&mut self) -> Result<(), KernelError> {
        self.each(Path::new("objects"), |scan, name, path, metadata| {
            let Some((source, arch)) = of_arch(name) else { return false };
            let noted = fs::symlink_metadata(scan.cache.path(path).join("lab.used"));
            let used = noted.map_or(modified(metadata), |noted| modified(&noted));
            let owner = |item: &&mut Item| item.category == Category::SourceTree && item.name == source;
            if let Some(item) = scan.items.iter_mut().find(owner) {
                item.used = item.used.max(used);
            }
            let item = scan.push(Category::OutputTree, name.to_owned(), path, metadata);
            (item.arch, item.used) = (Some(arch.to_owned()), used);
            true
        })
    }

    /// Folders that have nothing to tell but what is in them.
    fn folders(&mut self, folder: &str, category: Category) -> Result<(), KernelError> {
        self.each(Path::new(folder), |scan, name, path, metadata| {
            let name = match category {
                Category::Package if !is_digest(name) => return false,
                Category::Package => first_file(&scan.cache.path(path)).unwrap_or_else(|| name.to_owned()),
                _ => name.to_owned(),
            };
            scan.push(category, name, path, metadata);
            true
        })
    }

    fn bytes(&mut self, path: &Path, metadata: &Metadata) -> u64 {
        if metadata.nlink() > 1 && !metadata.is_dir() && !self.counted.insert((metadata.dev(), metadata.ino())) {
            return 0;
        }
        let mut bytes = metadata.blocks() * 512;
        if metadata.is_dir() {
            // What vanishes meanwhile, or cannot be read, is not counted.
            for (name, metadata) in list(path).unwrap_or_default() {
                bytes += self.bytes(&path.join(name), &metadata);
            }
        }
        bytes
    }
}

/// The category of what is not a part of its own.
fn category(path: &Path, metadata: &Metadata) -> Category {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_answer = name.starts_with("kvm-") && name.ends_with(".json");
    let is_count = path.starts_with("objects") && name.starts_with("steps-");
    let is_folder =
        metadata.is_dir() && ["kernels", "locks", "logs", "results"].iter().any(|known| path == Path::new(known));
    if name.starts_with(".making-") || name.starts_with(REMOVING) {
        Category::Leftover
    } else if is_folder || metadata.is_file() && (is_answer || is_count) {
        Category::Log
    } else {
        Category::Other
    }
}

/// The entries of a folder, sorted; none where there is no folder, or a symbolic link in its place.
fn list(folder: &Path) -> Result<Vec<(String, Metadata)>, KernelError> {
    if !fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(Vec::new());
    }
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(KernelError::io("list", folder))?,
    };
    let name_and_metadata = |entry: fs::DirEntry| {
        // A name that is not UTF-8 is none of the lab's.
        Some((entry.file_name().to_str()?.to_owned(), entry.metadata().ok()?))
    };
    let mut found: Vec<_> = entries.flatten().filter_map(name_and_metadata).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// The names and architectures by which `kernels/NAME/ARCH` points to kernels, by key.
pub(super) fn links(cache: &Cache) -> Result<HashMap<String, Vec<(String, String)>>, KernelError> {
    let folder = cache.path("kernels");
    let mut links: HashMap<String, Vec<(String, String)>> = HashMap::new();
    for (name, metadata) in list(&folder)? {
        let arches = if metadata.is_dir() { list(&folder.join(&name))? } else { Vec::new() };
        for (arch, _) in arches {
            let target = fs::read_link(folder.join(&name).join(&arch)).ok();
            if let Some(key) = target.as_deref().and_then(Path::file_name).and_then(|key| key.to_str()) {
                links.entry(key.to_owned()).or_default().push((name.clone(), arch));
            }
        }
    }
    Ok(links)
}

/// Source and architecture of a tree's name: `<source>-<arch>`, and of an output tree's `<source>-<arch>-<digest>`.
fn of_arch(name: &str) -> Option<(&str, &'static str)> {
    arch::ALL.iter().find_map(|arch| {
        let (source, rest) = name.rsplit_once(&format!("-{}", arch.name))?;
        let is_end = rest.is_empty() || rest.strip_prefix('-').is_some_and(is_hex);
        is_end.then_some((source, arch.name))
    })
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_digest(name: &str) -> bool {
    name.len() == 64 && is_hex(name)
}

/// The release of a kernel's source tree, by its makefile.
fn release(tree: &Path) -> Option<String> {
    let makefile = fs::read_to_string(tree.join("Makefile")).ok()?;
    let value = |name: &str| {
        let line = makefile.lines().take(20).find(|line| line.split('=').next().map(str::trim) == Some(name))?;
        line.split_once('=').map(|(_, value)| value.trim())
    };
    let parts = [value("VERSION")?, value("PATCHLEVEL")?, value("SUBLEVEL")?].join(".");
    Some(parts + value("EXTRAVERSION").unwrap_or_default())
}

fn first_file(folder: &Path) -> Option<String> {
    list(folder).ok()?.into_iter().next().map(|(name, _)| name)
}

fn modified(metadata: &Metadata) -> SystemTime {
    metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}
