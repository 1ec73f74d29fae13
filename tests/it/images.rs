//! The agent and every workload compile without a warning for every architecture that they fit.

use arch::BinaryFormat;
use flate2::read::GzDecoder;
use model::RamMib;
use oomlab::assets::Assets;
use oomlab::image::{Images, load_workloads};
use std::io::Read;
use std::path::Path;

/// The programs in an image, by path.
fn programs(image: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = Vec::new();
    GzDecoder::new(std::fs::File::open(image).unwrap()).read_to_end(&mut archive).unwrap();
    let mut rest = archive.as_slice();
    let mut found = Vec::new();
    loop {
        let mut reader = cpio::NewcReader::new(rest).unwrap();
        let entry = reader.entry().clone();
        if entry.is_trailer() {
            return found;
        }
        let mut content = Vec::new();
        reader.read_to_end(&mut content).unwrap();
        if entry.mode() & 0o111 != 0 && !content.is_empty() {
            found.push((entry.name().to_owned(), content));
        }
        rest = reader.finish().unwrap();
    }
}

/// What `docs/workloads.md` says to begin with.
#[test]
fn the_template_of_a_workload_is_built_for_every_architecture() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("images/workloads/workload-template");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["manifest.yaml", "main.c"] {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/workload-template").join(file);
        std::fs::copy(template, folder.join(file)).unwrap();
    }
    let assets = Assets::with_overlay(data.path());
    let workloads = load_workloads(&assets).unwrap().known;
    let template = &workloads[&model::WorkloadName::new("workload-template")];
    let images = Images::new(assets, env!("CARGO_TARGET_TMPDIR").into());
    for &arch in arch::ALL {
        images.image(arch, template, &[], None).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn every_workload_is_built_for_every_architecture() {
    let assets = Assets::builtin();
    let workloads = load_workloads(&assets).unwrap().known;
    let images = Images::new(assets, env!("CARGO_TARGET_TMPDIR").into());
    for &arch in arch::ALL {
        for workload in
            workloads.values().filter(|workload| workload.script.is_none() && workload.fits(arch, RamMib(1024)).is_ok())
        {
            let image = images.image(arch, workload, &[], None).unwrap_or_else(|error| panic!("{error}"));
            let programs = programs(&image.path);
            let paths: Vec<_> = programs.iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(paths, ["init", &format!("workloads/{}", workload.name)]);
            for (path, content) in &programs {
                let magic: &[u8] = if arch.guest.format == BinaryFormat::Flat { b"bFLT" } else { b"\x7fELF" };
                assert!(content.starts_with(magic), "{} {path}", arch.name);
                // A flat program brings its zeros along.
                let bytes = content.iter().rposition(|byte| *byte != 0).unwrap_or_default();
                assert!(bytes < 32 * 1024, "{} {path}: {bytes} bytes", arch.name);
            }
        }
    }
}
