//! `[supervision]`: how a model that fails is started again.

use super::backoff::{self, BackoffSettings};
use super::reader::Section;
use crate::time::Span;

/// How a model that fails is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SupervisionSettings {
    /// How long to wait before it is started again.
    pub backoff: BackoffSettings,
    /// After how many failures in a row it is not started any more.
    pub quarantine_after: u32,
}

impl Default for SupervisionSettings {
    fn default() -> Self {
        let backoff = BackoffSettings { min: Span::from_secs(1), max: Span::from_secs(60) };
        Self { backoff, quarantine_after: 5 }
    }
}

/// Reads a section of which every key that is not written is as `above`.
pub(super) fn read(section: &mut Section<'_, '_>, above: SupervisionSettings) -> SupervisionSettings {
    SupervisionSettings {
        backoff: backoff::read(section, above.backoff.min, above.backoff.max),
        quarantine_after: section.integer("quarantine_after", above.quarantine_after, 1..=1_000),
    }
}
