//! The ledger of runs, and what each run says of each sensor.

use super::Overview;
use super::series::seconds;
use super::verdicts::{outcome_answer, reason};
use crate::answers::{self, List, RunOutcome, RunState, Span};
use crate::group::GroupName;
use crate::run::{self, Run, RunId};
use crate::sensor::SensorId;
use crate::sensor_pattern::SensorPattern;
use crate::store::{ChunkId, StoreError};
use crate::verdict::Outcome;

/// Which runs of the ledger a list shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunSelection {
    /// Only runs of this group.
    pub group: Option<GroupName>,
    /// Only runs that began before this one.
    pub before: Option<RunId>,
    /// How many at most.
    pub limit: usize,
}

/// Which outcomes of a run a list shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutcomeSelection {
    /// Only outcomes of this kind.
    pub outcome: Option<answers::Outcome>,
    /// Only sensors with a larger number than this.
    pub after: Option<SensorId>,
    /// How many at most.
    pub limit: usize,
}

impl Overview {
    /// The runs of the ledger, the newest first.
    pub fn runs(&self, selection: &RunSelection) -> Result<List<answers::Run>, StoreError> {
        let next = self.reader.next_run()?;
        let oldest = self.reader.oldest_run(next);
        let before = selection.before.map_or(next, |before| before.min(next));
        let running = self.live.running.get();
        let mut items = Vec::new();
        for id in (oldest.0..before.0).rev().map(RunId) {
            let is_wanted = |run: &Run| selection.group.as_ref().is_none_or(|group| *group == run.group);
            let Some(run) = self.reader.run(id)?.filter(is_wanted) else { continue };
            if items.len() == selection.limit {
                let after = items.last().map(|last: &answers::Run| last.id.to_string());
                return Ok(List { items, next: after, total: None });
            }
            items.push(run_answer(&run, running));
        }
        Ok(List { items, next: None, total: None })
    }

    /// A run; `None` when the ledger does not have it.
    pub fn run(&self, id: RunId) -> Result<Option<answers::Run>, StoreError> {
        let running = self.live.running.get();
        Ok(self.reader.run(id)?.map(|run| answers::Run { slowest: self.slowest(&run), ..run_answer(&run, running) }))
    }

    /// What was logged of a run, of all that it did or of sensors that fit a pattern. `None` when no log of it is stored.
    pub fn run_log(&self, id: RunId, pattern: Option<&SensorPattern>) -> Result<Option<answers::RunLog>, StoreError> {
        let Some(run::RunLog { lines, left_out }) = self.reader.run_log(id)? else { return Ok(None) };
        let fits = |line: &run::LogLine| match (pattern, &line.sensor) {
            (None, _) => true,
            (Some(pattern), Some(sensor)) => pattern.fits(sensor),
            (Some(_), None) => false,
        };
        let lines = lines.into_iter().filter(fits).map(|run::LogLine { at, urgency, sensor, text }| {
            let urgency = match urgency {
                run::Urgency::Error => answers::Urgency::Error,
                run::Urgency::Warning => answers::Urgency::Warning,
                run::Urgency::Info => answers::Urgency::Info,
            };
            answers::LogLine { at, urgency, sensor, text }
        });
        Ok(Some(answers::RunLog { lines: lines.collect(), left_out }))
    }

    /// The sensors that took longest in a run.
    fn slowest(&self, run: &Run) -> Vec<answers::SlowSensor> {
        let slowest = run.course.slowest.iter();
        slowest
            .filter_map(|slow| {
                let [read_seconds, score_seconds] = [slow.took.read, slow.took.score].map(seconds);
                Some(answers::SlowSensor {
                    sensor: self.sensors.name(slow.sensor)?.to_string(),
                    read_seconds,
                    score_seconds,
                })
            })
            .collect()
    }

    /// What a run says of the sensors in its scope, as far as its verdicts are stored, in the order in which the sensors
    /// became known. `None` when the ledger does not have the run.
    pub fn run_outcomes(&self, id: RunId, selection: OutcomeSelection) -> Result<Option<List<RunOutcome>>, StoreError> {
        let Some(run) = self.reader.run(id)? else { return Ok(None) };
        let first = selection.after.map(|SensorId(after)| SensorId(after.saturating_add(1)));
        let chunks = ChunkId::of_scope(&run.scope).into_iter();
        let mut items = Vec::new();
        let mut last = None;
        for chunk in chunks.filter(|chunk| first.is_none_or(|first| *chunk >= ChunkId::of(first))) {
            for verdict in self.reader.verdicts(run.id, chunk)? {
                let is_selected = first.is_none_or(|first| verdict.sensor >= first)
                    && selection.outcome.is_none_or(|outcome| outcome == outcome_answer(&verdict.outcome));
                let Some(name) = is_selected.then(|| self.sensors.name(verdict.sensor)).flatten() else { continue };
                if items.len() == selection.limit {
                    return Ok(Some(List { items, next: last, total: None }));
                }
                last = Some(verdict.sensor.0.to_string());
                items.push(run_outcome(name.to_string(), &verdict.outcome));
            }
        }
        Ok(Some(List { items, next: None, total: None }))
    }
}

/// A run of the ledger, when this run goes on, if one does. Its slowest sensors are left out.
pub fn run_answer(run: &Run, running: Option<RunId>) -> answers::Run {
    let (state, tally) = match run.state {
        run::RunState::Finished(tally) => (RunState::Finished, Some(tally_answer(tally))),
        run::RunState::Started if running == Some(run.id) => (RunState::Started, None),
        run::RunState::Started | run::RunState::CutOff => (RunState::CutOff, None),
    };
    answers::Run {
        id: run.id.0,
        window: Span { start: run.window.start(), end: run.window.end() },
        interval_seconds: seconds(run.interval),
        group: run.group.to_string(),
        trigger: run.trigger.as_str().to_owned(),
        revision: run.revision,
        sensors: run.scope.len() as u64,
        closing: run.closing.to_string(),
        state,
        tally,
        settings: format!("{:016x}", run.settings),
        models: format!("{:016x}", run.models),
        begun: run.course.begun,
        ended: run.course.ended,
        request: run.course.request.as_ref().map(|request| request.as_str().to_owned()),
        times: run.course.times.map(times_answer),
        slowest: Vec::new(),
    }
}

fn times_answer(times: run::PartTimes) -> answers::RunTimes {
    let run::PartTimes { read, score, until_last_outcome, store } = times;
    answers::RunTimes {
        read_seconds: seconds(read),
        score_seconds: seconds(score),
        until_last_outcome_seconds: seconds(until_last_outcome),
        store_seconds: store.map(seconds),
    }
}

pub(super) fn tally_answer(tally: run::Tally) -> answers::Tally {
    let run::Tally { scored, no_data, too_little_data, failed, quarantined, rows, anomalies, timed_out, unproven } =
        tally;
    answers::Tally { scored, no_data, too_little_data, failed, timed_out, quarantined, unproven, rows, anomalies }
}

fn run_outcome(sensor: String, outcome: &Outcome) -> RunOutcome {
    let (reason, anomalies, score) = match outcome {
        Outcome::Scored(scored) => {
            let anomalies = u32::try_from(scored.anomalies()).unwrap_or(u32::MAX);
            (None, anomalies, scored.worst().and_then(|worst| scored.score(worst)))
        }
        outcome => (reason(outcome), 0, None),
    };
    RunOutcome { sensor, outcome: outcome_answer(outcome), reason, anomalies, score }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::Cut;
    use crate::time::{self, Timestamp};

    fn started(id: u64) -> Run {
        let cut = Cut::new(time::Span::from_secs(60), time::Span::from_secs(3600)).unwrap();
        Run::for_test(id, cut.window_of(Timestamp::from_nanos(0)))
    }

    #[test]
    fn only_the_run_that_the_recorder_is_at_goes_on_however_new_another_is() {
        assert_eq!(run_answer(&started(7), Some(RunId(7))).state, RunState::Started);
        assert_eq!(run_answer(&started(6), Some(RunId(7))).state, RunState::CutOff);
        assert_eq!(run_answer(&started(7), None).state, RunState::CutOff);
        let finished = Run { state: run::RunState::Finished(run::Tally::default()), ..started(6) };
        assert_eq!(run_answer(&finished, Some(RunId(6))).state, RunState::Finished);
    }
}
