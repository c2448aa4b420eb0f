//! What was logged of a run while it went on.

use crate::time::Timestamp;

/// The log of a run: its lines in their order, as many as fit into the bound.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunLog {
    /// The lines.
    pub lines: Vec<LogLine>,
    /// How many lines did not fit.
    pub left_out: u64,
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogLine {
    /// When it was logged, by the system's clock.
    pub at: Timestamp,
    /// How urgent it is.
    pub urgency: Urgency,
    /// The sensor that it is about, as `device/sensor`, if it is about one.
    pub sensor: Option<String>,
    /// What happened, with the values that belong to it.
    pub text: String,
}

/// How urgent a line of a log is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Urgency {
    /// Something failed.
    Error,
    /// Something is odd.
    Warning,
    /// Something happened.
    Info,
}

impl LogLine {
    /// The longest text of a line, in bytes; a longer one is cut.
    pub const MAX_TEXT_BYTES: usize = 1024;

    /// What a line takes in memory, roughly, and in the store at the most.
    pub fn bytes(&self) -> usize {
        const TIME_AND_LENGTHS: usize = 24;
        TIME_AND_LENGTHS + self.text.len() + self.sensor.as_ref().map_or(0, String::len)
    }
}
