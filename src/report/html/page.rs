//! What all pages have in common: the frame, style and scripts, and the rules that the browser enforces on them.

use askama::Template;
use base64ct::{Base64, Encoding};
use model::visible_lines;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("../../../templates/page.css");
const SCRIPT: &str = include_str!("../../../templates/page.js");
/// For pages with items to filter.
const FILTER: &str = include_str!("../../../templates/filter.js");

/// The frame of a page.
#[derive(Debug)]
pub(super) struct Page {
    pub title: String,
    pub scripts: Vec<&'static str>,
}

impl Page {
    pub fn new(title: String) -> Self {
        Self { title, scripts: vec![SCRIPT] }
    }

    /// With items that have a filter.
    pub fn filtered(title: String) -> Self {
        Self { title, scripts: vec![SCRIPT, FILTER] }
    }

    pub fn style(&self) -> &'static str {
        STYLE
    }

    /// Nothing is loaded, and of scripts and styles only these run: a text that became markup would still do nothing
    /// (Content Security Policy Level 3, `hash-source`).
    pub fn policy(&self) -> String {
        let scripts: Vec<String> = self.scripts.iter().map(|script| source(script)).collect();
        let (style, scripts) = (source(STYLE), scripts.join(" "));
        format!("default-src 'none'; style-src {style}; script-src {scripts}; base-uri 'none'; form-action 'none'")
    }
}

fn source(text: &str) -> String {
    format!("'sha256-{}'", Base64::encode_string(&Sha256::digest(text)))
}

/// The finished document. Templates escape markup; control characters and marks that reorder text become visible escapes here, which
/// covers every text, in attributes too.
pub(super) fn render(template: &impl Template) -> String {
    // Writing to a string does not fail, and no template has a filter that does.
    visible_lines(&template.render().unwrap_or_default())
}
