//! Freeing the numbers of sensors that went silent, so that names that came once do not keep new ones out for ever.
//!
//! It is done at the start of the daemon, while nobody holds a number. A sensor is silent when its last window lies before
//! everything that the ring of windows still keeps, no record of the journal and no held reading is of it, and no stored
//! verdict is its: so it has no model either, unless one that no run has met, and that one loses nothing by another number.
//!
//! All that is stored under the number goes before the number itself is free. What a cut leaves behind is a sensor without
//! windows, which is freed the next time.

use std::collections::HashSet;

use crate::sensor::{NumberedSensor, SensorId};
use crate::store::journal::decode;
use crate::store::reader::{decode_head, readable};
use crate::store::{ChunkId, Progress, Reader, Record, Store, StoreError, verdicts};
use crate::telemetry::metrics;

/// The most that a start frees: as many as take a few seconds on a slow disk.
const MAX_FREED: usize = 50_000;
/// How many are freed between two syncs: their rows stay far below what sled may write in one.
const BATCH: usize = 1_000;

impl Store {
    /// Frees the numbers of silent sensors when less than a tenth of `max_sensors` is left. To be called before the
    /// journal is replayed.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn free_silent_sensors(&self, max_sensors: usize) -> Result<(), StoreError> {
        let sensors = self.reader.sensors()?;
        let known = sensors.iter().filter(|sensor| matches!(sensor, NumberedSensor::Named(_))).count();
        if known < max_sensors - max_sensors / 10 {
            return Ok(());
        }
        let Some(in_use) = self.reader.sensors_in_use()? else { return Ok(()) };
        let is_silent = |(id, sensor): &(SensorId, NumberedSensor)| {
            matches!(sensor, NumberedSensor::Named(_)) && !in_use.contains(id)
        };
        let silent: Vec<_> = (0..).map(SensorId).zip(sensors).filter(is_silent).map(|(id, _)| id).collect();
        let freed = &silent[..silent.len().min(MAX_FREED)];
        for batch in freed.chunks(BATCH) {
            batch.iter().try_for_each(|id| self.reader.free(*id))?;
            self.reader.db.sync()?;
        }
        metrics::SENSORS_FREED.add(freed.len() as u64);
        if !silent.is_empty() {
            let later = silent.len() - freed.len();
            tracing::info!(
                known,
                freed = freed.len(),
                later,
                "sensors that went silent are forgotten, as limits.sensors is nearly reached"
            );
        }
        Ok(())
    }
}

impl Reader {
    /// The sensors that something stored speaks of which is still wanted. `None` when that cannot be told.
    fn sensors_in_use(&self) -> Result<Option<HashSet<SensorId>>, StoreError> {
        let Some(closed) = self.progress(Progress::Closed)? else { return Ok(None) };
        let oldest_kept = closed - self.settings.cut.window().times(i64::from(self.settings.windows));
        let unreadable = self.unreadable.len();
        let mut in_use = HashSet::new();
        for (number, head) in self.entries("heads", &self.tables.heads, self.numbers()?)? {
            let sensor = SensorId(number);
            if !decode_head(sensor, &head).is_ok_and(|head| head.closed <= oldest_kept) {
                in_use.insert(sensor);
            }
        }
        if self.unreadable.len() > unreadable {
            return Ok(None);
        }
        for entry in self.tables.journal.iter() {
            match readable(entry)?.and_then(|(_, record)| decode(&record).ok()) {
                Some(Record::Readings(readings)) => in_use.extend(readings.iter().map(|reading| reading.sensor)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
        in_use.extend(self.held()?.into_iter().flat_map(|(_, readings)| readings).map(|reading| reading.sensor));
        if self.unreadable.len() > unreadable {
            return Ok(None);
        }
        for entry in self.tables.verdicts.iter() {
            let Some((key, _)) = readable(entry)? else { return Ok(None) };
            let Some((key, chunk)) = ChunkId::of_first_part(&key) else { continue };
            let stored = readable(self.tables.verdicts.get_parts(key))?.flatten();
            match stored.and_then(|bytes| verdicts::decode_any(chunk, &bytes).ok()) {
                Some((_, verdicts)) => in_use.extend(verdicts.iter().map(|verdict| verdict.sensor)),
                None => in_use.extend(chunk.sensors()),
            }
        }
        Ok(Some(in_use))
    }

    /// Removes what is stored under a number, and then its name.
    fn free(&self, sensor: SensorId) -> Result<(), StoreError> {
        let key = sensor.0.to_be_bytes();
        self.tables.windows.remove_all(&key)?;
        self.tables.heads.remove(&key)?;
        self.tables.sensors.put(&key, &[])
    }
}
