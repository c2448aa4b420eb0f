//! Sensors: their names, and the numbers that stand for the names.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// A sensor's number, stored in the place of its name: names are long, and a gateway holds many millions of readings.
///
/// Numbers are given out by the [`SensorDirectory`] in the order in which sensors are first seen, and never change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SensorId(pub u32);

impl SensorId {
    /// The number as an index into a table with one place a sensor.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A sensor's full name: the device and the sensor on it. Written `device/sensor`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SensorName {
    device: Arc<str>,
    sensor: Arc<str>,
}

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SensorNameError {
    /// A part with no characters.
    #[error("the {part} name is empty")]
    Empty {
        /// `device` or `sensor`.
        part: &'static str,
    },
    /// A part that is too long.
    #[error("the {part} name has {length} bytes, at most {max} are accepted", max = SensorName::MAX_PART_BYTES)]
    TooLong {
        /// `device` or `sensor`.
        part: &'static str,
        /// Its length.
        length: usize,
    },
    /// A character that would break topics, file names or logs.
    #[error("the {part} name holds {character:?}; control characters, '+' and '#' are not accepted")]
    Character {
        /// `device` or `sensor`.
        part: &'static str,
        /// The first such character.
        character: char,
    },
}

impl SensorName {
    /// The longest device or sensor name, in bytes.
    pub const MAX_PART_BYTES: usize = 128;

    /// Names a sensor.
    ///
    /// # Errors
    /// When a part is empty, too long, or holds a character that cannot stand in a topic.
    pub fn new(device: &str, sensor: &str) -> Result<Self, SensorNameError> {
        for (part, text) in [("device", device), ("sensor", sensor)] {
            if text.is_empty() {
                return Err(SensorNameError::Empty { part });
            }
            if text.len() > Self::MAX_PART_BYTES {
                return Err(SensorNameError::TooLong { part, length: text.len() });
            }
            if let Some(character) = text.chars().find(|c| c.is_control() || matches!(c, '+' | '#')) {
                return Err(SensorNameError::Character { part, character });
            }
        }
        Ok(Self { device: device.into(), sensor: sensor.into() })
    }

    /// Names another sensor of the same device.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn sibling(&self, sensor: &str) -> Result<Self, SensorNameError> {
        Self::new(&self.device, sensor)
    }

    /// The device that carries the sensor.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The sensor on its device.
    pub fn sensor(&self) -> &str {
        &self.sensor
    }

    /// Fills a template: `{device}` and `{sensor}` become the parts of the name. A name that looks like a placeholder
    /// is not filled in again.
    pub fn fill(&self, template: &str) -> String {
        fill(template, &self.device, &self.sensor)
    }
}

/// Fills a template in one pass: text that was filled in is not searched for placeholders.
pub(crate) fn fill(template: &str, device: &str, sensor: &str) -> String {
    let mut filled = String::with_capacity(template.len() + device.len() + sensor.len());
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        let (text, placeholder) = match from {
            _ if from.starts_with("{device}") => (device, "{device}"),
            _ if from.starts_with("{sensor}") => (sensor, "{sensor}"),
            _ => ("{", "{"),
        };
        filled.extend([before, text]);
        rest = &from[placeholder.len()..];
    }
    filled + rest
}

impl fmt::Display for SensorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.device, self.sensor)
    }
}

/// What a number that was once given to a sensor stands for now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NumberedSensor {
    /// A sensor.
    Named(SensorName),
    /// No sensor any more: the number may be given to another sensor.
    Freed,
    /// A sensor whose name was lost. The number stays taken, because what is stored under it must not become another
    /// sensor's.
    Unreadable,
}

/// All sensors known, each with its number; shared by all parts that turn names into numbers.
///
/// A new sensor gets its number at once, in memory; the store writes it down in the commit that first needs it.
#[derive(Debug)]
pub struct SensorDirectory {
    max_sensors: usize,
    names: RwLock<Names>,
}

#[derive(Debug, Default)]
struct Names {
    by_name: HashMap<SensorName, SensorId>,
    by_id: Vec<Option<SensorName>>,
    /// Numbers that may be given to other sensors, the lowest last.
    freed: Vec<SensorId>,
    /// Sensors that the store has not written down yet.
    unsaved: Vec<SensorId>,
}

/// No more sensors: the bound in the configuration is reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{max_sensors} sensors are known, and no more are accepted without a model; raise limits.sensors if that is too few"
)]
pub struct DirectoryFull {
    max_sensors: usize,
}

impl SensorDirectory {
    /// A directory of the sensors that the store knows, in the order of their numbers.
    pub fn new(max_sensors: usize, saved: Vec<NumberedSensor>) -> Self {
        let mut names = Names::default();
        for (id, sensor) in (0..).map(SensorId).zip(saved) {
            let name = match sensor {
                NumberedSensor::Named(name) => Some(name),
                NumberedSensor::Freed => {
                    names.freed.push(id);
                    None
                }
                NumberedSensor::Unreadable => None,
            };
            names.by_name.extend(name.clone().map(|name| (name, id)));
            names.by_id.push(name);
        }
        names.freed.reverse();
        Self { max_sensors, names: RwLock::new(names) }
    }

    /// The sensor's number, a new one when the name is new.
    ///
    /// # Errors
    /// When the name is new and the directory full.
    pub fn intern(&self, name: &SensorName) -> Result<SensorId, DirectoryFull> {
        self.intern_within(name, self.max_sensors)
    }

    /// The number of a sensor that has a model, a new one when the name is new. A full directory does not refuse such a
    /// sensor: a client that sends many names must not keep models from work, and the number of model files has a bound
    /// of its own.
    ///
    /// # Errors
    /// When all 32-bit numbers are taken.
    pub fn intern_with_model(&self, name: &SensorName) -> Result<SensorId, DirectoryFull> {
        self.intern_within(name, usize::MAX)
    }

    fn intern_within(&self, name: &SensorName, max_sensors: usize) -> Result<SensorId, DirectoryFull> {
        if let Some(id) = self.find(name) {
            return Ok(id);
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = names.by_name.get(name) {
            return Ok(*id);
        }
        let full = DirectoryFull { max_sensors: self.max_sensors };
        if names.by_name.len() >= max_sensors {
            return Err(full);
        }
        let id = match names.freed.pop() {
            Some(freed) => freed,
            None => {
                let id = SensorId(u32::try_from(names.by_id.len()).map_err(|_| full)?);
                names.by_id.push(None);
                id
            }
        };
        names.by_id[id.index()] = Some(name.clone());
        names.by_name.insert(name.clone(), id);
        names.unsaved.push(id);
        Ok(id)
    }

    /// The number that [`intern`](Self::intern) would find; `None` when it would give a new one.
    ///
    /// # Errors
    /// When there is no room for another sensor.
    pub fn would_intern(&self, name: &SensorName) -> Result<Option<SensorId>, DirectoryFull> {
        let names = self.read();
        match names.by_name.get(name) {
            None if names.by_name.len() >= self.max_sensors => Err(DirectoryFull { max_sensors: self.max_sensors }),
            known => Ok(known.copied()),
        }
    }

    /// The number of a sensor that is known.
    pub fn find(&self, name: &SensorName) -> Option<SensorId> {
        self.read().by_name.get(name).copied()
    }

    /// The name behind a number.
    pub fn name(&self, id: SensorId) -> Option<SensorName> {
        self.read().by_id.get(id.index())?.clone()
    }

    /// All sensors that are known, in the order of their numbers.
    pub fn all(&self) -> Vec<(SensorId, SensorName)> {
        let names = self.read();
        let numbered = (0..).map(SensorId).zip(&names.by_id);
        numbered.filter_map(|(id, name)| Some((id, name.clone()?))).collect()
    }

    /// How many sensors are known.
    pub fn len(&self) -> usize {
        self.read().by_name.len()
    }

    /// Whether no sensor is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many numbers are given, including those of sensors that are not known any more.
    pub fn numbers(&self) -> usize {
        self.read().by_id.len()
    }

    /// The sensors that became known since the last call, to be written down.
    pub fn take_unsaved(&self) -> Vec<(SensorId, SensorName)> {
        if self.read().unsaved.is_empty() {
            return Vec::new();
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        let unsaved = std::mem::take(&mut names.unsaved);
        unsaved.into_iter().filter_map(|id| Some((id, names.by_id.get(id.index())?.clone()?))).collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Names> {
        // A poisoned lock is used on: some thread panicked while it held the lock, but every change is complete in
        // itself.
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_order_of_first_sight_and_stay() {
        let directory = SensorDirectory::new(10, vec![]);
        let names = ["a", "b", "a", "c"].map(|sensor| SensorName::new("press", sensor).unwrap());
        let ids = names.map(|name| directory.intern(&name).unwrap().0);
        assert_eq!(ids, [0, 1, 0, 2]);
        assert_eq!(directory.take_unsaved().len(), 3);
        directory.intern(&SensorName::new("press", "d").unwrap()).unwrap();
        assert_eq!(directory.take_unsaved(), vec![(SensorId(3), SensorName::new("press", "d").unwrap())]);
        assert_eq!(directory.take_unsaved(), vec![]);
    }

    #[test]
    fn a_full_directory_refuses_new_names_and_still_knows_the_old() {
        let known = SensorName::new("press", "a").unwrap();
        let directory = SensorDirectory::new(1, vec![NumberedSensor::Named(known.clone())]);
        assert_eq!(directory.intern(&known), Ok(SensorId(0)));
        assert!(directory.intern(&SensorName::new("press", "b").unwrap()).is_err());
    }

    #[test]
    fn a_name_that_looks_like_a_placeholder_is_filled_in_as_it_is() {
        let name = SensorName::new("{sensor}", "{device}").unwrap();
        assert_eq!(name.fill("{x}/{device}/{sensor}/{device}{"), "{x}/{sensor}/{device}/{sensor}{");
    }

    #[test]
    fn a_full_directory_has_room_for_models() {
        let directory = SensorDirectory::new(0, vec![]);
        let name = SensorName::new("press", "a").unwrap();
        assert!(directory.intern(&name).is_err());
        assert_eq!(directory.intern_with_model(&name), Ok(SensorId(0)));
        assert_eq!(directory.intern(&name), Ok(SensorId(0)), "readings of it are taken in from then on");
    }

    #[test]
    fn a_freed_number_is_given_again_and_one_whose_name_is_lost_is_not() {
        let name = |sensor: &str| SensorName::new("press", sensor).unwrap();
        let saved = vec![
            NumberedSensor::Freed,
            NumberedSensor::Named(name("a")),
            NumberedSensor::Unreadable,
            NumberedSensor::Freed,
            NumberedSensor::Named(name("b")),
        ];
        let directory = SensorDirectory::new(10, saved);
        let ids = ["a", "b", "c", "d", "e"].map(|sensor| directory.intern(&name(sensor)).unwrap().0);
        assert_eq!(ids, [1, 4, 0, 3, 5]);
        assert_eq!((directory.name(SensorId(2)), directory.len(), directory.numbers()), (None, 5, 6));
        assert_eq!(directory.take_unsaved().len(), 3);
        let all = directory.all().into_iter().map(|(id, name)| format!("{} {}", id.0, name.sensor()));
        assert_eq!(all.collect::<Vec<_>>(), ["0 c", "1 a", "3 d", "4 b", "5 e"]);
    }

    #[test]
    fn names_that_break_topics_or_logs_are_refused() {
        assert!(SensorName::new("", "a").is_err());
        assert!(SensorName::new("press", "a\n").is_err());
        assert!(SensorName::new("press", "+").is_err());
        assert!(SensorName::new("press", &"x".repeat(129)).is_err());
        assert_eq!(SensorName::new("line1/press", "a").unwrap().to_string(), "line1/press/a");
    }
}
