//! Comma-separated values (RFC 4180), a record a line.

use super::text_rank;

/// The fields of a record and whether each is quoted. A quote in quotes is doubled.
fn fields(line: &str) -> Vec<(String, bool)> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let mut field = String::new();
        let is_quoted = rest.starts_with('"');
        if is_quoted {
            rest = &rest[1..];
            while let Some(end) = rest.find('"') {
                field.push_str(&rest[..end]);
                rest = &rest[end + 1..];
                let Some(more) = rest.strip_prefix('"') else { break };
                field.push('"');
                rest = more;
            }
        }
        let end = rest.find([',', ';']).unwrap_or(rest.len());
        field.push_str(&rest[..end]);
        fields.push((field, is_quoted));
        if end == rest.len() {
            return fields;
        }
        rest = &rest[end + 1..];
    }
}

/// The field of a record in this column; `None` where it has none.
pub(super) fn field(line: &str, column: usize) -> Option<String> {
    fields(line).into_iter().nth(column).map(|(field, _)| field)
}

/// The column that holds the texts of these records: the head says it, or it is the longest. `None` where they are none: texts hold
/// commas, and so some are quoted, and all have as many fields.
pub(super) fn column(lines: &[&str]) -> Option<usize> {
    let records: Vec<_> = lines.iter().map(|line| fields(line)).collect();
    let width = records.first()?.len();
    let is_table = width > 1
        && records.iter().all(|record| record.len() == width)
        && records.iter().any(|record| record.iter().any(|(_, is_quoted)| *is_quoted));
    if !is_table {
        return None;
    }
    let named = records[0].iter().position(|(field, _)| text_rank(field).is_some());
    let length = |column: &usize| records.iter().map(|record| record[*column].0.len()).sum::<usize>();
    named.or_else(|| (0..width).max_by_key(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read() {
        for (line, expected) in [
            (r#"1,"a ""b"", c",d"#, &["1", "a \"b\", c", "d"][..]),
            ("a;b", &["a", "b"]),
            ("", &[""]),
            ("a,", &["a", ""]),
            (r#""a"#, &["a"]),
        ] {
            let found = fields(line);
            assert_eq!(found.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), expected, "{line}");
        }
    }

    #[test]
    fn column_of_the_texts_is_found() {
        assert_eq!(column(&["time,message,host", r#"1,"a, b",c"#]), Some(1));
        assert_eq!(column(&[r#""1","host","a longer text""#, r#""2","host","b""#]), Some(2));
        for lines in [&["4,1,15,-;a", "4,2,16,-;b"][..], &["a, b", "c"], &["a"], &[]] {
            assert_eq!(column(lines), None, "{lines:?}");
        }
    }
}
