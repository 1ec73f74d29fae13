//! Pages: `<pre>[    1.0] a &lt; b</pre>`, with tags and without.

/// Elements whose tags are taken out; the kernel's `<TASK>`, `<IRQ>` and addresses are none.
const ELEMENTS: [&str; 44] = [
    "a",
    "article",
    "b",
    "blockquote",
    "body",
    "br",
    "code",
    "details",
    "div",
    "em",
    "failure",
    "font",
    "h1",
    "h2",
    "h3",
    "head",
    "html",
    "i",
    "kbd",
    "li",
    "main",
    "meta",
    "ol",
    "p",
    "pre",
    "samp",
    "section",
    "small",
    "span",
    "strong",
    "style",
    "summary",
    "system-err",
    "system-out",
    "table",
    "tbody",
    "td",
    "testcase",
    "testsuite",
    "th",
    "title",
    "tr",
    "tt",
    "ul",
];

/// Elements that end a line.
const BLOCKS: [&str; 11] = ["br", "div", "h1", "h2", "h3", "li", "p", "pre", "summary", "td", "tr"];

/// Names of characters (HTML 5, 13.5).
const NAMES: [(&str, &str); 6] = [("lt", "<"), ("gt", ">"), ("amp", "&"), ("quot", "\""), ("apos", "'"), ("nbsp", " ")];

/// The texts of a line: a block's tag ends one.
pub(super) fn texts(line: &str) -> Vec<String> {
    let (mut texts, mut text, mut rest) = (Vec::new(), String::new(), line);
    while let Some(at) = rest.find(['<', '&', ']']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((name, length)) = tag(rest) {
            rest = &rest[length..];
            if BLOCKS.contains(&&*name) && !text.is_empty() {
                texts.push(std::mem::take(&mut text));
            }
        } else if let Some((c, length)) = character(rest) {
            text.push_str(&c);
            rest = &rest[length..];
        } else {
            // All three are of one byte.
            text.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    texts.push(text);
    texts
}

/// Whether a line has a tag that no other text has.
pub(super) fn is_framed(line: &str) -> bool {
    let mut tags = line.match_indices(['<', ']']).filter_map(|(at, _)| tag(&line[at..]));
    tags.any(|(name, _)| name.len() > 1 || name == "p")
}

/// Whether a line has characters that only pages write so.
pub(super) fn is_escaped(line: &str) -> bool {
    line.match_indices('&').any(|(at, _)| character(&line[at..]).is_some())
}

/// The element of a tag at the start of a text, in lower case, and the length of the tag.
fn tag(text: &str) -> Option<(String, usize)> {
    /// Attributes may be long.
    const MAX_LENGTH: usize = 2048;
    for (mark, name) in [("<![CDATA[", "cdata"), ("]]>", "cdata")] {
        if text.starts_with(mark) {
            return Some((name.to_owned(), mark.len()));
        }
    }
    let inner = text.strip_prefix('<')?;
    let end = inner.bytes().take(MAX_LENGTH).position(|byte| byte == b'>')?;
    if inner.starts_with("!--") || inner.starts_with("!DOCTYPE") || inner.starts_with("?xml") {
        return Some((String::new(), end + 2));
    }
    let name = inner[..end].trim_start_matches('/');
    let name = name.split([' ', '/']).next()?;
    let lower = name.to_ascii_lowercase();
    let is_known = ELEMENTS.contains(&&*lower);
    is_known.then_some((lower, end + 2))
}

/// The character that a text begins with, `&lt;`, `&#39;` or `&#x27;`, and the length of its name.
fn character(text: &str) -> Option<(String, usize)> {
    let inner = text.strip_prefix('&')?;
    let end = inner.bytes().take(10).position(|byte| byte == b';')?;
    let name = &inner[..end];
    if let Some((_, c)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(((*c).to_owned(), end + 2));
    }
    let digits = name.strip_prefix('#')?;
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    let c = char::from_u32(number.ok()?).filter(|c| *c != '\n')?;
    Some((c.to_string(), end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_pages_are_found() {
        for (line, expected) in [
            ("<pre>[    1.0] a &lt;TASK&gt; &amp; b</pre>", &["[    1.0] a <TASK> & b", ""][..]),
            ("<span class=\"x\">a</span> <TASK> <c0012345>", &["a <TASK> <c0012345>"]),
            ("a<br/>b<BR>c", &["a", "b", "c"]),
            ("&quot;it&#39;s&#x27;&apos;", &["\"it's''"]),
            ("<system-out><![CDATA[a <b", &["a <b"]),
            ("]]></system-out>", &[""]),
            ("a & b; c &x; &#x110000; <é", &["a & b; c &x; &#x110000; <é"]),
            ("<IRQ>", &["<IRQ>"]),
        ] {
            assert_eq!(texts(line), expected, "{line}");
        }
    }

    #[test]
    fn marks_of_pages_are_known() {
        for line in ["<pre>", "x</div>", "<html lang=\"en\">", "]]>"] {
            assert!(is_framed(line), "{line}");
        }
        for line in [" <TASK>", "<4>[    1.0] x", "a & b", "[<c0012345>] f", "<none>", "<pre", "<b>"] {
            assert!(!is_framed(line) && !is_escaped(line), "{line}");
        }
        assert!(is_escaped("a &lt; b") && is_escaped("&#39;"));
    }
}
