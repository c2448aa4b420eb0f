//! How many readings and rejects came lately. Pure: takes the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long "lately" is.
const LATELY: Duration = Duration::from_secs(600);

/// What had been counted at some moments of the last minutes.
#[derive(Debug, Default)]
pub struct Lately {
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    counts: Counts,
}

/// Readings that were accepted, and inputs that were rejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Readings that were accepted.
    pub readings: u64,
    /// Inputs that were rejected.
    pub rejects: u64,
}

impl Lately {
    /// Notes what has been counted by now. Samples that are needed no more are dropped.
    pub fn note(&mut self, at: Instant, counts: Counts) {
        while self.samples.get(1).is_some_and(|second| at.saturating_duration_since(second.at) >= LATELY) {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at, counts });
    }

    /// How many of `counts`, which are those of now, came in the last minutes; all of them when nothing was noted before.
    pub fn since(&self, now: Instant, counts: Counts) -> Counts {
        let is_old = |sample: &&Sample| now.saturating_duration_since(sample.at) >= LATELY;
        let before = self.samples.iter().rev().find(is_old).or(self.samples.front()).map(|sample| sample.counts);
        let before = before.unwrap_or_default();
        Counts {
            readings: counts.readings.saturating_sub(before.readings),
            rejects: counts.rejects.saturating_sub(before.rejects),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(readings: u64) -> Counts {
        Counts { readings, rejects: readings / 10 }
    }

    #[test]
    fn only_what_came_in_the_last_ten_minutes_counts_and_memory_stays_bounded() {
        let begin = Instant::now();
        let minute = |minute: u64| begin + Duration::from_secs(60 * minute);
        let mut lately = Lately::default();
        assert_eq!(lately.since(begin, counts(70)), counts(70));
        for passed in 0..100 {
            lately.note(minute(passed), counts(100 * passed));
        }
        assert_eq!(lately.since(minute(100), counts(10_000)), counts(1_000));
        assert!(lately.samples.len() <= 12, "{}", lately.samples.len());
    }
}
