//! The line with which an SSH server announces itself (RFC 4253, section 4.2).

/// Maximum length of the line, with its end (RFC 4253, section 4.2).
const MAX_LINE: usize = 255;

/// Maximum bytes that a server may send before it.
const MAX_BEFORE: usize = 8 * 1024;

/// What the first bytes of a server are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Banner {
    /// The line is not complete.
    Incomplete,
    /// The line begins at this byte; lines before it are a greeting for people.
    At(usize),
    /// This is no SSH server, or one of version 1.
    Absent(&'static str),
}

/// Finds the line in all the bytes that a server has sent.
pub(super) fn find(bytes: &[u8]) -> Banner {
    let mut start = 0;
    while let Some(length) = memchr::memchr(b'\n', &bytes[start..]) {
        let line = &bytes[start..start + length];
        if line.starts_with(b"SSH-") {
            return check(line, start);
        }
        start += length + 1;
    }
    let rest = &bytes[start..];
    if rest.starts_with(b"SSH-") && rest.len() >= MAX_LINE {
        return Banner::Absent("its SSH banner has no end");
    }
    if bytes.len() > MAX_BEFORE + MAX_LINE {
        return Banner::Absent("it sends something else than an SSH banner");
    }
    Banner::Incomplete
}

fn check(line: &[u8], start: usize) -> Banner {
    if line.len() >= MAX_LINE {
        return Banner::Absent("its SSH banner is too long");
    }
    if line.starts_with(b"SSH-2.0-") || line.starts_with(b"SSH-1.99-") {
        return Banner::At(start);
    }
    Banner::Absent("it does not speak version 2 of SSH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banner_is_found_after_a_greeting() {
        assert_eq!(find(b"SSH-2.0-OpenSSH_9.2\r\n"), Banner::At(0));
        assert_eq!(find(b"SSH-1.99-x\n\x00\x00"), Banner::At(0));
        assert_eq!(find(b"welcome\r\nto SSH-2.0-x\r\nSSH-2.0-x\r\n"), Banner::At(23));
    }

    #[test]
    fn banner_is_incomplete_until_its_line_ends() {
        for bytes in [b"".as_slice(), b"SS", b"SSH-2.0-OpenSSH", b"welcome\r\n", b"welcome\r\nSSH-2.0-"] {
            assert_eq!(find(bytes), Banner::Incomplete, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn other_servers_have_none() {
        assert!(matches!(find(b"SSH-1.5-old\n"), Banner::Absent(_)));
        assert!(matches!(find(&[b"SSH-2.0-".as_slice(), &[b'x'; MAX_LINE]].concat()), Banner::Absent(_)));
        assert!(matches!(find(&[b"SSH-2.0-".as_slice(), &[b'x'; MAX_LINE], b"\n"].concat()), Banner::Absent(_)));
        assert!(matches!(find(&vec![b'x'; 10_000]), Banner::Absent(_)));
        assert!(matches!(find(&b"x\n".repeat(5_000)), Banner::Absent(_)));
    }
}
