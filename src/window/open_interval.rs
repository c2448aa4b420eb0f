//! One interval that accepts readings. It keeps its newest readings whole, by time; when there are many, it keeps its
//! oldest as aggregates only.

use crate::interval::{Interval, RunningAggregate};
use crate::reading::Reading;
use crate::time::Timestamp;

/// An interval that accepts readings.
#[derive(Debug)]
pub(super) struct OpenInterval {
    start: Timestamp,
    /// The oldest readings, if there were too many to keep.
    folded: Option<Box<FoldedReadings>>,
    /// The other readings, in the order of their times.
    readings: Vec<(Timestamp, f64)>,
}

/// The longest list that waits for a sensor's next interval, in readings: longer ones are given back.
const MAX_SPARE: usize = 64;

/// The aggregates of readings that are not kept.
#[derive(Debug)]
struct FoldedReadings {
    aggregate: RunningAggregate,
    /// The time of the newest of these readings.
    until: Timestamp,
}

/// How a reading was taken in by its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Insertion {
    /// The reading counts; this many older readings were folded for it and are not kept any more.
    Inserted {
        /// How many.
        folded: usize,
    },
    /// It is there already.
    Repeated,
    /// Another value is there for its time.
    Conflict {
        /// The value that stays.
        stored: f64,
    },
    /// The reading is not newer than the folded readings, so it may be one of them.
    Indistinct {
        /// The time of the newest folded reading.
        until: Timestamp,
    },
}

impl OpenInterval {
    /// An interval with its first reading, which uses an empty list.
    pub(super) fn new(start: Timestamp, reading: Reading, mut empty: Vec<(Timestamp, f64)>) -> Self {
        if empty.capacity() == 0 {
            empty.reserve_exact(1);
        }
        empty.push((reading.time, reading.value));
        Self { start, folded: None, readings: empty }
    }

    /// When the interval begins.
    pub(super) fn start(&self) -> Timestamp {
        self.start
    }

    /// How many readings it keeps whole.
    pub(super) fn kept(&self) -> usize {
        self.readings.len()
    }

    /// The value at a time; `None` when no whole reading of that time is kept.
    pub(super) fn stored(&self, time: Timestamp) -> Option<f64> {
        let place = self.readings.binary_search_by_key(&time, |(time, _)| *time).ok()?;
        Some(self.readings[place].1)
    }

    /// Where a reading would stand among those that are kept whole.
    ///
    /// # Errors
    /// How it is taken in instead, when it would not be inserted.
    pub(super) fn place(&self, reading: Reading) -> Result<usize, Insertion> {
        if let Some(folded) = &self.folded
            && reading.time <= folded.until
        {
            return Err(Insertion::Indistinct { until: folded.until });
        }
        // Readings mostly come in order: the position is at the end, or near it.
        let place = self.readings.iter().rposition(|(time, _)| *time <= reading.time).map_or(0, |place| place + 1);
        if let Some((time, stored)) = place.checked_sub(1).map(|before| self.readings[before])
            && time == reading.time
        {
            let same = stored.to_bits() == reading.value.to_bits();
            return Err(if same { Insertion::Repeated } else { Insertion::Conflict { stored } });
        }
        Ok(place)
    }

    /// Takes in a reading. When the interval holds `keep` readings and a chunk, the oldest chunk is folded.
    pub(super) fn insert(&mut self, reading: Reading, keep: usize) -> Insertion {
        let place = match self.place(reading) {
            Ok(place) => place,
            Err(instead) => return instead,
        };
        let entry = (reading.time, reading.value);
        if place == self.readings.len() {
            self.readings.push(entry);
        } else {
            self.readings.insert(place, entry);
        }
        Insertion::Inserted { folded: self.fold(keep) }
    }

    /// Folds whole chunks of the oldest readings, as long as `keep` are left. Returns how many readings were folded.
    fn fold(&mut self, keep: usize) -> usize {
        const CHUNK: usize = RunningAggregate::CHUNK;
        let mut folded = 0;
        // Only whole chunks are folded, so that the aggregates are the same as if all readings had been kept.
        while self.readings.len() >= keep.max(1).saturating_add(CHUNK) {
            let (chunk, until) = (&self.readings[..CHUNK], self.readings[CHUNK - 1].0);
            let before = self.folded.take().map_or_else(RunningAggregate::default, |folded| folded.aggregate);
            let mut aggregate = before;
            aggregate.add(chunk.iter().map(|(_, value)| *value));
            self.folded = Some(Box::new(FoldedReadings { aggregate, until }));
            self.readings.drain(..CHUNK);
            folded += CHUNK;
        }
        folded
    }

    /// The interval's aggregates as they are so far.
    pub(super) fn so_far(&self) -> Option<Interval> {
        let folded = self.folded.as_ref().map_or_else(RunningAggregate::default, |folded| folded.aggregate);
        aggregated(folded, &self.readings).interval(self.start)
    }

    /// The interval's aggregates; `None` when it holds no readings. Leaves its list in `spare`, empty, if it is short.
    pub(super) fn close(mut self, spare: &mut Vec<(Timestamp, f64)>) -> Option<Interval> {
        let folded = self.folded.map_or_else(RunningAggregate::default, |folded| folded.aggregate);
        let aggregate = aggregated(folded, &self.readings);
        if self.readings.capacity() <= MAX_SPARE {
            self.readings.clear();
            *spare = self.readings;
        }
        aggregate.interval(self.start)
    }
}

/// The aggregates of readings that come after those that are folded.
fn aggregated(mut folded: RunningAggregate, readings: &[(Timestamp, f64)]) -> RunningAggregate {
    for chunk in readings.chunks(RunningAggregate::CHUNK) {
        folded.add(chunk.iter().map(|(_, value)| *value));
    }
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sensor::SensorId;

    fn reading(nanos: i64, value: f64) -> Reading {
        Reading { sensor: SensorId(0), time: Timestamp::from_nanos(nanos), value }
    }

    fn interval_of(readings: &[Reading], keep: usize) -> (OpenInterval, Vec<Insertion>) {
        let mut interval = OpenInterval::new(Timestamp::default(), readings[0], Vec::new());
        let insertions = readings[1..].iter().map(|reading| interval.insert(*reading, keep)).collect();
        (interval, insertions)
    }

    #[test]
    fn what_may_be_a_repeat_of_a_folded_reading_is_refused_and_newer_ones_count() {
        let chunk = i64::try_from(RunningAggregate::CHUNK).unwrap();
        let readings: Vec<_> = (1..=chunk + 2).map(|nanos| reading(2 * nanos, 1.0)).collect();
        let (mut interval, insertions) = interval_of(&readings, 2);
        assert_eq!(insertions.last(), Some(&Insertion::Inserted { folded: RunningAggregate::CHUNK }));
        assert_eq!(interval.kept(), 2);
        let until = Timestamp::from_nanos(2 * chunk);
        for nanos in [1, 2, 3, 2 * chunk] {
            assert_eq!(interval.insert(reading(nanos, 1.0), 2), Insertion::Indistinct { until });
        }
        assert_eq!(interval.insert(reading(2 * chunk + 1, 5.0), 2), Insertion::Inserted { folded: 0 });
        assert_eq!(interval.insert(reading(2 * chunk + 2, 1.0), 2), Insertion::Repeated);
        assert_eq!(interval.insert(reading(2 * chunk + 2, 7.0), 2), Insertion::Conflict { stored: 1.0 });
        assert_eq!(interval.close(&mut Vec::new()).map(|interval| interval.count), u32::try_from(chunk + 3).ok());
    }

    /// Readings whose times are out of order by less than `reach` positions, some of them twice.
    fn readings(reach: usize) -> impl Strategy<Value = Vec<Reading>> {
        (1..20_000_usize, any::<u64>()).prop_map(move |(count, seed)| {
            let random = |place: u64| (place ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) >> 11;
            let mut readings: Vec<_> = (0..count as u64)
                .map(|place| {
                    let value = (random(place) as f64 / 1e9).sin() * 1e3;
                    (place + random(place) % reach as u64, reading(i64::try_from(place).unwrap(), value))
                })
                .collect();
            readings.sort_by_key(|(arrival, _)| *arrival);
            readings.into_iter().map(|(_, reading)| reading).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn folding_changes_no_bit_of_the_aggregates(readings in readings(100), keep in 200..5_000_usize) {
            let (unbounded, _) = interval_of(&readings, usize::MAX);
            let (folding, insertions) = interval_of(&readings, keep);
            let is_inserted = |insertion: &Insertion| matches!(insertion, Insertion::Inserted { .. });
            prop_assert!(insertions.iter().all(is_inserted));
            prop_assert!(folding.kept() < keep + RunningAggregate::CHUNK);
            let mut in_order = readings.clone();
            in_order.sort_by_key(|reading| reading.time);
            let all = Interval::aggregate(Timestamp::default(), in_order.iter().map(|reading| reading.value));
            prop_assert_eq!(folding.so_far(), all);
            prop_assert_eq!(folding.close(&mut Vec::new()), all);
            prop_assert_eq!(unbounded.close(&mut Vec::new()), all);
        }

        /// Every reading that one bound accepts is accepted by every larger bound, so that a replay loses nothing.
        #[test]
        fn what_a_bound_accepts_a_larger_one_accepts(readings in readings(2_000), keep in 1..1_000_usize, more in 0..1_000_usize) {
            let mut small = OpenInterval::new(Timestamp::default(), readings[0], Vec::new());
            let mut large = OpenInterval::new(Timestamp::default(), readings[0], Vec::new());
            for reading in &readings[1..] {
                if let Insertion::Inserted { .. } = small.insert(*reading, keep) {
                    let in_large = large.insert(*reading, keep + more);
                    let is_inserted = matches!(in_large, Insertion::Inserted { .. });
                    prop_assert!(is_inserted, "{:?}", in_large);
                }
            }
            prop_assert_eq!(small.close(&mut Vec::new()), large.close(&mut Vec::new()));
        }
    }
}
