//! Pieces of JSON text that are known to be valid JSON.

use std::borrow::Cow;

use crate::ingest::passed_over::MemberKind;

/// Whether the text is a number.
pub(super) fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

/// The kind of the value; `None` when it is a number.
pub(super) fn member_kind(text: &str) -> Option<MemberKind> {
    match text.as_bytes().first()? {
        b'"' => Some(MemberKind::Text),
        b'{' => Some(MemberKind::Object),
        b'[' => Some(MemberKind::Array),
        b't' | b'f' => Some(MemberKind::Boolean),
        b'n' => Some(MemberKind::Null),
        _ => None,
    }
}

/// The kind of the value, as people call it.
pub(super) fn kind(text: &str) -> &'static str {
    match member_kind(text) {
        Some(MemberKind::Text) => "text",
        Some(MemberKind::Object) => "an object",
        Some(MemberKind::Array) => "an array",
        Some(MemberKind::Boolean) => "a boolean",
        Some(MemberKind::Null) => "null",
        None => "a number",
    }
}

/// The string that the text stands for; `None` when it is not a string, or not one of Unicode.
pub(super) fn string(text: &str) -> Option<Cow<'_, str>> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') { serde_json::from_str(text).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inside)) }
}

/// The elements of an array; `None` when the text is not an array.
pub(super) fn elements(text: &str) -> Option<Elements<'_>> {
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    let rest = if inside.trim_ascii().is_empty() { None } else { Some(inside) };
    Some(Elements { rest })
}

/// Walks over an array.
#[derive(Clone)]
pub(super) struct Elements<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        let bytes = text.as_bytes();
        // A number holds no character that could hide a comma.
        let comma = match bytes.iter().position(|b| matches!(b, b',' | b'"' | b'[' | b'{')) {
            Some(at) if bytes[at] != b',' => comma(bytes),
            first => first,
        };
        let (element, rest) = match comma {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        self.rest = rest;
        Some(element.trim_ascii())
    }
}

/// The position of the first comma that is outside of strings, arrays and objects.
fn comma(text: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_split_at_its_own_commas_only() {
        let text = r#"[ 1 ,"a,\",]", [2,3] ,{"x":[4,5]},null]"#;
        let split: Vec<&str> = elements(text).unwrap().collect();
        assert_eq!(split, ["1", r#""a,\",]""#, "[2,3]", r#"{"x":[4,5]}"#, "null"]);
        assert_eq!(elements("[ ]").unwrap().count(), 0);
        assert!(elements("{}").is_none());
    }

    #[test]
    fn a_string_is_unescaped_only_where_needed() {
        assert!(matches!(string(r#""temp""#), Some(Cow::Borrowed("temp"))));
        assert_eq!(string(r#""a\"\u00e4""#).as_deref(), Some("a\"ä"));
        assert_eq!(string(r#""\ud800""#), None);
        assert_eq!(string("1"), None);
    }
}
