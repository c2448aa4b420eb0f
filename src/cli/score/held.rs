//! Holds closed windows until every sensor that a model reads has closed the same window.
//!
//! The daemon closes a window for all sensors before it scores it. In a history, a sensor's window is over when a later
//! reading of that sensor comes, or when the history ends; and each sensor may have a file of its own. So a model's
//! window is scored when it is over for all sensors that the model reads, however far the other sensors are by then.
//! Windows are held in their stored form, and only the size of the history bounds how many.

use std::collections::{BTreeMap, BTreeSet};

use crate::interval::{Window, WindowGrid};
use crate::sensor::SensorId;
use crate::time::{Span, Timestamp};
use crate::window::{ClosedWindow, WindowBlock};

/// The closed windows of all sensors, and the models that wait for them. Windows that are scored consist of those that are
/// closed, as in the daemon's store, and may overlap.
#[derive(Debug)]
pub(super) struct Held {
    /// How the windows that are scored lie.
    grid: WindowGrid,
    sensors: Vec<Sensor>,
}

#[derive(Debug, Default)]
struct Sensor {
    /// The time before which the sensor's windows are over; `None` before the first of them.
    closed: Option<Timestamp>,
    /// The sensor's closed windows that some model may still read.
    blocks: BTreeMap<Window, WindowBlock>,
    /// The sensors whose models read this sensor.
    readers: Vec<SensorId>,
    /// What the sensor's own model waits for.
    model: Option<Waiting>,
}

/// A model that waits for windows.
#[derive(Clone, Debug)]
struct Waiting {
    reads: Reads,
    /// Windows for which rows can be made and that are not scored yet.
    windows: BTreeSet<Window>,
}

/// The sensors and windows that a sensor's model reads.
#[derive(Clone, Debug)]
pub(super) struct Reads {
    /// All sensors whose windows must be over, including the model's own.
    pub(super) sensors: Vec<SensorId>,
    /// The sensors for whose intervals rows are made.
    pub(super) base: Vec<SensorId>,
    /// How many windows before the scored one are read.
    pub(super) windows_back: u32,
}

impl Held {
    /// Nothing is held.
    pub(super) fn new(grid: WindowGrid) -> Self {
        Self { grid, sensors: Vec::new() }
    }

    /// Holds the windows that a sensor's model reads from here on.
    pub(super) fn wait(&mut self, model: SensorId, reads: Reads) {
        for sensor in &reads.sensors {
            self.sensor(*sensor).readers.push(model);
        }
        self.sensor(model).model = Some(Waiting { reads, windows: BTreeSet::new() });
    }

    /// Whether a model reads the sensor.
    pub(super) fn is_read(&self, sensor: SensorId) -> bool {
        self.sensors.get(sensor.index()).is_some_and(|sensor| !sensor.readers.is_empty())
    }

    /// Takes in a window that is over for its sensor. Returns the sensors whose models read it.
    pub(super) fn close(&mut self, closed: ClosedWindow) -> Vec<SensorId> {
        let ClosedWindow { window, block, head } = closed;
        let sensor = self.sensor(head.sensor);
        sensor.closed = sensor.closed.max(Some(head.closed));
        sensor.blocks.insert(window, block);
        let readers = sensor.readers.clone();
        let holding = self.holding(window);
        for reader in &readers {
            if let Some(waiting) = &mut self.sensor(*reader).model
                && waiting.reads.base.contains(&head.sensor)
            {
                waiting.windows.extend(holding.clone());
            }
        }
        readers
    }

    /// The history has ended, so all windows are over; those that end behind `end` are not scored. Returns the sensors with
    /// models.
    pub(super) fn end(&mut self, end: Timestamp) -> Vec<SensorId> {
        for sensor in &mut self.sensors {
            sensor.closed = Some(Timestamp::MAX);
            if let Some(waiting) = &mut sensor.model {
                waiting.windows.retain(|window| window.end() <= end);
            }
        }
        let sensors = (0..).map(SensorId).zip(&self.sensors);
        sensors.filter(|(_, sensor)| sensor.model.is_some()).map(|(id, _)| id).collect()
    }

    /// Takes out the earliest window that a sensor's model waits for, if it is over for all sensors that the model
    /// reads.
    pub(super) fn next(&mut self, model: SensorId) -> Option<Window> {
        let waiting = self.sensors.get(model.index())?.model.as_ref()?;
        let window = *waiting.windows.first()?;
        let over = self.over(&waiting.reads)?;
        if window.end() > over {
            return None;
        }
        self.sensors.get_mut(model.index())?.model.as_mut()?.windows.pop_first()
    }

    /// The windows that hold a closed one, the earliest first.
    fn holding(&self, closed: Window) -> Vec<Window> {
        let first = self.grid.first_ending_after(closed.end() - Span::from_nanos(1));
        let windows = std::iter::successors(Some(first), |window| Some(self.grid.after(*window)));
        windows.take_while(|window| window.start() <= closed.start()).collect()
    }

    /// The closed windows of a sensor within a window, the earliest first.
    pub(super) fn blocks_within(&self, sensor: SensorId, window: Window) -> impl Iterator<Item = &WindowBlock> {
        let [from, until] = [window.start(), window.end()].map(|time| Window::new(time, Span::ZERO));
        let of_sensor = self.sensors.get(sensor.index()).into_iter();
        of_sensor.flat_map(move |sensor| sensor.blocks.range(from..until)).map(|(_, block)| block)
    }

    /// A sensor's closed window; `None` when it held no readings.
    pub(super) fn block(&self, sensor: SensorId, window: Window) -> Option<&WindowBlock> {
        self.sensors.get(sensor.index())?.blocks.get(&window)
    }

    /// Drops the windows of sensors that a model reads and that no model will read any more.
    pub(super) fn forget(&mut self, model: SensorId) {
        let Some(waiting) = self.sensors.get(model.index()).and_then(|sensor| sensor.model.as_ref()) else { return };
        let sensors = waiting.reads.sensors.clone();
        let mut needs = BTreeMap::new();
        for reader in sensors.iter().flat_map(|id| &self.sensors[id.index()].readers) {
            needs.entry(*reader).or_insert_with(|| {
                let waiting = self.sensors.get(reader.index())?.model.as_ref()?;
                Some(self.scored_from(waiting)? - self.grid.length().times(waiting.reads.windows_back.into()))
            });
        }
        for id in sensors {
            let readers = self.sensors[id.index()].readers.iter();
            // A model of which no window is over yet may read everything that is held.
            let needed = readers.map(|reader| needs.get(reader).copied().flatten()).collect::<Option<Vec<_>>>();
            let Some(needed) = needed else { continue };
            let is_needed = |window: Window| needed.iter().any(|from| window.end() > *from);
            let blocks = &mut self.sensors[id.index()].blocks;
            while let Some(first) = blocks.first_entry()
                && !is_needed(*first.key())
            {
                first.remove();
            }
        }
    }

    /// Where the first window begins that may still be scored with a model; `None` when none of its windows is over yet.
    ///
    /// A window that is over for all sensors may still wait for its turn, because models that read the same sensors are
    /// scored one after the other.
    fn scored_from(&self, waiting: &Waiting) -> Option<Timestamp> {
        let next = self.grid.first_ending_after(self.over(&waiting.reads)?).start();
        Some(waiting.windows.first().map_or(next, |first| next.min(first.start())))
    }

    /// The time before which windows are over for all sensors that a model reads; `None` when one of them has no closed
    /// window.
    fn over(&self, reads: &Reads) -> Option<Timestamp> {
        let closed = reads.sensors.iter().map(|sensor| self.sensors.get(sensor.index())?.closed);
        closed.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    fn sensor(&mut self, id: SensorId) -> &mut Sensor {
        if id.index() >= self.sensors.len() {
            self.sensors.resize_with(id.index() + 1, Sensor::default);
        }
        &mut self.sensors[id.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::{Cut, Interval};
    use crate::window::{BlockBuilder, SensorHead};

    const OWN: SensorId = SensorId(0);
    const OTHER: SensorId = SensorId(1);

    fn window(index: u32) -> Window {
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        cut.window_of(Timestamp::default() + Span::from_secs(3600 * index))
    }

    fn closed(sensor: SensorId, index: u32) -> ClosedWindow {
        let window = window(index);
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        let mut block = BlockBuilder::new(window);
        block.push(&Interval::aggregate(window.start(), [1.0].into_iter()).unwrap(), cut);
        let head = SensorHead { sensor, closed: window.end(), last_value: 1.0 };
        ClosedWindow { window, block: block.finish(), head }
    }

    fn held(windows_back: u32) -> Held {
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        let mut held = Held::new(cut.into());
        held.wait(OWN, Reads { sensors: vec![OWN, OTHER], base: vec![OWN], windows_back });
        held
    }

    #[test]
    fn a_window_waits_until_it_is_over_for_all_sensors_that_the_model_reads() {
        let mut held = held(0);
        for index in [1, 2, 3] {
            assert_eq!(held.close(closed(OWN, index)), [OWN]);
            assert_eq!(held.next(OWN), None);
        }
        // The other sensor had no readings in windows 1 and 2: its third window shows that.
        held.close(closed(OTHER, 2));
        assert_eq!([held.next(OWN), held.next(OWN), held.next(OWN)], [Some(window(1)), Some(window(2)), None]);
        assert_eq!(held.end(Timestamp::MAX), [OWN]);
        assert_eq!(held.next(OWN), Some(window(3)));
    }

    #[test]
    fn a_window_is_held_until_the_last_of_the_models_that_read_it_was_scored() {
        let mut held = held(0);
        held.wait(OTHER, Reads { sensors: vec![OTHER], base: vec![OTHER], windows_back: 0 });
        held.close(closed(OTHER, 0));
        held.close(closed(OWN, 0));
        for model in held.end(Timestamp::MAX) {
            assert_eq!(held.next(model), Some(window(0)));
            assert!(held.block(OTHER, window(0)).is_some(), "{model:?} reads it, and was not scored yet");
            held.forget(model);
        }
        assert!(held.block(OTHER, window(0)).is_none());
    }

    #[test]
    fn what_no_model_will_read_is_let_go_of() {
        for (windows_back, kept) in [(0, vec![3]), (1, vec![2, 3])] {
            let mut held = held(windows_back);
            (0..4).for_each(|index| _ = held.close(closed(OWN, index)));
            held.forget(OWN);
            assert!(held.block(OWN, window(0)).is_some(), "the other sensor may still come");
            (0..3).for_each(|index| _ = held.close(closed(OTHER, index)));
            while held.next(OWN).is_some() {}
            held.forget(OWN);
            let found: Vec<u32> = (0..4).filter(|index| held.block(OWN, window(*index)).is_some()).collect();
            assert_eq!(found, kept);
        }
    }
}
