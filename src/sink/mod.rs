//! What leaves the daemon: verdicts in the forms that others read. Knows no actors; whoever drives a sink decides when.

pub mod files;
pub mod message;
pub mod prediction;
