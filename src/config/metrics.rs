//! `[metrics]`: where the metrics are written.

use std::path::PathBuf;

use super::reader::Section;
use crate::time::Span;

/// Where and how often the metrics are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The file.
    pub file: PathBuf,
    /// How often the file is written.
    pub every: Span,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> MetricsSettings {
    MetricsSettings {
        file: section.path("file", "/run/anomalyd/metrics.prom"),
        every: section.span("every", Span::from_secs(15), Span::from_secs(1)..=Span::from_secs(3600)),
    }
}
