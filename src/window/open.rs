//! The open windows of all sensors.
//!
//! A closing for all sensors is lazy. It takes effect at once: what comes later for the windows that it closes is late.
//! The windows themselves are finished a slice of sensors at a time, so that no reading waits for all of them, and those
//! of a sensor whose reading comes before its turn are finished before that reading is judged. So no judgement, and no
//! window, depends on how far the closing has come.

mod forecast;

use std::collections::VecDeque;

use crate::interval::{Cut, Interval, Window};
use crate::reading::Reading;
use crate::sensor::SensorId;
use crate::time::{Span, Timestamp};
use crate::window::block::{BlockBuilder, WindowBlock};
use crate::window::open_copy::OpenCopy;
use crate::window::open_interval::{Insertion, OpenInterval};

/// How readings become windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowSettings {
    /// The lengths of intervals and windows.
    pub cut: Cut,
    /// How long after its end an interval still accepts readings, measured in the sensor's own event time.
    pub lateness: Span,
    /// At least this many of an interval's newest readings are kept whole. The oldest are folded, a chunk at a time.
    pub kept_per_interval: usize,
    /// The most readings that all open intervals keep whole together: a bound on memory, 16 bytes each.
    pub max_open_readings: usize,
}

/// How a reading was judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Admission {
    /// It counts.
    Accepted,
    /// The same reading is there already.
    Repeated,
    /// Suppressed: the value is within the sensor's deadband, or the reading is out of order and the sensor has a
    /// deadband.
    Suppressed,
    /// Another value is there for the same time, and stays.
    Conflict {
        /// The value that stays.
        stored: f64,
    },
    /// Its interval is closed.
    Late {
        /// The sensor's watermark.
        watermark: Timestamp,
    },
    /// The reading may be one of its interval's oldest readings, which are not kept whole any more.
    Indistinct {
        /// The time of the newest reading that is not kept whole.
        until: Timestamp,
    },
    /// All open intervals together have no room for more.
    MemoryFull,
}

/// A window that is over for one sensor.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedWindow {
    /// Which window.
    pub window: Window,
    /// The window's intervals.
    pub block: WindowBlock,
    /// The facts about the sensor that outlive the window.
    pub head: SensorHead,
}

/// The facts that outlive a sensor's closed windows; stored with the last of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SensorHead {
    /// The sensor.
    pub sensor: SensorId,
    /// The end of the last window that is closed.
    pub closed: Timestamp,
    /// The last value that counted: what a deadband is measured from.
    pub last_value: f64,
}

/// The open windows of all sensors.
#[derive(Debug)]
pub struct OpenWindows {
    settings: WindowSettings,
    /// The time before which every reading is late.
    closed: Timestamp,
    /// The time before which the windows of every sensor are finished: that of the closing before, while one goes on.
    finished: Timestamp,
    /// The first sensor that the closing has not come to; none when no closing goes on.
    unfinished_from: usize,
    sensors: Vec<OpenSensor>,
    /// How many readings all open intervals keep whole.
    open_readings: usize,
}

#[derive(Debug)]
struct OpenSensor {
    watermark: Timestamp,
    /// The time and value of the newest reading that counted.
    newest: Option<(Timestamp, f64)>,
    deadband: Deadband,
    /// Intervals that still accept readings, in the order of time.
    intervals: VecDeque<OpenInterval>,
    /// An empty list for the next interval: that of the last one that was closed.
    spare: Vec<(Timestamp, f64)>,
    /// Intervals that are closed while their window is open.
    block: Option<BlockBuilder>,
}

/// Whether values close to the last one are suppressed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Deadband {
    /// Not looked up yet: the deadband depends on the sensor's name.
    Unknown,
    Off,
    Width(f64),
}

/// No closing goes on: every sensor's number is below this.
const NO_CLOSING: usize = usize::MAX;

/// How much of a closing is done at once: so many sensors are looked at and readings aggregated for them.
#[derive(Clone, Copy, Debug)]
pub struct ClosingSlice(pub usize);

impl ClosingSlice {
    /// What takes some milliseconds.
    pub const SHORT: Self = Self(4_096);
    /// All that is left.
    const WHOLE: Self = Self(usize::MAX);
}

/// How far the closing has come that goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClosingProgress {
    /// All windows before the time closed are finished.
    Finished,
    /// More slices are needed.
    GoesOn,
}

/// The smallest step of time.
const NANOSECOND: Span = Span::from_nanos(1);

/// The widest bounds under which replayed readings may have been accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplayBounds {
    /// The largest lateness.
    pub lateness: Span,
    /// The most of an interval's readings that were kept whole.
    pub kept_per_interval: usize,
}

impl OpenWindows {
    /// No window is open, and every window before `closed` is over.
    pub fn new(settings: WindowSettings, closed: Timestamp, heads: impl IntoIterator<Item = SensorHead>) -> Self {
        let (finished, unfinished_from) = (closed, NO_CLOSING);
        let mut windows = Self { settings, closed, finished, unfinished_from, sensors: Vec::new(), open_readings: 0 };
        for head in heads {
            let sensor = windows.sensor(head.sensor);
            sensor.watermark = head.closed;
            sensor.newest = Some((Timestamp::MIN, head.last_value));
        }
        windows.sensors.shrink_to_fit();
        windows
    }

    /// Takes up the intervals of a sensor that are stored although their window is open: the store was cut anew while the
    /// window was. To be called before the replay. The intervals are of one window, in the order of time.
    pub fn take_up(&mut self, sensor: SensorId, window: Window, intervals: &[Interval]) {
        let cut = self.settings.cut;
        let block = self.sensor(sensor).block.get_or_insert_with(|| BlockBuilder::new(window));
        intervals.iter().for_each(|interval| block.push(interval, cut));
    }

    /// The time before which every reading is late, whether or not the windows before it are finished.
    pub fn closed(&self) -> Timestamp {
        self.closed
    }

    /// The time before which the windows of every sensor are finished.
    pub fn finished(&self) -> Timestamp {
        self.finished
    }

    /// Whether any sensor has readings in a window that is not finished.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.sensors.iter().all(OpenSensor::is_empty)
    }

    /// How many readings all open intervals keep whole.
    pub fn open_readings(&self) -> usize {
        self.open_readings
    }

    /// A copy of what is open of a sensor, in which at most so many readings are summarised; see [`OpenCopy`].
    pub fn copy_of(&self, sensor: SensorId, max_readings: usize) -> OpenCopy {
        match self.sensors.get(sensor.index()) {
            Some(sensor) => {
                let block = sensor.block.as_ref().map(BlockBuilder::so_far);
                OpenCopy::new(sensor.watermark.max(self.closed), block, &sensor.intervals, max_readings)
            }
            None => OpenCopy::empty(self.closed),
        }
    }

    /// The newest reading of each sensor that has one, by its time. A sensor of which only earlier windows are known has
    /// the last value, and [`Timestamp::MIN`] for its time.
    pub fn newest(&self) -> impl Iterator<Item = (SensorId, Timestamp, f64)> + '_ {
        let known = self.sensors.iter().enumerate();
        known.filter_map(|(place, sensor)| sensor.newest.map(|(time, value)| (id_of(place), time, value)))
    }

    /// The time for a reading of `sensor` that has no time of its own and came in at `received`.
    ///
    /// It is later than the time of every reading of the sensor that counted, so that no two readings are taken for
    /// one, however many come at once and whatever the clock does. A reading that has only just come is never late:
    /// after a step back of the clock, these times grow by a nanosecond a reading until the clock has caught up.
    pub fn arrival(&self, sensor: SensorId, received: Timestamp) -> Timestamp {
        let Some(sensor) = self.sensors.get(sensor.index()) else { return received.max(self.closed) };
        let behind_newest = sensor.newest.map_or(Timestamp::MIN, |(newest, _)| newest + NANOSECOND);
        received.max(behind_newest).max(sensor.watermark).max(self.closed)
    }

    /// Judges a reading and takes it in. `deadband` returns the sensor's deadband and is called once a sensor. Windows
    /// that the reading shows to be over are appended to `over`.
    pub fn admit(
        &mut self,
        reading: Reading,
        deadband: impl FnOnce() -> Option<f64>,
        over: &mut Vec<ClosedWindow>,
    ) -> Admission {
        self.finish_sensor(reading.sensor, over);
        // A closing that goes on may yet make room. What is refused must not depend on how far it has come.
        while self.open_readings >= self.settings.max_open_readings
            && self.close_slice(ClosingSlice::SHORT, over) == ClosingProgress::GoesOn
        {}
        let closed = self.closed;
        let settings = self.settings;
        let open_readings = self.open_readings;
        let sensor = self.sensor(reading.sensor);
        if sensor.deadband == Deadband::Unknown {
            sensor.deadband = deadband().map_or(Deadband::Off, Deadband::Width);
        }
        let watermark = sensor.watermark.max(closed);
        if reading.time < watermark {
            return Admission::Late { watermark };
        }
        if let (Deadband::Width(width), Some((newest, last))) = (sensor.deadband, sensor.newest) {
            // Which readings a deadband suppresses depends on the order of arrival. Only readings in order can pass, so
            // that a reading that is sent again is judged the same way.
            if reading.time <= newest && sensor.stored(reading.time).is_none() {
                return Admission::Suppressed;
            }
            if reading.time > newest && (reading.value - last).abs() < width {
                return Admission::Suppressed;
            }
        }
        if open_readings >= settings.max_open_readings && sensor.stored(reading.time).is_none() {
            return Admission::MemoryFull;
        }
        match sensor.insert(reading, settings) {
            Insertion::Repeated => Admission::Repeated,
            Insertion::Conflict { stored } => Admission::Conflict { stored },
            Insertion::Indistinct { until } => Admission::Indistinct { until },
            Insertion::Inserted { folded } => {
                let closed_readings = sensor.advance(reading, closed, settings, over);
                self.open_readings = open_readings + 1 - folded - closed_readings;
                Admission::Accepted
            }
        }
    }

    /// Takes in a reading from the journal. Readings must come in the order in which they were accepted, and must have
    /// been accepted under bounds no wider than `bounds`.
    pub fn replay(&mut self, reading: Reading, bounds: ReplayBounds, over: &mut Vec<ClosedWindow>) {
        self.finish_sensor(reading.sensor, over);
        let closed = self.closed;
        // A reading that was accepted stays accepted, whatever the bounds are now.
        let ReplayBounds { lateness, kept_per_interval } = bounds;
        let settings = WindowSettings { lateness, kept_per_interval, ..self.settings };
        let sensor = self.sensor(reading.sensor);
        // Here a reading can be late only when its window is stored already.
        if reading.time >= sensor.watermark.max(closed)
            && let Insertion::Inserted { folded } = sensor.insert(reading, settings)
        {
            let closed_readings = sensor.advance(reading, closed, settings, over);
            self.open_readings = self.open_readings + 1 - folded - closed_readings;
        }
    }

    /// Moves the watermarks on to where this process's own lateness puts them, which may be smaller than that of the
    /// replay.
    pub fn end_replay(&mut self, over: &mut Vec<ClosedWindow>) {
        let WindowSettings { cut, lateness, .. } = self.settings;
        for (id, sensor) in (0..).map(SensorId).zip(&mut self.sensors) {
            let watermark = sensor.newest.map_or(Timestamp::MIN, |(newest, _)| cut.interval_of(newest - lateness));
            if watermark > sensor.watermark {
                self.open_readings -= sensor.close(id, watermark, self.settings, over);
            }
        }
    }

    /// Closes every window that ends at `until` or before, for all sensors, and finishes these windows.
    pub fn close_until(&mut self, until: Timestamp, over: &mut Vec<ClosedWindow>) {
        self.begin_closing(until, over);
        self.finish_closing(over);
    }

    /// Closes every window that ends at `until` or before, for all sensors. [`close_slice`](Self::close_slice) finishes
    /// the windows. A closing that goes on already is finished first.
    pub fn begin_closing(&mut self, until: Timestamp, over: &mut Vec<ClosedWindow>) {
        if until > self.closed {
            self.finish_closing(over);
            self.closed = until;
            self.unfinished_from = 0;
        }
    }

    /// Finishes the windows of some more sensors.
    pub fn close_slice(&mut self, ClosingSlice(most): ClosingSlice, over: &mut Vec<ClosedWindow>) -> ClosingProgress {
        let mut work = 0_usize;
        while let Some(sensor) = self.sensors.get_mut(self.unfinished_from) {
            if work >= most {
                return ClosingProgress::GoesOn;
            }
            let readings = sensor.finish(id_of(self.unfinished_from), self.closed, self.settings, over);
            self.open_readings -= readings;
            self.unfinished_from += 1;
            work += 1 + readings;
        }
        self.unfinished_from = NO_CLOSING;
        self.finished = self.closed;
        ClosingProgress::Finished
    }

    /// Finishes the windows of all sensors that the closing has not come to.
    pub fn finish_closing(&mut self, over: &mut Vec<ClosedWindow>) {
        while self.close_slice(ClosingSlice::WHOLE, over) == ClosingProgress::GoesOn {}
    }

    /// Finishes the windows of a sensor before its turn.
    fn finish_sensor(&mut self, id: SensorId, over: &mut Vec<ClosedWindow>) {
        if id.index() >= self.unfinished_from
            && let Some(sensor) = self.sensors.get_mut(id.index())
        {
            self.open_readings -= sensor.finish(id, self.closed, self.settings, over);
        }
    }

    fn sensor(&mut self, id: SensorId) -> &mut OpenSensor {
        if id.index() >= self.sensors.len() {
            self.sensors.resize_with(id.index() + 1, OpenSensor::default);
        }
        &mut self.sensors[id.index()]
    }
}

/// The number of the sensor in this place.
fn id_of(place: usize) -> SensorId {
    // Places are numbers of sensors, which have 32 bits.
    SensorId(u32::try_from(place).unwrap_or(u32::MAX))
}

impl Default for OpenSensor {
    fn default() -> Self {
        Self {
            watermark: Timestamp::MIN,
            newest: None,
            deadband: Deadband::Unknown,
            intervals: VecDeque::new(),
            spare: Vec::new(),
            block: None,
        }
    }
}

impl OpenSensor {
    fn is_empty(&self) -> bool {
        self.intervals.is_empty() && self.block.is_none()
    }

    /// Finishes the windows before `closed`. Returns how many whole readings their intervals held.
    fn finish(
        &mut self,
        id: SensorId,
        closed: Timestamp,
        settings: WindowSettings,
        over: &mut Vec<ClosedWindow>,
    ) -> usize {
        if self.is_empty() { 0 } else { self.close(id, closed, settings, over) }
    }

    fn stored(&self, time: Timestamp) -> Option<f64> {
        self.intervals.iter().rev().find(|interval| interval.start() <= time).and_then(|interval| interval.stored(time))
    }

    fn insert(&mut self, reading: Reading, settings: WindowSettings) -> Insertion {
        let start = settings.cut.interval_of(reading.time);
        // Readings mostly come in order: the position is at the end, or near it.
        let after = self.intervals.iter().rposition(|interval| interval.start() <= start).map_or(0, |place| place + 1);
        match after.checked_sub(1).map(|before| &mut self.intervals[before]) {
            Some(interval) if interval.start() == start => interval.insert(reading, settings.kept_per_interval),
            _ => {
                let interval = OpenInterval::new(start, reading, std::mem::take(&mut self.spare));
                // Inserting at the end is several times as slow as pushing there.
                if after == self.intervals.len() {
                    self.intervals.push_back(interval);
                } else {
                    self.intervals.insert(after, interval);
                }
                Insertion::Inserted { folded: 0 }
            }
        }
    }

    /// Moves the watermark on behind a reading that counts. Returns how many whole readings the closed intervals held.
    fn advance(
        &mut self,
        reading: Reading,
        closed: Timestamp,
        settings: WindowSettings,
        over: &mut Vec<ClosedWindow>,
    ) -> usize {
        if self.newest.is_none_or(|(newest, _)| reading.time > newest) {
            self.newest = Some((reading.time, reading.value));
            let watermark = settings.cut.interval_of(reading.time - settings.lateness).max(closed);
            if watermark > self.watermark {
                return self.close(reading.sensor, watermark, settings, over);
            }
        }
        0
    }

    /// Closes the intervals before the watermark. Returns how many whole readings they held.
    fn close(
        &mut self,
        sensor: SensorId,
        watermark: Timestamp,
        settings: WindowSettings,
        over: &mut Vec<ClosedWindow>,
    ) -> usize {
        // A sensor whose watermark is further keeps it: a closed interval never opens again.
        let watermark = self.watermark.max(watermark);
        self.watermark = watermark;
        let mut closed_readings = 0;
        while self.intervals.front().is_some_and(|interval| interval.start() < watermark) {
            let Some(interval) = self.intervals.pop_front() else { break };
            closed_readings += interval.kept();
            let Some(interval) = interval.close(&mut self.spare) else { continue };
            let window = settings.cut.window_of(interval.start);
            if self.block.as_ref().is_some_and(|block| block.window() != window) {
                self.finish_block(sensor, over);
            }
            self.block.get_or_insert_with(|| BlockBuilder::new(window)).push(&interval, settings.cut);
        }
        if self.block.as_ref().is_some_and(|block| block.window().end() <= watermark) {
            self.finish_block(sensor, over);
        }
        closed_readings
    }

    fn finish_block(&mut self, sensor: SensorId, over: &mut Vec<ClosedWindow>) {
        if let Some(block) = self.block.take() {
            let window = block.window();
            let last_value = self.newest.map_or(0.0, |(_, value)| value);
            let head = SensorHead { sensor, closed: window.end(), last_value };
            over.push(ClosedWindow { window, block: block.finish(), head });
        }
    }
}
