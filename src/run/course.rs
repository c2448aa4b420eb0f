//! When a run took place, who asked for it, and what took its time.

use std::sync::Arc;

use crate::sensor::SensorId;
use crate::time::{Span, Timestamp};

/// How a run went, by the system's clock. It changes no verdict. Of runs that an earlier version wrote, nothing of it is
/// known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunCourse {
    /// When it began. One that was cut off and resumed began when it was first begun.
    pub begun: Option<Timestamp>,
    /// When its last outcome was there.
    pub ended: Option<Timestamp>,
    /// What an operator has asked for, when the run was not due by itself.
    pub request: Option<RunRequest>,
    /// How long its parts took; `None` before it has ended.
    pub times: Option<PartTimes>,
    /// The sensors that took longest, the slowest first; at most [`SlowSensor::MOST`].
    pub slowest: Vec<SlowSensor>,
}

/// How long the parts of a run took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PartTimes {
    /// Reading windows from the store, added up over all sensors. Sensors are read side by side, so that it can be more than
    /// the run took.
    pub read: Span,
    /// Evaluating models, added up over all sensors.
    pub score: Span,
    /// From the broadcast to the last outcome; of a run that was resumed, from the last broadcast.
    pub until_last_outcome: Span,
    /// From the last outcome until all verdicts were durable; `None` while that is not known.
    pub store: Option<Span>,
}

/// How long one sensor took in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlowSensor {
    /// Which sensor.
    pub sensor: SensorId,
    /// How long it took.
    pub took: ScoringTime,
}

impl SlowSensor {
    /// How many are kept of a run.
    pub const MOST: usize = 10;
}

/// How long the scoring of one window of one sensor took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScoringTime {
    /// Reading the windows that the rows are made of.
    pub read: Span,
    /// Making the rows, and evaluating the model.
    pub score: Span,
}

impl ScoringTime {
    /// Both together.
    pub fn total(self) -> Span {
        Span::from(self.read.to_std().saturating_add(self.score.to_std()))
    }
}

/// What an operator has asked for, and who that was, in words. Longer words are cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunRequest(Arc<str>);

impl RunRequest {
    /// The longest words, in bytes.
    pub const MAX_BYTES: usize = 512;

    /// A request in these words.
    pub fn new(words: &str) -> Self {
        let end = (0..=Self::MAX_BYTES.min(words.len())).rev().find(|end| words.is_char_boundary(*end));
        Self(words[..end.unwrap_or_default()].into())
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_request_are_cut_between_two_characters() {
        assert_eq!(RunRequest::new("all sensors").as_str(), "all sensors");
        let long = "ü".repeat(RunRequest::MAX_BYTES);
        assert_eq!(RunRequest::new(&format!("a{long}")).as_str().len(), RunRequest::MAX_BYTES - 1);
    }
}
