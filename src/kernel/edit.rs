//! Small changes of a source tree, written as data: `kernels/edits/<name>.yaml`.

use super::KernelError;
use crate::assets::Assets;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Component, Path};

/// A change of a source tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Name, without folder and extension.
    pub name: String,
    /// The file that describes it, for errors.
    origin: String,
    /// Digestible text of the description.
    text: String,
    replacements: Vec<Replacement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What it does to the kernel.
    #[serde(rename = "summary")]
    _summary: String,
    /// Where the kernel fact behind it comes from.
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
    /// How often it must be there.
    #[serde(default = "once")]
    times: usize,
}

const fn once() -> usize {
    1
}

impl Edit {
    /// Reads `kernels/edits/<name>.yaml`.
    ///
    /// # Errors
    /// When there is none (`Unknown`), or it says something that cannot be.
    pub fn read(assets: &Assets, name: &str) -> Result<Self, KernelError> {
        let path = format!("kernels/edits/{name}.yaml");
        let origin = assets.origin(&path);
        let bytes = assets.read(&path).map_err(KernelError::io("read", origin.as_ref()))?;
        let bytes = bytes.ok_or_else(|| KernelError::Unknown { name: name.to_owned(), similar: None })?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let wrong = |message: String| KernelError::Catalogue { origin: origin.clone(), message };
        let file: File = serde_yaml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        for replacement in &file.replacements {
            let inside = Path::new(&replacement.file).components().all(|part| matches!(part, Component::Normal(_)));
            if !inside || replacement.file.is_empty() {
                return Err(wrong(format!("`{}` is no path within a source tree", replacement.file)));
            }
            if replacement.find.is_empty() || replacement.times == 0 {
                return Err(wrong(format!("{}: nothing is searched for", replacement.file)));
            }
        }
        Ok(Self { name: name.to_owned(), origin, text, replacements: file.replacements })
    }

    /// What decides what it does.
    pub(super) fn identity(&self) -> &str {
        &self.text
    }
}

/// The files that edits change and what is in them afterwards, by path. Each edit works on what those before it have made;
/// `read` gives a file's content in the tree.
///
/// # Errors
/// When a file is missing, or a text is not there as often as it should be.
pub(super) fn apply(
    edits: &[Edit],
    read: impl Fn(&str) -> std::io::Result<String>,
) -> Result<BTreeMap<String, String>, KernelError> {
    let mut changed = BTreeMap::new();
    for edit in edits {
        for replacement in &edit.replacements {
            let file = &replacement.file;
            let wrong = |message: String| KernelError::Catalogue {
                origin: edit.origin.clone(),
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
                return Err(wrong(format!("the text is there {found}, not {wanted}; {place}")));
            }
            changed.insert(file.clone(), before.replace(&replacement.find, &replacement.with));
        }
    }
    Ok(changed)
}

/// Where the file is most like the text that was searched for.
fn nearest(content: &str, find: &str) -> String {
    let wanted: Vec<&str> = find.lines().collect();
    let lines: Vec<&str> = content.lines().collect();
    let alike = |at: usize| {
        let there = lines[at..].iter().zip(&wanted);
        there.take_while(|(line, wanted)| line == wanted).count()
    };
    let first = (0..lines.len()).map(|at| (alike(at), at)).max_by_key(|(count, at)| (*count, std::cmp::Reverse(*at)));
    match first {
        Some((count @ 1.., at)) if count < wanted.len() => {
            let there = lines.get(at + count).copied().unwrap_or("the end of the file");
            format!("line {} should be\n    {}\nand is\n    {there}", at + count + 1, wanted[count])
        }
        Some((1.., at)) => format!("the first is at line {}", at + 1),
        _ => format!("no line of it is like its first,\n    {}", wanted.first().unwrap_or(&"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const TEXT: &str = "summary: it says b\nsource: none\nreplacements:\n  - file: mm/a.c\n    find: |\n      one\n      \
        two\n    with: |\n      b\n";

    fn read(text: &str) -> Result<Edit, String> {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("kernels/edits")).unwrap();
        fs::write(dir.path().join("kernels/edits/mine.yaml"), text).unwrap();
        Edit::read(&Assets::with_overlay(dir.path()), "mine")
            .map_err(|error| error.to_string().replace(&format!("{}/", dir.path().display()), ""))
    }

    fn apply_to(content: &str, edits: &[Edit]) -> Result<String, String> {
        let read = |path: &str| match path {
            "mm/a.c" => Ok(content.to_owned()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        };
        apply(edits, read).map(|mut files| files.remove("mm/a.c").unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn edits_follow_each_other() {
        let first = read(TEXT).unwrap();
        let text = TEXT.replace("      b\n", "      c\n").replace("one\n      two", "b");
        let second = read(&text).unwrap();
        assert_eq!(apply_to("zero\none\ntwo\nthree\n", &[first, second]).unwrap(), "zero\nc\nthree\n");
    }

    #[test]
    fn a_text_that_is_not_there_as_often_as_stated_is_an_error_with_its_context() {
        let edit = [read(TEXT).unwrap()];
        for (content, part) in [
            ("one\n2\n", "mm/a.c: the text is there 0 times, not once; line 2 should be\n    two\nand is\n    2"),
            ("one", "line 2 should be\n    two\nand is\n    the end of the file"),
            ("x\n", "no line of it is like its first,\n    one"),
            ("x\none\ntwo\none\ntwo\n", "the text is there 2 times, not once; the first is at line 2"),
        ] {
            let message = apply_to(content, &edit).unwrap_err();
            assert!(message.contains("kernels/edits/mine.yaml: ") && message.contains(part), "{message}");
        }
        let edit = [read(&format!("{TEXT}    times: 2\n")).unwrap()];
        assert_eq!(apply_to("one\ntwo\none\ntwo\n", &edit).unwrap(), "b\nb\n");
        let edit = [read(&TEXT.replace("mm/a.c", "mm/b.c")).unwrap()];
        assert!(apply_to("", &edit).unwrap_err().contains("mm/b.c: cannot be read: "));
    }

    #[test]
    fn what_is_no_edit_is_refused_with_its_place() {
        for (from, to, part) in [
            ("mm/a.c", "../a.c", "`../a.c` is no path within a source tree"),
            ("mm/a.c", "/etc/passwd", "`/etc/passwd` is no path"),
            ("replacements", "replacement", "replacement"),
            ("summary: it says b\n", "", "summary"),
        ] {
            let message = read(&TEXT.replace(from, to)).unwrap_err();
            assert!(message.starts_with("kernels/edits/mine.yaml") && message.contains(part), "{message}");
        }
    }
}
