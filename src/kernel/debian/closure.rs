//! A set of packages with all that they depend on, by an index of one suite (deb-control(5)).
//!
//! Versions are not compared with what a dependency requires: the packages of one suite fit each other. Conflicts are not
//! looked at, and essential packages, on which others depend without a word (Debian policy 3.8), are not added.

use super::index::{Package, field, parse};
use super::version;
use std::collections::{HashMap, HashSet};
use std::str::from_utf8;
use std::vec::IntoIter;

/// Packages that a guest without dpkg does not need although others depend on them; requested ones are not left out.
/// perl-base is not among them: it has the interpreter of the package perl.
pub(super) const WITHOUT: &[&str] = &[
    // Maintainer scripts alone use them. One of those makes the link `awk`; the programs are gawk and mawk.
    "adduser",
    "awk",
    "debconf",
    "dpkg",
    "init-system-helpers",
    "runit-helper",
    "ucf",
    // Drivers of GPUs, which libegl1 and libgbm1 load when a program opens a display; with LLVM they have 200 MB, and
    // stress-ng depends on them.
    "libegl-mesa0",
    "mesa-libgallium",
];

/// A dependency that no package of the index satisfies.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// As it is written, with all its alternatives.
    pub package: String,
    /// The package that has it; `None` for a requested package.
    pub dependent: Option<String>,
}

/// The packages of these names and what they need, each behind its dependencies, as far as there is no cycle. Names may be
/// those of virtual packages.
///
/// Of alternatives, one that was requested or is needed already is taken, else the first that exists; of the packages that
/// provide a virtual one, the first by name.
///
/// # Errors
/// When the index lacks a package.
pub(super) fn closure<'a>(index: &'a [u8], names: &[&'a str], without: &[&'a str]) -> Result<Vec<Package>, Missing> {
    let mut resolver = Resolver::new(index);
    for name in without.iter().filter(|name| !names.contains(name)) {
        resolver.satisfy(name);
    }
    let mut roots = Vec::new();
    for name in names {
        let root = resolver.find(name).ok_or_else(|| missing(name, None))?;
        resolver.requested.insert(root);
        resolver.satisfy(root);
        roots.push(root);
    }
    let mut packages = Vec::new();
    for root in roots {
        if resolver.requested.remove(root) {
            resolver.visit(root, &mut packages)?;
        }
    }
    Ok(packages)
}

/// A package on the way to its dependencies.
struct Visit<'a> {
    name: &'a str,
    stanza: &'a str,
    dependencies: IntoIter<&'a str>,
}

struct Resolver<'a> {
    /// The newest paragraph of each name.
    stanzas: HashMap<&'a str, &'a str>,
    /// Packages that provide a name.
    providers: HashMap<&'a str, Vec<&'a str>>,
    /// Requested packages that were not visited yet.
    requested: HashSet<&'a str>,
    /// Names that need no further package.
    satisfied: HashSet<&'a str>,
}

impl<'a> Resolver<'a> {
    fn new(index: &'a [u8]) -> Self {
        let mut stanzas: HashMap<&str, &str> = HashMap::new();
        let version = |stanza| field(stanza, "Version").unwrap_or_default();
        for stanza in paragraphs(index) {
            let Some(name) = field(stanza, "Package") else { continue };
            let known = stanzas.get(name);
            if known.is_none_or(|known| version::compare(version(known), version(stanza)).is_lt()) {
                stanzas.insert(name, stanza);
            }
        }
        let mut providers: HashMap<&str, Vec<&str>> = HashMap::new();
        for (&name, &stanza) in &stanzas {
            for virtual_name in provided(stanza) {
                providers.entry(virtual_name).or_default().push(name);
            }
        }
        Self { stanzas, providers, requested: HashSet::new(), satisfied: HashSet::new() }
    }

    /// The package of a name, or else one that provides it.
    fn find(&self, name: &str) -> Option<&'a str> {
        let real = self.stanzas.get_key_value(name).map(|(name, _)| *name);
        real.or_else(|| self.providers.get(name)?.iter().min().copied())
    }

    /// Notes that a name, and what a package of that name provides, needs no further package.
    fn satisfy(&mut self, name: &'a str) {
        self.satisfied.insert(name);
        let stanza = self.stanzas.get(name).copied().unwrap_or_default();
        self.satisfied.extend(provided(stanza));
    }

    /// Adds a package behind what it needs. The way down is a stack of its own: chains are as long as the archive makes them.
    fn visit(&mut self, root: &'a str, packages: &mut Vec<Package>) -> Result<(), Missing> {
        let mut stack = vec![self.enter(root)];
        while let Some(visit) = stack.last_mut() {
            let Some(dependency) = visit.dependencies.next() else {
                packages.push(parse(visit.stanza).ok_or_else(|| missing(visit.name, None))?);
                stack.pop();
                continue;
            };
            let dependent = visit.name;
            if let Some(name) = self.choose(dependency).ok_or_else(|| missing(dependency, Some(dependent)))? {
                self.satisfy(name);
                stack.push(self.enter(name));
            }
        }
        Ok(())
    }

    fn enter(&self, name: &'a str) -> Visit<'a> {
        let stanza = self.stanzas.get(name).copied().unwrap_or_default();
        let fields = ["Pre-Depends", "Depends"].into_iter().filter_map(|name| field(stanza, name));
        let dependencies: Vec<&str> = fields.flat_map(|list| list.split(',')).map(str::trim).collect();
        Visit { name, stanza, dependencies: dependencies.into_iter() }
    }

    /// The package to visit for a dependency; `Some(None)` where there is none to visit, `None` where none exists.
    fn choose(&mut self, dependency: &'a str) -> Option<Option<&'a str>> {
        let names = || dependency.split('|').map(name_in);
        if let Some(name) = names().find(|name| self.requested.remove(name)) {
            return Some(Some(name));
        }
        if dependency.is_empty() || names().any(|name| self.satisfied.contains(name)) {
            return Some(None);
        }
        names().find_map(|name| self.find(name)).map(Some)
    }
}

fn missing(package: &str, dependent: Option<&str>) -> Missing {
    Missing { package: package.to_owned(), dependent: dependent.map(str::to_owned) }
}

/// The paragraphs of an index.
fn paragraphs(index: &[u8]) -> impl Iterator<Item = &str> {
    let mut start = 0;
    let ends = memchr::memmem::find_iter(index, b"\n\n").chain([index.len()]);
    ends.filter_map(move |end| {
        let paragraph = index.get(start..end);
        start = end + 2;
        from_utf8(paragraph?).ok()
    })
}

fn provided(stanza: &str) -> impl Iterator<Item = &str> {
    field(stanza, "Provides").into_iter().flat_map(|list| list.split(',')).map(name_in)
}

/// The name at the start of an alternative, without `:any`, `(>= 1)`, `[amd64]` and `<!nocheck>`.
fn name_in(alternative: &str) -> &str {
    let alternative = alternative.trim();
    let end = alternative.find(|c: char| c.is_whitespace() || ":([<".contains(c));
    &alternative[..end.unwrap_or(alternative.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(name: &str, fields: &str) -> String {
        let digest = "ab".repeat(32);
        format!("Package: {name}\n{fields}\nFilename: pool/{name}.deb\nSize: 7\nSHA256: {digest}\n\n")
    }

    fn index(packages: &[(&str, &str)]) -> Vec<u8> {
        let described = |(name, fields): &(&str, &str)| stanza(name, format!("Version: 1\n{fields}").trim_end());
        packages.iter().map(described).collect::<String>().into()
    }

    fn names(index: &[u8], roots: &[&str]) -> Vec<String> {
        let packages = closure(index, roots, &["dpkg", "debconf"]).unwrap();
        packages.into_iter().map(|package| package.name).collect()
    }

    #[test]
    fn dependencies_come_first_and_once() {
        let index = index(&[
            ("server", "Depends: libc6 (>= 2.41), libssl3:any [amd64] <!nocheck>,client (= 1)"),
            ("client", "Pre-Depends: dpkg (>= 1.17)\nDepends: libc6, libssl3"),
            ("libssl3", "Depends: libc6"),
            ("libc6", "Depends: libgcc-s1"),
            ("libgcc-s1", "Depends: gcc-base, libc6"),
            ("gcc-base", ""),
            ("other", "Recommends: server"),
        ]);
        let order = ["gcc-base", "libgcc-s1", "libc6", "libssl3", "client", "server"];
        assert_eq!(names(&index, &["server"]), order);
        assert_eq!(names(&index, &["server", "client", "server"]), order, "in whatever order they are requested");
    }

    #[test]
    fn alternatives_prefer_what_is_there() {
        let index = index(&[
            ("app", "Depends: sysv | systemd | runit"),
            ("both", "Depends: systemd, app"),
            ("systemd", ""),
            ("runit", ""),
        ]);
        assert_eq!(names(&index, &["app"]), ["systemd", "app"]);
        assert_eq!(names(&index, &["app", "runit"]), ["runit", "app"]);
        assert_eq!(names(&index, &["both"]), ["systemd", "app", "both"]);
    }

    #[test]
    fn virtual_packages_have_providers() {
        let index = index(&[
            ("app", "Depends: mail-agent"),
            ("postfix", "Provides: mail-agent (= 3), smtp"),
            ("exim", "Provides: mail-agent"),
        ]);
        assert_eq!(names(&index, &["app"]), ["exim", "app"]);
        assert_eq!(names(&index, &["postfix", "app"]), ["postfix", "app"]);
        assert_eq!(names(&index, &["smtp"]), ["postfix"]);
    }

    #[test]
    fn packages_left_out_count_as_there() {
        let index = index(&[
            ("app", "Depends: cdebconf | debconf, debconf-2.0"),
            ("cdebconf", "Provides: debconf-2.0"),
            ("debconf", "Provides: debconf-2.0\nDepends: perl"),
            ("perl", "Pre-Depends: dpkg"),
        ]);
        assert_eq!(names(&index, &["app"]), ["app"]);
        assert_eq!(names(&index, &["app", "debconf"]), ["perl", "debconf", "app"]);
    }

    #[test]
    fn newest_version_counts() {
        let old = stanza("app", "Version: 1.9\nDepends: gone");
        let new = stanza("app", "Version: 1.10");
        for text in [[old.as_str(), &new].concat(), [new.as_str(), &old].concat()] {
            let found = closure(text.as_bytes(), &["app"], &[]).unwrap();
            assert_eq!(found.iter().map(|package| package.version.as_str()).collect::<Vec<_>>(), ["1.10"]);
        }
    }

    #[test]
    fn missing_package_is_named_with_its_dependent() {
        let index = index(&[("app", "Depends: lib"), ("lib", "Depends: this (>= 2) | that")]);
        let error = |index: &[u8], name| closure(index, &[name], &[]).unwrap_err();
        assert_eq!(error(&index, "app"), missing("this (>= 2) | that", Some("lib")));
        assert_eq!(error(&index, "nothing"), missing("nothing", None));
        assert_eq!(error(b"", "app"), missing("app", None));
        let undigested = stanza("app", "Version: 1").replace("SHA256", "MD5sum");
        assert_eq!(error(undigested.as_bytes(), "app"), missing("app", None));
    }

    #[test]
    fn long_chain_needs_no_deep_stack() {
        let depth = 20_000;
        let link = |n| stanza(&format!("p{n}"), &format!("Version: 1\nDepends: p{}", n + 1));
        let text = (0..depth).map(link).collect::<String>() + &stanza(&format!("p{depth}"), "Version: 1");
        assert_eq!(closure(text.as_bytes(), &["p0"], &[]).unwrap().len(), depth + 1);
    }
}
