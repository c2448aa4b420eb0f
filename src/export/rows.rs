//! The rows of each table, from the store.

use super::{Cell, ExportError, RowWriter, Selection, Table, readings};
use crate::group::Groups;
use crate::interval::{Interval, Window};
use crate::run::{Run, RunRequest, RunState};
use crate::sensor::{NumberedSensor, SensorId, SensorName};
use crate::store::{ChunkId, Reader, StoreError, StoredIntervals, StoredRejects};
use crate::time::{Span, Timestamp};
use crate::verdict::{Outcome, Verdict};

/// Writes the rows that a selection takes.
pub(super) fn write(
    reader: &Reader,
    groups: &Groups,
    selection: &Selection,
    rows: &mut dyn RowWriter,
) -> Result<(), ExportError> {
    let export = Export { reader, groups, selection };
    match selection.table {
        Table::Readings => readings::write(reader, selection, &export.sensors()?, rows),
        Table::Intervals => export.intervals(rows),
        Table::Verdicts => export.verdicts(rows),
        Table::Runs => export.runs(rows),
        Table::Rejects => export.rejects(rows),
    }
}

/// The time of the intervals of this length that begin in a window; `None` when none does.
fn begun_within(window: Window, length: Span) -> Option<Window> {
    let ceil = |time: Timestamp| (time + length - Span::from_nanos(1)).floor(length);
    let (start, end) = (ceil(window.start()), ceil(window.end()));
    (start < end).then(|| Window::new(start, end.since(start)))
}

struct Export<'a> {
    reader: &'a Reader,
    groups: &'a Groups,
    selection: &'a Selection,
}

impl Export<'_> {
    /// The sensors by their numbers, where they are wanted.
    fn sensors(&self) -> Result<Vec<Option<SensorName>>, StoreError> {
        let wanted = |sensor| match sensor {
            NumberedSensor::Named(name) => Some(name).filter(|name| self.selection.takes_sensor(name)),
            NumberedSensor::Freed | NumberedSensor::Unreadable => None,
        };
        Ok(self.reader.sensors()?.into_iter().map(wanted).collect())
    }

    /// The intervals, window by window as the store cuts time, and within a window sensor by sensor. Each is as long as
    /// those of its sensor's group, and stands in the window in which it begins.
    fn intervals(&self, rows: &mut dyn RowWriter) -> Result<(), ExportError> {
        let sensors = self.sensors()?;
        let lengths: Vec<_> =
            sensors.iter().map(|name| name.as_ref().map(|name| self.groups.of(name).grid.interval())).collect();
        for window in self.reader.stored_windows()? {
            if window.end() <= self.selection.since || window.start() >= self.selection.until {
                continue;
            }
            for (number, (name, length)) in (0..).zip(sensors.iter().zip(&lengths)) {
                let (Some(name), Some(length)) = (name, *length) else { continue };
                let Some(begun) = begun_within(window, length) else { continue };
                let stored = self.reader.intervals_within(SensorId(number), begun, length)?;
                let StoredIntervals::Kept(intervals) = stored else { continue };
                for interval in intervals.iter().filter(|interval| self.selection.takes(interval.start)) {
                    let Interval { start, count, mean, min, max, standard_deviation, first, last } = *interval;
                    rows.row(&[
                        Cell::Time(start),
                        Cell::Time(start + length),
                        Cell::Text(name.device()),
                        Cell::Text(name.sensor()),
                        count.into(),
                        Cell::Number(mean),
                        Cell::Number(min),
                        Cell::Number(max),
                        Cell::Number(standard_deviation),
                        Cell::Number(first),
                        Cell::Number(last),
                    ])?;
                }
            }
        }
        Ok(())
    }

    /// The runs whose windows are wanted, the oldest first.
    fn wanted_runs(&self) -> Result<impl Iterator<Item = Run>, StoreError> {
        let runs = self.reader.runs()?;
        Ok(runs.into_iter().filter(|run| self.selection.takes(run.window.start())))
    }

    fn verdicts(&self, rows: &mut dyn RowWriter) -> Result<(), ExportError> {
        let sensors = self.sensors()?;
        for run in self.wanted_runs()? {
            for chunk in ChunkId::of_scope(&run.scope) {
                for verdict in self.reader.verdicts(run.id, chunk)? {
                    let Some(Some(name)) = sensors.get(verdict.sensor.index()) else { continue };
                    self.verdict(&run, name, &verdict, rows)?;
                }
            }
        }
        Ok(())
    }

    fn verdict(
        &self,
        run: &Run,
        name: &SensorName,
        verdict: &Verdict,
        rows: &mut dyn RowWriter,
    ) -> Result<(), ExportError> {
        let Run { id, window, group, revision, settings, .. } = run;
        let settings = format!("{settings:016x}");
        let scored = match &verdict.outcome {
            Outcome::Scored(scored) => Some(scored),
            _ => None,
        };
        let reason = match &verdict.outcome {
            Outcome::TooLittleData { intervals, needed } => {
                Some(format!("rows for {intervals} intervals, {needed} are needed").into())
            }
            outcome => outcome.fault(),
        };
        let worst = scored.and_then(|scored| scored.worst());
        let interval = run.interval;
        let explanation = scored.and_then(|scored| scored.explanation.as_ref());
        let explanation = explanation.map(|explanation| explanation.words(*window, interval));
        let model = scored.map(|scored| scored.model.to_string());
        let score = scored.zip(worst).and_then(|(scored, worst)| scored.score(worst));
        let count = |count: usize| Cell::from(count as u64);
        let start_of = |place: u16| Cell::Time(window.start() + interval.times(place.into()));
        rows.row(&[
            id.0.into(),
            (*revision).into(),
            Cell::Time(window.start()),
            Cell::Time(window.end()),
            Cell::Text(name.device()),
            Cell::Text(name.sensor()),
            Cell::Text(verdict.outcome.kind()),
            scored.map_or(Cell::Missing, |scored| count(scored.rows.len())),
            scored.map_or(Cell::Missing, |scored| count(scored.anomalies())),
            score.map_or(Cell::Missing, Cell::Number),
            worst.map_or(Cell::Missing, |worst| start_of(worst.interval)),
            worst.map_or(Cell::Missing, |worst| Cell::Number(worst.decision)),
            explanation.as_deref().into(),
            reason.as_deref().into(),
            model.as_deref().into(),
            scored.map_or(Cell::Missing, |scored| Cell::Flag(scored.proven)),
            Cell::Text(&settings),
            Cell::Text(group.as_str()),
            scored.and_then(|scored| scored.boundary).map_or(Cell::Missing, |boundary| Cell::Number(boundary.get())),
        ])
    }

    fn runs(&self, rows: &mut dyn RowWriter) -> Result<(), ExportError> {
        for Run { id, window, interval, group, trigger, revision, scope, settings, models, closing, state, course } in
            self.wanted_runs()?
        {
            let (state, tally) = match state {
                RunState::Started => ("started", None),
                RunState::CutOff => ("cut_off", None),
                RunState::Finished(tally) => ("finished", Some(tally)),
            };
            let [settings, models] = [settings, models].map(|hash| format!("{hash:016x}"));
            let closing = closing.to_string();
            let small =
                |count: fn(&crate::run::Tally) -> u32| tally.map_or(Cell::Missing, |tally| count(&tally).into());
            let large =
                |count: fn(&crate::run::Tally) -> u64| tally.map_or(Cell::Missing, |tally| count(&tally).into());
            rows.row(&[
                id.0.into(),
                Cell::Text(group.as_str()),
                Cell::Text(trigger.as_str()),
                revision.into(),
                Cell::Time(window.start()),
                Cell::Time(window.end()),
                Cell::Text(state),
                Cell::Text(&closing),
                Cell::from(scope.len() as u64),
                Cell::Text(&settings),
                Cell::Text(&models),
                small(|tally| tally.scored),
                small(|tally| tally.no_data),
                small(|tally| tally.too_little_data),
                small(|tally| tally.failed),
                small(|tally| tally.quarantined),
                large(|tally| tally.rows),
                large(|tally| tally.anomalies),
                small(|tally| tally.timed_out),
                small(|tally| tally.unproven),
                Cell::Number(interval.to_std().as_secs_f64()),
                course.begun.map_or(Cell::Missing, Cell::Time),
                course.ended.map_or(Cell::Missing, Cell::Time),
                course.request.as_ref().map(RunRequest::as_str).into(),
            ])?;
        }
        Ok(())
    }

    /// The rejects. Of those that were not kept whole there is a row a kind, with their number and the time of the last
    /// one that was.
    fn rejects(&self, rows: &mut dyn RowWriter) -> Result<(), ExportError> {
        for StoredRejects { kept, mut counts, .. } in self.reader.rejects()? {
            let Some(received) = kept.last().map(|reject| reject.received) else { continue };
            for reject in &kept {
                let of_kind = counts.iter_mut().find(|(kind, _)| *kind == reject.kind);
                of_kind.into_iter().for_each(|(_, count)| *count = count.saturating_sub(1));
                if self.selection.takes(reject.received) {
                    rows.row(&[
                        Cell::Time(reject.received),
                        Cell::Text(&reject.kind),
                        Cell::Integer(1),
                        Cell::Text(&reject.origin),
                        Cell::Text(&reject.reason),
                        Cell::Text(&reject.excerpt),
                    ])?;
                }
            }
            for (kind, count) in counts.iter().filter(|(_, count)| *count > 0 && self.selection.takes(received)) {
                rows.row(&[
                    Cell::Time(received),
                    Cell::Text(kind),
                    (*count).into(),
                    Cell::Missing,
                    Cell::Missing,
                    Cell::Missing,
                ])?;
            }
        }
        Ok(())
    }
}
