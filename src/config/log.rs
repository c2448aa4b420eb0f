//! `[log]`: what is logged.

use tracing_subscriber::filter::Targets;

use super::reader::Section;

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Directives that [`Targets`] takes.
    pub level: String,
    /// How many sensors with anomalies a run names, at most.
    pub anomalies: u32,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> LogSettings {
    let accepted = "error, warn, info, debug, trace or off, also by part: \"info,anomalyd::store=debug\"";
    let level = section.parsed("level", accepted, |text| {
        // A misspelt level would be taken for the name of a module, and everything of that module would be logged.
        let levels = ["error", "warn", "info", "debug", "trace", "off"];
        let misspelt = |part: &&str| !part.contains('=') && !levels.contains(&part.to_lowercase().as_str());
        match text.split(',').map(str::trim).find(misspelt) {
            Some(part) => Err(format!("{part:?} is no level")),
            None => text.parse::<Targets>().map(|_| text.to_owned()).map_err(|error| error.to_string()),
        }
    });
    LogSettings {
        level: level.unwrap_or_else(|| "info".to_owned()),
        anomalies: section.integer("anomalies", 20, 0..=10_000),
    }
}
