//! Whole numbers in blocks of a few bits each.
//!
//! A block holds up to [`BLOCK`] numbers in the form that takes the fewest bytes: the numbers, or the first of them and
//! the differences, less their least, with as many bits each as the largest needs (frame of reference: Goldstein,
//! Ramakrishnan and Shaft, "Compressing relations and indexes", 1998, section 3); or varints, where a few large numbers
//! stand among small ones. A constant step takes four bytes a block. All arithmetic wraps, so that every number comes
//! back.

use crate::codec::{Corrupt, Decoder, Encoder};

/// How many numbers a block holds; the last block of a column may hold fewer.
const BLOCK: usize = 128;

/// The first byte of a block: up to 64 it is the width of the numbers.
const DIFFERENCES: u8 = 65;
/// Behind 65 widths of differences.
const VARINTS: u8 = 130;

/// Writes a column. The reader must know how many numbers it has.
pub(super) fn write(encoder: &mut Encoder, numbers: &[i64]) {
    let mut before = 0;
    for block in numbers.chunks(BLOCK) {
        before = write_block(encoder, block, before);
    }
}

/// Writes a block that follows the number `before`; returns its last number.
fn write_block(encoder: &mut Encoder, block: &[i64], before: i64) -> i64 {
    let plain = Frame::of(block.iter().copied());
    let first = block.first().copied().unwrap_or(before);
    let within = || block.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let differences = Frame::of(within());
    let from_before = |number: i64| number.wrapping_sub(before);
    let plain_bytes = plain.bytes(block.len()) + varint_bytes(from_before(plain.least));
    let difference_bytes =
        differences.bytes(block.len() - 1) + varint_bytes(from_before(first)) + varint_bytes(differences.least);
    let best = plain_bytes.min(difference_bytes);
    // Varints take at least a byte each: they are counted only where they may win.
    if best > block.len() {
        let bytes: usize = block.iter().map(|number| varint_bytes(from_before(*number))).sum();
        if bytes < best {
            encoder.raw(&[VARINTS]);
            block.iter().for_each(|number| encoder.signed(from_before(*number)));
            return block.last().copied().unwrap_or(before);
        }
    }
    if difference_bytes < plain_bytes {
        encoder.raw(&[DIFFERENCES + differences.width]);
        encoder.signed(from_before(first));
        encoder.signed(differences.least);
        differences.pack(encoder, within());
    } else {
        encoder.raw(&[plain.width]);
        encoder.signed(from_before(plain.least));
        plain.pack(encoder, block.iter().copied());
    }
    block.last().copied().unwrap_or(before)
}

/// Reads a column of `count` numbers behind those in `numbers`, which it holds none of.
///
/// # Errors
/// When the bytes end, or were not written by [`write`].
pub(super) fn read(decoder: &mut Decoder<'_>, count: usize, numbers: &mut Vec<i64>) -> Result<(), Corrupt> {
    numbers.clear();
    let mut before = 0_i64;
    while numbers.len() < count {
        let length = (count - numbers.len()).min(BLOCK);
        let [kind] = decoder.array()?;
        match kind {
            0..DIFFERENCES => {
                let least = before.wrapping_add(decoder.signed()?);
                unpack(decoder, kind, length, |packed| numbers.push(least.wrapping_add(packed)))?;
            }
            DIFFERENCES..VARINTS => {
                let mut number = before.wrapping_add(decoder.signed()?);
                numbers.push(number);
                let least = decoder.signed()?;
                unpack(decoder, kind - DIFFERENCES, length - 1, |packed| {
                    number = number.wrapping_add(least.wrapping_add(packed));
                    numbers.push(number);
                })?;
            }
            VARINTS => {
                for _ in 0..length {
                    numbers.push(before.wrapping_add(decoder.signed()?));
                }
            }
            _ => return Err(Corrupt),
        }
        before = numbers.last().copied().unwrap_or(before);
    }
    Ok(())
}

/// The least of some numbers, and the bits that each takes beyond it.
struct Frame {
    least: i64,
    width: u8,
}

impl Frame {
    fn of(numbers: impl Iterator<Item = i64>) -> Self {
        let (least, most) =
            numbers.fold((i64::MAX, i64::MIN), |(least, most), number| (least.min(number), most.max(number)));
        let range = most.wrapping_sub(least).cast_unsigned();
        // At most 64.
        let width = u8::try_from(u64::BITS - range.leading_zeros()).unwrap_or(64);
        Self { least, width }
    }

    /// How many bytes `count` numbers take, without the least.
    fn bytes(&self, count: usize) -> usize {
        1 + (count * usize::from(self.width)).div_ceil(8)
    }

    fn pack(&self, encoder: &mut Encoder, numbers: impl Iterator<Item = i64>) {
        if self.width == 0 {
            return;
        }
        let mut bits = 0_u128;
        let mut filled = 0_u32;
        for number in numbers {
            bits |= u128::from(number.wrapping_sub(self.least).cast_unsigned()) << filled;
            filled += u32::from(self.width);
            if filled >= 64 {
                encoder.raw(&low_word(bits).to_le_bytes());
                bits >>= 64;
                filled -= 64;
            }
        }
        let rest = low_word(bits).to_le_bytes();
        encoder.raw(&rest[..filled.div_ceil(8) as usize]);
    }
}

fn unpack(decoder: &mut Decoder<'_>, width: u8, count: usize, mut each: impl FnMut(i64)) -> Result<(), Corrupt> {
    let width = u32::from(width);
    let packed = decoder.slice((count * width as usize).div_ceil(8))?;
    if width == 0 {
        (0..count).for_each(|_| each(0));
        return Ok(());
    }
    let mask = u64::MAX >> (64 - width);
    let mut words = packed.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    let mut bits = 0_u128;
    let mut filled = 0;
    for _ in 0..count {
        if filled < width {
            bits |= u128::from(words.next().unwrap_or(0)) << filled;
            filled += 64;
        }
        each((low_word(bits) & mask).cast_signed());
        bits >>= width;
        filled -= width;
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "the upper half comes next")]
fn low_word(bits: u128) -> u64 {
    bits as u64
}

/// How many bytes [`Encoder::signed`] takes for a number.
fn varint_bytes(number: i64) -> usize {
    let folded = (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned();
    ((u64::BITS - (folded | 1).leading_zeros()) as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(numbers: &[i64]) -> usize {
        let mut encoder = Encoder::default();
        write(&mut encoder, numbers);
        let bytes = encoder.into_bytes();
        let mut decoder = Decoder::new(&bytes);
        let mut back = vec![7];
        read(&mut decoder, numbers.len(), &mut back).unwrap();
        assert_eq!(back, numbers);
        assert!(decoder.is_at_end());
        bytes.len()
    }

    #[test]
    fn each_form_is_taken_where_it_is_the_shortest() {
        let step: Vec<_> = (0..1_000).map(|index| 1_535_497_205_000 + index * 60).collect();
        assert!(round_trip(&step) < 40, "{}", round_trip(&step));
        let noise: Vec<_> = (0..1_024).map(|index| 5_000 + index * 7_919 % 1_024).collect();
        assert!(round_trip(&noise) <= 1_024 * 10 / 8 + 8 * 4, "{}", round_trip(&noise));
        let mixed: Vec<_> =
            (0..1_024).map(|index| if index % 10 == 0 { i64::MAX - index } else { index % 50 }).collect();
        assert!(round_trip(&mixed) < 1_024 * 3, "{}", round_trip(&mixed));
        assert_eq!(round_trip(&[]), 0);
        assert_eq!(round_trip(&[0]), 2);
    }

    proptest! {
        #[test]
        fn every_number_comes_back(
            numbers in proptest::collection::vec((any::<i64>(), 0..64_u32).prop_map(|(number, less)| number >> less), 0..400),
            step in any::<i64>(),
        ) {
            round_trip(&numbers);
            let steps: Vec<_> = numbers.iter().scan(0_i64, |sum, _| { *sum = sum.wrapping_add(step); Some(*sum) }).collect();
            round_trip(&steps);
        }

        #[test]
        fn any_bytes_are_numbers_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200), count in 0..1_000_usize) {
            let mut numbers = Vec::new();
            let _ = read(&mut Decoder::new(&bytes), count, &mut numbers);
            prop_assert!(numbers.len() <= count);
        }
    }
}
