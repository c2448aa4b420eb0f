//! `[stop]`: how the daemon ends.

use super::reader::Section;
use crate::time::Span;

/// How the daemon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopSettings {
    /// How long stopping in order may take.
    pub deadline: Span,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> StopSettings {
    let accepted = Span::from_secs(1)..=Span::from_secs(3600);
    StopSettings { deadline: section.span("deadline", Span::from_secs(20), accepted) }
}
