//! Whether the pages can be read by everyone: contrast, names of controls, widths, the printer.

use super::sample::{expired, page_of_history, page_of_livelock, page_of_run, run, trends, with_quarantine};
use crate::support::browser::Browser;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Text whose contrast to its background is below 4.5 to 1, or 3 to 1 where it is large (WCAG 2.2, 1.4.3).
const FAINT: &str = include_str!("faint.js");

/// Controls without a label, drawings without a name, links without a text, ids that are not unique, headings that skip a level.
const UNNAMED: &str = include_str!("unnamed.js");

pub fn pages(folder: &Path) -> Vec<PathBuf> {
    let pages = [
        ("run.html", page_of_run(&run(), &[])),
        ("morning.html", page_of_run(&with_quarantine(run(), &expired()), &trends())),
        ("trial.html", page_of_livelock()),
        ("history.html", page_of_history()),
    ];
    let write = |(name, page): (&str, String)| {
        let file = folder.join(name);
        std::fs::write(&file, page).unwrap();
        file
    };
    pages.into_iter().map(write).collect()
}

#[test]
fn text_has_contrast_and_controls_have_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::start();
    for page in pages(folder.path()) {
        browser.open(&page, "");
        browser.eval("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
        for scheme in ["light", "dark"] {
            browser.media("screen", scheme);
            assert_eq!(browser.eval(FAINT), json!([]), "{} {scheme}", page.display());
        }
        assert_eq!(browser.eval(UNNAMED), json!([]), "{}", page.display());
        assert_eq!(browser.complaints(), [""; 0], "{}", page.display());
    }
}

#[test]
fn pages_fit_a_phone() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::start();
    browser.resize(400, 800);
    for page in pages(folder.path()) {
        browser.open(&page, "");
        let width = browser.eval("document.documentElement.scrollWidth");
        assert_eq!(width, 400, "{}", page.display());
    }
}

#[test]
fn printed_page_is_light_and_has_no_controls() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::start();
    for page in pages(folder.path()) {
        browser.media("screen", "dark");
        browser.open(&page, "");
        let ground = "getComputedStyle(document.body).backgroundColor";
        assert_ne!(browser.eval(ground), "rgb(255, 255, 255)");
        browser.media("print", "dark");
        assert_eq!(browser.eval(ground), "rgb(255, 255, 255)");
        let controls = "[...document.querySelectorAll('button, select')].filter((one) => one.checkVisibility()).length";
        assert_eq!(browser.eval(controls), 0, "{}", page.display());
    }
}

#[test]
fn theme_is_chosen_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let page = &pages(folder.path())[0];
    let mut browser = Browser::start();
    browser.media("screen", "light");
    browser.open(page, "");
    let mut grounds: Vec<Value> = Vec::new();
    for _ in 0..3 {
        grounds.push(browser.eval("getComputedStyle(document.body).backgroundColor"));
        browser.eval("document.getElementById('theme').click()");
    }
    let white = "rgb(255, 255, 255)";
    assert_eq!((&grounds[0], &grounds[1]), (&json!(white), &json!(white)));
    assert_ne!(grounds[2], white, "automatic, light, dark");
}

#[test]
fn commands_are_copied() {
    let folder = tempfile::tempdir().unwrap();
    let page = &pages(folder.path())[2];
    let mut browser = Browser::start();
    browser.open(page, "");
    let label = "(async () => { const button = document.querySelector('button.copy'); button.click(); \
        for (let turn = 0; turn < 100 && button.textContent === 'copy'; turn += 1) await new Promise(requestAnimationFrame); \
        return button.textContent; })()";
    assert_eq!(browser.eval(label), "copied");
    assert_eq!(browser.complaints(), [""; 0]);
}
