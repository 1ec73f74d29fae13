//! Builds the guest's sources and the kernel descriptions into the program: writes `builtin.rs`, a sorted list of
//! (path, content), and asks for another build when a file appears, changes or goes.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folders whose files the program carries.
const FOLDERS: [&str; 2] = ["images", "kernels"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    // A packed program has its libraries beside it (`src/pack/program.rs`). As DT_RPATH, which holds for libraries of libraries, too (ld.so(8)).
    println!("cargo::rustc-link-arg-bin=oomlab=-Wl,--disable-new-dtags,-rpath,$ORIGIN/../lib/oomlab");
    let mut files = Vec::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        collect(&root.join(folder), &mut files)?;
    }
    files.sort();
    let entries = files.iter().map(|file| {
        let name = file.strip_prefix(&root).expect("it was found below the root");
        format!("    ({:?}, include_bytes!({:?})),\n", name.display().to_string(), file.display().to_string())
    });
    fs::write(out.join("builtin.rs"), format!("&[\n{}]\n", entries.collect::<String>()))
}

/// Every file below `folder`, but no hidden one.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
