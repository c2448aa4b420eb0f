//! What kind of text a file is, by its beginning.

use super::Foreign;

/// How much of the end is looked at: a notebook names itself there.
const TAIL: usize = 1024;

/// What kind of text these bytes are, `head` being their beginning. `None` when they are no text.
pub(super) fn recognise(bytes: &[u8], head: &[u8]) -> Option<Foreign> {
    let text = beginning(head)?.trim_start();
    let lower = text.to_ascii_lowercase();
    Some(match text.as_bytes() {
        _ if text.starts_with("version https://git-lfs.github.com/") => Foreign::LfsPointer,
        [] => Foreign::Empty,
        [b'<', ..] if ["<!doctype html", "<html"].iter().any(|tag| lower.contains(tag)) => Foreign::Html,
        [b'<', ..] if text.contains("<PMML") => Foreign::Pmml,
        [b'<', ..] => Foreign::Xml,
        [b'{' | b'[', ..] => json(text, &bytes[bytes.len().saturating_sub(TAIL)..]),
        _ if is_python(text) => Foreign::Python,
        _ if is_table(text) => Foreign::Table { kind: "CSV" },
        _ if is_yaml(text) => Foreign::Yaml,
        _ => Foreign::Text,
    })
}

/// The text that a file begins with, a character that is cut off left out. `None` for what is no text.
fn beginning(head: &[u8]) -> Option<&str> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = match str::from_utf8(head) {
        Ok(text) => text,
        // Only at the end, and no more than a character's bytes.
        Err(error) if error.error_len().is_none() => str::from_utf8(&head[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c');
    (!text.contains(steers)).then_some(text)
}

fn json(text: &str, tail: &[u8]) -> Foreign {
    let ends_with = |word: &[u8]| tail.windows(word.len()).any(|window| window == word);
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["\"nbformat\""]) || ends_with(b"\"nbformat\"") {
        Foreign::Notebook
    } else if has(&["\"learner\""]) {
        Foreign::Boosted { library: "XGBoost" }
    } else if has(&["\"tree_info\"", "\"tree_sizes\""]) {
        Foreign::Boosted { library: "LightGBM" }
    } else if has(&["\"oblivious_trees\""]) {
        Foreign::Boosted { library: "CatBoost" }
    } else if has(&["\"keras_version\"", "\"class_name\""]) {
        Foreign::Keras
    } else {
        Foreign::Json
    }
}

/// Two lines with as many separators, at least one.
fn is_table(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else { return false };
    [',', ';', '\t'].into_iter().any(|separator| {
        let count = |line: &str| line.matches(separator).count();
        count(first) > 0 && count(first) == count(second)
    })
}

fn is_python(text: &str) -> bool {
    let begins = |line: &str| {
        ["import ", "from ", "def ", "class ", "#!/usr/bin/env python"].iter().any(|word| line.starts_with(word))
    };
    text.lines().find(|line| !line.is_empty() && (!line.starts_with('#') || line.starts_with("#!"))).is_some_and(begins)
}

/// A mark of its own, or nothing but keys with values, items and what is indented.
fn is_yaml(text: &str) -> bool {
    let is_key = |line: &str| {
        line.split_once(':').is_some_and(|(key, value)| {
            !key.is_empty() && !key.contains(' ') && (value.is_empty() || value.starts_with(' '))
        })
    };
    let belongs = |line: &str| line.is_empty() || line.starts_with([' ', '-', '#']) || is_key(line);
    // The last line may be cut off.
    let lines = text.lines().collect::<Vec<_>>();
    let (_, whole) = lines.split_last().unwrap_or((&"", &[]));
    text.starts_with("---\n")
        || (lines.first().is_some_and(|line| is_key(line)) && whole.iter().all(|line| belongs(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Foreign> {
        recognise(text.as_bytes(), text.as_bytes())
    }

    #[test]
    fn texts_are_told_by_what_they_begin_with() {
        let csv = Foreign::Table { kind: "CSV" };
        for (text, kind) in [
            ("ts,value\n1,2\n", csv.clone()),
            ("\u{feff}TS;Wert\r\n2018-08-28;2,5\r\n", csv.clone()),
            ("a\tb\n\n1\t2", csv),
            ("one line, no more", Foreign::Text),
            ("Dear all,\nwe see no model here\n", Foreign::Text),
            (" \n\t", Foreign::Empty),
            ("import joblib\n\nmodel = 1\n", Foreign::Python),
            ("# trains\nfrom sklearn import svm\n", Foreign::Python),
            ("artifact_path: model\nflavors:\n  sklearn:\n    code: null\n", Foreign::Yaml),
            ("---\na", Foreign::Yaml),
            ("[1, 2]", Foreign::Json),
            ("{\"cells\": [], \"metadata\": {}, \"nbformat\": 4}", Foreign::Notebook),
            ("{\"learner\":{}}", Foreign::Boosted { library: "XGBoost" }),
            ("<a/>", Foreign::Xml),
            ("\n\n<!DOCTYPE html>\n<html>", Foreign::Html),
            ("<?xml version=\"1.0\"?>\n<PMML version=\"4.4\"/>", Foreign::Pmml),
        ] {
            assert_eq!(of(text), Some(kind), "{text:?}");
        }
    }

    #[test]
    fn what_could_steer_a_terminal_or_is_not_utf_8_is_no_text() {
        assert_eq!(of("a\x1b[2J"), None);
        assert_eq!(recognise(b"a\xff\xfe", b"a\xff\xfe"), None);
        let cut = "value: 20°".as_bytes();
        assert_eq!(recognise(cut, &cut[..cut.len() - 1]), Some(Foreign::Yaml), "a character that is cut off");
    }
}
