//! What the daemon says of itself.

pub mod logging;
pub mod metrics;
pub mod rate_limit;
