//! Numbers as few bytes: the encoding of everything that is stored in large numbers.
//!
//! Integers are LEB128 varints, signed ones folded first (zigzag). A float that a device would print with up to six
//! decimals is stored as its digits and its scale, two or three bytes for most readings; any other takes nine. Both
//! come back bit for bit.

use std::time::Duration;

use crate::time::Span;

/// Writes numbers one after the other.
#[derive(Debug, Default, Clone)]
pub struct Encoder {
    bytes: Vec<u8>,
}

/// The bytes end too early, or were not written by an [`Encoder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("the bytes are cut short or damaged")]
pub struct Corrupt;

/// Stands in the place of the scale when the whole float follows.
const WHOLE: u64 = 7;
const SCALES: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
/// Digits beyond this would take more bytes than the float itself.
const MAX_DIGITS: u64 = 1 << 46;

impl Encoder {
    /// An encoder that writes on behind `bytes`.
    pub fn after(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The bytes that were written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Writes an unsigned number.
    #[expect(clippy::cast_possible_truncation, reason = "seven bits at a time is what a varint is")]
    pub fn unsigned(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// Writes a signed number.
    pub fn signed(&mut self, number: i64) {
        self.unsigned(fold(number));
    }

    /// Writes a float.
    pub fn float(&mut self, value: f64) {
        match decimal(value) {
            Some((digits, scale)) => self.unsigned(fold(digits) << 3 | scale),
            None => {
                self.unsigned(WHOLE);
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
        }
    }

    /// Writes bytes with their length.
    pub fn blob(&mut self, bytes: &[u8]) {
        self.unsigned(bytes.len() as u64);
        self.raw(bytes);
    }

    /// Writes bytes whose length the reader knows.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

fn fold(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

fn unfold(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// The digits and the number of decimals that give exactly this value.
fn decimal(value: f64) -> Option<(i64, u64)> {
    (0_u64..).zip(SCALES).find_map(|(scale, factor)| Some((exact_digits(value, factor)?, scale)))
}

/// The whole number which, divided by a power of ten, gives exactly this value.
#[expect(clippy::cast_possible_truncation, reason = "a cast that does not fit saturates, and is then too long")]
fn exact_digits(value: f64, factor: f64) -> Option<i64> {
    let scaled = value * factor;
    // Rounds half away from zero by a cast: `round` would be a call on processors without SSE 4.1. Where the cast
    // and `round` differ, no digits are exact anyway.
    let digits = (scaled + 0.5_f64.copysign(scaled)) as i64;
    // Both operands of the division are exact, so the quotient is the float nearest to the decimal. It is compared
    // by its bits, because zero has a sign.
    let exact = digits.unsigned_abs() <= MAX_DIGITS && (digits as f64 / factor).to_bits() == value.to_bits();
    exact.then_some(digits)
}

/// Values that are whole numbers of one decimal unit: the number of decimals, at most six, and the digits of each.
/// `None` when a value has no such digits.
pub fn common_decimals(values: impl Iterator<Item = f64> + Clone) -> Option<(u64, Vec<i64>)> {
    let mut scale = 0;
    for value in values.clone() {
        scale = scale.max(decimal(value)?.1);
    }
    let digits = values.map(|value| exact_digits(value, decimal_factor(scale)?)).collect::<Option<_>>()?;
    Some((scale, digits))
}

/// The power of ten that a number of decimals stands for: a value is its digits divided by it.
pub fn decimal_factor(scale: u64) -> Option<f64> {
    SCALES.get(usize::try_from(scale).ok()?).copied()
}

/// Reads what an [`Encoder`] wrote, in the same order.
#[derive(Debug, Clone, Copy)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// A decoder at the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Whether everything was read.
    pub fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes that were not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Reads an unsigned number.
    ///
    /// # Errors
    /// When the bytes end or the number does not fit.
    pub fn unsigned(&mut self) -> Result<u64, Corrupt> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.bytes.split_first().ok_or(Corrupt)?;
            self.bytes = rest;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Corrupt);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Corrupt)
    }

    /// Reads an unsigned number that has to fit a narrower type.
    ///
    /// # Errors
    /// As [`unsigned`](Self::unsigned), and when the number does not fit.
    pub fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, Corrupt> {
        T::try_from(self.unsigned()?).map_err(|_| Corrupt)
    }

    /// Reads a signed number.
    ///
    /// # Errors
    /// As [`unsigned`](Self::unsigned).
    pub fn signed(&mut self) -> Result<i64, Corrupt> {
        self.unsigned().map(unfold)
    }

    /// Reads a length of time, written as its nanoseconds.
    ///
    /// # Errors
    /// When the bytes end or the number is negative.
    pub fn span(&mut self) -> Result<Span, Corrupt> {
        let nanos = u64::try_from(self.signed()?).map_err(|_| Corrupt)?;
        Ok(Span::from(Duration::from_nanos(nanos)))
    }

    /// Reads a float.
    ///
    /// # Errors
    /// When the bytes end.
    pub fn float(&mut self) -> Result<f64, Corrupt> {
        let number = self.unsigned()?;
        if number == WHOLE {
            return Ok(f64::from_le_bytes(self.array()?));
        }
        let factor = SCALES.get(usize::try_from(number & 7).map_err(|_| Corrupt)?).ok_or(Corrupt)?;
        Ok(unfold(number >> 3) as f64 / factor)
    }

    /// Reads bytes written with their length.
    ///
    /// # Errors
    /// When the bytes end before that.
    pub fn blob(&mut self) -> Result<&'a [u8], Corrupt> {
        let length = self.narrow()?;
        self.slice(length)
    }

    /// Reads `length` bytes.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn slice(&mut self, length: usize) -> Result<&'a [u8], Corrupt> {
        let (slice, rest) = self.bytes.split_at_checked(length).ok_or(Corrupt)?;
        self.bytes = rest;
        Ok(slice)
    }

    /// Reads text written as a blob.
    ///
    /// # Errors
    /// As [`blob`](Self::blob), and when it is not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Corrupt> {
        std::str::from_utf8(self.blob()?).map_err(|_| Corrupt)
    }

    /// Reads `N` bytes.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let (array, rest) = self.bytes.split_first_chunk().ok_or(Corrupt)?;
        self.bytes = rest;
        Ok(*array)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(value: f64) -> (f64, usize) {
        let mut encoder = Encoder::default();
        encoder.float(value);
        let bytes = encoder.into_bytes();
        let mut decoder = Decoder::new(&bytes);
        let back = decoder.float().unwrap();
        assert!(decoder.is_at_end());
        (back, bytes.len())
    }

    #[test]
    fn what_a_device_prints_takes_few_bytes() {
        assert_eq!(round_trip(10.16), (10.16, 2));
        assert_eq!(round_trip(105.625), (105.625, 3));
        assert_eq!(round_trip(0.0), (0.0, 1));
        assert_eq!(round_trip(std::f64::consts::PI), (std::f64::consts::PI, 9));
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        assert_eq!(Decoder::new(&[]).unsigned(), Err(Corrupt));
        assert_eq!(Decoder::new(&[0xff; 10]).unsigned(), Err(Corrupt));
        assert_eq!(Decoder::new(&[7, 1, 2]).float(), Err(Corrupt));
        assert_eq!(Decoder::new(&[5, 1]).blob(), Err(Corrupt));
    }

    proptest! {
        #[test]
        fn floats_come_back_bit_for_bit(bits in any::<u64>(), digits in -1_000_000_000_i64..1_000_000_000, scale in 0..7_usize) {
            for value in [f64::from_bits(bits), digits as f64 / SCALES[scale], -0.0, f64::NAN, f64::INFINITY] {
                prop_assert_eq!(round_trip(value).0.to_bits(), value.to_bits());
            }
        }

        #[test]
        fn a_decimal_takes_no_more_bytes_than_its_digits_and_its_scale(
            digits in -(MAX_DIGITS as i64)..=MAX_DIGITS as i64, scale in 0..7_usize, off in -1..=1_i64,
        ) {
            let value = digits as f64 / SCALES[scale];
            let mut by_digits = Encoder::default();
            by_digits.unsigned(fold(digits) << 3 | scale as u64);
            prop_assert!(round_trip(value).1 <= by_digits.len());
            let neighbour = f64::from_bits(value.to_bits().wrapping_add_signed(off));
            prop_assert_eq!(round_trip(neighbour).0.to_bits(), neighbour.to_bits());
        }

        #[test]
        fn integers_come_back(number in any::<u64>(), signed in any::<i64>()) {
            let mut encoder = Encoder::default();
            encoder.unsigned(number);
            encoder.signed(signed);
            let bytes = encoder.into_bytes();
            let mut decoder = Decoder::new(&bytes);
            prop_assert_eq!(decoder.unsigned(), Ok(number));
            prop_assert_eq!(decoder.signed(), Ok(signed));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut decoder = Decoder::new(&bytes);
            while decoder.float().is_ok() {}
            let mut decoder = Decoder::new(&bytes);
            while decoder.blob().is_ok() && !decoder.is_at_end() {}
        }
    }
}
