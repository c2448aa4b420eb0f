//! How features are written: `mean`, `temperature.std`, `mean lag 1`, `temperature.mean diff 60`, `hour sin`.
//!
//! The same text is used everywhere: in the configuration, as the column names of a model, in what the commands print,
//! in explanations. It is read from its end, where only words of this module can be: so a sensor's name needs no
//! quotes, whatever it holds. Each feature is written in exactly one way.

use std::fmt;

use super::{Aggregate, Back, ColumnCount, Feature, FeatureSet, MissingPolicy, Wave, When};
use crate::sensor::{SensorName, SensorNameError};
use crate::suggest::nearest;

/// The accepted features, for error messages.
pub const ACCEPTED: &str = "mean, min, max, std, first, last or count, of another sensor of the device as in \
     \"temperature.mean\", each also some intervals back as in \"mean lag 1\" or \"mean diff 1\"; and \"hour sin\", \"hour cos\"";

/// The accepted policies for missing values, for error messages.
pub const ACCEPTED_MISSING: &str =
    "\"skip\", \"nan\", or \"last N\" with the number of intervals that a value lasts, such as \"last 5\"";

const AGGREGATES: [(&str, Aggregate); 7] = [
    ("mean", Aggregate::Mean),
    ("min", Aggregate::Min),
    ("max", Aggregate::Max),
    ("std", Aggregate::Std),
    ("first", Aggregate::First),
    ("last", Aggregate::Last),
    ("count", Aggregate::Count),
];

const WAVES: [(&str, Wave); 2] = [("hour sin", Wave::Sine), ("hour cos", Wave::Cosine)];

/// Why a text is no feature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeatureError {
    /// It is longer than any feature.
    #[error("a feature of {0} bytes is longer than any; accepted: {ACCEPTED}")]
    TooLong(usize),
    /// The text does not end in an aggregate or another word of this module.
    #[error("{text:?} is no feature; {}accepted: {ACCEPTED}", Meant(.meant))]
    Unknown {
        /// The text.
        text: String,
        /// The feature that was probably meant.
        meant: Option<String>,
    },
    /// The number of intervals is not a number from 1 on, or is too large.
    #[error("{text:?} looks {found} intervals back; 1 to {max} are accepted, without leading zeros", max = Back::MAX)]
    Back {
        /// The text.
        text: String,
        /// The number.
        found: String,
    },
    /// The text before the dot cannot be a sensor's name.
    #[error("{text:?} names no sensor: {problem}")]
    Sensor {
        /// The text.
        text: String,
        /// Why.
        problem: SensorNameError,
    },
    /// A row has no columns, or too many.
    #[error(transparent)]
    Count(#[from] ColumnCount),
}

/// The text is not a policy for missing values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not say what becomes of a row for which a sensor has no value; accepted: {ACCEPTED_MISSING}")]
pub struct MissingError(String);

struct Meant<'a>(&'a Option<String>);

impl fmt::Display for Meant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |meant| write!(f, "did you mean {meant:?}? "))
    }
}

impl Feature {
    /// The longest text: a sensor's name, and our own words.
    pub const MAX_BYTES: usize = SensorName::MAX_PART_BYTES + 32;

    /// Reads a feature. [`Display`](fmt::Display) writes it back, letter for letter.
    ///
    /// # Errors
    /// When the text is no feature. The error says what is accepted, and what was probably meant.
    pub fn parse(text: &str) -> Result<Self, FeatureError> {
        if text.len() > Self::MAX_BYTES {
            return Err(FeatureError::TooLong(text.len()));
        }
        if let Some((_, wave)) = WAVES.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Hour(*wave));
        }
        let (value, when) = split_when(text);
        let (sensor, word) = value.rsplit_once('.').map_or((None, value), |(sensor, word)| (Some(sensor), word));
        let Some((_, aggregate)) = AGGREGATES.iter().find(|(name, _)| *name == word) else {
            return Err(FeatureError::Unknown { text: text.to_owned(), meant: meant(text) });
        };
        let when = when.map_or(Ok(When::Now), |(when, intervals)| match parse_back(intervals) {
            Some(back) => Ok(when(back)),
            None => Err(FeatureError::Back { text: text.to_owned(), found: intervals.to_owned() }),
        })?;
        let sensor = sensor.map(|sensor| match SensorName::new("device", sensor) {
            Ok(_) => Ok(sensor.into()),
            Err(problem) => Err(FeatureError::Sensor { text: text.to_owned(), problem }),
        });
        Ok(Self::Sensor { sensor: sensor.transpose()?, aggregate: *aggregate, when })
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sensor, aggregate, when) = match self {
            Self::Hour(wave) => return f.write_str(name_of(*wave, &WAVES)),
            Self::Sensor { sensor, aggregate, when } => (sensor, name_of(*aggregate, &AGGREGATES), when),
        };
        if let Some(sensor) = sensor {
            write!(f, "{sensor}.")?;
        }
        match when {
            When::Now => f.write_str(aggregate),
            When::Lag(back) => write!(f, "{aggregate} lag {back}"),
            When::Diff(back) => write!(f, "{aggregate} diff {back}"),
        }
    }
}

impl FeatureSet {
    /// Reads the columns of a row, each written as a [`Feature`] is.
    ///
    /// # Errors
    /// When one of them is not a feature, or there are no columns or too many.
    pub fn parse<T: AsRef<str>>(columns: &[T], missing: MissingPolicy) -> Result<Self, FeatureError> {
        // Counted first: a list may be very long.
        if columns.len() > Self::MAX_COLUMNS {
            return Err(ColumnCount(columns.len()).into());
        }
        let columns = columns.iter().map(|column| Feature::parse(column.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self::new(columns, missing)?)
    }
}

impl MissingPolicy {
    /// Reads `skip`, `nan` or `last N`. [`Display`](fmt::Display) writes it back, letter for letter.
    ///
    /// # Errors
    /// When the text is none of these. The error says what is accepted.
    pub fn parse(text: &str) -> Result<Self, MissingError> {
        let last = || text.strip_prefix("last ").and_then(parse_back).map(Self::Last);
        match text {
            "skip" => Ok(Self::Skip),
            "nan" => Ok(Self::Nan),
            _ => last().ok_or_else(|| MissingError(text.chars().take(60).collect())),
        }
    }
}

impl fmt::Display for MissingPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip => f.write_str("skip"),
            Self::Last(back) => write!(f, "last {back}"),
            Self::Nan => f.write_str("nan"),
        }
    }
}

/// How a value of an earlier interval counts, and the digits that say which interval.
type Earlier<'a> = (fn(Back) -> When, &'a str);

/// Takes ` lag N` or ` diff N` off the end.
fn split_when(text: &str) -> (&str, Option<Earlier<'_>>) {
    let split = || {
        let (rest, intervals) = text.rsplit_once(' ')?;
        let digits = !intervals.is_empty() && intervals.bytes().all(|byte| byte.is_ascii_digit());
        let (value, word) = rest.rsplit_once(' ').filter(|_| digits)?;
        let when: fn(Back) -> When = match word {
            "lag" => When::Lag,
            "diff" => When::Diff,
            _ => return None,
        };
        Some((value, Some((when, intervals))))
    };
    split().unwrap_or((text, None))
}

/// Reads a number that would be written back in the same way: only digits, and no leading zeros.
fn parse_back(digits: &str) -> Option<Back> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| plain).and_then(Back::new)
}

/// What was probably meant: a word close to one of ours, or one that is joined to a sensor by another mark than a dot.
fn meant(text: &str) -> Option<String> {
    let (value, _) = split_when(text);
    let behind = &text[value.len()..];
    let words = AGGREGATES.iter().map(|(name, _)| *name);
    let lower = value.to_lowercase();
    if let Some(word) = nearest(&lower, words.clone().chain(WAVES.iter().map(|(name, _)| *name))) {
        return Some(format!("{word}{behind}"));
    }
    let (sensor, word) = value.rsplit_once(['.', '_', ' ', ':', '/', '-'])?;
    let word = nearest(&word.to_lowercase(), words)?;
    (!sensor.is_empty()).then(|| format!("{sensor}.{word}{behind}"))
}

fn name_of<T: Copy + PartialEq>(meaning: T, names: &[(&'static str, T)]) -> &'static str {
    names.iter().find(|(_, of)| *of == meaning).map_or("", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sensor(name: &str, aggregate: Aggregate, when: When) -> Feature {
        Feature::Sensor { sensor: Some(name.into()), aggregate, when }
    }

    fn back(intervals: u16) -> Back {
        Back::new(intervals).unwrap()
    }

    #[test]
    fn features_are_written_as_in_the_manual() {
        let own = |aggregate, when| Feature::Sensor { sensor: None, aggregate, when };
        for (text, feature) in [
            ("mean", Feature::MEAN),
            ("count", own(Aggregate::Count, When::Now)),
            ("std lag 1", own(Aggregate::Std, When::Lag(back(1)))),
            ("temperature.mean", sensor("temperature", Aggregate::Mean, When::Now)),
            ("temperature.mean diff 60", sensor("temperature", Aggregate::Mean, When::Diff(back(60)))),
            ("hour sin", Feature::Hour(Wave::Sine)),
            ("hour cos", Feature::Hour(Wave::Cosine)),
        ] {
            assert_eq!(Feature::parse(text), Ok(feature), "{text}");
        }
    }

    #[test]
    fn a_sensors_name_may_hold_dots_blanks_and_our_own_words() {
        for (text, name) in [
            ("bus 7.a.b.mean", "bus 7.a.b"),
            ("mean lag 1.mean", "mean lag 1"),
            ("oil temp (°C)/2.mean", "oil temp (°C)/2"),
            ("\"a\", b.mean", "\"a\", b"),
            ("hour sin.mean", "hour sin"),
            ("..mean", "."),
        ] {
            assert_eq!(Feature::parse(text), Ok(sensor(name, Aggregate::Mean, When::Now)), "{text}");
        }
    }

    #[test]
    fn what_is_no_feature_says_what_may_have_been_meant() {
        for (text, said) in [
            ("meen", "did you mean \"mean\"?"),
            ("Mean", "did you mean \"mean\"?"),
            ("temperature_mean", "did you mean \"temperature.mean\"?"),
            ("temperature std lag 2", "did you mean \"temperature.std lag 2\"?"),
            ("temp.stdd", "did you mean \"temp.std\"?"),
            ("hours sin", "did you mean \"hour sin\"?"),
            ("temperature", "\"temperature\" is no feature; accepted: mean, min"),
            ("", "\"\" is no feature; accepted"),
            ("mean lag 0", "looks 0 intervals back; 1 to 32768"),
            ("mean diff 32769", "looks 32769 intervals back"),
            ("mean lag 99999999999999999999", "intervals back"),
            ("mean lag 01", "without leading zeros"),
            (".mean", "names no sensor: the sensor name is empty"),
            ("a+b.mean", "'+'"),
        ] {
            let error = Feature::parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        let long = format!("{}.mean", "x".repeat(10_000));
        assert!(Feature::parse(&long).unwrap_err().to_string().len() < 500);
    }

    #[test]
    fn a_list_of_columns_has_at_least_one_and_not_too_many() {
        let error = |columns: &[&str]| FeatureSet::parse(columns, MissingPolicy::Skip).unwrap_err().to_string();
        assert!(error(&[]).contains("0 columns are named; 1 to 1024"));
        assert!(error(&["mean"; 1025]).contains("1025 columns"));
        assert!(error(&["mean", "maen"]).contains("\"maen\" is no feature; did you mean \"mean\"?"));
        let many = FeatureSet::parse(&["mean"; 1024], MissingPolicy::Skip).unwrap();
        assert!(many.to_string().ends_with("mean and 1012 more"));
    }

    #[test]
    fn what_becomes_of_rows_without_a_value_is_written_as_in_the_manual() {
        for (text, missing) in [
            ("skip", MissingPolicy::Skip),
            ("nan", MissingPolicy::Nan),
            ("last 5", MissingPolicy::Last(Back::new(5).unwrap())),
        ] {
            assert_eq!(MissingPolicy::parse(text), Ok(missing));
            assert_eq!(missing.to_string(), text);
        }
        for text in ["", "last", "last 0", "last 05", "last -1", "last 32769", "NaN", "drop"] {
            let error = MissingPolicy::parse(text).unwrap_err().to_string();
            assert!(error.contains("accepted: \"skip\""), "{text}: {error}");
        }
    }

    fn any_feature() -> impl Strategy<Value = Feature> {
        let back = (1..=32_768_u16).prop_map(|intervals| Back::new(intervals).unwrap());
        let when = prop_oneof![Just(When::Now), back.clone().prop_map(When::Lag), back.prop_map(When::Diff)];
        // Names made of the words and marks that features are made of.
        let name = prop_oneof!["[^+#\\p{C}]{1,20}", "(mean|lag|diff|hour|sin|[ .12\"',/]){1,8}"];
        let aggregate = prop::sample::select(AGGREGATES.map(|(_, aggregate)| aggregate).to_vec());
        let of_sensor = (prop::option::of(name), aggregate, when)
            .prop_map(|(sensor, aggregate, when)| Feature::Sensor { sensor: sensor.map(Into::into), aggregate, when });
        prop_oneof![9 => of_sensor, 1 => prop::sample::select(vec![Feature::Hour(Wave::Sine), Feature::Hour(Wave::Cosine)])]
    }

    proptest! {
        #[test]
        fn reading_is_the_inverse_of_writing(feature in any_feature()) {
            prop_assert_eq!(Feature::parse(&feature.to_string()), Ok(feature));
        }

        #[test]
        fn writing_is_the_inverse_of_reading(text in "(mean|min|std|count|temp|hour|sin|lag|diff|[ .0-9]){1,6}|\\PC{0,12}") {
            if let Ok(feature) = Feature::parse(&text) {
                prop_assert_eq!(feature.to_string(), text);
            }
        }
    }
}
