//! A checksum around a stored value: the database's own checksums do not notice a value that is whole and in another's
//! place.

use crate::codec::Corrupt;

/// How many bytes the checksum takes before its value.
pub(super) const BYTES: usize = 4;

/// A value with the CRC-32 of its key and itself before it.
pub(super) fn around(key: &[u8], value: &[u8]) -> Vec<u8> {
    [&of(key, value).to_le_bytes(), value].concat()
}

/// The value that [`around`] was given under the same key.
pub(super) fn checked(key: &[u8], mut stored: Vec<u8>) -> Result<Vec<u8>, Corrupt> {
    let (checksum, value) = stored.split_first_chunk::<4>().ok_or(Corrupt)?;
    if u32::from_le_bytes(*checksum) != of(key, value) {
        return Err(Corrupt);
    }
    stored.drain(..4);
    Ok(stored)
}

fn of(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}
