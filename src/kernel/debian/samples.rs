//! Synthetic packages for tests.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A tar archive with these files.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("./{path}"), *content).unwrap();
    }
    tar.into_inner().unwrap()
}

/// These bytes, compressed the way that the suffix says; as they are for an unknown one.
pub(crate) fn compress(suffix: &str, plain: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    match suffix {
        ".xz" => drop(liblzma::read::XzEncoder::new(plain, 1).read_to_end(&mut data).unwrap()),
        ".gz" => drop(flate2::read::GzEncoder::new(plain, Default::default()).read_to_end(&mut data).unwrap()),
        ".zst" => ruzstd::encoding::compress(plain, &mut data, ruzstd::encoding::CompressionLevel::Fastest),
        _ => data.extend(plain),
    }
    data
}

/// A package in `dir` with these files.
pub(crate) fn package(dir: &Path, suffix: &str, files: &[(&str, &[u8])]) -> PathBuf {
    package_of(dir.join("linux-image.deb"), suffix, &tar(files))
}

/// A package at `path` with the content of a tar archive.
pub(crate) fn package_of(path: PathBuf, suffix: &str, tar: &[u8]) -> PathBuf {
    let mut deb = ar::Builder::new(fs::File::create(&path).unwrap());
    let data = compress(suffix, tar);
    for (name, content) in [("debian-binary", &b"2.0\n"[..]), (&format!("data.tar{suffix}"), &data)] {
        deb.append(&ar::Header::new(name.as_bytes().to_vec(), content.len() as u64), content).unwrap();
    }
    path
}
