//! Parameters that no model can have. The constructors of steps and detectors check parameters with this, whatever
//! format they come from, so that every model can be evaluated.

use std::fmt;

use super::preprocessing::MAX_WIDTH;

/// A parameter with a value that no model can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} of {of} is {found}, expected {expected}")]
pub struct Invalid {
    /// The step or the detector, by its name in the library that trains it.
    pub of: &'static str,
    /// The parameter, by its name there.
    pub parameter: &'static str,
    /// Its value in the file.
    pub found: String,
    /// The values that are accepted.
    pub expected: String,
}

/// One parameter, to be checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter {
    of: &'static str,
    name: &'static str,
}

/// The parameter `name` of `of`.
pub(super) fn parameter(of: &'static str, name: &'static str) -> Parameter {
    Parameter { of, name }
}

impl Parameter {
    /// The error, with the value found and the values accepted.
    pub(super) fn invalid(self, found: impl fmt::Display, expected: impl fmt::Display) -> Invalid {
        Invalid { of: self.of, parameter: self.name, found: found.to_string(), expected: expected.to_string() }
    }

    /// Checks that a number is finite.
    pub(super) fn finite(self, number: f64) -> Result<(), Invalid> {
        if number.is_finite() { Ok(()) } else { Err(self.invalid(number, "a finite number")) }
    }

    /// Checks that all numbers are finite.
    pub(super) fn all_finite(self, numbers: &[f64]) -> Result<(), Invalid> {
        numbers.iter().try_for_each(|number| self.finite(*number))
    }

    /// Checks that all numbers are finite and above 0.
    pub(super) fn all_positive(self, numbers: &[f64]) -> Result<(), Invalid> {
        match numbers.iter().find(|number| !(number.is_finite() && **number > 0.0)) {
            Some(number) => Err(self.invalid(number, "a finite number above 0")),
            None => Ok(()),
        }
    }

    /// Checks a boundary for scores that are never above 0: with a boundary above 0, every row would be an anomaly.
    pub(super) fn below_zero(self, offset: f64) -> Result<(), Invalid> {
        if offset.is_finite() && offset <= 0.0 {
            return Ok(());
        }
        Err(self.invalid(offset, "the lowest score that is normal, a finite number not above 0"))
    }

    /// Checks that a width is one that rows may have, because a file's size does not bound the number that it gives.
    pub(super) fn width(self, width: usize) -> Result<(), Invalid> {
        match width > MAX_WIDTH {
            true => Err(self.invalid(format!("{width} features"), format!("at most {MAX_WIDTH}"))),
            false => Ok(()),
        }
    }

    /// Checks that there are as many numbers as `of_what`.
    pub(super) fn length(self, found: usize, expected: usize, of_what: &str) -> Result<(), Invalid> {
        if found == expected {
            return Ok(());
        }
        Err(self.invalid(format!("{found} numbers"), format!("one for each of the {expected} {of_what}")))
    }
}
