//! What a sensor's model said of each interval, computed again where it is not stored.

use std::collections::BTreeMap;

use super::Overview;
use super::series::{seconds, unix_seconds};
use super::time_range::{RangeTooLong, TimeRange};
use super::verdicts::{interval_start, verdict_of};
use crate::answers::Scores;
use crate::interval::{Cut, Window};
use crate::run::{Run, RunId, RunState};
use crate::sensor::{SensorId, SensorName};
use crate::store::StoreError;
use crate::verdict::{Label, Outcome, score};

/// The most intervals of one answer.
const MOST_INTERVALS: i64 = 50_000;
/// The most windows whose decision values one answer computes again.
const MOST_COMPUTED: usize = 300;

impl TimeRange {
    /// Whether scores may have this range.
    ///
    /// # Errors
    /// When it has too many intervals for one answer.
    pub fn check_for_scores(self, cut: Cut) -> Result<(), RangeTooLong> {
        let most = MOST_INTERVALS.max(cut.intervals_per_window());
        self.at_most(most, "intervals", cut.interval())
    }
}

impl Overview {
    /// What the last finished run over each window in the range said of a sensor's intervals. Of the newest windows, the
    /// decision values that are not stored are computed again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn scores(&self, name: &SensorName, sensor: SensorId, range: TimeRange) -> Result<Scores, StoreError> {
        let mut scores = Scores {
            sensor: name.to_string(),
            interval_seconds: seconds(self.groups.of(name).grid.interval()),
            time: Vec::new(),
            anomaly: Vec::new(),
            decision: Vec::new(),
            score: Vec::new(),
            missing: Vec::new(),
        };
        let mut intervals = BTreeMap::new();
        let runs = self.last_runs(sensor, range)?;
        let not_computed = runs.len().saturating_sub(MOST_COMPUTED);
        for (place, run) in runs.values().enumerate() {
            let Some(verdict) = verdict_of(&self.reader, run.id, sensor)? else { continue };
            let Outcome::Scored(mut scored) = verdict.outcome else { continue };
            let problem = if place < not_computed {
                Some(format!(
                    "one answer computes the decision values of {MOST_COMPUTED} windows again; ask for a shorter range"
                ))
            } else {
                match self.rescorer.rows(run, sensor, &scored)? {
                    Ok(rows) => {
                        scored.rows = rows;
                        None
                    }
                    Err(problem) => Some(problem.to_string()),
                }
            };
            scores.missing.extend(problem.filter(|problem| !scores.missing.contains(problem)));
            for (place, label, decision) in scored.rows.iter() {
                let score = decision.zip(scored.unit).map(|(decision, unit)| score(decision, unit));
                // Where windows overlap, the later one counts.
                intervals.insert(interval_start(run.window, run.interval, place), (label, decision, score));
            }
        }
        for (start, (label, decision, score)) in intervals.into_iter().filter(|(start, _)| range.holds(*start)) {
            scores.time.push(unix_seconds(start));
            scores.anomaly.push(label == Label::Anomaly);
            scores.decision.push(decision);
            scores.score.push(score);
        }
        Ok(scores)
    }

    /// Of each window in the range, the last finished run with this sensor in its scope, the oldest window first.
    fn last_runs(&self, sensor: SensorId, range: TimeRange) -> Result<BTreeMap<Window, Run>, StoreError> {
        let is_wanted = |run: &Run| {
            matches!(run.state, RunState::Finished(_)) && range.overlaps(run.window) && run.scope.contains(sensor.0)
        };
        let next = self.reader.next_run()?;
        let mut runs = BTreeMap::new();
        for id in (self.reader.oldest_run_with_verdicts(next).0..next.0).map(RunId) {
            // Later runs have larger ids, and take the place of earlier ones over the same window.
            runs.extend(self.reader.run(id)?.filter(is_wanted).map(|run| (run.window, run)));
        }
        Ok(runs)
    }
}
