//! Logs that the outside world can cause are limited, and say how many of their kind were left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets a few through in a time, and counts the others.
#[derive(Debug)]
pub struct RateLimit {
    period: Duration,
    state: Mutex<Option<State>>,
}

#[derive(Debug)]
struct State {
    begun: Instant,
    passed: u32,
    held_back: u64,
}

/// How many log lines of a kind pass in a period.
const PER_PERIOD: u32 = 5;

impl RateLimit {
    /// Lets five through in a period.
    pub const fn new(period: Duration) -> Self {
        Self { period, state: Mutex::new(None) }
    }

    /// Whether one may pass now; if so, how many were held back since the last that passed.
    pub fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = state.get_or_insert(State { begun: now, passed: 0, held_back: 0 });
        if now.duration_since(state.begun) >= self.period {
            *state = State { begun: now, passed: 0, held_back: state.held_back };
        }
        if state.passed == PER_PERIOD {
            state.held_back += 1;
            return None;
        }
        state.passed += 1;
        Some(std::mem::take(&mut state.held_back))
    }
}

/// Logs at most five lines of a kind in ten seconds; the field `left_out` says how many more there were.
#[macro_export]
macro_rules! warn_limited {
    ($($arg:tt)*) => {{
        static LIMIT: $crate::telemetry::rate_limit::RateLimit =
            $crate::telemetry::rate_limit::RateLimit::new(std::time::Duration::from_secs(10));
        match LIMIT.pass() {
            Some(0) => tracing::warn!($($arg)*),
            Some(left_out) => tracing::warn!(left_out, $($arg)*),
            None => {}
        }
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_pass_and_the_next_period_says_how_many_did_not() {
        let limit = RateLimit::new(Duration::from_secs(10));
        let start = Instant::now();
        let passed = (0..100).filter(|_| limit.pass_at(start).is_some()).count();
        assert_eq!(passed, 5);
        assert_eq!(limit.pass_at(start + Duration::from_secs(10)), Some(95));
        assert_eq!(limit.pass_at(start + Duration::from_secs(10)), Some(0));
    }
}
