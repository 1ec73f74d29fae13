//! What a log is wrapped in, from its beginning.

use super::columns::Columns;
use super::journal::{ADDRESSES, Journal};
use super::margin::Margin;
use super::{Layer, Numbered, csv, escape, html, json, logfmt};
use crate::console::clean;

/// Layers around one another: a record of a collector that runs in a container of another.
const MAX_LAYERS: usize = 4;
/// Lines that are looked at.
const MAX_LINES: usize = 400;

/// The layers around the log that begins with these bytes, the outermost first.
pub(super) fn layers(start: &[u8]) -> Vec<Layer> {
    // The last line may be cut off, and then begins as no other does.
    let whole = memchr::memrchr(b'\n', start).map_or(start, |end| &start[..end]);
    let mut lines: Vec<Numbered> = whole
        .split(|byte| *byte == b'\n')
        .map(|line| clean(line).trim_end_matches('\r').to_owned())
        .filter(|line| !line.trim().is_empty())
        .take(MAX_LINES)
        .map(|text| Numbered { number: 0, text })
        .collect();
    let mut layers = Vec::new();
    while layers.len() < MAX_LAYERS
        && let Some(layer) = layer(&lines)
    {
        let (mut taken, mut inner) = (layer.clone(), Vec::new());
        lines.into_iter().for_each(|line| taken.push(line, &mut inner));
        taken.finish(&mut inner);
        inner.retain(|line| !line.text.trim().is_empty());
        lines = inner;
        layers.push(layer);
    }
    layers
}

/// The outermost layer of some lines. A record of one kind seldom looks like one of another.
fn layer(lines: &[Numbered]) -> Option<Layer> {
    let lines: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    if is_journal(&lines) {
        return Some(Layer::Journal(Journal::default()));
    }
    if is_json(&lines) {
        return Some(Layer::Json);
    }
    let is_page = lines.iter().any(|line| html::is_framed(line));
    if is_page || lines.iter().filter(|line| html::is_escaped(line)).count() > 1 {
        return Some(Layer::Html).filter(|_| lines.iter().any(|line| html::texts(line) != [*line]));
    }
    if is_most(&lines, logfmt::is_record) {
        return Some(Layer::Logfmt);
    }
    if let Some(column) = csv::column(&lines) {
        return Some(Layer::Csv(column));
    }
    if is_most(&lines, |line| escape::unquoted(line).is_some()) {
        return Some(Layer::Quoted);
    }
    if let Some(margin) = Margin::of(&lines) {
        return Some(Layer::Margin(margin));
    }
    Columns::of(&lines).map(Layer::Columns)
}

/// More than half of the lines, those of brackets alone not counted.
fn is_most(lines: &[&str], is_record: impl Fn(&str) -> bool) -> bool {
    let texts = || lines.iter().filter(|line| line.contains(|c: char| c.is_alphanumeric()));
    texts().filter(|line| is_record(line)).count() * 2 > texts().count()
}

fn is_json(lines: &[&str]) -> bool {
    let has_text = |line: &&&str| json::texts(line).is_some_and(|texts| !texts.is_empty());
    is_most(lines, |line| json::texts(line).is_some()) && lines.iter().find(has_text).is_some()
}

fn is_journal(lines: &[&str]) -> bool {
    let has = |start: &str| lines.iter().any(|line| line.trim_start().starts_with(start));
    has("MESSAGE=") && ADDRESSES.into_iter().any(has)
}
