//! Filters, in the address and by hand, and the keyboard.

use super::sample::{page_of_history, page_of_run, run, trends};
use crate::support::browser::Browser;

use serde_json::json;

const VISIBLE: &str =
    "[...document.querySelectorAll('[data-item]')].filter((item) => !item.hidden).map((item) => item.id)";
const LIVELOCKED: &str = "cell-linux-6.1.riscv64-nommu.32M.zombie-victim";

#[test]
fn filters_come_from_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, page_of_run(&run(), &[])).unwrap();
    let mut browser = Browser::start();
    for (suffix, count) in [
        ("", 8),
        ("#outcome=hang", 2),
        ("?outcome=hang&kernel=linux-6.1", 1),
        ("#q=ZOMBIE%2064m", 1),
        ("?outcome=hang#q=", 8),
        ("#state=not-run", 1),
        ("#outcome=hang&arch=x86_64", 0),
        ("#kind=no-such-kind", 0),
        ("#%22%3E%3Cimg%20src=x", 8),
    ] {
        browser.open(&file, suffix);
        assert_eq!(browser.eval(&format!("{VISIBLE}.length")), count, "{suffix}");
    }
    browser.open(&file, "#outcome=hang&kernel=linux-6.1");
    assert_eq!(browser.eval(VISIBLE), json!([LIVELOCKED]));
    let shown = browser.eval("document.getElementById('shown').textContent");
    assert_eq!(shown, "1 of 8 cells");
    assert_eq!(browser.eval("document.querySelectorAll('a.sq:not(.out)').length"), 1, "the map follows");
    assert_eq!(browser.eval("document.querySelectorAll('div.group:not([hidden])').length"), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn filters_go_to_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, page_of_run(&run(), &[])).unwrap();
    let mut browser = Browser::start();
    browser.open(&file, "");
    browser.press("/");
    "zombie".chars().for_each(|letter| browser.press(&letter.to_string()));
    assert_eq!(browser.eval("location.hash"), "#q=zombie");
    assert_eq!(browser.eval(&format!("{VISIBLE}.length")), 3);
    browser.press("Escape");
    assert_eq!(browser.eval("location.hash"), "");
    // A link of the first screen.
    browser.eval("document.querySelector('.tile.unexpected').click()");
    assert_eq!(browser.eval("location.hash"), "#state=unexpected");
    assert_eq!(browser.eval(&format!("new Promise((done) => setTimeout(() => done({VISIBLE}.length)))")), 3);
    // A square of the map leads to a cell that the filter hides.
    browser.eval("document.querySelector('a.sq.pass').click()");
    assert_eq!(browser.eval(&format!("new Promise((done) => setTimeout(() => done({VISIBLE}.length)))")), 8);
    browser.eval("document.querySelector('#filter button[type=reset]').click()");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn keys_move_between_cells() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, page_of_run(&run(), &trends())).unwrap();
    let mut browser = Browser::start();
    browser.open(&file, "#outcome=hang");
    let focused = "document.activeElement.closest('[data-item]').id";
    browser.press("j");
    assert_eq!(browser.eval(focused), LIVELOCKED);
    browser.press("j");
    assert_eq!(browser.eval(focused), "cell-linux-7.3.riscv64-nommu.32M.zombie-victim");
    browser.press("j");
    browser.press("k");
    assert_eq!(browser.eval(focused), LIVELOCKED);
    // In the search field they are letters.
    browser.press("/");
    browser.press("j");
    assert_eq!(browser.eval("document.activeElement.value"), "j");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn history_is_filtered_by_trend() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.html");
    std::fs::write(&file, page_of_history()).unwrap();
    let mut browser = Browser::start();
    browser.open(&file, "#trend=new");
    assert_eq!(browser.eval(&format!("{VISIBLE}.length")), 1);
    assert_eq!(browser.eval("document.querySelectorAll('svg.spark').length"), 3);
    assert_eq!(browser.complaints(), [""; 0]);
}
