//! The moving parts: thin actors and tasks over the pure modules.

pub mod committer;
pub mod intake;
pub mod publisher;
pub mod recorder;
pub mod restart;
pub mod scheduler;
pub mod sensor;
pub mod supervisor;
