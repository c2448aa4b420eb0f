//! The rows of readings: those of the raw history, and those that are in the journal only.
//!
//! What leaves the journal is in the history before, so a few segments may be in both: a reading that the history has
//! given is left out of the journal's. The journal's readings are compared in portions, so that memory is bounded, and
//! those that are later than all of the history are not looked up.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use super::{Cell, ExportError, RowWriter, Selection};
use crate::reading::Reading;
use crate::sensor::{SensorId, SensorName};
use crate::store::{HistoryReading, Reader};
use crate::time::{Span, Timestamp};

/// How many readings of the journal are compared with the history at once.
const PORTION: usize = 1 << 16;

/// Writes the readings of the history, day by day and sensor by sensor, and then those of the journal, in the order in
/// which they were accepted. `sensors` has those that are wanted, by their numbers.
pub(super) fn write(
    reader: &Reader,
    selection: &Selection,
    sensors: &[Option<SensorName>],
    rows: &mut dyn RowWriter,
) -> Result<(), ExportError> {
    // What leaves the journal goes into the history, of which that part may have been read already.
    let _pin = reader.pin_journal();
    let mut newest = None;
    for reading in reader.history().readings(selection.since, selection.until, |name| selection.takes_sensor(name))? {
        let HistoryReading { sensor, time, value } = reading?;
        newest = newest.max(Some(time));
        rows.row(&row(&sensor, time, value))?;
    }
    let mut rest = JournalRest { reader, sensors, newest, portion: Vec::new(), rows };
    let mut written = Ok(());
    reader.journal_readings(&mut |readings| {
        let wanted = readings.iter().filter(|reading| selection.takes(reading.time) && rest.name(reading).is_some());
        let wanted: Vec<_> = wanted.copied().collect();
        rest.portion.extend(wanted);
        if rest.portion.len() >= PORTION {
            written = rest.write();
        }
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written.and_then(|()| rest.write())
}

/// What is in the journal and not in the history.
struct JournalRest<'a> {
    reader: &'a Reader,
    sensors: &'a [Option<SensorName>],
    /// The time of the latest reading that the history has given.
    newest: Option<Timestamp>,
    /// Readings of the journal that are not written yet.
    portion: Vec<Reading>,
    rows: &'a mut dyn RowWriter,
}

impl<'a> JournalRest<'a> {
    /// The name of a reading's sensor, if it is wanted.
    fn name(&self, reading: &Reading) -> Option<&'a SensorName> {
        self.sensors.get(reading.sensor.index())?.as_ref()
    }

    fn write(&mut self) -> Result<(), ExportError> {
        let portion = std::mem::take(&mut self.portion);
        let given = self.given(&portion)?;
        for reading in portion.iter().filter(|reading| !given.contains(&(reading.sensor, reading.time))) {
            if let Some(name) = self.name(reading) {
                self.rows.row(&row(name, reading.time, reading.value))?;
            }
        }
        Ok(())
    }

    /// The readings of a portion that the history has.
    fn given(&self, portion: &[Reading]) -> Result<HashSet<(SensorId, Timestamp)>, ExportError> {
        let mut given = HashSet::new();
        let asked = || portion.iter().filter(|reading| Some(reading.time) <= self.newest);
        let times = asked().map(|reading| reading.time);
        let Some((from, last)) = times.clone().min().zip(times.max()) else { return Ok(given) };
        let numbers: HashMap<_, _> =
            asked().filter_map(|reading| Some((self.name(reading)?, reading.sensor))).collect();
        let mut wanted: HashSet<_> = asked().map(|reading| (reading.sensor, reading.time)).collect();
        let until = last + Span::from_nanos(1);
        for reading in self.reader.history().readings(from, until, |name| numbers.contains_key(name))? {
            let HistoryReading { sensor, time, .. } = reading?;
            given.extend(numbers.get(&*sensor).and_then(|number| wanted.take(&(*number, time))));
        }
        Ok(given)
    }
}

fn row(name: &SensorName, time: Timestamp, value: f64) -> [Cell<'_>; 4] {
    [Cell::Time(time), Cell::Text(name.device()), Cell::Text(name.sensor()), Cell::Number(value)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::export::{Format, Table};
    use crate::group::Groups;
    use crate::interval::Cut;
    use crate::sensor_pattern::SensorPattern;
    use crate::store::{History, HistorySettings, ShedSettings, Store, StoreSettings};
    use crate::verdict::VerdictRows;

    fn settings(directory: &std::path::Path) -> StoreSettings {
        StoreSettings {
            directory: directory.to_owned(),
            windows: 4,
            runs: 4,
            verdict_runs: 4,
            keep_raw: Some(Span::MAX),
            shed: ShedSettings::NEVER,
            verdict_rows: VerdictRows::Worst,
            reject_blocks: 3,
            cache_bytes: 1 << 20,
            cut: Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap(),
        }
    }

    #[test]
    fn what_is_in_the_history_and_in_the_journal_comes_once() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path());
        let mut store = Store::open(settings.clone()).unwrap();
        store.writer.replay_journal(|_| {}).unwrap();
        let names = ["flow", "heat", "speed"].map(|sensor| SensorName::new("press", sensor).unwrap());
        let numbered: Vec<_> = (0..).map(SensorId).zip(names.clone()).collect();
        store.writer.add_sensors(&numbered);
        // More than a portion; the order of times is that of no sensor.
        let reading = |place: u32| Reading {
            sensor: SensorId(place % 3),
            time: Timestamp::from_nanos(i64::from(place ^ 5) * 1_000_000_000),
            value: f64::from(place),
        };
        let all: Vec<_> = (0..150_000).map(reading).collect();
        store.writer.append_readings(&all);
        store.writer.commit().unwrap();
        // What the history took before the journal could free it, and something that was freed.
        let mut history = History::open(directory.path(), HistorySettings { keep: settings.keep_raw }).unwrap();
        let name_of = |sensor: SensorId| names.get(sensor.index()).cloned();
        let freed = Reading { sensor: SensorId(1), time: Timestamp::from_nanos(-7), value: 7.0 };
        history.take(&[&all[..100_000], &[freed]].concat(), name_of).unwrap();
        history.sync().unwrap();

        for (pattern, wanted) in [(None, 150_001), (Some("press/heat"), 50_001)] {
            let mut csv = Vec::new();
            let groups = Groups::new(Vec::new(), settings.cut.into());
            let sensors = pattern.map(|pattern| SensorPattern::parse(pattern).unwrap());
            let (since, until) = (Timestamp::MIN, Timestamp::MAX);
            let selection = Selection { table: Table::Readings, sensors, since, until };
            crate::export::write(&store.reader, &groups, &selection, Format::Csv, &mut csv).unwrap();
            let mut counts = BTreeMap::<_, u32>::new();
            for line in std::str::from_utf8(&csv).unwrap().lines().skip(1) {
                *counts.entry(line.to_owned()).or_default() += 1;
            }
            assert_eq!(counts.len(), wanted);
            assert!(counts.values().all(|count| *count == 1));
        }
    }
}
