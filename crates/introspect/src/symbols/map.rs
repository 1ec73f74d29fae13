//! `System.map`: one symbol a line, as `nm -n` prints it: address, kind, name.

use super::Symbol;

/// The symbols of a `System.map`; other lines are skipped.
pub fn parse_map(map: &[u8]) -> impl Iterator<Item = Symbol<'_>> {
    map.split(|&byte| byte == b'\n').filter_map(|line| {
        let line = std::str::from_utf8(line).ok()?;
        let mut fields = line.split_ascii_whitespace();
        let address = u64::from_str_radix(fields.next()?, 16).ok()?;
        let &[kind] = fields.next()?.as_bytes() else { return None };
        Some(Symbol { address, kind, name: fields.next()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_map_skips_other_lines() {
        let text = b"ffffffff81000000 T _stext\r\nc0008000 t a b\n\xff\xfe T x\n12 TT y\n12 T\nzz T z\n\n";
        let symbols: Vec<Symbol<'_>> = parse_map(text).collect();
        assert_eq!(
            symbols,
            [
                Symbol { address: 0xffff_ffff_8100_0000, kind: b'T', name: "_stext" },
                Symbol { address: 0xc000_8000, kind: b't', name: "a" },
            ]
        );
    }
}
