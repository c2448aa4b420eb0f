//! How long to wait before the next attempt.

use std::time::Duration;

/// Pauses that double up to a bound. Each is shortened at random by up to a half, so that many clients of one broker do
/// not come back at the same time.
#[derive(Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, next: min }
    }

    /// The pause after a connection that held for `lived`; zero if it was never made. `random` is from 0 to 1.
    ///
    /// Only a connection that held for longer than the longest pause starts the pauses anew: a broker that accepts a
    /// connection and drops it at once must not be tried at full speed.
    pub(super) fn after(&mut self, lived: Duration, random: f64) -> Duration {
        if lived > self.max {
            self.next = self.min;
        }
        let pause = self.next;
        self.next = self.max.min(2 * pause);
        pause.mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIN: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(10);

    #[test]
    fn pauses_double_to_the_bound_and_start_anew_after_a_connection_that_held() {
        let mut backoff = Backoff::new(MIN, MAX);
        let pauses: Vec<_> = (0..9).map(|_| backoff.after(Duration::ZERO, 0.0).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(backoff.after(MAX, 0.0), MAX);
        assert_eq!(backoff.after(MAX * 2, 0.0), MIN);
    }

    proptest! {
        #[test]
        fn a_pause_is_never_longer_than_the_bound_nor_shorter_than_half_the_first(
            attempts in prop::collection::vec((0..20_000_u64, 0.0..=1.0_f64), 1..50),
        ) {
            let mut backoff = Backoff::new(MIN, MAX);
            for (lived, random) in attempts {
                let pause = backoff.after(Duration::from_millis(lived), random);
                prop_assert!(MIN / 2 <= pause && pause <= MAX);
            }
        }
    }
}
