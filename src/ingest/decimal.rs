//! The decimal mark of numbers that are written as text.

use std::str::FromStr;

/// The character between a number's whole part and its fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimal {
    /// `84.53`
    Point,
    /// `84,53`
    Comma,
}

/// Why a text is no decimal mark.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a decimal mark; write '.' or ','")]
pub struct DecimalError(String);

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        match text {
            "." => Ok(Self::Point),
            "," => Ok(Self::Comma),
            _ => Err(DecimalError(text.to_owned())),
        }
    }
}

impl Decimal {
    /// Reads a number with this mark, or without a fraction. NaN and infinity in words are read too.
    ///
    /// `None` when the text is not a number, or has the other mark.
    pub(in crate::ingest) fn read(self, text: &str) -> Option<f64> {
        match self {
            Self::Point => text.parse().ok(),
            Self::Comma if text.contains('.') => None,
            Self::Comma => text.replace(',', ".").parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_mark_and_no_other() {
        for (text, value) in [("21.5", 21.5), ("-1e3", -1e3), ("4", 4.0)] {
            assert_eq!(Decimal::Point.read(text), Some(value), "{text}");
        }
        for (text, value) in [("21,5", 21.5), ("-0,25e1", -2.5), ("4", 4.0)] {
            assert_eq!(Decimal::Comma.read(text), Some(value), "{text}");
        }
        for text in ["21,5", "1,000.5", "", "warm"] {
            assert_eq!(Decimal::Point.read(text), None, "{text}");
        }
        for text in ["21.5", "1.000,5", "1,000,5", "", "warm", ","] {
            assert_eq!(Decimal::Comma.read(text), None, "{text}");
        }
        assert!(Decimal::Comma.read("nan").is_some_and(f64::is_nan));
    }
}
