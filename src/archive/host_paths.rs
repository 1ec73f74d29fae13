//! Paths of the host in texts that leave it.

use crate::report::GuestFile;
use memchr::{memchr_iter, memmem};
use model::{Initrd, Payload, TrialRecord};
use std::cmp::Reverse;
use std::path::{Path, PathBuf};

/// Folders of this host that no archive names.
#[derive(Debug, Clone)]
pub struct Host {
    /// The lab's cache.
    pub cache: PathBuf,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// The current folder.
    pub current: PathBuf,
}

/// A path of the host that a text names.
#[derive(Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Line, from 1.
    pub line: usize,
    /// The folder, as the text has it.
    pub path: String,
}

/// The paths of a host, and the names that stand for them in an archive.
#[derive(Debug, Default)]
pub struct HostPaths {
    /// Each path as a text may have it, with its name; the longest first.
    names: Vec<(String, String)>,
    /// The folders that no text may name; the longest first.
    folders: Vec<String>,
}

impl HostPaths {
    /// The paths that a trial in this folder may name.
    pub fn new(host: &Host, folder: &Path, trial: &TrialRecord) -> Self {
        let mut paths = Self::default();
        for file in GuestFile::ALL {
            paths.extend(file.path(trial).as_deref(), file.name());
        }
        if let Payload::Initrd(Initrd { path: Some(path), .. }) = &trial.cell.payload {
            paths.extend(path.to_str(), GuestFile::Initramfs.name());
        }
        let program = trial.command.first().map(String::as_str);
        paths.extend(program, program.and_then(|path| path.rsplit('/').next()).unwrap_or_default());
        for word in &trial.command {
            let socket = value(word, "path").filter(|_| word.starts_with("socket,"));
            paths.extend(socket.as_deref().and_then(|path| path.rsplit_once('/')).map(|(folder, _)| folder), "sockets");
            let disk = value(word, "file").filter(|_| value(word, "id").as_deref() == Some("oomlab-scratch"));
            paths.extend(disk.as_deref(), "disk");
        }
        for folder in places(folder) {
            let run = folder.parent().filter(|cells| cells.ends_with("cells")).and_then(Path::parent);
            for above in run.into_iter().flat_map(|run| run.ancestors().take(2)) {
                let name = above.file_name().unwrap_or_default().to_string_lossy();
                paths.forbid(above, &name);
            }
        }
        paths.add_host(host);
        // Guests on a root disk have that folder, too, and what they print names it.
        if trial.root_disk_digest.is_some() {
            paths.folders.retain(|folder| folder != "/root");
        }
        paths.sort();
        paths
    }

    /// The paths of a host that any text may name.
    pub fn of_host(host: &Host) -> Self {
        let mut paths = Self::default();
        paths.add_host(host);
        paths.sort();
        paths
    }

    fn add_host(&mut self, host: &Host) {
        let home = host.home.as_deref().map(|home| (home, "~"));
        for (folder, name) in [(&*host.cache, "cache"), (&*host.current, ".")].into_iter().chain(home) {
            places(folder).iter().for_each(|place| self.forbid(place, name));
        }
    }

    fn sort(&mut self) {
        // Of equal paths the first one stays first.
        self.names.sort_by_key(|(path, _)| Reverse(path.len()));
        self.folders.sort_by_key(|path| Reverse(path.len()));
    }

    fn extend(&mut self, path: Option<&str>, name: &str) {
        let path = path.filter(|path| path.starts_with('/') && path.len() > 1);
        self.names.extend(path.into_iter().flat_map(forms).map(|form| (form, name.to_owned())));
    }

    fn forbid(&mut self, folder: &Path, name: &str) {
        let Some(path) = folder.to_str().filter(|path| path.starts_with('/') && path.len() > 1) else { return };
        self.extend(Some(path), name);
        self.folders.extend(forms(path));
    }

    /// A text with names in place of the paths.
    pub fn rewrite(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut done = 0;
        for at in memchr_iter(b'/', text) {
            let named = self.names.iter().find(|(path, _)| at >= done && is_at(text, at, path));
            if let Some((path, name)) = named {
                out.extend_from_slice(&text[done..at]);
                out.extend_from_slice(name.as_bytes());
                done = at + path.len();
            }
        }
        out.extend_from_slice(&text[done..]);
        out
    }

    /// Puts `./` and slashes into the place of the host's folders: a binary keeps its length, and paths in it stay paths.
    pub fn blank(&self, content: &mut [u8]) {
        let places: Vec<usize> = memchr_iter(b'/', content).collect();
        for at in places {
            if let Some(path) = self.folders.iter().find(|path| is_at(content, at, path)) {
                let place = &mut content[at..at + path.len()];
                place.fill(b'/');
                place[0] = b'.';
            }
        }
    }

    /// The events of a trial with names in what QEMU and the lab said; what the guest printed stays as it was.
    pub fn rewrite_events(&self, events: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(events.len());
        for line in events.split_inclusive(|byte| *byte == b'\n') {
            // In a text of the guest the quotes are escaped.
            if HOST_EVENTS.iter().any(|event| memmem::find(line, event.as_bytes()).is_some()) {
                out.extend(self.rewrite(line));
            } else {
                out.extend_from_slice(line);
            }
        }
        out
    }

    /// The first folder of the host that a text names.
    pub fn leftover(&self, text: &[u8]) -> Option<Leftover> {
        memchr_iter(b'/', text).find_map(|at| {
            let path = self.folders.iter().find(|path| is_at(text, at, path))?.clone();
            Some(Leftover { line: 1 + memchr_iter(b'\n', &text[..at]).count(), path })
        })
    }
}

/// Events whose texts are the host's.
const HOST_EVENTS: [&str; 2] = [r#""event":"exited""#, r#""event":"probe-failed""#];

/// A folder by its absolute path, and by that without symbolic links.
fn places(folder: &Path) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = std::path::absolute(folder).into_iter().chain(folder.canonicalize()).collect();
    places.dedup();
    places
}

/// The ways in which texts have a path: as it is, with QEMU's doubled commas, and both in JSON.
fn forms(path: &str) -> Vec<String> {
    let mut forms = vec![path.to_owned(), path.replace(',', ",,")];
    forms.extend(forms.clone().iter().map(|form| in_json(form)));
    forms.sort_unstable();
    forms.dedup();
    forms
}

fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&quoted).to_owned()
}

/// The value of `name` in QEMU's notation `name=value,…`, whose values have their commas doubled.
fn value(word: &str, name: &str) -> Option<String> {
    // No path has a NUL.
    let parts = word.replace(",,", "\0");
    let value = parts.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.replace('\0', ","))
}

/// Whether a text has this path, or one below it, at `at`. A folder such as `/root` is none of the host's in `/sys/root` and `./root`.
fn is_at(text: &[u8], at: usize, path: &str) -> bool {
    let rest = &text[at..];
    let is_deep = path[1..].contains('/');
    rest.starts_with(path.as_bytes())
        && !rest.get(path.len()).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte))
        && (is_deep || begins(&text[..at]))
}

/// Whether a path may begin behind this text.
fn begins(before: &[u8]) -> bool {
    match before {
        // In JSON a line feed is a letter behind a backslash.
        [.., b'\\', b'b' | b'f' | b'n' | b'r' | b't'] | [] => true,
        [.., last] => !last.is_ascii_alphanumeric() && !b"._~".contains(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[(&str, &str)], folders: &[&str]) -> HostPaths {
        let mut paths = HostPaths::default();
        names.iter().for_each(|&(path, name)| paths.extend(Some(path), name));
        folders.iter().for_each(|folder| paths.forbid(Path::new(folder), "~"));
        paths.names.sort_by_key(|(path, _)| Reverse(path.len()));
        paths
    }

    #[test]
    fn longest_path_is_replaced() {
        let paths =
            paths(&[("/home/me/.cache/oomlab/kernel", "kernel"), ("/home/me/.cache/oomlab", "cache")], &["/home/me"]);
        let rewritten = |text: &str| String::from_utf8(paths.rewrite(text.as_bytes())).unwrap();
        let text =
            "-kernel /home/me/.cache/oomlab/kernel, '/home/me/.cache/oomlab/kernels/a' (/home/me) /home/mel //home/me.";
        assert_eq!(rewritten(text), "-kernel kernel, 'cache/kernels/a' (~) /home/mel /~.");
        assert_eq!(rewritten("nothing / of it"), "nothing / of it");
        assert_eq!(paths.leftover(rewritten(text).as_bytes()), None);
        let leftover = Leftover { line: 2, path: "/home/me".to_owned() };
        assert_eq!(paths.leftover(b"/home/mel\nx=/home/me/y\n"), Some(leftover));
    }

    #[test]
    fn path_is_found_in_every_notation() {
        let paths = paths(&[("/o,1/a\"b", "sockets")], &["/o,1"]);
        let rewritten = |text: &str| String::from_utf8(paths.rewrite(text.as_bytes())).unwrap();
        assert_eq!(rewritten(r#"path=/o,,1/a"b/s,x /o,1/a"b"#), "path=sockets/s,x sockets");
        assert_eq!(rewritten(r#"{"x":"path=/o,,1/a\"b/s\n/o,1/a\"b"}"#), r#"{"x":"path=sockets/s\nsockets"}"#);
        assert!(paths.leftover(br#""\n/o,,1""#).is_some());
    }

    #[test]
    fn folder_below_the_root_begins_a_path() {
        let paths = paths(&[], &["/root"]);
        for (text, expected) in [
            ("/root", "~"),
            ("file=/root/x", "file=~/x"),
            (r#""a\n/root""#, r#""a\n~""#),
            ("/sys/root ./root ~/root /rootfs /root-1", "/sys/root ./root ~/root /rootfs /root-1"),
        ] {
            assert_eq!(String::from_utf8(paths.rewrite(text.as_bytes())).unwrap(), expected);
        }
    }

    #[test]
    fn folders_in_a_binary_are_blanked() {
        let mut content = b"\0/home/me/.cache/x.c\0/home/mel\0".to_vec();
        paths(&[], &["/home/me"]).blank(&mut content);
        assert_eq!(content, b"\0.////////.cache/x.c\0/home/mel\0".map(|byte| byte).to_vec());
    }

    #[test]
    fn values_are_read_without_doubled_commas() {
        let word = "socket,id=serial0,path=/o,,1/s,,,server=on";
        assert_eq!((value(word, "path").as_deref(), value(word, "id").as_deref()), (Some("/o,1/s,"), Some("serial0")));
        assert_eq!(value(word, "file"), None);
    }
}
