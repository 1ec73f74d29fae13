//! URLs that the user writes.

/// Whether a text is a URL of one of these schemes (`https://`): it has a host, and only characters of a URI (RFC 3986, appendix A).
pub fn is_url(text: &str, schemes: &[&str]) -> bool {
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    let is_uri = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']) && rest.bytes().all(is_uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_has_a_host_and_no_other_characters() {
        let is_page = |text: &str| is_url(text, &["https://", "http://"]);
        assert!(is_page("https://bugzilla.kernel.org/show_bug.cgi?id=1#c2") && is_page("http://[::1]:80/~x/%20"));
        for text in
            ["", "https://", "https:///x", "file:///x", "https://a b", "https://a\n", "https://ä", "example.org"]
        {
            assert!(!is_page(text), "{text}");
        }
    }
}
