//! The names of sensors, shared between rows.

use std::collections::HashMap;

use crate::sensor::{SensorName, SensorNameError};

/// The names seen so far, so that a row of a known sensor allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<String, SensorName>,
    key: String,
}

impl Names {
    /// With more than this many names, all are forgotten and learned again.
    const MAX_KNOWN: usize = 100_000;

    pub(super) fn get(&mut self, device: &str, sensor: &str) -> Result<SensorName, SensorNameError> {
        // Names hold no control characters, so two names never give the same key.
        self.key.clear();
        self.key.push_str(device);
        self.key.push('\n');
        self.key.push_str(sensor);
        if let Some(name) = self.known.get(&self.key) {
            return Ok(name.clone());
        }
        let name = SensorName::new(device, sensor)?;
        if self.known.len() >= Self::MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(self.key.clone(), name.clone());
        Ok(name)
    }
}

/// Device and sensor of a name that holds both, such as `press-1/vibration` or `press-1.vibration`. The name is split
/// at the last slash; without a slash, at the last point.
pub(super) fn part(name: &str) -> Option<(&str, &str)> {
    let parts = name.rsplit_once('/').or_else(|| name.rsplit_once('.'));
    parts.filter(|(device, sensor)| !device.is_empty() && !sensor.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_parts_at_the_last_slash_else_at_the_last_point() {
        assert_eq!(part("press-1/vibration"), Some(("press-1", "vibration")));
        assert_eq!(part("hall.2/press/vib.x"), Some(("hall.2/press", "vib.x")));
        assert_eq!(part("hall.press.vibration"), Some(("hall.press", "vibration")));
        assert_eq!((part("vibration"), part("/vibration"), part("press.")), (None, None, None));
    }
}
