//! Reads the sections of a TOML document key by key. A mistake does not end the reading, so that all mistakes are found
//! at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::bytes::ByteSize;
use super::mistake::{Mistake, Problem};
use super::path;
use super::source::{Source, announces_secret};
use crate::suggest::nearest;
use crate::time::{Span, Timestamp};

/// What is noted while a document is read: its mistakes, and the keys that it has and that sections ask for.
pub(super) struct Notes<'t> {
    source: Source<'t>,
    folder: &'t Path,
    mistakes: Vec<Mistake>,
    /// Keys that no section asked for: table, key, and place.
    strangers: Vec<(String, String, Range<usize>)>,
    /// The place of each key that the file has. Paths are as in [`Mistake::key`].
    places: BTreeMap<String, Range<usize>>,
    /// The keys asked for, by section; `mqtt.route` stands for all routes.
    known: BTreeMap<String, BTreeSet<&'static str>>,
}

/// Where the keys of a configuration stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    file: PathBuf,
    lines: BTreeMap<String, usize>,
}

impl Places {
    /// The file and line of a key; of the nearest table around it when the key is not in the file.
    pub fn of(&self, key: &str) -> String {
        let file = self.file.display();
        let mut around = std::iter::successors(Some(key), |key| Some(key.rsplit_once('.')?.0));
        let line = around.find_map(|key| self.lines.get(key));
        line.map_or_else(|| file.to_string(), |line| format!("{file}:{line}"))
    }
}

/// One table of the document. When the document has no such table, every key has its default.
pub(super) struct Section<'n, 't> {
    notes: &'n mut Notes<'t>,
    table: Option<&'t DeTable<'t>>,
    path: String,
}

impl<'t> Notes<'t> {
    /// A file of another kind has no end of mistakes.
    const MAX_MISTAKES: usize = 1000;

    /// Notes on a text. Paths in it are relative to `folder`.
    pub(super) fn new(text: &'t str, folder: &'t Path) -> Self {
        Self {
            source: Source::new(text),
            folder,
            mistakes: Vec::new(),
            strangers: Vec::new(),
            places: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }

    /// Reads the whole document.
    pub(super) fn read<T>(&mut self, root: &'t DeTable<'t>, read: impl FnOnce(&mut Section<'_, 't>) -> T) -> T {
        Section { notes: self, table: Some(root), path: String::new() }.finish(read)
    }

    /// Notes that values contradict each other, at the first of the keys that the file has. Notes nothing when one of
    /// the keys has a mistake itself, because its value is then not what was meant.
    pub(super) fn rule(&mut self, keys: &[&str], why: impl fmt::Display) {
        let concerns = |mistake: &Mistake, key: &str| {
            // A list has a mistake when one of its tables has one.
            mistake.key.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        };
        if self.mistakes.iter().any(|mistake| keys.iter().any(|key| concerns(mistake, key))) {
            return;
        }
        let written = keys.iter().find(|key| self.places.contains_key(**key)).or(keys.first());
        let key = written.copied().unwrap_or_default().to_owned();
        let place = self.place(&key);
        self.note(&place, key, Problem::Rule(why.to_string()));
    }

    /// Notes a mistake in the document's syntax.
    pub(super) fn syntax(&mut self, error: &toml::de::Error) {
        let place = error.span().unwrap_or_default();
        let mut message = error.message().replace('\n', ", ");
        if message.contains("escape") {
            message.push_str("; within double quotes \\ begins an escape, and paths are written with /");
        }
        self.note(&place, String::new(), Problem::Syntax(message));
    }

    /// The places of all keys, for code that finds mistakes later.
    pub(super) fn places(&self, file: &Path) -> Places {
        let line = |(key, place): (&String, &Range<usize>)| (key.clone(), self.source.position(place.start).0);
        Places { file: file.to_owned(), lines: self.places.iter().map(line).collect() }
    }

    /// All mistakes, in the order of the document.
    pub(super) fn into_mistakes(mut self) -> Vec<Mistake> {
        for (table, key, place) in std::mem::take(&mut self.strangers) {
            let problem = Problem::Unknown(self.advice(&without_indices(&table), &key));
            let mut mistake = self.mistake(&place, join(&table, &key), problem);
            // The value of the key is not needed here, and may be of any type.
            let shown: String = mistake.excerpt.chars().take(mistake.column - 1 + key.chars().count()).collect();
            mistake.excerpt = format!("{shown} …");
            self.keep(mistake);
        }
        self.mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        self.mistakes
    }

    /// The keys that were asked for, by section.
    #[cfg(test)]
    pub(super) fn known(&self) -> &BTreeMap<String, BTreeSet<&'static str>> {
        &self.known
    }

    fn advice(&self, section: &str, key: &str) -> String {
        if section == "store"
            && let Some(replacement) = super::store::replacement(key)
        {
            return replacement.to_owned();
        }
        let here = self.known.get(section).into_iter().flatten().copied();
        if let Some(meant) = nearest(key, here.clone()) {
            return format!("did you mean \"{meant}\"?");
        }
        if let Some((other, _)) = self.known.iter().find(|(_, keys)| keys.contains(key)) {
            return match other.as_str() {
                "" => format!("did you mean the \"{key}\" at the top of the file, before the first section?"),
                _ => format!("did you mean the \"{key}\" of [{other}]?"),
            };
        }
        format!("accepted: {}", here.collect::<Vec<_>>().join(", "))
    }

    /// The place of a key; of the nearest table around it when the key is not in the file.
    fn place(&self, key: &str) -> Range<usize> {
        let mut key = key;
        loop {
            if let Some(place) = self.places.get(key) {
                return place.clone();
            }
            match key.rfind('.') {
                Some(dot) => key = &key[..dot],
                None => return 0..0,
            }
        }
    }

    fn note(&mut self, place: &Range<usize>, key: String, problem: Problem) {
        let mistake = self.mistake(place, key, problem);
        self.keep(mistake);
    }

    fn mistake(&self, place: &Range<usize>, key: String, problem: Problem) -> Mistake {
        let (line, column) = self.source.position(place.start);
        Mistake { line, column, key, problem, excerpt: self.source.excerpt(line) }
    }

    fn keep(&mut self, mistake: Mistake) {
        if self.mistakes.len() < Self::MAX_MISTAKES {
            self.mistakes.push(mistake);
        }
    }
}

impl<'t> Section<'_, 't> {
    /// Reads the section with `read`, and notes the keys that `read` did not ask for.
    fn finish<T>(mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let value = read(&mut self);
        let known = self.notes.known.get(&without_indices(&self.path));
        for (key, _) in self.table.into_iter().flatten() {
            if !known.is_some_and(|known| known.contains(key.get_ref().as_ref())) {
                self.notes.strangers.push((self.path.clone(), key.get_ref().to_string(), key.span()));
            }
        }
        value
    }

    /// Whether the key is written down.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// Where relative paths begin.
    pub(super) fn folder(&self) -> &'t Path {
        self.notes.folder
    }

    /// The value of the key as `read` makes it; `None` when the key is absent or its value is a mistake.
    pub(super) fn take<T>(
        &mut self,
        key: &'static str,
        accepted: impl fmt::Display,
        read: impl FnOnce(&'t DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let taken = read(value.get_ref());
        if taken.is_none() {
            self.refuse(key, describe(key, value.get_ref()), accepted);
        }
        taken
    }

    /// The text of the key as `parse` makes it; `None` when the key is absent or its value is a mistake.
    pub(super) fn parsed<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        accepted: impl fmt::Display,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.take(key, &accepted, |value| value.as_str())?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.refuse(key, format!("{}: {why}", quoted(text)), accepted);
                None
            }
        }
    }

    /// Notes that the value of the key is not accepted.
    pub(super) fn refuse(&mut self, key: &'static str, found: String, accepted: impl fmt::Display) {
        self.note(key, Problem::Value { found, accepted: accepted.to_string() });
    }

    /// Notes a missing key.
    pub(super) fn require(&mut self, key: &'static str, accepted: impl fmt::Display) {
        if !self.has(key) {
            self.note(key, Problem::Missing { accepted: accepted.to_string() });
        }
    }

    /// Notes that values of this section contradict each other.
    pub(super) fn rule(&mut self, keys: &[&'static str], why: impl fmt::Display) {
        let keys: Vec<String> = keys.iter().map(|key| join(&self.path, key)).collect();
        self.notes.rule(&keys.iter().map(String::as_str).collect::<Vec<_>>(), why);
    }

    /// Notes what is wrong at a place within the value of the key.
    pub(super) fn rule_at(&mut self, place: &Range<usize>, key: &str, why: impl fmt::Display) {
        self.notes.note(place, join(&self.path, key), Problem::Rule(why.to_string()));
    }

    /// A whole number.
    pub(super) fn integer<T>(&mut self, key: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: TryFrom<i64> + PartialOrd + fmt::Display,
    {
        let accepted = format!("a whole number from {} to {}", range.start(), range.end());
        self.take(key, accepted, |value| T::try_from(integer(value)?).ok().filter(|number| range.contains(number)))
            .unwrap_or(default)
    }

    /// A finite number.
    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<f64>, accepted: &str) -> Option<f64> {
        self.take(key, accepted, |value| {
            let text = match value {
                DeValue::Float(float) => float.as_str().to_owned(),
                whole => integer(whole)?.to_string(),
            };
            text.parse().ok().filter(|number: &f64| number.is_finite() && range.contains(number))
        })
    }

    /// A length of time.
    pub(super) fn span(&mut self, key: &'static str, default: Span, range: RangeInclusive<Span>) -> Span {
        self.optional_span(key, range).unwrap_or(default)
    }

    /// A length of time; `None` when the key is absent or its value is a mistake.
    pub(super) fn optional_span(&mut self, key: &'static str, range: RangeInclusive<Span>) -> Option<Span> {
        let accepted = accepted_span(&range);
        self.take(key, accepted, |value| Span::parse(value.as_str()?).filter(|span| range.contains(span)))
    }

    /// A size in bytes.
    pub(super) fn bytes(&mut self, key: &'static str, default: ByteSize, range: RangeInclusive<ByteSize>) -> ByteSize {
        let accepted =
            format!("a size such as \"64 KiB\" or \"16 MiB\", from \"{}\" to \"{}\"", range.start(), range.end());
        self.take(key, accepted, |value| {
            let size = match value {
                DeValue::String(text) => ByteSize::parse(text)?,
                whole => ByteSize::from_bytes(u64::try_from(integer(whole)?).ok()?),
            };
            Some(size).filter(|size| range.contains(size))
        })
        .unwrap_or(default)
    }

    /// A point in time, in quotes or without.
    pub(super) fn timestamp(&mut self, key: &'static str, default: Timestamp) -> Timestamp {
        let accepted = "a time such as \"2000-01-01T00:00:00Z\", from the year 1678 to 2261";
        self.take(key, accepted, |value| match value {
            DeValue::Datetime(time) => Timestamp::parse(&time.to_string()),
            other => Timestamp::parse(other.as_str()?),
        })
        .unwrap_or(default)
    }

    /// One of several words, each with its meaning. The first is the default.
    pub(super) fn choice<T: Copy, const N: usize>(&mut self, key: &'static str, choices: [(&str, T); N]) -> T {
        const { assert!(N > 0) };
        let accepted = choices.map(|(name, _)| quoted(name)).join(" or ");
        self.take(key, accepted, |value| {
            let text = value.as_str()?;
            choices.iter().find(|(name, _)| *name == text).map(|(_, meaning)| *meaning)
        })
        .unwrap_or(choices[0].1)
    }

    /// A path, relative to the configuration's folder.
    pub(super) fn path(&mut self, key: &'static str, default: &str) -> PathBuf {
        self.optional_path(key).unwrap_or_else(|| self.folder().join(default))
    }

    /// A path, relative to the configuration's folder; `None` when the key is absent or its value is a mistake.
    pub(super) fn optional_path(&mut self, key: &'static str) -> Option<PathBuf> {
        let folder = self.folder();
        self.parsed(key, ACCEPTED_PATH, |text| path::check(text).map(|()| folder.join(text)))
    }

    /// The section of the key; when it is absent, every value in it is a default.
    pub(super) fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_, 't>) -> T) -> T {
        let table = self.table(key);
        self.below(key, table).finish(read)
    }

    /// The section of the key, if the file has it: a section that is there turns its part on.
    pub(super) fn optional_section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_, 't>) -> T,
    ) -> Option<T> {
        let table = self.table(key)?;
        Some(self.below(key, Some(table)).finish(read))
    }

    /// The tables under the key, each written `[[section.key]]`.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'_, 't>) -> Option<T>,
    ) -> Vec<T> {
        let accepted = format!("tables, each under its own [[{}]] in double brackets", join(&self.path, key));
        let elements = self.take(key, &accepted, |value| value.as_array());
        let mut values = Vec::new();
        for (index, element) in elements.into_iter().flatten().enumerate() {
            let path = join(&self.path, &format!("{key}[{}]", index + 1));
            self.notes.places.insert(path.clone(), element.span());
            match element.get_ref() {
                DeValue::Table(table) => {
                    values.extend(Section { notes: self.notes, table: Some(table), path }.finish(&mut read));
                }
                other => {
                    let problem = Problem::Value { found: describe(key, other), accepted: accepted.clone() };
                    self.notes.note(&element.span(), path, problem);
                }
            }
        }
        values
    }

    fn table(&mut self, key: &'static str) -> Option<&'t DeTable<'t>> {
        let accepted = format!("a section under [{}]", join(&self.path, key));
        self.take(key, accepted, |value| value.as_table())
    }

    fn below(&mut self, key: &'static str, table: Option<&'t DeTable<'t>>) -> Section<'_, 't> {
        Section { path: join(&self.path, key), notes: self.notes, table }
    }

    fn value(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.notes.known.entry(without_indices(&self.path)).or_default().insert(key);
        let (name, value) = self.table?.get_key_value(key)?;
        // The place of a section is its header. A value that is a table would have the span of all its content.
        let place = if value.get_ref().is_table() { name.span() } else { value.span() };
        self.notes.places.insert(join(&self.path, key), place);
        Some(value)
    }

    fn note(&mut self, key: &'static str, problem: Problem) {
        let key = join(&self.path, key);
        let place = self.notes.place(&key);
        self.notes.note(&place, key, problem);
    }
}

/// How a path is to be written.
const ACCEPTED_PATH: &str = "a path such as \"/srv/anomalyd/store\", or one that begins at the folder of this file";

/// How to write a length of time, and how long it may be.
pub(super) fn accepted_span(range: &RangeInclusive<Span>) -> String {
    format!(
        "a length of time such as \"500ms\", \"10s\" or \"1h30m\", from \"{}\" to \"{}\"",
        range.start(),
        range.end()
    )
}

/// A text in quotes for people; a long one is cut.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The value of a key as it is in the file, so that the user recognises it. A value that may be a secret is never
/// shown.
fn describe(key: &str, value: &DeValue<'_>) -> String {
    match value {
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
        secret if announces_secret(key) => format!("a {} that is not shown", secret.type_str()),
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(time) => time.to_string(),
    }
}

fn join(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

/// `mqtt.route[2]` → `mqtt.route`: all tables of an array have the same keys.
fn without_indices(path: &str) -> String {
    let mut depth = false;
    path.chars()
        .filter(|c| {
            let within = depth || *c == '[';
            depth = within && *c != ']';
            !within
        })
        .collect()
}
