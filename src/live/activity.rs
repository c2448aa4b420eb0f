//! The newest reading of each sensor, and how many readings come a second.
//!
//! One thread writes, the committer, once a commit. A write takes no lock that a reader holds for longer than a look at
//! eleven numbers, and costs some stores a reading: a row of readings of one sensor costs those of its last one.

mod pace;

use std::iter;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering, fence};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crate::reading::Reading;
use crate::sensor::SensorId;
use crate::time::Timestamp;
use pace::ReadingPace;

/// The newest reading of each sensor.
#[derive(Debug, Default)]
pub struct Activity {
    slots: Slots,
    /// Also keeps writers apart.
    pace: Mutex<ReadingPace>,
    /// When the last reading was accepted, in nanoseconds; zero when none was.
    last_accepted: AtomicI64,
}

/// The newest reading of a sensor, by its own time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NewestReading {
    /// Its time.
    pub time: Timestamp,
    /// Its value.
    pub value: f64,
    /// How it is known.
    pub origin: Origin,
}

/// How a sensor's newest reading is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// It came since the start.
    Live {
        /// When it was on the disk, by the system's clock. Commits may be delayed, so up to some seconds after it came.
        arrived: Timestamp,
    },
    /// It came before the start, and the journal still had it.
    Replayed,
    /// It came before the start, and only its window is known: its time here is the end of that window.
    Head,
}

impl Activity {
    /// Notes readings that count and are on the disk. `wall` is the system's clock, `now` the clock that only counts.
    pub fn note(&self, readings: &[Reading], wall: Timestamp, now: Instant) {
        if readings.is_empty() {
            return;
        }
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.note(readings.len() as u64, now);
        let arrived = wall.nanos().max(LEAST_ARRIVAL);
        let next = readings.iter().skip(1).map(Some).chain(iter::once(None));
        for (reading, next) in readings.iter().zip(next) {
            // The one that follows stands for both.
            if next.is_none_or(|next| next.sensor != reading.sensor || next.time < reading.time) {
                self.slots.of(reading.sensor).write(reading.time, reading.value, arrived);
            }
        }
        self.last_accepted.store(wall.nanos(), Ordering::Relaxed);
    }

    /// Notes the newest reading of a sensor from before the start.
    pub fn seed(&self, sensor: SensorId, NewestReading { time, value, origin }: NewestReading) {
        let _one_writer = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        self.slots.of(sensor).write(
            time,
            value,
            match origin {
                Origin::Live { arrived } => arrived.nanos().max(LEAST_ARRIVAL),
                Origin::Replayed => REPLAYED,
                Origin::Head => HEAD,
            },
        );
    }

    /// A sensor's newest reading; `None` when none is known.
    pub fn newest(&self, sensor: SensorId) -> Option<NewestReading> {
        self.slots.find(sensor)?.read()
    }

    /// When the system's clock took in the last reading that counts.
    pub fn last_accepted(&self) -> Option<Timestamp> {
        let nanos = self.last_accepted.load(Ordering::Relaxed);
        (nanos != 0).then(|| Timestamp::from_nanos(nanos))
    }

    /// Readings that counted a second, of the last ten seconds.
    pub fn readings_per_second(&self) -> f64 {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).per_second(Instant::now())
    }
}

/// What stands in the place of an arrival before the start.
const REPLAYED: i64 = i64::MIN;
const HEAD: i64 = i64::MIN + 1;
const LEAST_ARRIVAL: i64 = i64::MIN + 2;

/// A slot a sensor, in lists that double in size, so that a slot never moves.
#[derive(Debug, Default)]
struct Slots([OnceLock<Box<[Slot]>>; LISTS]);

/// Their sizes add up to all 32-bit numbers.
const LISTS: usize = 23;
/// The binary logarithm of the first list's size.
const FIRST_LIST: u32 = 10;

impl Slots {
    fn of(&self, sensor: SensorId) -> &Slot {
        let (list, place, size) = Self::place(sensor);
        &self.0[list].get_or_init(|| (0..size).map(|_| Slot::default()).collect())[place]
    }

    fn find(&self, sensor: SensorId) -> Option<&Slot> {
        let (list, place, _) = Self::place(sensor);
        self.0[list].get()?.get(place)
    }

    /// The number of the list, the place in it, and the size of the list.
    #[expect(clippy::cast_possible_truncation, reason = "numbers of sensors have 32 bits, and so has a usize at least")]
    fn place(sensor: SensorId) -> (usize, usize, usize) {
        let number = u64::from(sensor.0) + (1 << FIRST_LIST);
        let size = 1 << number.ilog2();
        ((number.ilog2() - FIRST_LIST) as usize, (number - size) as usize, size as usize)
    }
}

/// The newest reading of one sensor: a sequence lock, so that a reader sees the time and the value of one reading.
#[derive(Debug)]
struct Slot {
    /// Odd while a write goes on; zero when there was none.
    writes: AtomicU64,
    time: AtomicI64,
    value: AtomicU64,
    arrived: AtomicI64,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            writes: AtomicU64::new(0),
            time: AtomicI64::new(i64::MIN),
            value: AtomicU64::new(0),
            arrived: AtomicI64::new(0),
        }
    }
}

impl Slot {
    /// Takes a reading unless a newer one is there. One thread writes at a time.
    fn write(&self, time: Timestamp, value: f64, arrived: i64) {
        let writes = self.writes.load(Ordering::Relaxed);
        if writes > 0 && time.nanos() < self.time.load(Ordering::Relaxed) {
            return;
        }
        self.writes.store(writes + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        self.time.store(time.nanos(), Ordering::Relaxed);
        self.value.store(value.to_bits(), Ordering::Relaxed);
        self.arrived.store(arrived, Ordering::Relaxed);
        self.writes.store(writes + 2, Ordering::Release);
    }

    fn read(&self) -> Option<NewestReading> {
        loop {
            let writes = self.writes.load(Ordering::Acquire);
            let read = NewestReading {
                time: Timestamp::from_nanos(self.time.load(Ordering::Relaxed)),
                value: f64::from_bits(self.value.load(Ordering::Relaxed)),
                origin: match self.arrived.load(Ordering::Relaxed) {
                    REPLAYED => Origin::Replayed,
                    HEAD => Origin::Head,
                    arrived => Origin::Live { arrived: Timestamp::from_nanos(arrived) },
                },
            };
            fence(Ordering::Acquire);
            if writes.is_multiple_of(2) && writes == self.writes.load(Ordering::Relaxed) {
                return (writes > 0).then_some(read);
            }
            // The writer may have been taken off its core.
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    fn at(nanos: i64) -> Timestamp {
        Timestamp::from_nanos(nanos)
    }

    proptest! {
        #[test]
        fn the_newest_reading_of_each_sensor_is_known_whatever_the_order_and_the_commits(
            commits in prop::collection::vec(prop::collection::vec((0..5_u32, 1..50_i64), 0..40), 0..8),
        ) {
            let activity = Activity::default();
            let mut expected = BTreeMap::new();
            let mut value = 0.0;
            for (wall, commit) in (1..).zip(&commits) {
                let mut readings = Vec::new();
                for (number, time) in commit {
                    // Numbers of several lists.
                    let sensor = SensorId(number * 900);
                    value += 1.0;
                    readings.push(Reading { sensor, time: at(*time), value });
                    let newest = expected.entry(sensor).or_insert((i64::MIN, 0.0, 0));
                    if newest.0 <= *time {
                        *newest = (*time, value, wall);
                    }
                }
                activity.note(&readings, at(wall), Instant::now());
            }
            for sensor in (0..6).map(|number| SensorId(number * 900)) {
                let expected = expected.get(&sensor).map(|(time, value, wall)| {
                    NewestReading { time: at(*time), value: *value, origin: Origin::Live { arrived: at(*wall) } }
                });
                prop_assert_eq!(activity.newest(sensor), expected);
            }
            let last = (1..).zip(&commits).filter(|(_, commit)| !commit.is_empty()).map(|(wall, _)| at(wall)).last();
            prop_assert_eq!(activity.last_accepted(), last);
        }

        #[test]
        fn every_number_has_a_slot_of_its_own(number in any::<u32>()) {
            let (list, place, size) = Slots::place(SensorId(number));
            prop_assert!(list < LISTS && place < size);
            let before: u64 = (FIRST_LIST..).take(list).map(|list| 1_u64 << list).sum();
            prop_assert_eq!(before + place as u64, u64::from(number));
        }
    }

    #[test]
    fn what_was_known_before_the_start_gives_way_to_what_comes() {
        let activity = Activity::default();
        let sensor = SensorId(3);
        assert_eq!(activity.newest(sensor), None);
        let head = NewestReading { time: at(10), value: 1.0, origin: Origin::Head };
        activity.seed(sensor, head);
        assert_eq!(activity.newest(sensor), Some(head));
        assert_eq!(activity.last_accepted(), None);
        let replayed = NewestReading { time: at(12), value: 2.0, origin: Origin::Replayed };
        activity.seed(sensor, replayed);
        activity.note(&[Reading { sensor, time: at(11), value: 3.0 }], at(99), Instant::now());
        assert_eq!(activity.newest(sensor), Some(replayed));
        activity.note(&[Reading { sensor, time: at(13), value: 4.0 }], at(99), Instant::now());
        assert_eq!(activity.newest(sensor).unwrap().origin, Origin::Live { arrived: at(99) });
    }

    #[test]
    fn a_reader_sees_the_time_and_the_value_of_one_reading() {
        let activity = Activity::default();
        let sensor = SensorId(7);
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1..200_000 {
                    let reading = Reading { sensor, time: at(number), value: number as f64 };
                    activity.note(&[reading], at(number), Instant::now());
                }
            });
            loop {
                let Some(newest) = activity.newest(sensor) else { continue };
                assert_eq!(newest.time.nanos() as f64, newest.value);
                assert_eq!(newest.origin, Origin::Live { arrived: newest.time });
                if newest.time == at(199_999) {
                    break;
                }
            }
        });
    }
}
