//! Payloads: from a message's bytes to values, or to the faults in them.
//!
//! Whatever is found stays text of the payload until it becomes a number or a time, so that a reading costs no
//! allocation.

pub(super) mod json;
mod non_finite;
mod number;
pub(super) mod pointer;
mod raw;
pub(in crate::ingest) mod time;
pub(super) mod tree;

use std::borrow::Cow;

use crate::ingest::passed_over::MemberKind;
use crate::ingest::payload::json::JsonReader;
use crate::ingest::payload::number::NumberFault;
use crate::ingest::payload::time::{PayloadTime, TimeFault};
use crate::ingest::route::{JsonPointer, PayloadFormat};
use crate::time::Timestamp;

/// A reading as it is in the payload.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PayloadReading<'p> {
    /// The sensor; `None` when the payload does not name it.
    pub(super) sensor: Option<Cow<'p, str>>,
    /// The time; `None` when the payload has none.
    pub(super) time: Option<PayloadTime>,
    /// The value. It may be infinite, or NaN.
    pub(super) value: f64,
}

/// One item of a payload.
#[derive(Debug)]
pub(super) enum Item<'t, 'p> {
    /// A reading.
    Reading(PayloadReading<'p>),
    /// A reading that cannot be read.
    Fault {
        /// Its index among several readings, from 0; `None` when there can be only one.
        index: Option<usize>,
        /// What is wrong with it.
        fault: Fault<'t>,
    },
    /// A member that is not a number, where the route takes all numbers.
    Member {
        /// Its name.
        name: Cow<'p, str>,
        /// What the member is.
        kind: MemberKind,
    },
}

/// How a payload is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// In one pass. A fault in the JSON of one reading fails the whole payload.
    Quick,
    /// In several passes, for payloads that the quick way cannot read: a fault in one reading costs that reading only,
    /// if the others can be told from it.
    Careful,
}

/// What is wrong with a payload, or with one of its readings.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault<'t> {
    #[error("the payload is {0}")]
    NotANumber(NumberFault),
    #[error("the payload is not UTF-8 text: {0}")]
    NotText(std::str::Utf8Error),
    #[error("the payload is not JSON that can be read: {0}")]
    NotJson(serde_json::Error),
    #[error("the payload holds nothing at {0}")]
    Nothing(&'t JsonPointer),
    #[error("the payload holds no array at {0}")]
    NoArray(&'t JsonPointer),
    #[error("the payload holds no reading")]
    NoReading,
    #[error("none of the members at {0} is a number")]
    NoNumbers(&'t JsonPointer),
    #[error("the columns have different lengths")]
    Lengths,
    #[error("the {what} at {at} is missing")]
    Missing { what: &'static str, at: &'t JsonPointer },
    #[error("the {what} at {at} is {kind}, not {expected}")]
    Kind { what: &'static str, at: &'t JsonPointer, kind: &'static str, expected: &'static str },
    #[error("the value at {at} is {fault}")]
    Number { at: &'t JsonPointer, fault: NumberFault },
    #[error("the time at {at} {fault}")]
    Time { at: &'t JsonPointer, fault: TimeFault },
    #[error("two members have the same name")]
    Ambiguous,
}

/// Reads a payload, and hands each item to `sink`: at least one reading or fault, unless the payload fails as a whole.
///
/// Bytes that firmware leaves around the text are removed: a byte order mark before it, NUL behind it. `received` is
/// the time at which the message came in.
///
/// # Errors
/// When the payload as a whole cannot be read. Items that were handed over before do not count then.
pub(super) fn read<'t>(
    format: &'t PayloadFormat,
    payload: &[u8],
    care: Care,
    received: Timestamp,
    sink: &mut impl for<'p> FnMut(Item<'t, 'p>),
) -> Result<(), Fault<'t>> {
    let text = str::from_utf8(payload).map_err(Fault::NotText)?;
    let text = without_marks(text);
    match format {
        PayloadFormat::Plain(numbers) => {
            let value = number::of_plain(text.trim(), *numbers).map_err(Fault::NotANumber)?;
            sink(Item::Reading(PayloadReading { sensor: None, time: None, value }));
            Ok(())
        }
        PayloadFormat::Json(layout) => {
            let reader = JsonReader { layout, care, received };
            match care {
                Care::Quick => reader.read(text, sink),
                Care::Careful => reader.read(&non_finite::spelled_out(text), sink),
            }
        }
    }
}

/// The text without a byte order mark before it, and without NUL and line ends behind it.
fn without_marks(text: &str) -> &str {
    match text.as_bytes() {
        [b'"'..=b'~', .., b'"'..=b'~'] => text,
        _ => text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\0', '\r', '\n', ' ']),
    }
}

#[cfg(test)]
mod tests;
