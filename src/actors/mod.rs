//! The moving parts: thin actors and tasks over the pure modules.
//!
//! In the order in which a reading meets them: the sources ([`listener`], [`broker`]) hand batches to the [`intake`];
//! the [`committer`] makes them durable; the [`scheduler`] has the [`recorder`] begin runs; the [`supervisor`] passes
//! runs on to the [`sensor`] actors; the [`publisher`] hands finished runs to files and brokers; the [`reporter`]
//! writes the metrics.

pub mod at_work;
pub mod broker;
pub mod committer;
pub mod folder_watch;
pub mod importer;
pub mod intake;
pub mod listener;
pub mod liveness;
pub mod model_loader;
pub mod model_news;
pub mod model_watcher;
pub mod publisher;
pub mod recorder;
pub mod reporter;
pub mod restart;
pub mod scheduler;
pub mod sensor;
pub mod service_manager;
pub mod source;
pub mod stop;
pub mod supervisor;
pub mod system_clock;
pub mod workers;

mod acks;
pub(crate) mod addresses;
mod clients;
mod connection;
mod connection_memory;
mod read_buffer;
mod unreleased_messages;

#[cfg(test)]
#[path = "../../tests/support/mosquitto.rs"]
mod mosquitto;
#[cfg(test)]
mod test_committer;
