//! What collectors wrap logs in: JSON, logfmt, CSV, the journal's exports, HTML, a terminal's columns.
//!
//! [`sniff::layers`] finds out what a log is wrapped in from its beginning, layer by layer; [`Unwrapper`] takes the rest out of the
//! same. A record in another format than its layer's is passed on unchanged. Lines keep the numbers that they have in the file.

mod columns;
mod csv;
mod escape;
mod html;
mod journal;
mod json;
mod logfmt;
mod margin;
mod sniff;
mod unwrapper;

pub(crate) use unwrapper::Unwrapper;

use columns::Columns;
use journal::Journal;
use margin::Margin;

/// Keys of the text of a record, in lower case, the most specific first: the journal, Docker and Kubernetes, LAVA and loggers of Go and
/// Node, Elastic, Loki, Google's cloud, Splunk, Graylog, CloudWatch, Azure.
const TEXT_KEYS: [&str; 18] = [
    "message",
    "msg",
    "log",
    "line",
    "textpayload",
    "_raw",
    "full_message",
    "short_message",
    "event.original",
    "original",
    "@message",
    "rawdata",
    "logline",
    "log_line",
    "text",
    "content",
    "body",
    "_msg",
];

/// A line and its number in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbered {
    pub number: u64,
    pub text: String,
}

/// One thing that lines are wrapped in.
#[derive(Debug, Clone)]
enum Layer {
    Json,
    Logfmt,
    /// The column that holds the text.
    Csv(usize),
    Quoted,
    Journal(Journal),
    Html,
    Margin(Margin),
    Columns(Columns),
}

impl Layer {
    /// Takes a line and gives the lines that it held or completed.
    fn push(&mut self, line: Numbered, out: &mut Vec<Numbered>) {
        let Numbered { number, text } = &line;
        let texts = match self {
            Self::Json => json::texts(text),
            Self::Logfmt => logfmt::text(text).map(|text| vec![text]),
            Self::Csv(column) => csv::field(text, *column).map(|text| vec![text]),
            Self::Quoted => escape::unquoted(text).map(|text| vec![text]),
            Self::Html => Some(html::texts(text)),
            Self::Margin(margin) => Some(vec![margin.strip(text).to_owned()]),
            Self::Journal(journal) => return journal.push(line, out),
            Self::Columns(columns) => return columns.push(line, out),
        };
        let number = *number;
        match texts {
            None => out.push(line),
            Some(texts) => {
                let lines = texts.iter().flat_map(|text| text.lines());
                out.extend(lines.map(|text| Numbered { number, text: text.to_owned() }));
            }
        }
    }

    /// Gives what is left when the log has ended.
    fn finish(&mut self, out: &mut Vec<Numbered>) {
        match self {
            Self::Journal(journal) => journal.finish(out),
            Self::Columns(columns) => columns.finish(out),
            Self::Json | Self::Logfmt | Self::Csv(_) | Self::Quoted | Self::Html | Self::Margin(_) => {}
        }
    }
}

/// The rank of a record's key: the lowest is that of its text.
fn text_rank(key: &str) -> Option<usize> {
    TEXT_KEYS.iter().position(|known| key.eq_ignore_ascii_case(known))
}

/// Whether a record that a log daemon says to be of a program is one: what a program reads from a serial console is the kernel's.
fn is_of_program(sender: &str, text: &str) -> bool {
    sender != "kernel" && crate::console::printk::parse(text).guest_s.is_none()
}
