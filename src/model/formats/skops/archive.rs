//! A zip archive, read in place. (PKWARE's APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16.)
//!
//! An entry that is stored as it is costs no memory, and every size is held to the limits before anything is inflated.
//! Names are looked up, never used as paths.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

use super::SkopsError;
use crate::model::formats::packed::{Inflate, PackedError, Wrapper};
use crate::model::formats::pickle::Budget;
use crate::model::formats::printable::printable;

/// How much larger than its deflated bytes an entry of more than a few MiB may be; descriptions of models shrink some
/// twentyfold.
const MAX_GROWTH: usize = 256;

const END: &[u8] = b"PK\x05\x06";
const END_SIZE: usize = 22;
const CENTRAL: &[u8] = b"PK\x01\x02";
const CENTRAL_SIZE: usize = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_SIZE: usize = 30;
/// An entry that only a password opens.
const ENCRYPTED: usize = 1;

/// What an entry of a table takes beside itself, about.
const PLACE: usize = 16;

/// An archive's entries, by name.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    entries: HashMap<&'a str, Entry>,
    /// How much is yet to be read if no two entries share bytes, and none is read twice.
    unread: Cell<usize>,
}

#[derive(Debug)]
struct Entry {
    method: usize,
    checksum: usize,
    packed: usize,
    size: usize,
    /// Where its own header begins.
    place: usize,
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive.
    pub(super) fn open(bytes: &'a [u8], budget: &Budget) -> Result<Self, SkopsError> {
        // The end may be followed by a comment of up to 64 KiB.
        let earliest = bytes.len().saturating_sub(END_SIZE + usize::from(u16::MAX));
        let end = bytes[earliest..].windows(END.len()).rposition(|window| window == END);
        let end = end.map(|place| Fields(&bytes[earliest + place..])).ok_or(SkopsError::Archive("is cut off"))?;
        let comment = end.u16(20).ok_or(SkopsError::Archive("is cut off"))?;
        if end.0.len() < END_SIZE + comment {
            return Err(SkopsError::Archive("is cut off"));
        }
        let (count, size, begin) = match (end.u16(10), end.u32(12), end.u32(16)) {
            (Some(0xffff), ..) | (_, Some(0xffff_ffff), _) | (.., Some(0xffff_ffff)) => {
                return Err(SkopsError::Archive("is of more than 4 GiB or 65,534 entries"));
            }
            (Some(count), Some(size), Some(begin)) => (count, size, begin),
            _ => return Err(SkopsError::Archive("is cut off")),
        };
        if count > budget.limits().instructions {
            return Err(budget.limits().instructions_exceeded().into());
        }
        budget.charge_items::<(&str, Entry, [u8; PLACE])>(count)?;
        let mut directory = bytes.get(begin..).and_then(|rest| rest.get(..size)).unwrap_or_default();
        let mut entries = HashMap::with_capacity(count);
        for _ in 0..count {
            let (name, entry, rest) = Entry::read(directory)?;
            entries.insert(name, entry);
            directory = rest;
        }
        Ok(Self { bytes, entries, unread: Cell::new(bytes.len()) })
    }

    /// The names of its entries.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + Clone {
        self.entries.keys().copied()
    }

    /// The content of an entry.
    pub(super) fn read(&self, name: &str, budget: &Budget) -> Result<Cow<'a, [u8]>, SkopsError> {
        let wrong = |reason| SkopsError::Entry { name: printable(name), reason };
        let entry = self.entries.get(name).ok_or_else(|| wrong("is not there"))?;
        let unread = self.unread.get().checked_sub(entry.packed).ok_or_else(|| wrong("shares bytes with another"))?;
        self.unread.set(unread);
        let packed = entry.packed(self.bytes, name).ok_or_else(|| wrong("is not where the directory says"))?;
        let content = match entry.method {
            0 => Cow::Borrowed(packed),
            // Ends a bomb before it costs time.
            8 if entry.size > (budget.limits().memory_bytes / 16).max(entry.packed.saturating_mul(MAX_GROWTH)) => {
                budget.charge(entry.size)?;
                return Err(wrong("grows more than 256-fold, as no model's does"));
            }
            8 => Cow::Owned(entry.inflate(packed, budget)?.ok_or_else(|| wrong("is damaged"))?),
            _ => return Err(wrong("is compressed in another way than by deflate (zipfile.ZIP_DEFLATED)")),
        };
        let mut checksum = flate2::Crc::new();
        checksum.update(&content);
        match content.len() == entry.size && usize::try_from(checksum.sum()) == Ok(entry.checksum) {
            true => Ok(content),
            false => Err(wrong("is damaged")),
        }
    }
}

impl Entry {
    /// Reads one entry of the directory: its name, what is said of it, and what follows.
    fn read(directory: &[u8]) -> Result<(&str, Self, &[u8]), SkopsError> {
        let fields = Fields(directory);
        let parts = || {
            let lengths = [fields.u16(28)?, fields.u16(30)?, fields.u16(32)?];
            let end = CENTRAL_SIZE + lengths.iter().sum::<usize>();
            let name = std::str::from_utf8(directory.get(CENTRAL_SIZE..CENTRAL_SIZE + lengths[0])?).ok()?;
            let entry = Self {
                method: fields.u16(10)?,
                checksum: fields.u32(16)?,
                packed: fields.u32(20)?,
                size: fields.u32(24)?,
                place: fields.u32(42)?,
            };
            Some((name, fields.u16(8)?, entry, directory.get(end..)?))
        };
        match parts() {
            Some((_, flags, ..)) if flags & ENCRYPTED != 0 => Err(SkopsError::Archive("is encrypted")),
            Some((name, _, entry, rest)) if directory.starts_with(CENTRAL) => Ok((name, entry, rest)),
            _ => Err(SkopsError::Archive("has a damaged directory")),
        }
    }

    /// The bytes behind the entry's own header, which must be of the same name.
    fn packed<'a>(&self, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let local = bytes.get(self.place..)?;
        let (name_length, extra_length) = (Fields(local).u16(26)?, Fields(local).u16(28)?);
        let content = local.get(LOCAL_SIZE + name_length + extra_length..)?.get(..self.packed)?;
        let named = local.get(LOCAL_SIZE..LOCAL_SIZE + name_length) == Some(name.as_bytes());
        (local.starts_with(LOCAL) && named).then_some(content)
    }

    /// As many bytes as were declared. `None` when there are more or less, or they are damaged.
    fn inflate(&self, packed: &[u8], budget: &Budget) -> Result<Option<Vec<u8>>, SkopsError> {
        budget.charge(self.size)?;
        let inflated = Inflate::new(packed, Wrapper::None).and_then(|mut inflate| {
            inflate.up_to(self.size + 1, budget.operations())?;
            Ok(inflate.into_output())
        });
        match inflated {
            Ok(content) => Ok(Some(content)),
            Err(PackedError::Damaged(_)) => Ok(None),
            Err(PackedError::Limit(exceeded)) => Err(exceeded.into()),
        }
    }
}

/// Little-endian numbers at fixed places.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u16(self, at: usize) -> Option<usize> {
        let bytes = self.0.get(at..at + 2)?.try_into().ok()?;
        Some(usize::from(u16::from_le_bytes(bytes)))
    }

    fn u32(self, at: usize) -> Option<usize> {
        let bytes = self.0.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    }
}
