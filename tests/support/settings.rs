//! The shipped configuration with some values replaced, so that the shipped file is what the tests load.

use std::path::Path;

use toml::{Table, Value};

/// A configuration on its way to a file.
#[derive(Clone)]
pub(crate) struct Settings(Table);

impl Settings {
    /// The shipped `config.toml`, without the port of the API: daemons of several tests run at once. A
    /// daemon that was killed often does not wait before it starts.
    pub(crate) fn shipped() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml");
        let shipped = Self(std::fs::read_to_string(file).unwrap().parse().unwrap());
        shipped.with("http.listen", "\"off\"").with("supervision.short_lives", "1000000")
    }

    /// Sets a key such as `window.interval` to a value in TOML, such as `"5s"` with its quotes.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        let value: Table = format!("value = {value}").parse().unwrap();
        let (sections, last) = key.rsplit_once('.').unwrap_or(("", key));
        let mut table = &mut self.0;
        for section in sections.split('.').filter(|section| !section.is_empty()) {
            let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            table = entry.as_table_mut().unwrap();
        }
        table.insert(last.to_owned(), value["value"].clone());
        self
    }

    /// Sets a key to a path or another text.
    pub(crate) fn with_text(self, key: &str, value: impl AsRef<Path>) -> Self {
        self.with(key, &Value::String(value.as_ref().to_str().unwrap().to_owned()).to_string())
    }

    /// Without `[mqtt.listen]`.
    pub(crate) fn without_listener(mut self) -> Self {
        self.0["mqtt"].as_table_mut().unwrap().remove("listen");
        self
    }

    /// Without a key such as `store.keep_raw`.
    pub(crate) fn without_key(mut self, key: &str) -> Self {
        let (sections, last) = key.rsplit_once('.').unwrap_or(("", key));
        let mut table = &mut self.0;
        for section in sections.split('.').filter(|section| !section.is_empty()) {
            table = table[section].as_table_mut().unwrap();
        }
        table.remove(last);
        self
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        self.0.to_string()
    }
}
