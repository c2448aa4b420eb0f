//! The bytes of a pickle, taken from the front, never beyond the end.

use super::error::PickleProblem as Problem;

/// What is yet to be read.
#[derive(Debug)]
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// How many bytes were taken.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.offset
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let (taken, _) = rest.split_at_checked(length).ok_or(Problem::Truncated)?;
        self.offset += length;
        Ok(taken)
    }

    pub(super) fn array<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], Problem> {
        self.take(SIZE)?.try_into().map_err(|_| Problem::Truncated)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Problem> {
        self.array().map(|[byte]| byte)
    }

    /// A little-endian length of `size` bytes.
    pub(super) fn length(&mut self, size: usize) -> Result<usize, Problem> {
        let mut wide = [0; 8];
        wide[..size].copy_from_slice(self.take(size)?);
        // What does not fit cannot be in the file either.
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| Problem::Truncated)
    }

    /// A line that ends in a newline.
    pub(super) fn line(&mut self) -> Result<&'a str, Problem> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or(Problem::Truncated)?;
        let line = self.take(length)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| Problem::Text)
    }

    /// A whole number of `length` bytes, two's complement, little-endian. `None` when it takes more than 64 bits: the
    /// state of a random number generator, which is of no use to a model that is trained.
    pub(super) fn long(&mut self, length: usize) -> Result<Option<i64>, Problem> {
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|top| top & 0x80 != 0);
        let filling = if negative { 0xff } else { 0 };
        let mut wide = [filling; 8];
        let (low, high) = bytes.split_at(length.min(wide.len()));
        wide[..low.len()].copy_from_slice(low);
        let whole = i64::from_le_bytes(wide);
        let fits = high.iter().all(|byte| *byte == filling) && (whole < 0) == negative;
        Ok(fits.then_some(whole))
    }
}
