//! Patches of a source tree as search and replace, so that one file fits several releases: `kernels/patches/<name>.yaml`.

use super::KernelError;
use crate::assets::{Assets, is_stem};
use crate::diagnostic::{Document, Step, utf8};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Component, Path};

/// A patch of a source tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Name, without folder and extension.
    pub name: String,
    /// The file that describes it, for errors.
    origin: String,
    /// The whole description.
    text: String,
    replacements: Vec<Replacement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Its effect on the kernel.
    #[serde(rename = "summary")]
    _summary: String,
    /// Source of the kernel fact behind it.
    #[serde(rename = "source")]
    _source: String,
    replacements: Vec<Replacement>,
}

/// One search and replace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replacement {
    /// Path within the tree.
    file: String,
    /// The text that is replaced, whole lines with their line ends.
    find: String,
    /// The text in its place.
    with: String,
    /// How often it must be found.
    #[serde(default = "once")]
    times: usize,
    /// The first release whose tree it is for.
    #[serde(default)]
    from: Option<Release>,
    /// The first release whose tree it is no longer for.
    #[serde(default)]
    before: Option<Release>,
}

/// `VERSION` and `PATCHLEVEL` of a tree's makefile: `'6.18'`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Release(u32, u32);

impl TryFrom<String> for Release {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let numbers = text.split_once('.').and_then(|(a, b)| Some(Self(a.parse().ok()?, b.parse().ok()?)));
        numbers.ok_or_else(|| format!("`{text}` is no release such as '6.18'"))
    }
}

impl Release {
    fn of_makefile(makefile: &str) -> Option<Self> {
        let number = |name: &str| {
            let mut lines = makefile.lines();
            lines.find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('=')?.trim().parse().ok())
        };
        Some(Self(number("VERSION")?, number("PATCHLEVEL")?))
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

const fn once() -> usize {
    1
}

impl Patch {
    /// Reads `kernels/patches/<name>.yaml`.
    ///
    /// # Errors
    /// When it does not exist (`NoFile`), or cannot apply to any tree.
    pub fn read(assets: &Assets, name: &str) -> Result<Self, KernelError> {
        let path = format!("kernels/patches/{name}.yaml");
        let origin = assets.origin(&path);
        let bytes = assets.read(&path).map_err(KernelError::io("read", origin.as_ref()))?;
        let bytes = bytes.ok_or_else(|| KernelError::NoFile(path.clone()))?;
        let text = utf8(&bytes, &origin)?;
        let (file, mut document) = Document::read::<File>(&origin, text)?;
        for (index, replacement) in file.replacements.iter().enumerate() {
            replacement.check(|key, message| {
                document.wrong(&[Step::Key("replacements"), Step::Item(index), Step::Key(key)], message);
            });
        }
        document.finish()?;
        Ok(Self { name: name.to_owned(), text: text.to_owned(), origin, replacements: file.replacements })
    }

    /// Reads the patch that a kernel's name has behind a `+`.
    ///
    /// # Errors
    /// When there is none of this name (`NoPart`), or it is wrong.
    pub(super) fn named(assets: &Assets, name: &str) -> Result<Self, KernelError> {
        let none = || KernelError::NoPart(name.to_owned());
        if !is_stem(name) {
            return Err(none());
        }
        Self::read(assets, name).map_err(|error| if let KernelError::NoFile(_) = error { none() } else { error })
    }

    /// The part of a recipe that stands for this patch.
    pub(super) fn identity(&self) -> &str {
        &self.text
    }
}

impl Replacement {
    /// Whether it is for a release; one that names none is for all.
    fn is_for(&self, release: Option<Release>) -> bool {
        release.is_none_or(|release| {
            self.from.is_none_or(|from| from <= release) && self.before.is_none_or(|before| release < before)
        })
    }

    /// Notes what cannot apply to any tree, by its key.
    fn check(&self, mut wrong: impl FnMut(&str, String)) {
        let inside = Path::new(&self.file).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || self.file.is_empty() {
            wrong("file", format!("`{}` is not a path within a source tree", self.file));
        }
        if self.find.is_empty() {
            wrong("find", "the text to replace is empty".to_owned());
        }
        if self.times == 0 {
            wrong("times", "a text that must not be found cannot be replaced".to_owned());
        }
    }
}

/// Names of all patches, in alphabetical order.
///
/// # Errors
/// When their folder cannot be listed.
pub(super) fn patch_names(assets: &Assets) -> Result<Vec<String>, KernelError> {
    assets.stems("kernels/patches", ".yaml").map_err(KernelError::io("list", "kernels/patches".as_ref()))
}

/// Content by path.
pub(super) type Files = BTreeMap<String, String>;

/// The changed files by path, with their new content. Each patch applies on top of those before it; `read` gives a file's
/// content in the tree.
///
/// # Errors
/// When a file is missing, a text is not found as often as stated, or a patch has nothing for the tree's release.
pub(super) fn apply(patches: &[Patch], read: impl Fn(&str) -> std::io::Result<String>) -> Result<Files, KernelError> {
    let mut changed = Files::new();
    let release = read("Makefile").ok().and_then(|makefile| Release::of_makefile(&makefile));
    for patch in patches {
        if let Some(release) = release
            && !patch.replacements.iter().any(|replacement| replacement.is_for(Some(release)))
        {
            let message = format!("none of its replacements is for Linux {release}");
            return Err(KernelError::Catalogue { origin: patch.origin.clone(), message });
        }
        for replacement in patch.replacements.iter().filter(|replacement| replacement.is_for(release)) {
            let file = &replacement.file;
            let wrong = |message: String| KernelError::Catalogue {
                origin: patch.origin.clone(),
                message: format!("{file}: {message}"),
            };
            let before = match changed.remove(file) {
                Some(text) => text,
                None => read(file).map_err(|error| wrong(format!("cannot be read: {error}")))?,
            };
            let found = before.matches(&replacement.find).count();
            if found != replacement.times {
                let times = |count: usize| if count == 1 { "once".to_owned() } else { format!("{count} times") };
                let place = nearest(&before, &replacement.find);
                let (found, wanted) = (times(found), times(replacement.times));
                return Err(wrong(format!("the text is found {found}, not {wanted}; {place}")));
            }
            changed.insert(file.clone(), before.replace(&replacement.find, &replacement.with));
        }
    }
    Ok(changed)
}

/// Where the file resembles the searched text most.
fn nearest(content: &str, find: &str) -> String {
    let wanted: Vec<&str> = find.lines().collect();
    let lines: Vec<&str> = content.lines().collect();
    let equal_lines = |at: usize| {
        let there = lines[at..].iter().zip(&wanted);
        there.take_while(|(line, wanted)| line == wanted).count()
    };
    let first =
        (0..lines.len()).map(|at| (equal_lines(at), at)).max_by_key(|(count, at)| (*count, std::cmp::Reverse(*at)));
    match first {
        Some((count @ 1.., at)) if count < wanted.len() => {
            let there = lines.get(at + count).copied().unwrap_or("the end of the file");
            format!("line {} should be\n    {}\nand is\n    {there}", at + count + 1, wanted[count])
        }
        Some((1.., at)) => format!("the first is at line {}", at + 1),
        _ => format!("no line equals its first,\n    {}", wanted.first().unwrap_or(&"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const TEXT: &str = "summary: it says b\nsource: none\nreplacements:\n  - file: mm/a.c\n    find: |\n      one\n      \
        two\n    with: |\n      b\n";

    fn read(text: &str) -> Result<Patch, KernelError> {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("kernels/patches")).unwrap();
        fs::write(dir.path().join("kernels/patches/mine.yaml"), text).unwrap();
        Patch::read(&Assets::with_overlay(dir.path()), "mine")
    }

    fn apply_to(content: &str, patches: &[Patch]) -> Result<Option<String>, KernelError> {
        let read = |path: &str| match path {
            "mm/a.c" => Ok(content.to_owned()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        };
        apply(patches, read).map(|mut files| files.remove("mm/a.c"))
    }

    #[test]
    fn patches_apply_in_order() {
        let first = read(TEXT).unwrap();
        let text = TEXT.replace("      b\n", "      c\n").replace("one\n      two", "b");
        let second = read(&text).unwrap();
        assert_eq!(apply_to("zero\none\ntwo\nthree\n", &[first, second]).unwrap().unwrap(), "zero\nc\nthree\n");
    }

    #[test]
    fn replacement_is_for_its_releases() {
        let other = TEXT.split_once("replacements:\n").unwrap().1.replace("      b\n", "      c\n");
        let patch = [read(&format!("{TEXT}    before: '6.18'\n{other}    from: '6.18'\n    before: 7.10\n")).unwrap()];
        let apply_to = |makefile: &str| {
            let read = |path: &str| Ok(if path == "Makefile" { makefile } else { "one\ntwo\n" }.to_owned());
            apply(&patch, read).map(|mut files| files.remove("mm/a.c").unwrap()).map_err(|error| error.to_string())
        };
        let makefile = |version, level| format!("# x\nVERSION = {version}\nPATCHLEVEL = {level}\nSUBLEVEL = 3\n");
        assert_eq!(apply_to(&makefile(5, 10)).unwrap(), "b\n");
        assert_eq!(apply_to(&makefile(6, 17)).unwrap(), "b\n");
        assert_eq!(apply_to(&makefile(6, 18)).unwrap(), "c\n");
        assert_eq!(apply_to(&makefile(7, 9)).unwrap(), "c\n");
        let message = apply_to(&makefile(7, 10)).unwrap_err();
        assert!(message.ends_with("none of its replacements is for Linux 7.10"), "{message}");
    }

    #[test]
    fn mismatch_is_an_error_with_its_context() {
        let patch = [read(TEXT).unwrap()];
        for (content, part) in [
            ("one\n2\n", "mm/a.c: the text is found 0 times, not once; line 2 should be\n    two\nand is\n    2"),
            ("one", "line 2 should be\n    two\nand is\n    the end of the file"),
            ("x\n", "no line equals its first,\n    one"),
            ("x\none\ntwo\none\ntwo\n", "the text is found 2 times, not once; the first is at line 2"),
        ] {
            let message = apply_to(content, &patch).unwrap_err().to_string();
            assert!(message.contains("kernels/patches/mine.yaml: ") && message.contains(part), "{message}");
        }
        let patch = [read(&format!("{TEXT}    times: 2\n")).unwrap()];
        assert_eq!(apply_to("one\ntwo\none\ntwo\n", &patch).unwrap().unwrap(), "b\nb\n");
        let patch = [read(&TEXT.replace("mm/a.c", "mm/b.c")).unwrap()];
        assert!(apply_to("", &patch).unwrap_err().to_string().contains("mm/b.c: cannot be read: "));
    }

    #[test]
    fn wrong_descriptions_are_refused_with_their_place() {
        for (from, to, message, place) in [
            ("mm/a.c", "../a.c", "`../a.c` is not a path within a source tree", "4:11"),
            ("mm/a.c", "/etc/passwd", "`/etc/passwd` is not a path within a source tree", "4:11"),
            ("replacements", "replacement", "unknown key `replacement`", "3:1"),
            ("    with: |", "    times: 0\n    with: |", "a text that must not be found cannot be replaced", "8:12"),
            ("    with: |", "    from: six\n    with: |", "`six` is no release such as '6.18'", "8:11"),
            ("summary: it says b\n", "", "`summary` is missing", "1:1"),
        ] {
            let shown = read(&TEXT.replace(from, to)).unwrap_err().to_string();
            assert!(shown.starts_with(&format!("error: {message}\n")), "{shown}");
            assert!(shown.contains(&format!("kernels/patches/mine.yaml:{place}\n")), "{shown}");
        }
    }
}
