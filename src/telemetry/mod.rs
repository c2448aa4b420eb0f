//! What the daemon says of itself.

pub mod metrics;
pub mod rate_limit;
