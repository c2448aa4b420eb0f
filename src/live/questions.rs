//! What running parts are asked, because showing it all the time would cost them.

use std::fmt;
use std::sync::Arc;

use crate::interval::Interval;
use crate::schedule::clock_trust::ClockReading;
use crate::sensor::SensorId;
use crate::time::Timestamp;

/// What is open of a sensor: not stored yet, or not closed.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenWindow {
    /// The time before which the sensor's intervals are closed.
    pub watermark: Timestamp,
    /// The intervals of its open window, and of those after it, in the order of time. The closed ones do not change any
    /// more. Those that the part which has them could not summarise in short time are missing; these are the oldest of
    /// the ones that still accept readings.
    pub intervals: Vec<Interval>,
}

/// What running parts are asked.
#[derive(Clone)]
pub struct Questions {
    open_window: Arc<dyn Fn(SensorId) -> Option<OpenWindow> + Send + Sync>,
    clock: Arc<dyn Fn() -> ClockReading + Send + Sync>,
}

impl Questions {
    /// Questions that these functions answer. The first may block for a moment.
    pub fn new(
        open_window: impl Fn(SensorId) -> Option<OpenWindow> + Send + Sync + 'static,
        clock: impl Fn() -> ClockReading + Send + Sync + 'static,
    ) -> Self {
        Self { open_window: Arc::new(open_window), clock: Arc::new(clock) }
    }

    /// What is open of a sensor. Blocks for a second at the most; `None` when the committer is too busy to say.
    pub fn open_window(&self, sensor: SensorId) -> Option<OpenWindow> {
        (self.open_window)(sensor)
    }

    /// What the system's clocks say, and which time is believed.
    pub fn clock(&self) -> ClockReading {
        (self.clock)()
    }
}

impl fmt::Debug for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Questions").finish_non_exhaustive()
    }
}
