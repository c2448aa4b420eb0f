//! `[scoring]`: what a run asks of a window, and of itself.

use super::reader::Section;
use crate::interval::Cut;
use crate::time::Span;

/// What a run asks of a window, and of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoringSettings {
    /// How long a run may take. What is not scored by then has failed.
    pub deadline: Span,
    /// How many intervals of a window must hold readings for it to be scored.
    pub min_intervals: u32,
    /// After how many windows in a row, with every row an anomaly, a model is reported as suspicious.
    pub suspicious_after: u32,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> ScoringSettings {
    let most = u32::try_from(Cut::MAX_INTERVALS).unwrap_or(u32::MAX);
    ScoringSettings {
        deadline: section.span("deadline", Span::from_secs(300), Span::from_millis(100)..=Span::from_secs(86_400)),
        min_intervals: section.integer("min_intervals", 1, 1..=most),
        suspicious_after: section.integer("suspicious_after", 3, 1..=10_000),
    }
}
