//! The values of a history: from text to a number.

use std::fmt;

use super::times::cut;
use crate::ingest::decimal::Decimal;

/// Why a text is no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The text is not a number, or not a finite one.
    #[error("{0:?} is not a finite number")]
    NotFinite(String),
    /// A comma where the mark is a point.
    #[error("{0:?} has a comma, and the decimal mark is '.'; --decimal , takes the comma, and thousands have no mark")]
    Comma(String),
    /// A point where the mark is a comma.
    #[error("{0:?} has a point, and the decimal mark is ','; --decimal . takes the point, and thousands have no mark")]
    Point(String),
    /// Thousands are set apart.
    #[error("{0:?} sets thousands apart, which may be read otherwise; export numbers without that")]
    Thousands(String),
}

/// The number because of which a comma was taken for the decimal mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CommaAssumed {
    text: String,
    line: u64,
}

impl fmt::Display for CommaAssumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "',' as decimal mark, because of {:?} on line {} (--decimal)", self.text, self.line)
    }
}

/// Reads the values of one history, in its order.
#[derive(Debug)]
pub(super) struct Numbers {
    /// Unknown until a number with a fraction has come.
    decimal: Option<Decimal>,
    assumed: Option<CommaAssumed>,
}

impl Numbers {
    /// With the given decimal mark; `None` takes the mark from the first number with a fraction.
    pub(super) fn new(decimal: Option<Decimal>) -> Self {
        Self { decimal, assumed: None }
    }

    /// Why a comma was taken for the decimal mark without being told.
    pub(super) fn assumed(&self) -> Option<&CommaAssumed> {
        self.assumed.as_ref()
    }

    pub(super) fn read(&mut self, text: &str, line: u64) -> Result<f64, ValueError> {
        let number = text.parse().ok().filter(|value: &f64| value.is_finite());
        match (self.decimal, number) {
            (Some(Decimal::Point), Some(number)) => Ok(number),
            (_, Some(number)) if !text.contains('.') => Ok(number),
            (None, Some(number)) => {
                self.decimal = Some(Decimal::Point);
                Ok(number)
            }
            _ => self.with_comma(text, line),
        }
    }

    /// Reads a text that is not a number with a decimal point.
    fn with_comma(&mut self, text: &str, line: u64) -> Result<f64, ValueError> {
        let number = |text: &str| text.parse().ok().filter(|value: &f64| value.is_finite());
        let points = text.matches('.').count();
        let commas = text.matches(',').count();
        let decimal = (points == 0 && commas == 1).then(|| number(&text.replace(',', "."))).flatten();
        match (decimal, self.decimal) {
            (Some(_), Some(Decimal::Point)) => Err(ValueError::Comma(cut(text))),
            (Some(number), Some(Decimal::Comma)) => Ok(number),
            (Some(number), None) => {
                self.decimal = Some(Decimal::Comma);
                self.assumed = Some(CommaAssumed { text: cut(text), line });
                Ok(number)
            }
            (None, _) if commas == 0 && points == 1 && number(text).is_some() => Err(ValueError::Point(cut(text))),
            (None, _) if number(&without_marks(text)).is_some() => Err(ValueError::Thousands(cut(text))),
            (None, _) => Err(ValueError::NotFinite(cut(text))),
        }
    }
}

/// The text without marks that may separate digits.
fn without_marks(text: &str) -> String {
    text.replace(['.', ',', ' ', '\'', '’', '_', '\u{a0}', '\u{202f}'], "")
}

/// Whether a cell of a wide table says that there is no value.
pub(super) fn is_missing(text: &str) -> bool {
    const WORDS: [&str; 9] = ["-", "--", "nan", "null", "none", "na", "n/a", "#n/a", r"\n"];
    text.is_empty() || text.len() <= 4 && WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(decimal: Option<Decimal>, texts: &[&str]) -> Vec<Result<f64, String>> {
        let mut numbers = Numbers::new(decimal);
        texts.iter().zip(2..).map(|(text, line)| numbers.read(text, line).map_err(|error| error.to_string())).collect()
    }

    #[test]
    fn the_first_fraction_shows_the_decimal_mark_and_another_is_refused_from_then_on() {
        let found = read(None, &["5", "-1e3", "84,53", "7", "2.5"]);
        assert_eq!(found[..4], [Ok(5.0), Ok(-1000.0), Ok(84.53), Ok(7.0)]);
        assert!(found[4].as_ref().unwrap_err().starts_with("\"2.5\" has a point, and the decimal mark is ','"));
        let found = read(None, &["84.53", "2,5"]);
        assert!(found[1].as_ref().unwrap_err().starts_with("\"2,5\" has a comma, and the decimal mark is '.'"));
        let mut numbers = Numbers::new(None);
        numbers.read("2,417", 9).unwrap();
        let assumed = numbers.assumed().unwrap().to_string();
        assert_eq!(assumed, "',' as decimal mark, because of \"2,417\" on line 9 (--decimal)");
    }

    #[test]
    fn a_decimal_mark_that_was_given_is_not_doubted() {
        assert_eq!(read(Some(Decimal::Comma), &["2,417", "1"]), [Ok(2.417), Ok(1.0)]);
        assert!(read(Some(Decimal::Point), &["2,417"])[0].is_err());
        assert!(read(Some(Decimal::Comma), &["2.417"])[0].is_err());
    }

    #[test]
    fn thousands_that_are_set_apart_are_refused_in_words() {
        for decimal in [None, Some(Decimal::Point), Some(Decimal::Comma)] {
            for text in ["1,234.5", "1.234,5", "1,234,567", "1.234.567", "1 234", "1'234,5", "1\u{a0}234.5"] {
                let error = read(decimal, &[text])[0].clone().unwrap_err();
                assert!(error.contains("sets thousands apart"), "{decimal:?} {text}: {error}");
            }
        }
    }

    #[test]
    fn what_is_no_finite_number_is_refused() {
        for decimal in [None, Some(Decimal::Point), Some(Decimal::Comma)] {
            for text in ["", "x", "inf", "NaN", "1,5,x", "5 °C", ","] {
                let error = read(decimal, &[text])[0].clone().unwrap_err();
                assert_eq!(error, format!("{text:?} is not a finite number"));
            }
        }
    }

    #[test]
    fn a_cell_may_say_that_there_is_no_value() {
        assert!(["", "-", "NaN", "NULL", "N/A", "#N/A", "None", "\\N"].iter().all(|text| is_missing(text)));
        assert!(!["0", "-1", "bad", "inf", "nano"].iter().any(|text| is_missing(text)));
    }
}
