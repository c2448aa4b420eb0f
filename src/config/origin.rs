//! Where a configuration comes from: its file and the text that was read, of which nobody sees the secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::source::announces_secret;

/// The file that a configuration was read from, and its text.
///
/// Two configurations that say the same are equal, wherever they come from: so all origins are equal, and look the same.
#[derive(Clone, Default)]
pub struct Origin {
    file: PathBuf,
    text: String,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origin")
    }
}

impl Origin {
    pub(super) fn new(file: &Path, text: &str) -> Self {
        Self { file: file.to_owned(), text: text.to_owned() }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The text as it was read, with `"…"` in the place of each secret, and `# …` in that of each comment on a line
    /// that names one.
    pub fn public_text(&self) -> String {
        let mut secrets = Vec::new();
        let (root, _) = DeTable::parse_recoverable(&self.text);
        find_secrets(&self.text, root.get_ref(), false, &mut secrets);
        secrets.sort_by_key(|place| place.start);
        let mut shown = String::new();
        let mut end = 0;
        for place in secrets.into_iter().filter(|place| place.start < place.end) {
            let Some(before) = self.text.get(end..place.start) else { continue };
            shown.push_str(before);
            shown.push_str("\"…\"");
            end = place.end;
        }
        shown.push_str(self.text.get(end..).unwrap_or_default());
        shown.split_inclusive('\n').map(with_public_comment).collect()
    }

    /// What another text says otherwise, a line each: the key, what is in force, and what the other says.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let [mut in_force, in_file] = [self, other].map(|origin| values(&origin.text));
        let mut lines = Vec::new();
        for (key, value) in &in_file {
            match in_force.remove(key) {
                Some(before) if before == *value => {}
                _ if is_secret(key) => lines.push(format!("{key}: another secret in the file")),
                Some(before) => lines.push(format!("{key}: {before} in force, {value} in the file")),
                None => lines.push(format!("{key}: its default in force, {value} in the file")),
            }
        }
        for (key, before) in in_force {
            let before = if is_secret(&key) { "a secret".to_owned() } else { before };
            lines.push(format!("{key}: {before} in force, no longer in the file"));
        }
        lines
    }
}

/// Whether the value of a key, such as `mqtt.connect.password`, may be a secret, or part of one.
fn is_secret(key: &str) -> bool {
    key.split(['.', '[']).any(announces_secret)
}

/// The places of all values that may be secrets: those below a key that announces one.
fn find_secrets(text: &str, table: &DeTable<'_>, is_below_secret: bool, secrets: &mut Vec<Range<usize>>) {
    // The place of a table in a value holds all of it; that of one with a header, or with dotted keys, does not.
    let is_inline = |place: Range<usize>| text.get(place).is_some_and(|value| value.starts_with('{'));
    for (key, value) in table {
        let is_secret = is_below_secret || announces_secret(key.get_ref());
        match value.get_ref() {
            DeValue::Table(table) if !(is_secret && is_inline(value.span())) => {
                find_secrets(text, table, is_secret, secrets);
            }
            DeValue::Array(items)
                if !is_secret || items.iter().any(|item| item.get_ref().is_table() && !is_inline(item.span())) =>
            {
                let tables = items.iter().filter_map(|item| item.get_ref().as_table());
                tables.for_each(|table| find_secrets(text, table, is_secret, secrets));
            }
            _ if is_secret => secrets.push(value.span()),
            _ => {}
        }
    }
}

/// A line without its comment, if the line says anything of a secret.
fn with_public_comment(line: &str) -> String {
    let mut quote = None;
    let mut is_escaped = false;
    let begin = line.char_indices().find(|(_, c)| {
        if std::mem::take(&mut is_escaped) {
            return false;
        }
        match quote {
            Some('"') if *c == '\\' => is_escaped = true,
            Some(open) if open == *c => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(*c),
            _ => {}
        }
        quote.is_none() && *c == '#'
    });
    let (code, comment) = line.split_at(begin.map_or(line.len(), |(begin, _)| begin));
    if comment.is_empty() || !names_secret(line) {
        return line.to_owned();
    }
    let end = if line.ends_with('\n') { "\n" } else { "" };
    format!("{code}# …{end}")
}

/// Whether a word of a text may announce a secret.
fn names_secret(text: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).any(announces_secret)
}

/// All values of a text by their keys, such as `mqtt.route[1].topic`, as TOML writes them.
fn values(text: &str) -> BTreeMap<String, String> {
    fn collect(prefix: &str, table: &Table, values: &mut BTreeMap<String, String>) {
        for (key, value) in table {
            let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                Value::Table(table) => collect(&key, table, values),
                Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_table) => {
                    for (number, table) in (1..).zip(items.iter().filter_map(Value::as_table)) {
                        collect(&format!("{key}[{number}]"), table, values);
                    }
                }
                value => {
                    values.insert(key, value.to_string());
                }
            }
        }
    }
    let mut all = BTreeMap::new();
    if let Ok(table) = text.parse() {
        collect("", &table, &mut all);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::new(Path::new("config.toml"), text)
    }

    #[test]
    fn the_text_is_shown_with_its_comments_and_without_its_secrets() {
        let text = "# The plant.\n[mqtt.connect]\nhost = \"broker\" # of line 3\nusername = \"a\"\npassword = \"hunter2\" # it was 'hunter1'\n# password = \"hunter0\"\npassword_file = \"p\"\n";
        let escaped = origin("a = \"b\\\" c\" # the password is hunter2").public_text();
        assert_eq!(escaped, "a = \"b\\\" c\" # …");
        let shown = origin(text).public_text();
        assert_eq!(
            shown,
            "# The plant.\n[mqtt.connect]\nhost = \"broker\" # of line 3\nusername = \"a\"\npassword = \"…\" # …\n# …\npassword_file = \"p\"\n"
        );
        for text in [
            "connect = { username = \"a\", password = 'hunter2' }",
            "[[a]]\nsecret = [\"hunter2\",\n\"hunter2\"]\nb = 1\n",
            "password = \"\"\"\nhunter2\n\"\"\"\n",
            "[tokens]\na = \"hunter2\"\nb = 2\n",
            "[[token]]\na = \"hunter2\"\n[[token]]\na = \"hunter3\"\n",
            "token.a = \"hunter2\"\n",
        ] {
            let shown = origin(text).public_text();
            assert!(!shown.contains("hunter") && shown.contains('…'), "{shown}");
        }
    }

    #[test]
    fn differences_name_key_and_both_values_and_no_secret() {
        let before = "[window]\nlength = \"1h\"\n[mqtt.connect]\npassword = \"hunter2\"\n[[mqtt.route]]\ntopic = \"a/{sensor}\"\n";
        let after = "[mqtt.connect]\npassword = \"hunter3\"\nqos = 2\n[[mqtt.route]]\ntopic = \"b/{sensor}\"\n";
        assert_eq!(
            origin(before).differences(&origin(after)),
            [
                "mqtt.connect.password: another secret in the file",
                "mqtt.connect.qos: its default in force, 2 in the file",
                "mqtt.route[1].topic: \"a/{sensor}\" in force, \"b/{sensor}\" in the file",
                "window.length: \"1h\" in force, no longer in the file",
            ]
        );
        assert_eq!(origin(before).differences(&origin(&format!("# more\n{before}"))), [""; 0]);
    }
}
