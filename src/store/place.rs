//! The names of places in a store, under which `store check` tells what is wrong and `store repair` mends it.

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::store::Tables;

/// A place in a store.
///
/// It is written `windows/0000000500000007` for an entry, by its table and its key in hexadecimal; `sessions/press-1` in
/// tables whose keys are texts, with `%` and two digits for each byte that is no letter, digit, `.`, `_`, `-` or `/`; and
/// `windows/behind:0000000500000007` for entries of unknown number that follow a key and cannot be read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StorePlace {
    pub(super) table: &'static str,
    pub(super) key: Vec<u8>,
    pub(super) extent: PlaceExtent,
}

/// How much of a table a place names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum PlaceExtent {
    /// The entry at the key.
    Entry,
    /// The entries behind the key, as far as they cannot be read.
    Behind,
}

/// A text that names no place in a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place in a store; give one as anomalyd store check writes it, such as windows/0000000500000007")]
pub struct StorePlaceError(String);

/// What is no table: the journal, whose places are the numbers of its records; and folders, whose places are files.
pub(super) const JOURNAL: &str = "journal";
pub(super) const HISTORY: &str = "history";
pub(super) const MODELS: &str = "models";
const BEHIND: &str = "behind:";
/// The tables whose keys are texts.
const TEXT_KEYS: [&str; 4] = ["sessions", "progress", HISTORY, MODELS];

impl StorePlace {
    pub(super) fn entry(table: &'static str, key: &[u8]) -> Self {
        Self { table, key: key.to_vec(), extent: PlaceExtent::Entry }
    }

    pub(super) fn behind(table: &'static str, key: &[u8]) -> Self {
        Self { table, key: key.to_vec(), extent: PlaceExtent::Behind }
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.table)?;
        if self.extent == PlaceExtent::Behind {
            f.write_str(BEHIND)?;
        }
        let is_text = TEXT_KEYS.contains(&self.table);
        for byte in &self.key {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'/' if is_text => {
                    write!(f, "{}", char::from(*byte))?;
                }
                byte if is_text => write!(f, "%{byte:02x}")?,
                byte => write!(f, "{byte:02x}")?,
            }
        }
        Ok(())
    }
}

impl Serialize for StorePlace {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StorePlace {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl FromStr for StorePlace {
    type Err = StorePlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| StorePlaceError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<StorePlace> {
    let (table, key) = text.split_once('/')?;
    let table = Tables::NAMES.into_iter().chain([JOURNAL, HISTORY, MODELS]).find(|name| *name == table)?;
    let (extent, key) = match key.strip_prefix(BEHIND) {
        Some(key) => (PlaceExtent::Behind, key),
        None => (PlaceExtent::Entry, key),
    };
    let is_text = TEXT_KEYS.contains(&table);
    let mut bytes = Vec::new();
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        let high = match byte {
            b'%' if is_text => rest.next()?,
            byte if is_text => {
                bytes.push(byte);
                continue;
            }
            byte => byte,
        };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(high)? << 4 | digit(rest.next()?)?).ok()?);
    }
    Some(StorePlace { table, key: bytes, extent })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_reads_what_it_writes(
            table in prop::sample::select(Tables::NAMES.to_vec()),
            key in prop::collection::vec(any::<u8>(), 0..12),
            extent in prop::sample::select(vec![PlaceExtent::Entry, PlaceExtent::Behind]),
        ) {
            let place = StorePlace { table, key, extent };
            // A key that itself begins like the other kind of place is no key of ours.
            prop_assume!(!place.key.starts_with(BEHIND.as_bytes()));
            prop_assert_eq!(place.to_string().parse(), Ok(place));
        }

        #[test]
        fn any_text_is_a_place_or_none(text in ".{0,20}") {
            let _ = text.parse::<StorePlace>();
        }
    }

    #[test]
    fn places_are_written_so_that_people_recognise_them() {
        assert_eq!(StorePlace::entry("windows", &[0, 0, 0, 5]).to_string(), "windows/00000005");
        assert_eq!(StorePlace::entry("progress", b"published/files").to_string(), "progress/published/files");
        assert_eq!(StorePlace::entry("sessions", "Pr\u{fc}f 1".as_bytes()).to_string(), "sessions/Pr%c3%bcf%201");
        for other in ["", "windows", "windows/0", "windows/0g", "window/00", "sessions/%1"] {
            assert!(other.parse::<StorePlace>().is_err(), "{other}");
        }
    }
}
