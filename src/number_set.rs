//! Sets of numbers that mostly lie beside each other: the sensors of a run, the intervals of a verdict.
//!
//! In memory a set is its ranges. Stored, it is its ranges or a bitmap, whichever takes fewer bytes: neighbours make
//! ranges short, and scattered numbers make a bitmap short.

use crate::codec::{Corrupt, Decoder, Encoder};

/// A set of numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NumberSet {
    /// The first and the last number of each range, in order. Between two ranges at least one number is missing.
    ranges: Vec<(u32, u32)>,
}

const RANGES: u8 = 0;
const BITMAP: u8 = 1;

impl NumberSet {
    /// How many numbers are in it.
    pub fn len(&self) -> usize {
        self.ranges.iter().map(|(first, last)| (last - first) as usize + 1).sum()
    }

    /// Whether no number is in it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether a number is in it.
    pub fn contains(&self, number: u32) -> bool {
        let range = self.ranges.partition_point(|(_, last)| *last < number);
        self.ranges.get(range).is_some_and(|(first, _)| *first <= number)
    }

    /// Whether all of its numbers are in another set.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.ranges.iter().all(|(first, last)| {
            let range = other.ranges.partition_point(|(_, others_last)| others_last < last);
            other.ranges.get(range).is_some_and(|(others_first, _)| others_first <= first)
        })
    }

    /// Its numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Its largest number.
    pub fn last(&self) -> Option<u32> {
        self.ranges.last().map(|(_, last)| *last)
    }

    /// The bytes that stand for it. The same set always gives the same bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut ranges = Encoder::default();
        ranges.raw(&[RANGES]);
        let mut next = 0;
        for (first, last) in &self.ranges {
            ranges.unsigned(u64::from(*first) - next);
            ranges.unsigned(u64::from(last - first));
            // At least one number is missing between two ranges.
            next = u64::from(*last) + 2;
        }
        let ranges = ranges.into_bytes();
        match self.bitmap(ranges.len()) {
            Some(bitmap) => bitmap,
            None => ranges,
        }
    }

    /// The set as a bitmap, if that takes fewer than so many bytes: the number of its first byte, then eight numbers a
    /// byte, the lowest bit first.
    fn bitmap(&self, shorter_than: usize) -> Option<Vec<u8>> {
        let (base, last) = (self.ranges.first()?.0 / 8, self.last()? / 8);
        let mut bitmap = Encoder::default();
        bitmap.raw(&[BITMAP]);
        bitmap.unsigned(u64::from(base));
        let mut bytes = bitmap.into_bytes();
        let (header, size) = (bytes.len(), (last - base) as usize + 1);
        if header + size >= shorter_than {
            return None;
        }
        bytes.resize(header + size, 0);
        for number in self.iter() {
            if let Some(byte) = bytes.get_mut(header + (number / 8 - base) as usize) {
                *byte |= 1 << (number % 8);
            }
        }
        Some(bytes)
    }

    /// The set that bytes stand for. It takes memory in proportion to the bytes, whatever they are.
    ///
    /// # Errors
    /// When no set was encoded so.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let (kind, bytes) = bytes.split_first().ok_or(Corrupt)?;
        let mut decoder = Decoder::new(bytes);
        match *kind {
            RANGES => {
                let (mut ranges, mut next) = (Vec::new(), 0_u64);
                while !decoder.is_at_end() {
                    let first = next.checked_add(decoder.unsigned()?).ok_or(Corrupt)?;
                    let last = first.checked_add(decoder.unsigned()?).ok_or(Corrupt)?;
                    let narrow = |number| u32::try_from(number).map_err(|_| Corrupt);
                    ranges.push((narrow(first)?, narrow(last)?));
                    next = last + 2;
                }
                Ok(Self { ranges })
            }
            BITMAP => {
                let base: u64 = decoder.narrow::<u32>()?.into();
                let bytes = (base..).zip(decoder.rest());
                let bits = bytes.flat_map(|(at, byte)| {
                    (0..8_u64).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| at * 8 + bit)
                });
                let mut set = Self::default();
                for number in bits {
                    set.push(u32::try_from(number).map_err(|_| Corrupt)?);
                }
                Ok(set)
            }
            _ => Err(Corrupt),
        }
    }

    /// Adds a number that is larger than all others.
    fn push(&mut self, number: u32) {
        match self.ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => self.ranges.push((number, number)),
        }
    }
}

impl FromIterator<u32> for NumberSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut numbers: Vec<u32> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut set = Self::default();
        numbers.into_iter().for_each(|number| set.push(number));
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_are_stored_as_ranges_and_scattered_numbers_as_a_bitmap() {
        let size = |numbers: Vec<u32>| numbers.into_iter().collect::<NumberSet>().encode().len();
        assert_eq!(size(vec![]), 1);
        assert_eq!(size((0..60).collect()), 3);
        assert_eq!(size((0..100_000).collect()), 5);
        assert_eq!(size((0..1_000).map(|number| number * 2).collect()), 2 + 250);
        assert_eq!(size(vec![7, u32::MAX]), 1 + 2 + 6);
    }

    proptest! {
        #[test]
        fn a_set_comes_back_and_knows_its_numbers(
            numbers in proptest::collection::vec(prop_oneof![0..70_u32, 0..5_000_u32, any::<u32>()], 0..80), other in 0..70_u32,
        ) {
            let sorted: BTreeSet<u32> = numbers.iter().copied().collect();
            let set: NumberSet = numbers.iter().copied().collect();
            prop_assert_eq!(NumberSet::decode(&set.encode()), Ok(set.clone()));
            prop_assert!(set.len() == sorted.len() && set.iter().eq(sorted.iter().copied()));
            prop_assert_eq!(set.contains(other), sorted.contains(&other));
            let with_other: NumberSet = numbers.into_iter().chain([other]).collect();
            prop_assert!(set.is_subset_of(&with_other));
            prop_assert_eq!(with_other.is_subset_of(&set), sorted.contains(&other));
        }

        #[test]
        fn any_bytes_are_a_set_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(set) = NumberSet::decode(&bytes) {
                prop_assert!(set.ranges.len() <= bytes.len() * 4);
                prop_assert!(set.ranges.iter().all(|(first, last)| first <= last));
                prop_assert!(set.ranges.windows(2).all(|pair| u64::from(pair[0].1) + 1 < u64::from(pair[1].0)));
            }
        }
    }
}
