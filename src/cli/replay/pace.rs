//! When a row of a history is due: its own pace, times a speed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::time::Timestamp;

/// How fast a history is replayed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Speed {
    /// This many times as fast as the readings were measured; more than zero.
    Times(f64),
    /// As fast as the server acknowledges.
    Max,
}

/// A text that is not a speed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a speed; write a number above zero, such as 60 for an hour a minute, or max")]
pub struct SpeedError(String);

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, SpeedError> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let number = text.strip_suffix('x').unwrap_or(text).parse().ok();
        let positive = number.filter(|times: &f64| times.is_finite() && *times > 0.0);
        positive.map(Self::Times).ok_or_else(|| SpeedError(text.to_owned()))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => write!(f, "{times}"),
            Self::Max => f.write_str("max"),
        }
    }
}

impl Speed {
    /// How long after the beginning of the replay a row of this time is due. The first row is due at once.
    ///
    /// A row that is older than the first is also due at once.
    pub fn due(self, first: Timestamp, time: Timestamp) -> Duration {
        match self {
            Self::Max => Duration::ZERO,
            Self::Times(times) => {
                let seconds = time.since(first).to_std().as_secs_f64() / times;
                Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    #[test]
    fn a_speed_is_a_number_above_zero_or_max() {
        assert_eq!("60".parse(), Ok(Speed::Times(60.0)));
        assert_eq!("0.5x".parse(), Ok(Speed::Times(0.5)));
        assert_eq!("max".parse(), Ok(Speed::Max));
        for text in ["", "0", "-1", "fast", "inf", "NaN"] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }

    #[test]
    fn at_sixty_times_the_pace_an_hour_takes_a_minute() {
        let first = Timestamp::from_nanos(1_000);
        let later = first + Span::from_secs(3600);
        assert_eq!(Speed::Times(60.0).due(first, later), Duration::from_secs(60));
        assert_eq!(Speed::Times(0.5).due(first, later), Duration::from_secs(7200));
        assert_eq!(Speed::Max.due(first, later), Duration::ZERO);
    }

    #[test]
    fn what_is_older_than_the_first_row_is_due_at_once_and_no_time_is_too_far() {
        let first = Timestamp::from_nanos(1_000);
        assert_eq!(Speed::Times(1.0).due(first, Timestamp::from_nanos(0)), Duration::ZERO);
        assert_eq!(Speed::Times(f64::MIN_POSITIVE).due(first, Timestamp::MAX), Duration::MAX);
    }
}
