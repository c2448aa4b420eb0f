//! How many readings come a second: pure, is told the time.

use std::time::Instant;

/// Over how many seconds it is measured.
const SECONDS: u64 = 10;
/// A count for each of these seconds, and for the one that goes on.
const COUNTS: usize = 11;

/// Counts readings by the second.
#[derive(Debug, Default)]
pub(super) struct ReadingPace {
    /// The first second begins here.
    begin: Option<Instant>,
    /// The second that goes on.
    second: u64,
    /// The counts of the last seconds, each at the place of its second modulo their number.
    counts: [u64; COUNTS],
}

impl ReadingPace {
    /// Counts readings. A time before that of an earlier call counts as that.
    pub(super) fn note(&mut self, readings: u64, now: Instant) {
        let begin = *self.begin.get_or_insert(now);
        let second = now.saturating_duration_since(begin).as_secs().max(self.second);
        for passed in (self.second + 1..=second).take(COUNTS) {
            self.counts[place(passed)] = 0;
        }
        // After a long pause, all are zero already.
        self.second = second;
        self.counts[place(second)] += readings;
    }

    /// Readings a second: of the last ten whole seconds, or of all seconds before there are ten.
    pub(super) fn per_second(&self, now: Instant) -> f64 {
        let Some(begin) = self.begin else { return 0.0 };
        let since = now.saturating_duration_since(begin);
        let now = since.as_secs().max(self.second);
        if now == 0 {
            // Within the first second, its readings are all that is known.
            return self.counts[0] as f64;
        }
        let first = now.saturating_sub(SECONDS);
        let counted = (first..now).filter(|second| *second <= self.second && self.second - second < COUNTS as u64);
        let readings: u64 = counted.map(|second| self.counts[place(second)]).sum();
        readings as f64 / (now - first) as f64
    }
}

fn place(second: u64) -> usize {
    usize::try_from(second % COUNTS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_pace_is_that_of_the_last_ten_whole_seconds(
            steps in prop::collection::vec((prop_oneof![4 => 0..1_500_u64, 1 => 0..40_000_u64], 0..1_000_u64), 1..60),
            later in 0..15_000_u64,
        ) {
            let begin = Instant::now();
            let mut pace = ReadingPace::default();
            let mut noted = Vec::new();
            let mut millis = 0;
            for (pause, readings) in steps {
                // The first call sets the beginning.
                millis += if noted.is_empty() { 0 } else { pause };
                pace.note(readings, begin + Duration::from_millis(millis));
                noted.push((millis / 1_000, readings));
            }
            let now = (millis + later) / 1_000;
            let first = now.saturating_sub(10);
            let sum = |range: std::ops::Range<u64>| -> u64 {
                noted.iter().filter(|(second, _)| range.contains(second)).map(|(_, readings)| readings).sum()
            };
            let expected = if now == 0 { sum(0..1) as f64 } else { sum(first..now) as f64 / (now - first) as f64 };
            prop_assert_eq!(pace.per_second(begin + Duration::from_millis(millis + later)), expected);
        }
    }

    #[test]
    fn nothing_comes_before_anything_came() {
        assert_eq!(ReadingPace::default().per_second(Instant::now()), 0.0);
    }
}
