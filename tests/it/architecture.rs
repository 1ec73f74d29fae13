//! The laws of the source tree: which module may use which, what pure modules may not touch, and how long files get.
//!
//! The floors are those of the crate's documentation. A violation is reported as `file:line: what`.

use proc_macro2::{TokenStream, TokenTree};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A source file has one subject.
const MAX_LINES: usize = 400;
/// A `mod.rs` names its parts; content longer than this has a subject and deserves a file.
const MAX_MOD_LINES: usize = 120;

/// A module, and the modules that it may use.
struct Module {
    name: &'static str,
    pure: bool,
    uses: &'static [&'static str],
}

const fn pure(name: &'static str, uses: &'static [&'static str]) -> Module {
    Module { name, pure: true, uses }
}

const fn edge(name: &'static str, uses: &'static [&'static str]) -> Module {
    Module { name, pure: false, uses }
}

/// From the ground up. What the crates below may use, cargo enforces.
const MODULES: &[Module] = &[
    pure("diagnostic", &[]),
    pure("workload", &["diagnostic"]),
    pure("qmp", &[]),
    pure("report", &[]),
    edge("assets", &[]),
    pure("matrix", &["diagnostic", "workload"]),
    pure("launch", &[]),
    pure("schedule", &[]),
    edge("host", &["qmp", "schedule"]),
    edge("doctor", &["host"]),
    edge("slurm", &["host"]),
    edge("store", &["host"]),
    edge("history", &["store", "matrix", "schedule"]),
    edge("git", &["host", "store"]),
    edge("kernel", &["host", "store", "assets", "git", "diagnostic"]),
    edge("archive", &["host", "store", "report", "kernel"]),
    edge("pack", &["host", "store", "archive"]),
    edge("retention", &["store", "matrix"]),
    edge("merge", &["host", "store", "matrix"]),
    edge("nightly", &["host", "store", "retention", "diagnostic"]),
    edge("ssh", &[]),
    edge("image", &["host", "store", "workload", "assets", "diagnostic"]),
    edge("probe", &["host", "kernel", "qmp"]),
    edge("guest", &["host"]),
    edge(
        "lab",
        &[
            "guest", "probe", "qmp", "host", "store", "launch", "kernel", "image", "matrix", "report", "workload",
            "assets", "ssh", "schedule", "slurm",
        ],
    ),
    edge("bisection", &["git", "host", "store", "kernel", "lab", "matrix", "assets", "diagnostic", "schedule"]),
    edge(
        "cli",
        &[
            "lab",
            "archive",
            "pack",
            "merge",
            "retention",
            "nightly",
            "qmp",
            "ssh",
            "slurm",
            "matrix",
            "report",
            "store",
            "history",
            "git",
            "bisection",
            "kernel",
            "image",
            "workload",
            "launch",
            "schedule",
            "host",
            "assets",
            "diagnostic",
            "doctor",
        ],
    ),
];

/// Paths that a pure module may not name: I/O, processes and clocks.
const IMPURE: &[&[&str]] = &[
    &["tokio"],
    &["std", "fs"],
    &["std", "net"],
    &["std", "process"],
    &["std", "os", "unix", "net"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
];

/// Makers of temporary folders that others may enter, depending on the umask.
const OPEN_DIRS: &[&[&str]] =
    &[&["tempfile", "tempdir"], &["tempfile", "tempdir_in"], &["tempfile", "TempDir"], &["tempfile", "Builder"]];

/// The one file that may use them.
const PRIVATE_DIR: &str = "src/host/private_dir.rs";

/// A path that the code names, such as `crate::model::Cell`, and its line.
#[derive(Debug, PartialEq)]
struct Named {
    line: usize,
    path: Vec<String>,
}

#[test]
fn the_tree_keeps_its_laws() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut violations = Vec::new();
    for file in ["src", "tests", "crates"].into_iter().flat_map(|folder| rust_files(&root.join(folder))) {
        let text = fs::read_to_string(&file).unwrap();
        let relative = file.strip_prefix(root).unwrap();
        violations.extend(check(relative, &text));
    }
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The violations in one file; `path` is relative to the package.
fn check(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display();
    let mut violations = check_length(path, text);
    let tokens = match TokenStream::from_str(text) {
        Ok(tokens) => tokens,
        Err(error) => return vec![format!("{shown}:{}: {error}", error.span().start().line)],
    };
    let Some(name) = module_of(path) else {
        return violations;
    };
    let Some(module) = MODULES.iter().find(|module| module.name == name) else {
        violations.push(format!("{shown}:1: module `{name}` stands on no floor; add it to MODULES"));
        return violations;
    };
    for named in paths(without_tests(tokens)) {
        let line = named.line;
        if let Some(other) = named.path.get(1).filter(|_| named.path[0] == "crate")
            && MODULES.iter().any(|known| known.name == other)
            && !(other == module.name || module.uses.contains(&other.as_str()))
        {
            violations.push(format!("{shown}:{line}: `{name}` may not use `{other}`"));
        }
        let starts_with =
            |start: &&[&str]| named.path.iter().map(String::as_str).take(start.len()).eq(start.iter().copied());
        let is_exempt =
            path == Path::new(PRIVATE_DIR) || path.to_string_lossy().ends_with("tests.rs") || is_type(&named);
        if OPEN_DIRS.iter().any(starts_with) && !is_exempt {
            violations.push(format!("{shown}:{line}: use `host::private_dir` for a temporary folder"));
        }
        let impure = IMPURE.iter().find(|start| starts_with(start));
        if let Some(impure) = impure.filter(|_| module.pure) {
            violations.push(format!("{shown}:{line}: `{name}` is pure and may not use `{}`", impure.join("::")));
        }
    }
    violations
}

fn check_length(path: &Path, text: &str) -> Vec<String> {
    let is_index = !path.starts_with("tests") && (path.ends_with("mod.rs") || path.ends_with("lib.rs"));
    let cap = if is_index { MAX_MOD_LINES } else { MAX_LINES };
    let lines = text.lines().count();
    let advice = if is_index { "mod.rs only names its parts" } else { "it has two subjects, name them" };
    (lines > cap)
        .then(|| format!("{}:{}: longer than {cap} lines: {advice}", path.display(), cap + 1))
        .into_iter()
        .collect()
}

/// The top-level module that a file belongs to; `None` for the crate's roots and for tests.
fn module_of(path: &Path) -> Option<String> {
    let inside = path.strip_prefix("src").ok()?;
    let first = inside.iter().next()?.to_str()?;
    match first {
        "main.rs" | "lib.rs" => None,
        _ => Some(first.trim_end_matches(".rs").to_owned()),
    }
}

/// The tokens without items under `#[cfg(test)]`: tests may read files and use neighbours.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let mut kept: Vec<TokenTree> = Vec::new();
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        let is_attribute = matches!(kept.last(), Some(TokenTree::Punct(mark)) if mark.as_char() == '#');
        if is_attribute && token.to_string().replace(' ', "") == "[cfg(test)]" {
            kept.pop();
            // The item ends at its body or at its semicolon.
            tokens.by_ref().find(|token| match token {
                TokenTree::Group(group) => group.delimiter() == proc_macro2::Delimiter::Brace,
                TokenTree::Punct(mark) => mark.as_char() == ';',
                _ => false,
            });
        } else {
            kept.push(token);
        }
    }
    kept
}

/// `tempfile::TempDir` alone makes nothing.
fn is_type(named: &Named) -> bool {
    named.path == ["tempfile", "TempDir"]
}

/// Every path of two and more names, with the braces of `use` multiplied out.
fn paths(tokens: Vec<TokenTree>) -> Vec<Named> {
    let mut found = Vec::new();
    walk(&tokens, &[], &mut found);
    found
}

/// `prefix` is the path before a brace.
fn walk(tokens: &[TokenTree], prefix: &[String], found: &mut Vec<Named>) {
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(ident) => {
                let line = ident.span().start().line;
                let mut path = prefix.to_vec();
                path.push(ident.to_string());
                at += 1;
                while is_colons(tokens, at) {
                    match tokens.get(at + 2) {
                        Some(TokenTree::Ident(next)) => path.push(next.to_string()),
                        Some(TokenTree::Group(group)) => {
                            walk(&group.stream().into_iter().collect::<Vec<_>>(), &path, found);
                        }
                        _ => {}
                    }
                    at += 3;
                }
                if path.len() > 1 {
                    found.push(Named { line, path });
                }
            }
            TokenTree::Group(group) => {
                walk(&group.stream().into_iter().collect::<Vec<_>>(), &[], found);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    colon(tokens.get(at)) && colon(tokens.get(at + 1))
}

mod checker {
    use super::*;

    fn violations(path: &str, text: &str) -> Vec<String> {
        check(Path::new(path), text)
    }

    #[test]
    fn every_module_uses_only_lower_ones() {
        for (floor, module) in MODULES.iter().enumerate() {
            for used in module.uses {
                assert!(MODULES[..floor].iter().any(|lower| lower.name == *used), "{} uses {used}", module.name);
            }
        }
    }

    #[test]
    fn an_import_from_above_is_found_with_its_line() {
        let found = violations("src/launch/argv.rs", "//! x\n\nuse crate::{launch, store::Run};\n");
        assert_eq!(found, ["src/launch/argv.rs:3: `launch` may not use `store`"]);
    }

    #[test]
    fn a_path_in_code_is_found_too() {
        let found = violations("src/qmp/arm.rs", "fn f() {\n    g(crate::lab::Driver::<u8>::new())\n}\n");
        assert_eq!(found, ["src/qmp/arm.rs:2: `qmp` may not use `lab`"]);
    }

    #[test]
    fn pure_modules_touch_neither_files_nor_clocks() {
        let text = "use std::{fs::File, time::{Duration, Instant}};\nfn f() { std::process::exit(tokio::spawn(1)) }\n";
        let found = violations("src/launch/stage.rs", text);
        for what in ["std::fs", "std::time::Instant", "std::process", "tokio"] {
            assert!(found.iter().any(|one| one.ends_with(&format!("`{what}`"))), "{what} is not in {found:?}");
        }
        assert_eq!(found.len(), 4);
        assert!(violations("src/host/files.rs", text).is_empty());
    }

    #[test]
    fn comments_strings_and_tests_are_not_code() {
        let text = "//! crate::lab::x\n/* use std::fs; */\nconst A: &str = \"crate::lab::x\";\n\
                    #[cfg(test)]\nmod tests { use std::fs; use crate::lab; }\nuse crate::workload::Cell;\n";
        assert_eq!(violations("src/matrix/cell.rs", text), Vec::<String>::new());
    }

    #[test]
    fn code_after_tests_is_code() {
        let found = violations("src/matrix/cell.rs", "#[cfg(test)]\nuse std::fs;\nuse crate::lab;\n");
        assert_eq!(found, ["src/matrix/cell.rs:3: `matrix` may not use `lab`"]);
    }

    #[test]
    fn temporary_folders_by_the_umask_are_found() {
        let text = "fn f() { tempfile::tempdir(); tempfile::Builder::new(); }\nstruct A(tempfile::TempDir);\n";
        let advice = "src/host/x.rs:1: use `host::private_dir` for a temporary folder";
        assert_eq!(violations("src/host/x.rs", text), [advice, advice]);
        assert_eq!(violations(PRIVATE_DIR, text), Vec::<String>::new());
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(violations("tests/long.rs", &"\n".repeat(MAX_LINES + 1)).len(), 1);
        assert_eq!(violations("src/launch/long.rs", &"\n".repeat(MAX_LINES)).len(), 0);
        assert_eq!(violations("src/launch/mod.rs", &"\n".repeat(MAX_MOD_LINES + 1)).len(), 1);
    }

    #[test]
    fn a_module_without_a_floor_is_found() {
        assert_eq!(violations("src/utilities/x.rs", "").len(), 1);
    }
}
