//! Patterns of sensors, for settings that hold for some of them.

use std::fmt;

/// A pattern of `device/sensor`, where `*` stands for any characters, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorPattern(String);

/// Why a pattern was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It cannot be a `device/sensor`.
    #[error("the pattern {0:?} fits no sensor; write device/sensor, with * for any characters")]
    FitsNothing(String),
    /// It is longer than any name.
    #[error("the pattern has {0} bytes, at most {max} are accepted", max = SensorPattern::MAX_BYTES)]
    TooLong(usize),
}

impl SensorPattern {
    /// The longest pattern, in bytes.
    pub const MAX_BYTES: usize = 512;

    /// Reads a pattern.
    ///
    /// # Errors
    /// When no name could fit it.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > Self::MAX_BYTES {
            return Err(PatternError::TooLong(text.len()));
        }
        if !text.contains(['/', '*']) || text.contains(|c: char| c.is_control() || matches!(c, '+' | '#')) {
            return Err(PatternError::FitsNothing(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether a `device/sensor` fits.
    pub fn fits(&self, name: &str) -> bool {
        let Some((first, others)) = self.0.split_once('*') else {
            return self.0 == name;
        };
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let (middle, last) = others.rsplit_once('*').unwrap_or(("", others));
        // The leftmost place for each piece leaves the most room for the next.
        for piece in middle.split('*') {
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for SensorPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        SensorPattern::parse(pattern).unwrap().fits(name)
    }

    #[test]
    fn a_star_stands_for_any_characters_or_none() {
        for (pattern, name) in [
            ("*", "press/temp"),
            ("press/*", "press/temp"),
            ("*/temp", "line/press/temp"),
            ("press/t*p", "press/tp"),
            ("*a*b*", "x/aab"),
            ("*ab*ab", "x/abab"),
            ("press/temp", "press/temp"),
            ("**/t", "a/t"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("press/*", "press2/temp"),
            ("*/temp", "press/temperature"),
            ("press/t*p", "press/t"),
            ("*ab*ab", "x/ab"),
            ("a/b*ba", "a/ba"),
            ("press/temp", "press/temp2"),
            ("press/t?mp", "press/temp"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_that_fits_no_sensor_is_refused() {
        for text in ["", "temp", "a/+", "a/#", "a/\n", &"*".repeat(513)] {
            assert!(SensorPattern::parse(text).is_err(), "{text}");
        }
    }
}
