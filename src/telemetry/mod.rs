//! What the daemon says of itself.

mod fields;
pub mod journal;
pub mod log_limit;
pub mod logging;
pub mod metrics;
pub mod panics;
