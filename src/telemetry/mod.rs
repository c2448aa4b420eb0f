//! What the daemon reports of itself: log, metrics, and panics.

pub mod disk;
mod fields;
pub mod journal;
pub mod log_limit;
pub mod logging;
pub mod metrics;
pub mod panics;
pub mod run_log;
