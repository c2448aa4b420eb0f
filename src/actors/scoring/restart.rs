//! When an actor that failed is started again: pure policy, no timers.

use std::time::Duration;

/// How failures are answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestartPolicy {
    /// The pause after the first failure; it doubles with each that follows.
    pub backoff_min: Duration,
    /// The longest pause.
    pub backoff_max: Duration,
    /// After this many failures in a row the actor is not tried any more.
    pub quarantine_after: u32,
}

/// What follows a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// It is started again after a pause.
    After(Duration),
    /// The actor is not tried any more, until the daemon starts anew, or has another model for the sensor.
    Quarantine,
}

impl RestartPolicy {
    /// What follows the last of `failures` failures in a row. `jitter` from 0 to 1 shortens the pause by up to a
    /// quarter, so that actors that failed together do not restart together.
    pub fn after(&self, failures: u32, jitter: f64) -> Restart {
        if failures >= self.quarantine_after {
            return Restart::Quarantine;
        }
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let pause = self.backoff_min.saturating_mul(doubled).min(self.backoff_max);
        Restart::After(pause.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: RestartPolicy = RestartPolicy {
        backoff_min: Duration::from_secs(1),
        backoff_max: Duration::from_secs(60),
        quarantine_after: 10,
    };

    #[test]
    fn pauses_double_up_to_the_longest_and_end_in_quarantine() {
        let pauses: Vec<_> = (1..=10).map(|failures| POLICY.after(failures, 0.0)).collect();
        let seconds = [1, 2, 4, 8, 16, 32, 60, 60, 60].map(|secs| Restart::After(Duration::from_secs(secs)));
        assert_eq!(pauses[..9], seconds);
        assert_eq!(pauses[9], Restart::Quarantine);
    }

    proptest! {
        #[test]
        fn a_pause_is_never_longer_than_the_longest(failures in any::<u32>(), jitter in any::<f64>()) {
            let policy = RestartPolicy { quarantine_after: u32::MAX, ..POLICY };
            if let Restart::After(pause) = policy.after(failures, jitter) {
                prop_assert!(pause <= policy.backoff_max);
            }
        }
    }
}
