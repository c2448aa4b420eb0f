//! The moving parts: thin actors and tasks over the pure modules.

pub mod committer;
pub mod intake;
pub mod publisher;
pub mod recorder;
pub mod restart;
pub mod scheduler;
pub mod sensor;
pub mod supervisor;
pub mod broker;
pub mod listener;
pub mod source;
pub mod stop;
mod acks;
mod clients;
mod connection;
mod log_limit;
mod read_buffer;
#[cfg(test)]
mod test_committer;
