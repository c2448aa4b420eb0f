//! All sensors in the order of their names, so that a page of a long list is found at once.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::group::Groups;
use crate::sensor::{SensorDirectory, SensorId, SensorName};

/// The sensors in the order of their names, sorted again when some have become known.
#[derive(Debug)]
pub struct SensorIndex {
    groups: Groups,
    sorted: Mutex<Arc<SortedSensors>>,
}

/// Sensors in the order of their names: by the device, and then by the sensor on it.
#[derive(Debug, Default)]
pub struct SortedSensors {
    /// Their names and numbers.
    pub sensors: Vec<(SensorName, SensorId)>,
    /// The place of each device's sensors, in the order of the devices.
    pub devices: Vec<Range<usize>>,
    /// The place of each sensor's group among all groups, by the sensor's number.
    group_places: Vec<u16>,
}

impl SensorIndex {
    /// No sensors yet, in these groups.
    pub fn new(groups: Groups) -> Self {
        Self { groups, sorted: Mutex::default() }
    }

    /// The sensors of a directory, always the same one.
    pub fn sorted(&self, directory: &SensorDirectory) -> Arc<SortedSensors> {
        let mut sorted = self.sorted.lock().unwrap_or_else(PoisonError::into_inner);
        // A running daemon forgets no sensor.
        if sorted.sensors.len() != directory.len() {
            *sorted = Arc::new(SortedSensors::of(directory.all(), &self.groups, sorted.group_places.clone()));
        }
        Arc::clone(&sorted)
    }
}

impl SortedSensors {
    /// `group_places` are those of the sensors that were known before.
    fn of(sensors: Vec<(SensorId, SensorName)>, groups: &Groups, mut group_places: Vec<u16>) -> Self {
        let known = group_places.len();
        group_places.resize(sensors.iter().map(|(id, _)| id.index() + 1).max().unwrap_or(0).max(known), 0);
        for (id, name) in sensors.iter().filter(|(id, _)| id.index() >= known) {
            // There are few groups.
            group_places[id.index()] = u16::try_from(groups.place(name)).unwrap_or(u16::MAX);
        }
        let mut sensors: Vec<_> = sensors.into_iter().map(|(id, name)| (name, id)).collect();
        sensors.sort_unstable();
        let same_device = |(a, _): &(SensorName, SensorId), (b, _): &(SensorName, SensorId)| a.device() == b.device();
        let mut start = 0;
        let devices = sensors.chunk_by(same_device).map(|device| {
            let range = start..start + device.len();
            start = range.end;
            range
        });
        Self { devices: devices.collect(), sensors, group_places }
    }

    /// The place of a sensor's group among all groups.
    pub fn group_place(&self, sensor: SensorId) -> usize {
        self.group_places.get(sensor.index()).map_or(usize::MAX, |place| usize::from(*place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensors_are_sorted_by_device_and_sensor_and_new_ones_are_found() {
        let directory = SensorDirectory::new(10, vec![]);
        let index = SensorIndex::new(Groups::new(vec![], crate::overview::test_runs::cut().into()));
        let know = |device: &str, sensor: &str| directory.intern(&SensorName::new(device, sensor).unwrap()).unwrap();
        for (device, sensor) in [("press-1", "flow"), ("oven", "temp"), ("press", "z"), ("press-1", "a")] {
            know(device, sensor);
        }
        let names = || {
            let sorted = index.sorted(&directory);
            let names = |range: &Range<usize>| {
                let sensors = sorted.sensors[range.clone()].iter();
                sensors.map(|(name, id)| format!("{name} {}", id.0)).collect::<Vec<_>>().join(", ")
            };
            sorted.devices.iter().map(names).collect::<Vec<_>>()
        };
        // By the text alone, "press-1/…" would stand before "press/…".
        assert_eq!(names(), ["oven/temp 1", "press/z 2", "press-1/a 3, press-1/flow 0"]);
        assert!(Arc::ptr_eq(&index.sorted(&directory), &index.sorted(&directory)));
        know("oven", "door");
        assert_eq!(names(), ["oven/door 4, oven/temp 1", "press/z 2", "press-1/a 3, press-1/flow 0"]);
    }
}
