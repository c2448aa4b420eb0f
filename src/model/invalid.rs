//! Parameters that no model can be made of. Whatever format they come from, the constructors of steps and detectors
//! check them with this, so that what was made can be evaluated.

use std::fmt;

use super::preprocessing::MAX_WIDTH;

/// A parameter that cannot be what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} of {of} is {found}, expected {expected}")]
pub struct Invalid {
    /// The step or the detector, by its name in the library that trains it.
    pub of: &'static str,
    /// The parameter, by its name there.
    pub parameter: &'static str,
    /// What it is.
    pub found: String,
    /// What it may be.
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
    /// The error that says what it is and what it may be.
    pub(super) fn invalid(self, found: impl fmt::Display, expected: impl fmt::Display) -> Invalid {
        Invalid { of: self.of, parameter: self.name, found: found.to_string(), expected: expected.to_string() }
    }

    /// One finite number.
    pub(super) fn finite(self, number: f64) -> Result<(), Invalid> {
        if number.is_finite() { Ok(()) } else { Err(self.invalid(number, "a finite number")) }
    }

    /// Nothing but finite numbers.
    pub(super) fn all_finite(self, numbers: &[f64]) -> Result<(), Invalid> {
        numbers.iter().try_for_each(|number| self.finite(*number))
    }

    /// Nothing but finite numbers above 0.
    pub(super) fn all_positive(self, numbers: &[f64]) -> Result<(), Invalid> {
        match numbers.iter().find(|number| !(number.is_finite() && **number > 0.0)) {
            Some(number) => Err(self.invalid(number, "a finite number above 0")),
            None => Ok(()),
        }
    }

    /// A boundary for scores that are nowhere above 0: above it, every row would be an anomaly.
    pub(super) fn below_zero(self, offset: f64) -> Result<(), Invalid> {
        if offset.is_finite() && offset <= 0.0 {
            return Ok(());
        }
        Err(self.invalid(offset, "the lowest score that is normal, a finite number not above 0"))
    }

    /// As many features as rows may have. What files say of their number is not bounded by their size.
    pub(super) fn width(self, width: usize) -> Result<(), Invalid> {
        match width > MAX_WIDTH {
            true => Err(self.invalid(format!("{width} features"), format!("at most {MAX_WIDTH}"))),
            false => Ok(()),
        }
    }

    /// As many numbers as there are `of_what`.
    pub(super) fn length(self, found: usize, expected: usize, of_what: &str) -> Result<(), Invalid> {
        if found == expected {
            return Ok(());
        }
        Err(self.invalid(format!("{found} numbers"), format!("one for each of the {expected} {of_what}")))
    }
}
