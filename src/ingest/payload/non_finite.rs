//! Literals that JSON does not have: `NaN` and `Infinity` as Python writes them, `nan` and `inf` as C does.

use std::borrow::Cow;

/// The text with each such literal replaced by a JSON number that is too large for any finite value: it is read as
/// infinite, and no filter accepts that. Strings and keys stay as they are.
///
/// So a value that is not finite costs its own reading, rather than the whole payload.
pub(super) fn spelled_out(text: &str) -> Cow<'_, str> {
    const TOO_LARGE: &str = "1e999";
    let bytes = text.as_bytes();
    let mut spelled = String::new();
    let (mut copied, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_text(bytes, at),
            b'N' | b'n' | b'I' | b'i' => {
                let length = literal(&bytes[at..]);
                if length > 0 {
                    spelled.push_str(&text[copied..at]);
                    spelled.push_str(TOO_LARGE);
                    copied = at + length;
                }
                at += length.max(1);
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    spelled.push_str(&text[copied..]);
    Cow::Owned(spelled)
}

/// The position behind the string that begins at `quote`.
fn end_of_text(bytes: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The length of the literal that the bytes begin with; 0 when they begin with none.
fn literal(bytes: &[u8]) -> usize {
    let begins = |word: &&[u8]| bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let found = [&b"infinity"[..], b"inf", b"nan"].into_iter().find(begins).map_or(0, <[u8]>::len);
    let goes_on = bytes.get(found).is_some_and(u8::is_ascii_alphanumeric);
    if goes_on { 0 } else { found }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literals_of_python_and_c_become_numbers_that_are_not_finite() {
        for (text, expected) in [
            (r#"{"v":NaN}"#, r#"{"v":1e999}"#),
            ("[Infinity, -Infinity,nan,-inf]", "[1e999, -1e999,1e999,-1e999]"),
            (r#"{"NaN":"a \" NaN","b\\":NaN}"#, r#"{"NaN":"a \" NaN","b\\":1e999}"#),
            ("NaN", "1e999"),
        ] {
            assert_eq!(spelled_out(text), expected, "{text}");
        }
        for text in ["[null,true]", "[nano]", "[NaN1]", "[infinit]", "\"NaN", "\"\\", ""] {
            assert!(matches!(spelled_out(text), Cow::Borrowed(_)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn json_stays_as_it_is(text in "\\PC{0,20}", number in any::<f64>()) {
            let json = serde_json::json!({ text.clone(): [text, number, null_or(number)] }).to_string();
            prop_assert_eq!(spelled_out(&json), json.as_str());
        }

        #[test]
        fn no_text_breaks_it(text in "[NaInfity\"\\\\ä,:]{0,30}") {
            let _ = spelled_out(&text);
        }
    }

    fn null_or(number: f64) -> Option<bool> {
        (number > 0.0).then_some(true)
    }
}
