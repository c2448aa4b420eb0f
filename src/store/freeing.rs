//! Frees the numbers of sensors that went silent, so that names which came once do not keep new names out for ever.
//!
//! This is done when the daemon starts, while no part of it holds a number. A sensor is silent when its last window
//! lies before everything that the ring of windows still keeps, no journal record and no held reading is of it, and no
//! run in the ledger has it in its scope. Such a sensor has no model, except one that no run has met yet; that model
//! loses nothing by a new number.
//!
//! Everything that is stored under a number is removed, and that is synced, before the journal says that the number is
//! free. If a power cut comes between, a sensor without windows is left, which the next start frees.

use std::collections::HashSet;

use crate::sensor::{NumberedSensor, SensorId};
use crate::store::held::decode_readings;
use crate::store::journal::{Record, RecordRef};
use crate::store::keys::window_key_in_slot;
use crate::store::reader::{decode_head, number_of, readable};
use crate::store::{Progress, Reader, Store, StoreError, Tables};
use crate::telemetry::metrics;

/// The most sensors that one start frees.
const MAX_FREED: usize = 50_000;
/// How many sensors are freed between two syncs.
const BATCH: usize = 1_000;

impl Store {
    /// Frees the numbers of silent sensors when less than a tenth of `max_sensors` is left. The newest go first,
    /// because names of a flood came last. To be called before the journal is replayed.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn free_silent_sensors(&mut self, max_sensors: usize) -> Result<(), StoreError> {
        let sensors = self.reader.sensors()?;
        let known: Vec<_> = (0..)
            .map(SensorId)
            .zip(&sensors)
            .filter(|(_, sensor)| matches!(sensor, NumberedSensor::Named(_)))
            .map(|(id, _)| id)
            .collect();
        if known.len() < max_sensors - max_sensors / 10 {
            return Ok(());
        }
        let mut speaking = HashSet::new();
        self.writer.journal.replay_windows(|_, record| {
            if let Record::Readings(readings) = record {
                speaking.extend(readings.iter().map(|reading| reading.sensor));
            }
        })?;
        let Self { writer, reader } = self;
        let mut freed = 0_u64;
        for batch in reader.silent(&known, speaking)?.chunks(BATCH) {
            let mut silent = Vec::new();
            for sensor in batch {
                // One with windows that cannot be read keeps its number: to give it away is not worth the store.
                if readable(reader.tables.remove_windows(*sensor, reader.settings.windows))?.is_some() {
                    silent.push(*sensor);
                }
            }
            reader.db.sync()?;
            writer.journal.append(&RecordRef::SensorsFreed(&silent))?;
            writer.journal.commit()?;
            for sensor in &silent {
                reader.tables.sensors.put(&sensor.0.to_be_bytes(), &[])?;
            }
            freed += silent.len() as u64;
        }
        if freed > 0 {
            metrics::SENSORS_FREED.add(freed);
            let known = known.len();
            tracing::info!(known, freed, "sensors that went silent are forgotten, as limits.sensors is nearly reached");
        }
        Ok(())
    }
}

impl Reader {
    /// The sensors among `sensors` that are silent. None of them when that cannot be told.
    fn silent(&self, sensors: &[SensorId], in_journal: HashSet<SensorId>) -> Result<Vec<SensorId>, StoreError> {
        let Some(speaking) = self.speaking(in_journal)? else { return Ok(Vec::new()) };
        let runs = self.runs()?;
        let in_scope = |sensor: &SensorId| runs.iter().any(|run| run.scope.contains(sensor.0));
        let silent = sensors.iter().rev().filter(|sensor| !speaking.contains(sensor) && !in_scope(sensor));
        Ok(silent.take(MAX_FREED).copied().collect())
    }

    /// The sensors with a window that the ring keeps, or with a reading that is held or in the journal. `None` when that
    /// cannot be told.
    fn speaking(&self, mut speaking: HashSet<SensorId>) -> Result<Option<HashSet<SensorId>>, StoreError> {
        let Some(closed) = self.progress(&Progress::Closed)? else { return Ok(None) };
        let oldest_kept = closed - self.settings.cut.window().times(i64::from(self.settings.windows));
        for entry in self.tables.heads.iter() {
            let Some((key, head)) = readable(entry)? else { return Ok(None) };
            // A key that is no number belongs to no sensor.
            let Some(sensor) = number_of(&key).map(SensorId) else { continue };
            if !decode_head(sensor, &head).is_ok_and(|head| head.closed <= oldest_kept) {
                speaking.insert(sensor);
            }
        }
        for entry in self.tables.held.iter() {
            match readable(entry)?.and_then(|(_, readings)| decode_readings(&readings).ok()) {
                Some(readings) => speaking.extend(readings.iter().map(|reading| reading.sensor)),
                None => return Ok(None),
            }
        }
        Ok(Some(speaking))
    }
}

impl Tables {
    /// Removes the windows of a sensor, its head and its conditions.
    pub(super) fn remove_windows(&self, sensor: SensorId, slots: u32) -> Result<(), StoreError> {
        let key = sensor.0.to_be_bytes();
        // Without a head it has no windows.
        if self.heads.get(&key)?.is_some() {
            for slot in 0..slots.max(1) {
                self.windows.remove_all(&window_key_in_slot(sensor, slot))?;
            }
            self.heads.remove(&key)?;
        }
        self.conditions.remove(&key)?;
        Ok(())
    }
}
