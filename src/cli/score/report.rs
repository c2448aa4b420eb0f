//! What `score` says at its end.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::history::Tally;
use crate::model::Unscaled;
use crate::sensor::SensorName;

/// What came of scoring a history.
#[derive(Debug, Default)]
pub struct Report {
    pub(super) out: PathBuf,
    pub(super) history: Tally,
    pub(super) repeated: u64,
    pub(super) conflicting: u64,
    pub(super) late: u64,
    pub(super) models: usize,
    pub(super) broken: Vec<String>,
    /// Scalers before no model, in words.
    pub(super) passed_over: Vec<String>,
    pub(super) sensors_scored: usize,
    pub(super) without_model: Vec<SensorName>,
    /// Sensors that models read, and the history does not have.
    pub(super) not_seen: Vec<SensorName>,
    pub(super) models_without_readings: usize,
    pub(super) windows: u64,
    pub(super) too_little: u64,
    pub(super) failed: u64,
    pub(super) first_failed: Option<String>,
    pub(super) intervals: usize,
    pub(super) anomalies: usize,
    pub(super) suspicious: Vec<SensorName>,
    /// Models that likely miss their scaler: the sign in the first window that shows it, and how many windows do.
    unscaled: BTreeMap<SensorName, (String, u64)>,
    pub(super) scoring: Duration,
    pub(super) took: Duration,
}

impl Report {
    pub(super) fn new(out: &Path) -> Self {
        Self { out: out.to_owned(), ..Self::default() }
    }

    /// How many intervals it takes for a model that calls all of them an anomaly to be suspicious.
    const MIN_SUSPICIOUS: usize = 10;

    /// Whether every model could be read, every window scored, and there was one at all.
    pub fn is_complete(&self) -> bool {
        self.broken.is_empty() && self.failed == 0 && self.windows > 0
    }

    pub(super) fn fail(&mut self, reason: String) {
        self.failed += 1;
        self.first_failed.get_or_insert(reason);
    }

    pub(super) fn count_unscaled(&mut self, sensor: &SensorName, unscaled: &Unscaled) {
        match self.unscaled.get_mut(sensor) {
            Some((_, windows)) => *windows += 1,
            None => _ = self.unscaled.insert(sensor.clone(), (unscaled.to_string(), 1)),
        }
    }

    pub(super) fn count_scored(&mut self, sensor: &SensorName, intervals: usize, anomalies: usize) {
        self.sensors_scored += 1;
        self.intervals += intervals;
        self.anomalies += anomalies;
        if anomalies == intervals && intervals >= Self::MIN_SUSPICIOUS {
            self.suspicious.push(sensor.clone());
        }
    }
}

/// A list of names, cut if it is long.
struct Names<'a>(&'a [SensorName]);

impl Names<'_> {
    /// How many names are listed.
    const MAX: usize = 20;
}

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().take(Self::MAX).map(ToString::to_string).collect();
        f.write_str(&names.join(", "))?;
        match self.0.len() - names.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "readings    {} read, {} refused, {} repeated, {} contradictory, {} too far out of order (--lateness)",
            self.history.readings, self.history.refused, self.repeated, self.conflicting, self.late
        )?;
        for note in self.history.notes() {
            writeln!(f, "            {note}")?;
        }
        writeln!(f, "sensors     {} scored, {} without a model", self.sensors_scored, self.without_model.len())?;
        if !self.without_model.is_empty() {
            writeln!(f, "            no model: {}", Names(&self.without_model))?;
        }
        if !self.not_seen.is_empty() {
            writeln!(f, "            read by models, and not in the history: {}", Names(&self.not_seen))?;
        }
        writeln!(
            f,
            "models      {} read, {} without readings, {} that cannot be read",
            self.models,
            self.models_without_readings,
            self.broken.len()
        )?;
        for reason in self.broken.iter().chain(&self.passed_over) {
            writeln!(f, "            {reason}")?;
        }
        writeln!(
            f,
            "windows     {} scored, {} with too few intervals, {} failed",
            self.windows, self.too_little, self.failed
        )?;
        if let Some(first) = &self.first_failed {
            writeln!(f, "            the first failed: {first}")?;
        }
        if self.windows == 0 {
            writeln!(
                f,
                "            nothing was scored: are --models, --data, --from and --until those that belong together?"
            )?;
        }
        writeln!(f, "intervals   {} scored, {} called an anomaly", self.intervals, self.anomalies)?;
        for sensor in &self.suspicious {
            writeln!(
                f,
                "suspicious  {sensor}: its model calls every interval an anomaly; check what it was trained on"
            )?;
        }
        for (sensor, (sign, windows)) in &self.unscaled {
            writeln!(f, "unscaled    {sensor}, in {windows} windows: {sign}")?;
        }
        writeln!(
            f,
            "time        {:.3} s in all, {:.3} ms of it in the models",
            self.took.as_secs_f64(),
            self.scoring.as_secs_f64() * 1e3
        )?;
        writeln!(f, "predictions {}", self.out.display())
    }
}
