//! Numbers as payloads write them.

use crate::ingest::decimal::Decimal;
use crate::ingest::route::{NumberFormat, Quotes};

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::ingest) enum NumberFault {
    #[error("not a number")]
    None,
    #[error("a number in quotes; with numbers = \"quoted\" its route reads it")]
    InQuotes,
    #[error("a number with a decimal comma; with decimal = \",\" its route reads it")]
    Comma,
    #[error("a number with a decimal point, and the route says decimal = \",\"")]
    Point,
}

/// Reads a payload that is just one number.
pub(super) fn of_plain(text: &str, format: NumberFormat) -> Result<f64, NumberFault> {
    match text.strip_prefix('"').and_then(|inside| inside.strip_suffix('"')) {
        Some(inside) => of_text(inside, format),
        None => marked(text, format.decimal),
    }
}

/// Reads a number that stands in quotes.
pub(super) fn of_text(text: &str, format: NumberFormat) -> Result<f64, NumberFault> {
    let number = marked(text.trim(), format.decimal);
    match (format.quotes, number) {
        (Quotes::Refused, Ok(_)) => Err(NumberFault::InQuotes),
        (_, number) => number,
    }
}

fn marked(text: &str, decimal: Decimal) -> Result<f64, NumberFault> {
    let (other, fault) = match decimal {
        Decimal::Point => (Decimal::Comma, NumberFault::Comma),
        Decimal::Comma => (Decimal::Point, NumberFault::Point),
    };
    decimal.read(text).ok_or_else(|| if other.read(text).is_some() { fault } else { NumberFault::None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_is_told_with_the_key_that_would_read_it() {
        let format = |quotes, decimal| NumberFormat { quotes, decimal };
        let bare = NumberFormat::default();
        let quoted = format(Quotes::Accepted, Decimal::Point);
        let comma = format(Quotes::Accepted, Decimal::Comma);
        for (text, number, expected) in [
            ("21.5", bare, Ok(21.5)),
            ("21,5", bare, Err(NumberFault::Comma)),
            ("\"21.5\"", bare, Err(NumberFault::InQuotes)),
            ("\"21.5\"", quoted, Ok(21.5)),
            ("\" 21.5 \"", quoted, Ok(21.5)),
            ("\"21,5\"", quoted, Err(NumberFault::Comma)),
            ("\"21,5\"", comma, Ok(21.5)),
            ("21,5", comma, Ok(21.5)),
            ("21.5", comma, Err(NumberFault::Point)),
            ("21.5 °C", comma, Err(NumberFault::None)),
            ("\"21.5", quoted, Err(NumberFault::None)),
            ("\"warm\"", bare, Err(NumberFault::None)),
            ("\"", quoted, Err(NumberFault::None)),
        ] {
            assert_eq!(of_plain(text, number), expected, "{text}");
        }
    }
}
