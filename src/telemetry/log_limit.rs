//! Bounds how often events that the outside world causes are logged.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets one line through in every [`LogLimit::INTERVAL`], and counts the lines in between.
#[derive(Debug, Default)]
pub struct LogLimit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl LogLimit {
    /// A limit that has let nothing through yet.
    pub const fn new() -> Self {
        Self(Mutex::new(State { last: None, suppressed: 0 }))
    }

    /// The time between two lines.
    pub const INTERVAL: Duration = Duration::from_secs(10);

    /// Whether a line may be logged now: `Some` holds how many were held back since the last line, `None` holds it
    /// back.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < Self::INTERVAL) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

/// Logs a warning at most once in [`LogLimit::INTERVAL`] for each place in the code. The field `suppressed` says how
/// many were held back since the last one.
#[macro_export]
macro_rules! warn_limited {
    ($($arg:tt)*) => {{
        static LIMIT: $crate::telemetry::log_limit::LogLimit = $crate::telemetry::log_limit::LogLimit::new();
        match LIMIT.admit(std::time::Instant::now()) {
            Some(0) => tracing::warn!($($arg)*),
            Some(suppressed) => tracing::warn!(suppressed, $($arg)*),
            None => {}
        }
    }};
}

/// Logs an error at most once in [`LogLimit::INTERVAL`] for each place in the code, as [`warn_limited`] does a warning.
#[macro_export]
macro_rules! error_limited {
    ($($arg:tt)*) => {{
        static LIMIT: $crate::telemetry::log_limit::LogLimit = $crate::telemetry::log_limit::LogLimit::new();
        match LIMIT.admit(std::time::Instant::now()) {
            Some(0) => tracing::error!($($arg)*),
            Some(suppressed) => tracing::error!(suppressed, $($arg)*),
            None => {}
        }
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_an_interval_passes_and_tells_how_many_did_not() {
        let limit = LogLimit::default();
        let start = Instant::now();
        assert_eq!(limit.admit(start), Some(0));
        assert_eq!(limit.admit(start), None);
        assert_eq!(limit.admit(start + LogLimit::INTERVAL / 2), None);
        assert_eq!(limit.admit(start + LogLimit::INTERVAL), Some(2));
        assert_eq!(limit.admit(start + LogLimit::INTERVAL), None);
    }
}
