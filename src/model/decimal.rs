//! Decimals of texts, read within bounds.
//!
//! Almost every decimal is read in some ten nanoseconds. A decimal that lies between two floats and has more digits
//! than they have must be compared with both digit by digit. That takes a thousand times as long, and a file of a few
//! MiB can be full of such decimals.

use super::limits::Exceeded;
use super::operations::Operations;

/// The most characters of a number. Programs write up to 17 significant digits, and exact expansions of usual values
/// have some sixty.
pub(super) const LONGEST: usize = 100;

/// The most digits of a number that the fast path reads.
const QUICK: usize = 19;

/// The fixed cost, in operations, of a number with more digits. Each digit and each step of the exponent adds one.
const SLOW: usize = 500;
const DIGIT: usize = 20;
const EXPONENT: usize = 35;

/// The largest exponent that makes a difference: beyond it a float is 0 or infinite.
const MOST_EXPONENT: usize = 400;

/// Reads a number. `None` when the text is not a number, or is longer than `LONGEST`.
///
/// # Errors
/// When fewer operations are left than this may take.
pub(super) fn parse(text: &str, operations: &Operations) -> Result<Option<f64>, Exceeded> {
    if text.len() > LONGEST {
        return Ok(None);
    }
    if digits(text.as_bytes()) > QUICK {
        let exponent = text.split_once(['e', 'E']).map_or("0", |(_, exponent)| exponent);
        let exponent = exponent.parse().map_or(MOST_EXPONENT, |exponent: i16| exponent.unsigned_abs().into());
        operations.spend(SLOW + DIGIT * text.len() + EXPONENT * exponent.min(MOST_EXPONENT))?;
    }
    Ok(text.parse().ok())
}

/// Takes the operations of all numbers that a JSON text may hold; the JSON reader has no slow exponents. `false` when a
/// number is longer than `LONGEST`.
pub(super) fn all_within(text: &[u8], operations: &Operations) -> Result<bool, Exceeded> {
    for run in text.split(|byte| !(byte.is_ascii_digit() || *byte == b'.')).filter(|run| run.len() > QUICK) {
        if run.len() > LONGEST {
            return Ok(false);
        }
        if digits(run) > QUICK {
            operations.spend(SLOW + DIGIT * run.len())?;
        }
    }
    Ok(true)
}

/// How many digits the number has before the exponent, from the first that is not zero.
fn digits(number: &[u8]) -> usize {
    let mantissa = number.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    mantissa.iter().filter(|byte| byte.is_ascii_digit()).skip_while(|digit| **digit == b'0').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Limits;

    /// The value of a number, and the operations that reading it took.
    fn read(text: &str) -> (Option<f64>, usize) {
        let operations = Operations::new(&Limits::default());
        (parse(text, &operations).unwrap(), operations.spent())
    }

    #[test]
    fn a_number_of_as_many_digits_as_a_float_has_takes_nothing_and_one_of_more_by_its_digits_and_exponent() {
        for quick in ["0.1", "-1.7976931348623157e308", "1.000000000000000000e+00", "0.00000000000000000000000001", "x"]
        {
            assert_eq!(read(quick).1, 0, "{quick}");
        }
        let near = read("9007199254740993.00001");
        assert_eq!(near, (Some(9_007_199_254_740_994.0), SLOW + 22 * DIGIT));
        assert_eq!(read("9007199254740993.00001e-300").1, SLOW + 27 * DIGIT + 300 * EXPONENT);
        assert_eq!(read("9007199254740993.00001e-99999").1, SLOW + 29 * DIGIT + MOST_EXPONENT * EXPONENT);
    }

    #[test]
    fn what_is_longer_than_any_number_is_none() {
        assert_eq!(read(&"1".repeat(LONGEST + 1)), (None, 0));
        assert!(read(&"1".repeat(LONGEST)).0.is_some());
    }

    #[test]
    fn a_text_takes_what_its_numbers_may_take() {
        let operations = Operations::new(&Limits::default());
        let text = |number: &str| format!("{{\"a1\": [1.5, {number}, -2e-300]}}");
        assert_eq!(all_within(text("1.0").as_bytes(), &operations), Ok(true));
        assert_eq!(operations.spent(), 0);
        assert_eq!(all_within(text("9007199254740993.00001").as_bytes(), &operations), Ok(true));
        assert_eq!(operations.spent(), SLOW + 22 * DIGIT);
        assert_eq!(all_within(text(&"1".repeat(LONGEST + 1)).as_bytes(), &operations), Ok(false));
    }
}
