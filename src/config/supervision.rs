//! `[supervision]`: how a model that fails is started again.

use super::backoff::{self, BackoffSettings};
use super::reader::{Section, accepted_span};
use crate::time::Span;

/// How a model that fails is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SupervisionSettings {
    /// How long to wait before it is started again.
    pub backoff: BackoffSettings,
    /// After how many failures in a row it is not started any more.
    pub quarantine_after: u32,
    /// When it is released from quarantine.
    pub release: Release,
    /// How many models that failed are started again in a second, at the most.
    pub restarts_per_second: u32,
    /// After so many short lives of the process in a row, it waits before it starts.
    pub short_lives: u32,
}

/// When a model is released from quarantine by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// After so long.
    After(Span),
    /// Never: it takes a command, another file, or a start.
    Never,
}

impl Default for SupervisionSettings {
    fn default() -> Self {
        Self {
            backoff: BackoffSettings { min: Span::from_secs(1), max: Span::from_secs(60) },
            quarantine_after: 5,
            release: Release::After(Span::from_secs(86_400)),
            restarts_per_second: 200,
            short_lives: 4,
        }
    }
}

pub(super) fn read(section: &mut Section<'_, '_>) -> SupervisionSettings {
    let settings = read_of_group(section, SupervisionSettings::default());
    SupervisionSettings {
        restarts_per_second: section.integer("restarts_per_second", settings.restarts_per_second, 1..=100_000),
        short_lives: section.integer("short_lives", settings.short_lives, 1..=1_000_000),
        ..settings
    }
}

/// Reads the keys that a group may have for itself. Each that is not written is as in `above`.
pub(super) fn read_of_group(section: &mut Section<'_, '_>, above: SupervisionSettings) -> SupervisionSettings {
    let range = Span::from_millis(10)..=Span::from_secs(365 * 86_400);
    let release = section.take("release_after", format!("\"never\" or {}", accepted_span(&range)), |value| match value
        .as_str(
    )? {
        "never" => Some(Release::Never),
        text => Span::parse(text).filter(|span| range.contains(span)).map(Release::After),
    });
    SupervisionSettings {
        backoff: backoff::read(section, above.backoff.min, above.backoff.max),
        quarantine_after: section.integer("quarantine_after", above.quarantine_after, 1..=1_000),
        release: release.unwrap_or(above.release),
        ..above
    }
}
