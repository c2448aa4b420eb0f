//! Arguments that several commands take.

use crate::time::{Span, Timestamp};

/// Text that is not a span.
#[derive(Debug, thiserror::Error)]
#[error("not a span; write it as 500ms, 5s, 1m, 1h or 1h30m")]
pub(super) struct SpanError;

/// Reads a span that is longer than nothing.
pub(super) fn parse_span(text: &str) -> Result<Span, SpanError> {
    Span::parse(text).filter(|span| *span > Span::ZERO).ok_or(SpanError)
}

/// Text that is not a time.
#[derive(Debug, thiserror::Error)]
#[error("not a time; write it as 2018-08-28T23:00:00Z")]
pub(super) struct TimeError;

/// Reads a time.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, TimeError> {
    Timestamp::parse(text).ok_or(TimeError)
}
