//! Payloads: from a message's bytes to values, or to what is wrong with them.
//!
//! Everything found is text of the payload until it is a number or a time; a reading costs no allocation.

pub(super) mod json;
pub(super) mod pointer;
mod raw;
pub(in crate::ingest) mod time;
pub(super) mod tree;

use std::borrow::Cow;

use crate::ingest::route::{JsonPointer, PayloadFormat};
use crate::time::Timestamp;

/// A reading as the payload has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PayloadReading<'p> {
    /// The sensor, when the payload names it.
    pub(super) sensor: Option<Cow<'p, str>>,
    /// The time, when the payload has one.
    pub(super) time: Option<Timestamp>,
    /// The value. It may be infinite.
    pub(super) value: f64,
}

/// One of a payload's readings: found, or not.
#[derive(Debug)]
pub(super) struct Item<'t, 'p> {
    /// Which one it is, from 0, where there may be several.
    pub(super) index: Option<usize>,
    /// What was found.
    pub(super) found: Result<PayloadReading<'p>, Fault<'t>>,
}

/// What is wrong with a payload, or with one of its readings.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault<'t> {
    #[error("the payload is not a number")]
    NotANumber,
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
    #[error("the columns have different lengths")]
    Lengths,
    #[error("the {what} at {at} is missing")]
    Missing { what: &'static str, at: &'t JsonPointer },
    #[error("the {what} at {at} is {kind}, not {expected}")]
    Kind { what: &'static str, at: &'t JsonPointer, kind: &'static str, expected: &'static str },
    #[error("the time at {0} is not RFC 3339, or lies outside the years 1677 to 2262")]
    Time(&'t JsonPointer),
    #[error("two members have the same name")]
    Ambiguous,
}

/// Reads a payload. Hands every reading to `sink`, at least one unless it fails.
///
/// # Errors
/// When the payload as a whole cannot be read. Readings handed over before do not count then.
pub(super) fn read<'t, 'p>(
    format: &'t PayloadFormat,
    payload: &'p [u8],
    sink: &mut impl FnMut(Item<'t, 'p>),
) -> Result<(), Fault<'t>> {
    let text = str::from_utf8(payload).map_err(Fault::NotText)?;
    match format {
        PayloadFormat::Plain => {
            let value = text.trim().parse().map_err(|_| Fault::NotANumber)?;
            sink(Item { index: None, found: Ok(PayloadReading { sensor: None, time: None, value }) });
            Ok(())
        }
        PayloadFormat::Json(layout) => json::read(layout, text, sink),
    }
}

#[cfg(test)]
mod tests;
