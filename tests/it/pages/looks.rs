//! Pictures of the pages for people, written where `PICTURES` says.

use super::access::pages;
use crate::support::browser::Browser;

use std::path::PathBuf;

#[test]
fn pages_have_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let out = std::env::var_os("PICTURES").map_or_else(|| folder.path().to_owned(), PathBuf::from);
    let mut browser = Browser::start();
    for page in pages(folder.path()) {
        for (name, width, media, scheme) in [
            ("light", 1280, "screen", "light"),
            ("dark", 1280, "screen", "dark"),
            ("phone", 400, "screen", "light"),
            ("print", 800, "print", "light"),
        ] {
            browser.resize(width, 900);
            browser.media(media, scheme);
            browser.open(&page, "");
            let file = out.join(format!("{}-{name}.png", page.file_stem().unwrap().to_string_lossy()));
            browser.screenshot(&file);
            let picture = std::fs::read(&file).unwrap();
            assert!(picture.starts_with(b"\x89PNG") && picture.len() > 10_000, "{}: {}", file.display(), picture.len());
        }
    }
}
