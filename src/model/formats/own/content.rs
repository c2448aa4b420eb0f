//! The hash that a file carries of itself, so that damage is found.

use sha2::{Digest, Sha256};

use super::error::OwnError;
use crate::verdict::ModelHash;

/// What stands in the hash's place while it is computed: as long as the hash.
pub(super) const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Puts the hash in its place: the SHA-256 of all bytes, with zeros there.
pub(super) fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let hash = ModelHash(Sha256::digest(&bytes).into()).to_string();
    if let Some(place) = find(&bytes, BLANK) {
        bytes[place..place + BLANK.len()].copy_from_slice(hash.as_bytes());
    }
    bytes
}

/// Checks bytes, whose header is `header` bytes long, against the hash that they carry.
pub(super) fn verify(bytes: &[u8], header: usize, carried: &str) -> Result<(), OwnError> {
    let is_hash = carried.len() == BLANK.len() && carried.bytes().all(|byte| byte.is_ascii_hexdigit());
    let place = is_hash.then(|| find(&bytes[..header], carried)).flatten();
    let place = place.ok_or(OwnError::NoHash)?;
    let hash = Sha256::new()
        .chain_update(&bytes[..place])
        .chain_update(BLANK)
        .chain_update(&bytes[place + BLANK.len()..])
        .finalize();
    let found = ModelHash(hash.into()).to_string();
    if found == carried { Ok(()) } else { Err(OwnError::Damaged { found, carried: carried.to_owned() }) }
}

fn find(bytes: &[u8], hash: &str) -> Option<usize> {
    bytes.windows(hash.len()).position(|window| window == hash.as_bytes())
}
