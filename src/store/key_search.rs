//! Searches for a key by halving the space of keys. sled's iterators are no help here: they end at the first part that
//! cannot be read, and to use them backward adds a constant of a megabyte to the binary.
//!
//! The number of a key is made of its first sixteen bytes, with zeros for missing ones. Keys in order have numbers in order.

/// The place where reading can go on behind a part of a table that cannot be read: the first key from which it can.
///
/// `after` is the last key before that part. `can_be_read_from` tells whether the first entry from a key on can be read,
/// which is true at the end of the table. `None` when nothing behind the part can be read.
pub(super) fn behind_damage(after: &[u8], mut can_be_read_from: impl FnMut(&[u8]) -> bool) -> Option<Vec<u8>> {
    let (mut unreadable, mut readable) = (number(after), u128::MAX);
    if !can_be_read_from(&start(readable)) {
        return None;
    }
    while readable - unreadable > 1 {
        let middle = unreadable + (readable - unreadable) / 2;
        if can_be_read_from(&start(middle)) {
            readable = middle;
        } else {
            unreadable = middle;
        }
    }
    Some(start(readable))
}

/// The last key of a table; of keys that differ behind their sixteenth byte only, the first. `first_from` gives the first
/// key from a given one on.
///
/// # Errors
/// That of `first_from`.
pub(super) fn last<E>(mut first_from: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, E>) -> Result<Option<Vec<u8>>, E> {
    let Some(mut last) = first_from(&[])? else { return Ok(None) };
    let mut beyond = u128::MAX;
    while let low = number(&last)
        && beyond.saturating_sub(low) > 1
    {
        let middle = low + (beyond - low) / 2;
        match first_from(&start(middle))? {
            Some(key) => last = key,
            None => beyond = middle,
        }
    }
    Ok(Some(last))
}

/// The number of a key.
fn number(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    for (byte, of_key) in bytes.iter_mut().zip(key) {
        *byte = *of_key;
    }
    u128::from_be_bytes(bytes)
}

/// The first of all keys that have this number.
fn start(number: u128) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes[..length].to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// Keys as the tables have them: of four, eight or ten bytes, or texts.
    fn keys() -> impl Strategy<Value = BTreeSet<Vec<u8>>> {
        let key = prop_oneof![
            any::<u32>().prop_map(|number| number.to_be_bytes().to_vec()),
            (0..9_u32).prop_map(|number| number.to_be_bytes().to_vec()),
            any::<u64>().prop_map(|number| number.to_be_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 1..12),
        ];
        prop::collection::btree_set(key, 0..40)
    }

    proptest! {
        #[test]
        fn the_last_key_is_found(keys in keys()) {
            let found = last(|from| Ok::<_, Infallible>(keys.range(from.to_vec()..).next().cloned()));
            let numbered = |key: Option<Vec<u8>>| key.map(|key| number(&key));
            prop_assert_eq!(numbered(found.unwrap()), numbered(keys.last().cloned()));
        }

        #[test]
        fn reading_goes_on_at_the_first_key_behind_the_damage(keys in keys(), first in 0..40_usize, length in 1..9_usize) {
            let keys: Vec<_> = keys.into_iter().collect();
            let damaged = first.min(keys.len())..(first + length).min(keys.len());
            let place_from = |from: &[u8]| keys.partition_point(|key| key.as_slice() < from);
            let after = damaged.start.checked_sub(1).map_or(&[][..], |place| &keys[place]);
            let from = behind_damage(after, |from| !damaged.contains(&place_from(from)));
            if damaged.end == keys.len() && keys.last().is_some_and(|last| number(last) == u128::MAX) {
                return Ok(());
            }
            let numbers_of_damage: BTreeSet<_> = keys[damaged.clone()].iter().map(|key| number(key)).collect();
            let expected = keys[damaged.end..].iter().find(|key| !numbers_of_damage.contains(&number(key)));
            let found = from.map(|from| keys[place_from(&from)..].first());
            prop_assert_eq!(found, Some(expected));
        }
    }
}
