//! The moving parts: thin actors and tasks over the pure modules.

pub mod intake;

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
