//! The forms in which verdicts leave the daemon: files and messages. Knows no actors; the publisher decides when.

pub mod files;
pub mod message;
pub mod prediction;
