//! Reads the raw history, also while it is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use crate::sensor::SensorName;
use crate::store::StoreError;
use crate::store::history::FOLDER;
use crate::store::history::day::{self, Day, DayFile};
use crate::store::history::merge::{DayBlocks, SensorReadings};
use crate::store::unreadable::UnreadableEntries;
use crate::time::Timestamp;

/// Reads the raw history of a store. Clones share what they found unreadable.
#[derive(Clone, Debug)]
pub struct HistoryReader {
    folder: PathBuf,
    unreadable: UnreadableEntries,
}

/// A reading of the history.
#[derive(Clone, PartialEq, Debug)]
pub struct HistoryReading {
    /// The sensor. The readings of one sensor share its name.
    pub sensor: Arc<SensorName>,
    /// When it was measured.
    pub time: Timestamp,
    /// The measured value.
    pub value: f64,
}

impl HistoryReader {
    /// Reads the history of the store in a folder. It need not have one.
    pub fn new(store: &Path) -> Self {
        Self { folder: store.join(FOLDER), unreadable: UnreadableEntries::default() }
    }

    /// The readings from `from` to before `until` of the sensors that `wanted` accepts: day by day, within a day by the
    /// sensor's name, and then by time. So the readings of each sensor are in order of time. Each (sensor, time) comes
    /// once. What is damaged is left out, counted and logged.
    ///
    /// Memory: a header for each portion in which a day was taken, and the blocks of one sensor whose times overlap.
    ///
    /// # Errors
    /// When the folder cannot be listed, or a file not be opened.
    pub fn readings<W: FnMut(&SensorName) -> bool>(
        &self,
        from: Timestamp,
        until: Timestamp,
        wanted: W,
    ) -> Result<HistoryReadings<W>, StoreError> {
        let files = day::list(&self.folder).map_err(|problem| self.unreadable_folder(problem))?;
        let is_within = |day: &Day| day.end() > from && day.start() < until;
        let mut days: Vec<Day> = files
            .into_iter()
            .filter(|(_, file)| *file != DayFile::Unfinished)
            .map(|(day, _)| day)
            .filter(is_within)
            .collect();
        days.sort_unstable();
        days.dedup();
        Ok(HistoryReadings {
            reader: self.clone(),
            from,
            until,
            wanted,
            days: days.into_iter(),
            day: None,
            sensor: None,
        })
    }

    /// The beginnings of the days that it has, the oldest first.
    pub(in crate::store) fn days(&self) -> Result<Vec<Timestamp>, StoreError> {
        let files = day::list(&self.folder).map_err(|problem| self.unreadable_folder(problem))?;
        let mut days: Vec<_> = files.into_iter().map(|(day, _)| day.start()).collect();
        days.sort_unstable();
        days.dedup();
        Ok(days)
    }

    /// How many damaged places were found so far. An export that met some is not whole.
    pub fn unreadable(&self) -> usize {
        self.unreadable.len()
    }

    fn unreadable_folder(&self, problem: std::io::Error) -> StoreError {
        StoreError::Unreadable { directory: self.folder.clone(), problem }
    }
}

/// See [`HistoryReader::readings`].
#[derive(Debug)]
pub struct HistoryReadings<W> {
    reader: HistoryReader,
    from: Timestamp,
    until: Timestamp,
    wanted: W,
    days: vec::IntoIter<Day>,
    day: Option<DayBlocks>,
    sensor: Option<(Arc<SensorName>, SensorReadings)>,
}

impl<W: FnMut(&SensorName) -> bool> HistoryReadings<W> {
    /// Goes on to the next sensor of the day, or to the next day; `None` at the end.
    fn next_sensor(&mut self) -> Option<Result<(Arc<SensorName>, SensorReadings), StoreError>> {
        loop {
            while let Some((sensor, mut blocks)) = self.day.as_mut().and_then(DayBlocks::next_sensor) {
                blocks.retain(|block| block.header.last >= self.from && block.header.first < self.until);
                if !blocks.is_empty() && (self.wanted)(&sensor) {
                    return Some(Ok((sensor, SensorReadings::of(blocks))));
                }
            }
            let day = self.days.next()?;
            match DayBlocks::open(&self.reader.folder, day, &self.reader.unreadable) {
                Ok(blocks) => self.day = Some(blocks),
                Err(problem) => {
                    self.day = None;
                    return Some(Err(self.reader.unreadable_folder(problem)));
                }
            }
        }
    }
}

impl<W: FnMut(&SensorName) -> bool> Iterator for HistoryReadings<W> {
    type Item = Result<HistoryReading, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((sensor, readings)) = &mut self.sensor
                && let Some((time, value)) = readings.find(|(time, _)| (self.from..self.until).contains(time))
            {
                return Some(Ok(HistoryReading { sensor: Arc::clone(sensor), time, value }));
            }
            match self.next_sensor()? {
                Ok(next) => self.sensor = Some(next),
                Err(error) => {
                    self.sensor = None;
                    return Some(Err(error));
                }
            }
        }
    }
}
