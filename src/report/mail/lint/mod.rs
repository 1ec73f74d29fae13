//! Checks a draft that a person has edited.
//!
//! A rule is a function from a document to findings. `ALL` has them; each has a hit and a miss in the tests.

mod attachments;
mod claims;
mod document;
mod headers;
mod layout;
mod regzbot;
mod wording;

use document::Document;

/// Something that a list would mind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Finding {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

type Rule = fn(&Document<'_>, &mut Vec<Finding>);

const ALL: &[Rule] = &[
    headers::recipients,
    headers::subject,
    headers::content_type,
    layout::characters,
    layout::columns,
    layout::log_lines,
    layout::markup,
    layout::top_posting,
    regzbot::command,
    regzbot::tags,
    claims::untested,
    wording::placeholders,
    attachments::names,
];

/// The findings in a draft, in the order of its lines.
pub fn lint(draft: &[u8]) -> Vec<Finding> {
    let mut found = Vec::new();
    let text = match std::str::from_utf8(draft) {
        Ok(text) => text.to_owned(),
        Err(error) => {
            let line = 1 + draft[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            found.push(Finding::new(line, "no UTF-8; write the mail in ASCII or UTF-8"));
            String::from_utf8_lossy(draft).into_owned()
        }
    };
    let document = Document::parse(&text);
    ALL.iter().for_each(|rule| rule(&document, &mut found));
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests;
