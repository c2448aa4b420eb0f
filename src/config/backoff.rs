//! `backoff_min` and `backoff_max`: how long to wait before trying again.

use super::reader::Section;
use crate::time::Span;

/// How long to wait before trying again: more after each failure, between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffSettings {
    /// The wait after a first failure.
    pub min: Span,
    /// The longest wait.
    pub max: Span,
}

pub(super) fn read(section: &mut Section<'_, '_>, min: Span, max: Span) -> BackoffSettings {
    let accepted = Span::from_millis(10)..=Span::from_secs(86_400);
    let min = section.span("backoff_min", min, accepted.clone());
    let max = section.span("backoff_max", max, accepted);
    if min > max {
        let why = format!("the wait cannot grow from {min} to {max}; backoff_min must not exceed backoff_max");
        section.rule(&["backoff_min", "backoff_max"], why);
    }
    BackoffSettings { min, max }
}
