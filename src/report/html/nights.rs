//! The page that lists the nights.

use super::link::{Base, Link};
use super::page::{Page, render};
use super::text::phrase;
use askama::Template;
use model::RunId;

/// Nights that are listed.
const MAX_NIGHTS: usize = 400;

/// What the page shows.
#[derive(Debug, Clone, Copy)]
pub struct NightsPage<'n> {
    /// Oldest first.
    pub nights: &'n [NightLine],
    /// The URL of the folder that has the runs' folders.
    pub base: &'n Base,
}

/// A night.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NightLine {
    /// Its name.
    pub id: String,
    /// RFC 3339.
    pub started: String,
    /// What it found, in one word.
    pub result: &'static str,
    /// Whether that is bad news.
    pub is_bad: bool,
    /// Numbers of cells that are new, worse, fixed and undecided; `None` while it goes on.
    pub counts: Option<[usize; 4]>,
    /// Its runs.
    pub runs: Vec<RunId>,
}

#[derive(Template)]
#[template(path = "nights.html", whitespace = "minimize")]
struct Document {
    page: Page,
    history: Link,
    nights: Vec<NightView>,
    /// Nights that are not listed.
    more: usize,
}

struct NightView {
    summary: Link,
    started: String,
    result: &'static str,
    tone: &'static str,
    counts: [String; 4],
    runs: Vec<Link>,
}

/// The page; the history is `history.html` beside it.
pub fn nights_page(input: &NightsPage<'_>) -> String {
    let latest = input.nights.iter().rev().take(MAX_NIGHTS);
    render(&Document {
        page: Page::new("nights".to_owned()),
        history: Link { text: "history of all cells".to_owned(), url: Base::here().url("history.html") },
        nights: latest.map(|night| NightView::of(input.base, night)).collect(),
        more: input.nights.len().saturating_sub(MAX_NIGHTS),
    })
}

impl NightView {
    fn of(base: &Base, night: &NightLine) -> Self {
        let link = |text: &str, path: String| Link { text: phrase(text), url: base.url(&path) };
        let counts = night.counts.map(|counts| counts.map(|count| count.to_string()));
        Self {
            summary: link(&night.id, format!("nights/{}/summary.txt", night.id)),
            started: phrase(&night.started),
            result: night.result,
            tone: if night.is_bad { "unexpected" } else { "pass" },
            counts: counts.unwrap_or_else(|| ["", "", "", ""].map(str::to_owned)),
            runs: night.runs.iter().map(|run| link(run.as_str(), format!("{run}/{}", super::PAGE))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_night_is_first_and_links_its_runs() {
        let night = |id: &str, result, is_bad| NightLine {
            id: id.to_owned(),
            started: "2026-11-30T01:00:00Z".to_owned(),
            result,
            is_bad,
            counts: Some([usize::from(is_bad), 0, 0, 0]),
            runs: vec![RunId::new(format!("{id}-run"))],
        };
        let nights = [night("2026-11-29-0", "quiet", false), night("<b>\u{1b}", "new", true)];
        let page = nights_page(&NightsPage { nights: &nights, base: &Base::relative("../runs") });
        let (first, second) = (page.find("&#60;b&#62;").unwrap(), page.find("2026-11-29-0").unwrap());
        assert!(first < second && !page.contains("<b>") && !page.contains('\u{1b}'), "{page}");
        assert!(page.contains("href=\"../runs/2026-11-29-0-run/report.html\""), "{page}");
        assert!(page.contains("href=\"../runs/nights/2026-11-29-0/summary.txt\""), "{page}");
        assert!(page.contains("href=\"history.html\""), "{page}");
    }
}
