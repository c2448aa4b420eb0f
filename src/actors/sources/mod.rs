//! Bytes in, acknowledgements out.
//!
//! The [`listener`] serves devices, the [`broker`] subscribes at a broker, and the [`importer`] takes in histories. All
//! of them make batches of readings, count in the same words ([`source`]), and hand over to the [`intake`], which bounds
//! what waits for the committer.

pub(crate) mod addresses;
pub mod broker;
pub mod importer;
pub mod intake;
pub mod listener;
pub mod source;

mod acks;
mod clients;
mod connection;
mod connection_memory;
mod listener_context;
mod read_buffer;
mod unreleased_messages;
