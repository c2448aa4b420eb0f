//! Makes a store anew without the places that are named. The old store is kept, whole.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::store::builder::DatabaseBuilder;
use crate::store::contents::{ValueLayout, layout};
use crate::store::db::Db;
use crate::store::place::PlaceExtent;
use crate::store::rebuild::{self, Rebuild};
use crate::store::{Finding, Reader, StoreError, StorePlace, StoreSettings, lock, reader_of, verify};

/// A repair that can be made.
#[derive(Debug)]
pub struct Repair {
    reader: Reader,
    lock: Arc<File>,
    /// The findings that it mends.
    pub mended: Vec<Finding>,
    /// The findings that it mends without being asked to: what cannot be read cannot be kept.
    pub left_out: Vec<Finding>,
    /// The findings that stay.
    pub staying: Vec<Finding>,
}

/// Why a repair cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing is wrong where something is to be mended.
    #[error("nothing is wrong at {0}; anomalyd store check names what is")]
    Sound(StorePlace),
    /// The daemon mends it.
    #[error("{place} is not to be repaired: {reason}")]
    NotNeeded {
        /// Where.
        place: StorePlace,
        /// Why not.
        reason: String,
    },
}

impl RepairError {
    /// Whether the error lasts until a setting, or what it names, is changed.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_lasting())
    }
}

impl Repair {
    /// Finds out what a repair of these places would do. Changes nothing, and keeps every other process from the store
    /// until it is dropped.
    ///
    /// # Errors
    /// When the store cannot be read or is in use, or one of the places need not be repaired.
    pub fn plan(settings: StoreSettings, places: &[StorePlace]) -> Result<Self, RepairError> {
        let directory = settings.directory.clone();
        if !Db::exists(&directory) {
            return Err(StoreError::None { directory }.into());
        }
        let lock = Arc::new(lock::for_writing(&directory)?);
        rebuild::complete(&directory)?;
        let (db, copy) = Db::open_locked_copy(&directory, settings.cache_bytes)?;
        let reader = reader_of(db, copy, settings)?;
        let (mut mended, mut left_out, mut staying) = (Vec::new(), Vec::new(), Vec::new());
        let mut missed: BTreeSet<_> = places.iter().collect();
        let mut not_needed = None;
        verify::<StoreError>(&reader, &mut |finding| {
            let is_named = places.contains(&finding.place);
            missed.remove(&finding.place);
            match finding.remedy.reason() {
                Some(reason) if is_named => {
                    let (place, reason) = (finding.place.clone(), reason.to_owned());
                    not_needed = Some(RepairError::NotNeeded { place, reason });
                }
                None if is_named => mended.push(finding),
                _ if finding.place.extent == PlaceExtent::Behind => left_out.push(finding),
                _ => staying.push(finding),
            }
            Ok(())
        })?;
        // A place may have several findings, of which one is to be repaired.
        let is_mended = |place: &StorePlace| mended.iter().any(|finding| finding.place == *place);
        match (missed.first(), not_needed) {
            (Some(place), _) => Err(RepairError::Sound((*place).clone())),
            (None, Some(RepairError::NotNeeded { place, reason })) if !is_mended(&place) => {
                Err(RepairError::NotNeeded { place, reason })
            }
            _ => Ok(Self { reader, lock, mended, left_out, staying }),
        }
    }

    /// Makes the repair. Returns where the store is as it was before.
    ///
    /// # Errors
    /// When the store cannot be read or written. It is then as it was.
    pub fn make(self) -> Result<Option<PathBuf>, RepairError> {
        let Self { reader, lock, mended, .. } = self;
        let left_out: BTreeSet<_> =
            mended.iter().map(|finding| (finding.place.table, &finding.place.key[..])).collect();
        let rebuild = Rebuild::begin(&reader.settings.directory)?;
        let mut database = DatabaseBuilder::begin(&rebuild.folder(), lock)?;
        for (name, table) in reader.tables.named() {
            let is_named = |key: &[u8]| match layout(name) {
                ValueLayout::Whole => left_out.contains(&(name, key)),
                ValueLayout::Parts => {
                    // A key that is too short for one is named whole.
                    let value_key = key.split_last_chunk::<2>().map_or(key, |(key, _)| key);
                    left_out.contains(&(name, value_key)) || left_out.contains(&(name, key))
                }
            };
            for entry in table.iter() {
                match entry {
                    Ok((key, _)) if is_named(&key) => {}
                    Ok((key, value)) => database.put(name, &key, &value)?,
                    Err(StoreError::Damaged) => {}
                    Err(other) => return Err(other.into()),
                }
            }
        }
        database.finish()?;
        Ok(rebuild.finish(&["data", "damaged"])?)
    }
}

#[cfg(test)]
mod tests;
