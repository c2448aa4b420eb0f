//! Writes a new database, entry by entry, from what is read elsewhere.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::store::db::{Db, MAX_VALUE_BYTES, parts};
use crate::store::{StoreError, Tables};

/// How much of the new database is cached in memory.
const CACHE_BYTES: u64 = 16 << 20;

/// A new database in the making.
#[derive(Debug)]
pub(super) struct DatabaseBuilder {
    db: Db,
    tables: Tables,
}

impl DatabaseBuilder {
    /// Makes a database in a folder that has none. `lock` is that of the store's folder, held until the end.
    pub(super) fn begin(folder: &Path, lock: Arc<File>) -> Result<Self, StoreError> {
        let db = Db::open(folder, CACHE_BYTES, lock)?;
        let tables = Tables::of(&db)?;
        Ok(Self { db, tables })
    }

    /// Writes an entry as it was read. The table syncs after each portion.
    ///
    /// # Errors
    /// When there is no such table, or the entry is larger than any of ours.
    pub(super) fn put(&mut self, table: &str, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let table = self.tables.named().into_iter().find(|(name, _)| *name == table);
        let Some((_, table)) = table.filter(|_| value.len() <= MAX_VALUE_BYTES && key.len() <= MAX_VALUE_BYTES) else {
            return Err(StoreError::Damaged);
        };
        table.put(key, value)
    }

    /// Writes a value of any size, see [`Table::put_parts`](crate::store::db::Table::put_parts).
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(super) fn put_parts(&mut self, table: &str, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        parts(key, value).try_for_each(|(key, bytes)| self.put(table, &key, &bytes))
    }

    /// Closes the database, with everything on the disk.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        self.db.sync()
    }
}
