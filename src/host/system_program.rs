//! Programs of the system's administrator.

use std::path::PathBuf;

/// Folders that may not be in a user's PATH (file-hierarchy(7)).
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The file of a program such as `mke2fs`, in PATH or a folder of the system.
pub fn system_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM_FOLDERS.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_name() {
        assert!(system_program("mke2fs").unwrap().ends_with("mke2fs"));
        assert_eq!(system_program("mkfs.of-nobody"), None);
    }
}
