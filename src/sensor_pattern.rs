//! Patterns of sensors, for settings that hold for some of them.

use std::fmt;

use crate::sensor::SensorName;

/// A pattern of `device/sensor`, where `*` stands for any characters, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorPattern(String);

/// Which names sensors can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameShape {
    /// Whether the device's name may hold slashes.
    pub device: Slashes,
    /// Whether the sensor's name may.
    pub sensor: Slashes,
}

/// Whether a part of a name may hold slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slashes {
    /// It may not.
    None,
    /// It may.
    Any,
}

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

    /// The pattern that every sensor fits.
    pub fn all() -> Self {
        Self("*".to_owned())
    }

    /// Reads a pattern.
    ///
    /// # Errors
    /// When no sensor name can match the pattern.
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

impl SensorPattern {
    /// Whether every sensor that `other` matches is matched by this pattern as well.
    pub fn covers(&self, other: &Self) -> bool {
        // A character that no pattern holds stands for what a star of `other` matches. Only a star of this pattern can
        // match that character, so it then matches whatever the star of `other` does.
        const UNLIKE_ANY: &str = "\u{1}";
        other.with_slash().iter().all(|other| self.fits(&other.replace('*', UNLIKE_ANY)))
    }

    /// Whether a sensor of such a name can fit.
    pub fn can_fit(&self, names: NameShape) -> bool {
        let can_be = |part: &str, slashes| {
            let literal = part.chars().filter(|c| *c != '*').map(char::len_utf8).sum::<usize>();
            !part.is_empty()
                && literal <= SensorName::MAX_PART_BYTES
                && (slashes == Slashes::Any || !part.contains('/'))
        };
        self.with_slash().iter().any(|pattern| {
            let slashes = pattern.match_indices('/').map(|(at, _)| (&pattern[..at], &pattern[at + 1..]));
            slashes.into_iter().any(|(device, sensor)| can_be(device, names.device) && can_be(sensor, names.sensor))
        })
    }

    /// Patterns that each hold a slash and together match the same names: every name has a slash.
    fn with_slash(&self) -> Vec<String> {
        let split = |(at, _): (usize, &str)| format!("{}*/*{}", &self.0[..at], &self.0[at + 1..]);
        let at_stars = self.0.match_indices('*').map(split);
        let itself = self.0.contains('/').then(|| self.0.clone());
        itself.into_iter().chain(at_stars).collect()
    }
}

impl fmt::Display for SensorPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn a_pattern_covers_what_fits_it_in_any_case() {
        let covers = |a: &str, b: &str| SensorPattern::parse(a).unwrap().covers(&SensorPattern::parse(b).unwrap());
        for (outer, inner) in [
            ("*", "*/temp"),
            ("*/*", "*"),
            ("press*", "press-1/temp"),
            ("*/temp*", "press/temperature"),
            ("*a*", "*ba/x*"),
        ] {
            assert!(covers(outer, inner), "{outer} {inner}");
        }
        for (outer, inner) in [("*/temp", "*"), ("press/*", "press*"), ("*/t*p", "*/t*"), ("a/b", "a/*")] {
            assert!(!covers(outer, inner), "{outer} {inner}");
        }
    }

    #[test]
    fn a_pattern_can_fit_only_names_that_can_be() {
        let plain = NameShape { device: Slashes::None, sensor: Slashes::None };
        let deep = NameShape { device: Slashes::Any, sensor: Slashes::None };
        let can_fit = |text: &str, names| SensorPattern::parse(text).unwrap().can_fit(names);
        for text in ["*", "a/b", "*/b", "a/*", "a*b", "*a*/*"] {
            assert!(can_fit(text, plain), "{text}");
        }
        for text in ["a/b/c", "*/b/c", "/b", "a/", "*//*"] {
            assert!(!can_fit(text, plain), "{text}");
        }
        assert!(can_fit("a/b/c", deep) && can_fit("*/b/c", deep) && !can_fit("/b", deep));
        assert!(!can_fit(&format!("{}/b", "a".repeat(129)), deep));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn covering_and_fitting_are_what_names_show(a in "[ab/*]{1,4}", b in "[ab/*]{1,4}") {
            let (Ok(a), Ok(b)) = (SensorPattern::parse(&a), SensorPattern::parse(&b)) else { return Ok(()) };
            let mut names = vec![String::new()];
            let (mut is_covered, mut can_fit) = (true, [false; 4]);
            for _ in 0..6 {
                names = names.iter().flat_map(|name| ["a", "b", "z", "/"].map(|c| format!("{name}{c}"))).collect();
                for name in names.iter().filter(|name| name.contains('/')) {
                    is_covered &= a.fits(name) || !b.fits(name);
                    let parts = name.match_indices('/').map(|(at, _)| (&name[..at], &name[at + 1..]));
                    for (device, sensor) in parts.filter(|(device, sensor)| !device.is_empty() && !sensor.is_empty()) {
                        for (shape, can_fit) in SHAPES.iter().zip(&mut can_fit) {
                            let fits = |part: &str, slashes| slashes == Slashes::Any || !part.contains('/');
                            *can_fit |= a.fits(name) && fits(device, shape.device) && fits(sensor, shape.sensor);
                        }
                    }
                }
            }
            prop_assert_eq!(a.covers(&b), is_covered);
            prop_assert_eq!(SHAPES.map(|shape| a.can_fit(shape)), can_fit);
        }
    }

    const SHAPES: [NameShape; 4] = [
        NameShape { device: Slashes::None, sensor: Slashes::None },
        NameShape { device: Slashes::Any, sensor: Slashes::None },
        NameShape { device: Slashes::None, sensor: Slashes::Any },
        NameShape { device: Slashes::Any, sensor: Slashes::Any },
    ];

    #[test]
    fn a_pattern_that_fits_no_sensor_is_refused() {
        for text in ["", "temp", "a/+", "a/#", "a/\n", &"*".repeat(513)] {
            assert!(SensorPattern::parse(text).is_err(), "{text}");
        }
    }
}
