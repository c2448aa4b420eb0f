//! The report of `score`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::table::{SensorScore, Table};
use crate::cli::history::Tally;
use crate::model::Drift;
use crate::sensor::SensorName;

/// The result of scoring a history.
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
    pub(super) without_model: Vec<SensorName>,
    /// Sensors that models read and the history does not have.
    pub(super) not_seen: Vec<SensorName>,
    pub(super) models_without_readings: usize,
    pub(super) windows: u64,
    pub(super) too_little: u64,
    pub(super) failed: u64,
    pub(super) first_failed: Option<String>,
    /// The sensors with scored windows, the worst first once they are [sorted](Self::sort).
    pub(super) scored: Vec<(SensorName, SensorScore)>,
    /// How many of these the table shows.
    table: usize,
    pub(super) scoring: Duration,
    pub(super) took: Duration,
}

impl Report {
    pub(super) fn new(out: &Path, table: usize) -> Self {
        Self { out: out.to_owned(), table, ..Self::default() }
    }

    /// Whether every model could be read, every window was scored, and there was at least one window.
    pub fn is_complete(&self) -> bool {
        self.broken.is_empty() && self.failed == 0 && self.windows > 0
    }

    pub(super) fn fail(&mut self, reason: String) {
        self.failed += 1;
        self.first_failed.get_or_insert(reason);
    }

    /// Puts the sensors in order: the worst first.
    pub(super) fn sort(&mut self) {
        self.scored.sort_by(|(_, a), (_, b)| a.distance().total_cmp(&b.distance()));
    }
}

/// The most lines of a kind of which there may be as many as sensors.
const MAX_LINES: usize = 20;

/// Writes the first of many lines, and how many more there are.
fn write_some(
    f: &mut fmt::Formatter<'_>,
    lines: impl Iterator<Item = String>,
    rest: impl FnOnce(usize) -> String,
) -> fmt::Result {
    let mut lines = lines.fuse();
    lines.by_ref().take(MAX_LINES).try_for_each(|line| writeln!(f, "{line}"))?;
    match lines.count() {
        0 => Ok(()),
        more => writeln!(f, "{}", rest(more)),
    }
}

/// A list of names; a long one is cut.
struct Names<'a>(&'a [SensorName]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().take(MAX_LINES).map(ToString::to_string).collect();
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
        writeln!(f, "sensors     {} scored, {} without a model", self.scored.len(), self.without_model.len())?;
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
        let reasons = self.broken.iter().chain(&self.passed_over);
        write_some(f, reasons.map(|reason| format!("            {reason}")), |more| {
            format!("            and {more} more that cannot be read or are passed over")
        })?;
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
        let sum = |count: fn(&SensorScore) -> usize| self.scored.iter().map(|(_, score)| count(score)).sum::<usize>();
        let (rows, anomalies) = (sum(|score| score.rows), sum(|score| score.anomalies));
        writeln!(f, "intervals   {rows} scored, {anomalies} called an anomaly")?;
        let suspicious = self.scored.iter().filter(|(_, score)| score.is_suspicious());
        let line = |(sensor, _): &(SensorName, SensorScore)| {
            format!("suspicious  {sensor}: its model calls every interval an anomaly; check what it was trained on")
        };
        write_some(f, suspicious.map(line), |more| format!("suspicious  and {more} more sensors"))?;
        let drifting = self.scored.iter().filter_map(|(sensor, score)| Some((sensor, score.drift()?)));
        let line = |(sensor, (windows, sign)): (&SensorName, &(u64, Drift))| {
            let kind = match sign {
                Drift::Unscaled(_) => "unscaled",
                Drift::Feature { .. } => "drifting",
            };
            format!("{kind}    {sensor}, in {windows} windows: {sign}")
        };
        write_some(f, drifting.map(line), |more| format!("drifting    and {more} more sensors"))?;
        writeln!(
            f,
            "time        {:.3} s in all, {:.3} ms of it in the models",
            self.took.as_secs_f64(),
            self.scoring.as_secs_f64() * 1e3
        )?;
        writeln!(f, "predictions {}", self.out.display())?;
        let table = Table { sensors: &self.scored, max: self.table }.to_string();
        if table.is_empty() { Ok(()) } else { write!(f, "\n{table}") }
    }
}
