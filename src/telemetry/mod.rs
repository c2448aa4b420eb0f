//! What the daemon says of itself.

pub mod log_limit;
pub mod logging;
pub mod metrics;
pub mod panics;
