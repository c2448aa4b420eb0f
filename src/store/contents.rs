//! Whole tables, for those who check, count or copy a store.

use crate::codec::Decoder;
use crate::store::db::Table;
use crate::store::{StoreError, Tables};

/// How the values of a table are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ValueLayout {
    /// Each under its own key.
    Whole,
    /// In parts, whose keys are the value's key and the number of the part.
    Parts,
}

impl Tables {
    /// The names of the tables, in the order in which they are copied beside a daemon that goes on writing: what says
    /// that something is stored comes before what is stored, so that a copy never promises what it lacks.
    pub(super) const NAMES: [&'static str; 11] = [
        "progress",
        "sensors",
        "heads",
        "conditions",
        "windows",
        "runs",
        "run_logs",
        "verdicts",
        "rejects",
        "sessions",
        "held",
    ];

    /// The tables with their names, in the order of [`NAMES`](Self::NAMES).
    pub(super) fn named(&self) -> [(&'static str, &Table); 11] {
        let Self { sensors, held, windows, heads, conditions, runs, run_logs, verdicts, rejects, sessions, progress } =
            self;
        let tables = [progress, sensors, heads, conditions, windows, runs, run_logs, verdicts, rejects, sessions, held];
        let mut tables = tables.into_iter();
        // Both have one length.
        Self::NAMES.map(|name| (name, tables.next().unwrap_or(progress)))
    }
}

pub(super) fn layout(table: &str) -> ValueLayout {
    match table {
        "windows" | "runs" | "run_logs" | "verdicts" | "rejects" => ValueLayout::Parts,
        _ => ValueLayout::Whole,
    }
}

/// What is stored at a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum StoredValue {
    /// A value, whole.
    Whole(Vec<u8>, Vec<u8>),
    /// A value of which parts are not there, or whose first part is damaged.
    Incomplete(Vec<u8>),
    /// Behind this key, or at the beginning, the database cannot read some entries.
    Unreadable(Vec<u8>),
}

/// Hands every value of a table to `each`, in the order of the keys, whatever state it is in.
///
/// # Errors
/// When the disk refuses.
pub(super) fn each_value(
    table: &Table,
    layout: ValueLayout,
    mut each: impl FnMut(StoredValue),
) -> Result<(), StoreError> {
    let mut assembly: Option<PartedValue> = None;
    let mut before = Vec::new();
    for entry in table.iter() {
        let (key, value) = match entry {
            Ok(entry) => entry,
            Err(StoreError::Damaged) => {
                assembly.take().map(PartedValue::finish).into_iter().for_each(&mut each);
                each(StoredValue::Unreadable(before.clone()));
                continue;
            }
            Err(other) => return Err(other),
        };
        before.clone_from(&key);
        let part = match layout {
            ValueLayout::Whole => {
                each(StoredValue::Whole(key, value));
                continue;
            }
            ValueLayout::Parts => {
                key.split_last_chunk::<2>().map(|(key, part)| (key.to_vec(), u16::from_be_bytes(*part)))
            }
        };
        let Some((key, part)) = part else {
            each(StoredValue::Incomplete(key));
            continue;
        };
        match &mut assembly {
            Some(parted) if parted.key == key => parted.add(part, &value),
            _ => {
                assembly.take().map(PartedValue::finish).into_iter().for_each(&mut each);
                assembly = Some(PartedValue::begin(key, part, &value));
            }
        }
    }
    assembly.map(PartedValue::finish).into_iter().for_each(each);
    Ok(())
}

/// A value of which the parts come one after the other.
struct PartedValue {
    key: Vec<u8>,
    /// How many bytes it has; `None` when that cannot be told.
    length: Option<usize>,
    value: Vec<u8>,
    next: u16,
}

impl PartedValue {
    fn begin(key: Vec<u8>, part: u16, bytes: &[u8]) -> Self {
        let mut decoder = Decoder::new(bytes);
        let length = if part == 0 { decoder.narrow().ok() } else { None };
        Self { key, length, value: decoder.rest().to_vec(), next: 1 }
    }

    fn add(&mut self, part: u16, bytes: &[u8]) {
        // Parts of an earlier, longer value may follow behind the last one.
        if self.length.is_some_and(|length| self.value.len() < length) {
            if part == self.next {
                self.value.extend_from_slice(bytes);
                self.next = self.next.saturating_add(1);
            } else {
                self.length = None;
            }
        }
    }

    fn finish(mut self) -> StoredValue {
        match self.length.filter(|length| self.value.len() >= *length) {
            Some(length) => {
                self.value.truncate(length);
                StoredValue::Whole(self.key, self.value)
            }
            None => StoredValue::Incomplete(self.key),
        }
    }
}
