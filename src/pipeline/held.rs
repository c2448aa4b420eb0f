//! Readings from ahead of the clock, held until the clock is believed: pure, takes what the clocks say.
//!
//! A gateway that boots with its clock behind takes right times for times ahead. So while its clock is not known to be
//! right, a reading that is too far ahead is neither counted nor refused. It is judged when the clock has come up to
//! it, when the system says that its clock is synchronised, or when it was held for as long as allowed. Held readings
//! are stored in pieces, so that a judgement rewrites only the pieces that held the judged readings.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::reading::{Reading, RejectReason};
use crate::schedule::clock_trust::ClockReading;
use crate::time::{Span, Timestamp};

/// How far ahead of the clock readings may be, how many are held, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct HeldSettings {
    /// How far ahead of the clock a reading may be; `None` when the clock follows the readings.
    pub max_ahead: Option<Span>,
    /// How many readings are held at most.
    pub max_readings: usize,
    /// How long a reading is held at most.
    pub held_for: Duration,
}

/// The readings that are held.
#[derive(Debug)]
pub(super) struct HeldReadings {
    settings: HeldSettings,
    pieces: BTreeMap<u64, HeldPiece>,
    /// The pieces whose content differs from what is stored.
    changed: BTreeSet<u64>,
    /// How many readings are held.
    count: usize,
    /// The time of the earliest held reading.
    earliest: Timestamp,
}

/// Readings that are stored together.
#[derive(Debug)]
struct HeldPiece {
    since: Instant,
    /// In the order in which they came.
    readings: Vec<Reading>,
}

/// The readings that are no longer held, by what was decided.
#[derive(Debug, Default, PartialEq)]
pub(super) struct HeldJudgement {
    /// Readings that the clock has come up to, in the order of their times, and of their arrival where times are equal.
    pub(super) due: Vec<Reading>,
    /// Readings that are ahead of a clock that is right, or were held for too long.
    pub(super) refused: Vec<(Reading, RejectReason)>,
}

/// What the store has to hold for a piece.
pub(super) enum StoredPiece<'a> {
    Readings(&'a [Reading]),
    Gone,
}

impl HeldReadings {
    /// The most readings that are stored together.
    const MAX_PIECE: usize = 1_000;

    /// Takes up what an earlier process held. Each reading is held for the full time again, because how long no process
    /// ran is not known.
    pub(super) fn new(
        settings: HeldSettings,
        stored: impl IntoIterator<Item = (u64, Vec<Reading>)>,
        now: Instant,
    ) -> Self {
        let (pieces, changed) = (BTreeMap::new(), BTreeSet::new());
        let mut held = Self { settings, pieces, changed, count: 0, earliest: Timestamp::MAX };
        for (key, readings) in stored {
            if readings.is_empty() {
                // A piece that could not be read is removed from the store.
                held.changed.insert(key);
            } else {
                held.pieces.insert(key, HeldPiece { since: now, readings });
            }
        }
        held.count_anew();
        held
    }

    /// How many readings are held.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The latest time that is not too far ahead.
    pub(super) fn latest(&self, clock: &ClockReading) -> Timestamp {
        self.settings.max_ahead.map_or(Timestamp::MAX, |ahead| clock.believed + ahead)
    }

    /// Holds a reading that is too far ahead of a clock that may be wrong.
    ///
    /// # Errors
    /// When as many are held as allowed.
    pub(super) fn hold(&mut self, reading: Reading, clock: &ClockReading) -> Result<(), RejectReason> {
        let max = self.settings.max_readings;
        if self.count >= max {
            return Err(RejectReason::HeldFull { time: reading.time, latest: self.latest(clock), max });
        }
        let last = self.pieces.last_key_value().map(|(key, piece)| (*key, piece.readings.len()));
        // A piece that is stored already is not written again for one more reading.
        let key = match last {
            Some((key, length)) if self.changed.contains(&key) && length < Self::MAX_PIECE => key,
            Some((key, _)) => key.saturating_add(1),
            None => self.changed.last().map_or(0, |key| key.saturating_add(1)),
        };
        let piece = self.pieces.entry(key).or_insert_with(|| HeldPiece { since: clock.instant, readings: Vec::new() });
        piece.readings.push(reading);
        self.changed.insert(key);
        self.count += 1;
        self.earliest = self.earliest.min(reading.time);
        Ok(())
    }

    /// Judges the readings that can be judged now.
    pub(super) fn judge(&mut self, clock: &ClockReading) -> HeldJudgement {
        let (latest, held_for) = (self.latest(clock), self.settings.held_for);
        let too_long = |piece: &HeldPiece| clock.instant.saturating_duration_since(piece.since) >= held_for;
        let oldest_too_long = self.pieces.first_key_value().is_some_and(|(_, piece)| too_long(piece));
        let mut judgement = HeldJudgement::default();
        if self.count == 0 || (self.earliest > latest && !oldest_too_long && !clock.is_certain()) {
            return judgement;
        }
        for (key, piece) in &mut self.pieces {
            let before = piece.readings.len();
            judgement.due.extend(piece.readings.extract_if(.., |reading| reading.time <= latest));
            if clock.is_certain() || too_long(piece) {
                let reason = |time| match clock.is_certain() {
                    true => RejectReason::Ahead { time, latest },
                    false => RejectReason::HeldTooLong { time, latest, held_for: held_for.into() },
                };
                judgement.refused.extend(piece.readings.drain(..).map(|reading| (reading, reason(reading.time))));
            }
            if piece.readings.len() != before {
                self.changed.insert(*key);
            }
        }
        self.pieces.retain(|_, piece| !piece.readings.is_empty());
        self.count_anew();
        // The older readings go first, because a sensor's watermark follows its newest reading.
        judgement.due.sort_by_key(|reading| reading.time);
        judgement
    }

    /// The pieces that changed since they were stored.
    pub(super) fn changed(&self) -> impl Iterator<Item = (u64, StoredPiece<'_>)> {
        self.changed.iter().map(|key| match self.pieces.get(key) {
            Some(piece) => (*key, StoredPiece::Readings(&piece.readings)),
            None => (*key, StoredPiece::Gone),
        })
    }

    /// Notes that all changes are stored.
    pub(super) fn mark_stored(&mut self) {
        self.changed.clear();
    }

    fn count_anew(&mut self) {
        let readings = || self.pieces.values().flat_map(|piece| &piece.readings);
        self.count = readings().count();
        self.earliest = readings().map(|reading| reading.time).min().unwrap_or(Timestamp::MAX);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::clock_trust::ClockSync;
    use crate::sensor::SensorId;

    fn at(secs: u32) -> Timestamp {
        Timestamp::default() + Span::from_secs(secs)
    }

    fn reading(secs: u32) -> Reading {
        Reading { sensor: SensorId(0), time: at(secs), value: 1.0 }
    }

    fn settings(max_readings: usize) -> HeldSettings {
        HeldSettings { max_ahead: Some(Span::from_secs(10)), max_readings, held_for: Duration::from_secs(100) }
    }

    struct Clock {
        start: Instant,
        sync: ClockSync,
    }

    impl Clock {
        fn new() -> Self {
            Self { start: Instant::now(), sync: ClockSync::Unsynchronised }
        }

        /// The wall clock says `wall`, `secs` after the start.
        fn says(&self, wall: u32, secs: u32) -> ClockReading {
            let instant = self.start + Duration::from_secs(secs.into());
            ClockReading { wall: at(wall), instant, believed: at(wall), sync: self.sync }
        }
    }

    fn due(judgement: &HeldJudgement) -> Vec<Timestamp> {
        judgement.due.iter().map(|reading| reading.time).collect()
    }

    fn refused(judgement: &HeldJudgement) -> Vec<&RejectReason> {
        judgement.refused.iter().map(|(_, reason)| reason).collect()
    }

    #[test]
    fn a_reading_is_due_when_the_clock_has_come_up_to_it_the_earliest_first() {
        let clock = Clock::new();
        let mut held = HeldReadings::new(settings(9), [], clock.start);
        for secs in [130, 120, 500] {
            held.hold(reading(secs), &clock.says(0, 0)).unwrap();
        }
        assert_eq!(held.judge(&clock.says(109, 50)), HeldJudgement::default());
        let judgement = held.judge(&clock.says(120, 50));
        assert_eq!((due(&judgement), held.len()), (vec![at(120), at(130)], 1));
        assert!(judgement.refused.is_empty());
    }

    #[test]
    fn what_a_synchronised_clock_has_not_come_up_to_is_refused() {
        let mut clock = Clock::new();
        let mut held = HeldReadings::new(settings(9), [], clock.start);
        held.hold(reading(1_000), &clock.says(0, 0)).unwrap();
        held.hold(reading(2_000), &clock.says(0, 0)).unwrap();
        clock.sync = ClockSync::Synchronised;
        let judgement = held.judge(&clock.says(1_500, 1));
        assert_eq!(due(&judgement), [at(1_000)]);
        assert_eq!(refused(&judgement), [&RejectReason::Ahead { time: at(2_000), latest: at(1_510) }]);
        assert_eq!(held.len(), 0);
    }

    #[test]
    fn a_clock_that_jumped_ahead_refuses_nothing_before_it_is_believed() {
        let clock = Clock::new();
        let mut held = HeldReadings::new(settings(9), [], clock.start);
        held.hold(reading(1_000), &clock.says(0, 0)).unwrap();
        let doubtful = ClockReading { wall: at(2_000), sync: ClockSync::Synchronised, ..clock.says(5, 5) };
        assert_eq!(held.judge(&doubtful), HeldJudgement::default());
    }

    #[test]
    fn a_reading_that_was_held_for_too_long_is_refused_and_says_so() {
        let clock = Clock::new();
        let mut held = HeldReadings::new(settings(9), [], clock.start);
        held.hold(reading(1_000), &clock.says(0, 0)).unwrap();
        held.mark_stored();
        held.hold(reading(2_000), &clock.says(0, 50)).unwrap();
        let judgement = held.judge(&clock.says(100, 100));
        let too_long = RejectReason::HeldTooLong { time: at(1_000), latest: at(110), held_for: Span::from_secs(100) };
        assert_eq!((refused(&judgement), held.len()), (vec![&too_long], 1));
    }

    #[test]
    fn no_more_are_held_than_may_be() {
        let clock = Clock::new();
        let mut held = HeldReadings::new(settings(1), [], clock.start);
        held.hold(reading(1_000), &clock.says(0, 0)).unwrap();
        let full = RejectReason::HeldFull { time: at(1_000), latest: at(10), max: 1 };
        assert_eq!(held.hold(reading(1_000), &clock.says(0, 0)), Err(full));
    }

    #[test]
    fn a_piece_that_could_not_be_read_is_cleared_away() {
        let stored = [(3, Vec::new()), (4, vec![reading(1_000)])];
        let held = HeldReadings::new(settings(9), stored, Instant::now());
        let gone: Vec<_> = held.changed().map(|(key, piece)| (key, matches!(piece, StoredPiece::Gone))).collect();
        assert_eq!((gone, held.len()), (vec![(3, true)], 1));
    }

    proptest! {
        /// Readings are held, judged and stored in any order: each reading comes out once, and the store holds what is
        /// held, so that another process goes on with the same readings.
        #[test]
        fn each_reading_comes_out_once_and_the_store_holds_what_is_held(
            steps in proptest::collection::vec((0..400_u32, 0..20_u32, any::<bool>()), 1..100),
        ) {
            let clock = Clock::new();
            let mut held = HeldReadings::new(settings(1_000), [], clock.start);
            let mut stored = BTreeMap::<u64, Vec<Reading>>::new();
            let (mut now, mut came, mut out) = (0, 0, 0);
            for (time, step, commit) in steps {
                now += step;
                held.hold(reading(time), &clock.says(now, now)).unwrap();
                came += 1;
                let judgement = held.judge(&clock.says(now, now));
                prop_assert!(judgement.due.is_sorted_by_key(|reading| reading.time));
                prop_assert!(judgement.due.iter().all(|reading| reading.time <= at(now + 10)));
                out += judgement.due.len() + judgement.refused.len();
                prop_assert_eq!(came - out, held.len());
                if commit {
                    for (key, piece) in held.changed() {
                        match piece {
                            StoredPiece::Readings(readings) => drop(stored.insert(key, readings.to_vec())),
                            StoredPiece::Gone => drop(stored.remove(&key)),
                        }
                    }
                    held.mark_stored();
                    prop_assert_eq!(stored.values().map(Vec::len).sum::<usize>(), held.len());
                }
            }
        }
    }
}
