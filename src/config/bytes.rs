//! Sizes in bytes, as people write them.

use std::fmt;

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ByteSize(u64);

impl ByteSize {
    const UNITS: [(&'static str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

    /// So many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many times 1024 bytes.
    pub const fn from_kib(kib: u32) -> Self {
        Self((kib as u64) << 10)
    }

    /// So many times 1024 × 1024 bytes.
    pub const fn from_mib(mib: u32) -> Self {
        Self((mib as u64) << 20)
    }

    /// How many bytes it is.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The size in bytes; the largest `usize` when it does not fit.
    pub fn saturating_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Reads a whole number with `B`, `KiB`, `MiB` or `GiB`. `MB` and the like are not read, because they mean a power
    /// of ten to some people and a power of two to others.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = text[..digits].parse().ok()?;
        let unit = text[digits..].trim_start();
        let (_, factor) = Self::UNITS.into_iter().find(|(name, _)| *name == unit)?;
        count.checked_mul(factor).map(Self)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = Self::UNITS.into_iter().find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        let (name, factor) = whole.unwrap_or(("B", 1));
        write!(f, "{} {name}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_reads_what_it_writes() {
        for text in ["16 MiB", "64 KiB", "2 GiB", "1 B", "0 B", "1025 B"] {
            assert_eq!(ByteSize::parse(text).map(|size| size.to_string()).as_deref(), Some(text));
        }
        assert_eq!(ByteSize::parse("16MiB"), Some(ByteSize::from_mib(16)));
    }

    #[test]
    fn units_that_mean_different_things_to_different_people_are_refused() {
        for text in ["", "16", "MiB", "16 MB", "16 mib", "-1 B", "1.5 MiB", "99999999999999999999 B", "99999999999 GiB"]
        {
            assert_eq!(ByteSize::parse(text), None, "{text}");
        }
    }
}
