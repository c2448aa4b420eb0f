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

pub(super) fn read(section: &mut Section<'_, '_>) -> SupervisionSettings {
    SupervisionSettings {
        backoff: backoff::read(section, Span::from_secs(1), Span::from_secs(60)),
        quarantine_after: section.integer("quarantine_after", 5, 1..=1_000),
    }
}
