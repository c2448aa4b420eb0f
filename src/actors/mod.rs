//! The moving parts: thin actors and tasks over the pure modules.

pub mod committer;
pub mod intake;
