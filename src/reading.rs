//! Readings, and what becomes of an input that is not accepted as one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::sensor::{SensorId, SensorName};
use crate::time::{Span, Timestamp};

/// One value that one sensor measured at one time. The value is finite.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reading {
    /// The sensor that measured.
    pub sensor: SensorId,
    /// When it was measured, by the device's own clock; when it arrived if the device gave no time.
    pub time: Timestamp,
    /// The measured value, in the sensor's own unit.
    pub value: f64,
}

/// An input that was not accepted, kept with its reason: nothing is dropped in silence.
#[derive(Clone, PartialEq, Debug)]
pub struct Reject {
    /// When it came in.
    pub received: Timestamp,
    /// The topic that it came under, or the sensor's name when the reading had been decoded.
    pub origin: String,
    /// Why it was not accepted.
    pub reason: RejectReason,
    /// The beginning of the input, for a person to look at.
    pub excerpt: String,
    /// The message, where it is kept whole.
    pub message: Option<Arc<RejectedMessage>>,
    /// How much of the message was not accepted.
    pub scope: RejectScope,
    /// The reading, where one had been decoded.
    pub reading: Option<RejectedReading>,
}

/// A message that was not accepted, or not all of it: it can be tested and replayed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RejectedMessage {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Whether a broker kept it from earlier.
    pub is_retained: bool,
}

/// A decoded reading that was not accepted. Its value is finite.
#[derive(Clone, PartialEq, Debug)]
pub struct RejectedReading {
    /// The sensor.
    pub sensor: SensorName,
    /// Its time; that of its arrival if it has none of its own.
    pub time: Timestamp,
    /// Its value.
    pub value: f64,
}

/// How much of a message was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RejectScope {
    /// All of it.
    Message,
    /// One reading; other readings of the message may count.
    Reading,
}

impl RejectedMessage {
    /// How many bytes topic and payload have.
    pub fn len(&self) -> usize {
        self.topic.len() + self.payload.len()
    }

    /// Whether topic and payload are empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Reject {
    /// How much of an input is kept, in bytes.
    pub const MAX_EXCERPT_BYTES: usize = 120;

    /// A reject of a payload, of which the beginning is kept.
    pub fn of_payload(received: Timestamp, topic: &str, payload: &[u8], reason: RejectReason) -> Self {
        let beginning = &payload[..payload.len().min(Self::MAX_EXCERPT_BYTES)];
        let excerpt =
            String::from_utf8_lossy(beginning).chars().map(|c| if c.is_control() { '·' } else { c }).collect();
        let origin = topic.chars().take(2 * crate::sensor::SensorName::MAX_PART_BYTES).collect();
        Self { received, origin, reason, excerpt, message: None, scope: RejectScope::Message, reading: None }
    }
}

/// Why an input was not accepted.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum RejectReason {
    /// No `[[mqtt.route]]` takes this topic.
    #[error("no route takes this topic")]
    NoRoute,
    /// The topic has levels that cannot name a sensor.
    #[error("the topic names no sensor: {0}")]
    Name(String),
    /// The payload is not what the route says it is.
    #[error("{0}")]
    Payload(String),
    /// The message is larger than accepted, and was not read.
    #[error("a message of {bytes} bytes is not read, {max} are accepted; raise {key} if it is wanted")]
    TooLarge {
        /// The length of its packet.
        bytes: usize,
        /// The bound.
        max: usize,
        /// The key that sets the bound.
        key: &'static str,
    },
    /// NaN or an infinity.
    #[error("the value is not finite")]
    NotFinite,
    /// Outside the range that the filter accepts.
    #[error("{value} {}", out_of(*min, *max))]
    OutOfRange {
        /// The value.
        value: f64,
        /// The lowest accepted one.
        min: f64,
        /// The highest accepted one.
        max: f64,
    },
    /// A time outside the span that the configuration calls plausible.
    #[error("its time {time} is outside the accepted span {earliest} to {latest}")]
    ImplausibleTime {
        /// The reading's time.
        time: Timestamp,
        /// The earliest accepted one.
        earliest: Timestamp,
        /// The latest accepted one.
        latest: Timestamp,
    },
    /// Ahead of the clock: the reading was held until the clock was known to be right.
    #[error(
        "its time {time} is after {latest}, the latest that the system's clock accepts (limits.max_ahead), and that clock is synchronised"
    )]
    Ahead {
        /// The reading's time.
        time: Timestamp,
        /// The latest accepted one.
        latest: Timestamp,
    },
    /// Ahead of the clock: the reading was held for as long as allowed, and the clock was not confirmed meanwhile.
    #[error(
        "its time {time} is after {latest}, the latest that the system's clock accepts (limits.max_ahead); it was held for \
         {held_for} (limits.held_for), and that clock was neither synchronised nor set right meanwhile"
    )]
    HeldTooLong {
        /// The reading's time.
        time: Timestamp,
        /// The latest accepted one.
        latest: Timestamp,
        /// How long it was held.
        held_for: Span,
    },
    /// Ahead of a clock that may be wrong, while as many readings are held as allowed.
    #[error(
        "its time {time} is after {latest}, the latest that the system's clock accepts (limits.max_ahead); that clock is not \
         synchronised, and {max} readings already wait for it, the most that is held (limits.held_readings)"
    )]
    HeldFull {
        /// The reading's time.
        time: Timestamp,
        /// The latest accepted one.
        latest: Timestamp,
        /// The bound.
        max: usize,
    },
    /// Its interval is closed.
    #[error("its time {time} lies before the sensor's watermark {watermark}: the interval is closed")]
    Late {
        /// The reading's time.
        time: Timestamp,
        /// The time before which the sensor's intervals are closed.
        watermark: Timestamp,
    },
    /// Another value for the same sensor and time is stored already.
    #[error("{value} contradicts {stored}, stored for the same time {time}")]
    Conflict {
        /// The reading's time.
        time: Timestamp,
        /// The refused value.
        value: f64,
        /// The value that stays.
        stored: f64,
    },
    /// The interval's oldest readings are not kept any more, and this may be one of them.
    #[error(
        "its time {time} is not after {until}, up to which the readings of its full interval are summed up and kept no \
         more: it cannot be told from a repeat; raise limits.readings_per_interval to keep more of them"
    )]
    IntervalFull {
        /// The reading's time.
        time: Timestamp,
        /// The time of the newest reading that is not kept.
        until: Timestamp,
    },
    /// All open intervals together hold as many readings as they may.
    #[error(
        "the open intervals of all sensors hold {max} readings, the most that is accepted; raise limits.open_readings if memory allows"
    )]
    MemoryFull {
        /// The bound.
        max: usize,
    },
    /// Another reason, with a note on what else is known.
    #[error("{reason}; {note}")]
    Noted {
        /// The reason.
        reason: Box<Self>,
        /// The note.
        note: String,
    },
    /// No room for another sensor.
    #[error("{0}")]
    TooManySensors(String),
}

/// Which range a value is outside of. A filter may leave an end of it open.
fn out_of(min: f64, max: f64) -> String {
    // No number is beyond these.
    if min <= f64::MIN {
        format!("is above the highest accepted value {max}")
    } else if max >= f64::MAX {
        format!("is below the lowest accepted value {min}")
    } else {
        format!("is outside the accepted range {min} to {max}")
    }
}

impl RejectReason {
    /// A short word for the kind of reason, the same in metrics, logs and the store.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoRoute => "no_route",
            Self::Name(_) => "name",
            Self::Payload(_) => "payload",
            Self::TooLarge { .. } => "too_large",
            Self::NotFinite => "not_finite",
            Self::OutOfRange { .. } => "out_of_range",
            Self::ImplausibleTime { .. } | Self::Ahead { .. } | Self::HeldTooLong { .. } => "implausible_time",
            Self::HeldFull { .. } => "held_full",
            Self::Late { .. } => "late",
            Self::Conflict { .. } => "conflict",
            Self::IntervalFull { .. } => "interval_full",
            Self::MemoryFull { .. } => "memory_full",
            Self::TooManySensors(_) => "too_many_sensors",
            Self::Noted { reason, .. } => reason.kind(),
        }
    }

    /// The same reason with a note on what else is known.
    pub fn noted(self, note: String) -> Self {
        Self::Noted { reason: Box::new(self), note }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.received, self.origin, self.reason)
    }
}

/// What would become of a reading.
#[derive(Clone, PartialEq, Debug)]
pub enum Forecast {
    /// It counts.
    Accepted,
    /// It is there already.
    Repeated,
    /// The sensor's deadband suppresses it.
    Suppressed,
    /// It waits until it is known whether the clock is right.
    Held,
    /// It does not count.
    Rejected(RejectReason),
}

/// Which reject: written `block-place`, such as `1042-3`. It is the same for as long as the reject is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RejectId {
    /// The number of its block.
    pub block: u64,
    /// Its place in the block.
    pub place: u32,
}

impl RejectId {
    /// Reads an id.
    pub fn parse(text: &str) -> Option<Self> {
        let (block, place) = text.split_once('-')?;
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (is_digits(block) && is_digits(place)).then_some(())?;
        Some(Self { block: block.parse().ok()?, place: place.parse().ok()? })
    }
}

impl fmt::Display for RejectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.block, self.place)
    }
}

/// The rejects of one commit: every one counted by its kind, the first few kept whole, and of these the first few with
/// their messages.
///
/// A flood of bad input costs counters, not memory and not disk.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rejects {
    kept: Vec<Reject>,
    /// How many bytes the messages of these have.
    message_bytes: usize,
    /// How many rejects are kept already in the list that these will be appended to.
    kept_before: usize,
    counts: BTreeMap<&'static str, u64>,
}

impl Rejects {
    /// How many are kept whole.
    pub const MAX_KEPT: usize = 32;
    /// How many bytes their messages have at most, all together.
    pub const MAX_MESSAGE_BYTES: usize = 16 << 10;

    /// The rejects of one message. They are appended later to a list that keeps `kept_before` already, or dropped.
    pub fn of_message(kept_before: usize) -> Self {
        Self { kept_before, ..Self::default() }
    }

    /// How many rejects are kept whole, including those kept before these.
    pub fn kept_so_far(&self) -> usize {
        self.kept_before + self.kept.len()
    }

    /// Counts a reject and keeps it if there is room.
    pub fn push(&mut self, kind: &'static str, reject: impl FnOnce() -> Reject) {
        *self.counts.entry(kind).or_default() += 1;
        if self.kept_so_far() < Self::MAX_KEPT {
            self.keep(reject());
        }
    }

    /// Keeps a reject, with its message if there is room for it. The rejects of one message share it.
    fn keep(&mut self, mut reject: Reject) {
        if let Some(message) = &reject.message {
            let before = self.kept.last().and_then(|before| before.message.as_ref());
            if let Some(before) = before.filter(|before| before == &message) {
                reject.message = Some(Arc::clone(before));
            } else if self.message_bytes + message.len() <= Self::MAX_MESSAGE_BYTES {
                self.message_bytes += message.len();
            } else {
                reject.message = None;
            }
        }
        self.kept.push(reject);
    }

    /// Takes over the rejects of `other`.
    pub fn append(&mut self, other: Self) {
        let room = Self::MAX_KEPT.saturating_sub(self.kept_so_far());
        other.kept.into_iter().take(room).for_each(|reject| self.keep(reject));
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
    }

    /// How many bytes the messages of the rejects have that are kept.
    pub fn message_bytes(&self) -> usize {
        self.message_bytes
    }

    /// The rejects that are kept whole.
    pub fn kept(&self) -> &[Reject] {
        &self.kept
    }

    /// How many there were of each kind.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.counts.iter().map(|(kind, count)| (*kind, *count))
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rejects(payloads: &[Vec<u8>]) -> Rejects {
        let mut rejects = Rejects::default();
        for payload in payloads {
            rejects.push("no_route", || {
                let message = RejectedMessage { topic: "t".into(), payload: payload.clone(), is_retained: false };
                let message = Some(Arc::new(message));
                Reject { message, ..Reject::of_payload(Timestamp::default(), "t", payload, RejectReason::NoRoute) }
            });
        }
        rejects
    }

    fn bytes_held(rejects: &Rejects) -> usize {
        let mut held: Vec<_> = rejects.kept().iter().filter_map(|reject| reject.message.as_ref()).collect();
        held.dedup_by(|one, other| Arc::ptr_eq(one, other));
        held.into_iter().map(|message| message.len()).sum()
    }

    proptest! {
        #[test]
        fn whatever_comes_the_messages_stay_within_their_bound(
            payloads in prop::collection::vec(prop::collection::vec(0..2_u8, 0..3).prop_flat_map(|head| {
                (0..9_000_usize).prop_map(move |length| [head.clone(), vec![7; length]].concat())
            }), 0..60),
            cut in 0..60_usize,
        ) {
            let (front, back) = payloads.split_at(cut.min(payloads.len()));
            let mut all = rejects(front);
            all.append(rejects(back));
            prop_assert_eq!(all.total(), payloads.len() as u64);
            prop_assert!(all.kept().len() <= Rejects::MAX_KEPT);
            prop_assert!(all.message_bytes() <= Rejects::MAX_MESSAGE_BYTES);
            prop_assert_eq!(bytes_held(&all), all.message_bytes());
        }
    }

    #[test]
    fn the_rejects_of_one_message_share_it() {
        let rejects =
            rejects(&[vec![1; 4_000], vec![1; 4_000], vec![1; 4_000], vec![1; 4_000], vec![1; 4_000], vec![2]]);
        assert!(rejects.kept().iter().all(|reject| reject.message.is_some()));
        assert_eq!(rejects.message_bytes(), 4_001 + 2);
    }
}
