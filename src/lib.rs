//! `anomalyd` scores many anomaly models on a schedule, on one edge gateway, with no cloud and no Python.
//!
//! Devices publish readings over MQTT. The daemon filters them, makes them durable before it acknowledges them,
//! and aggregates them over fixed intervals. On a schedule it scores each sensor's window with that sensor's
//! pre-trained model, one supervised actor a model, and stores and publishes the verdicts. The modules below stand in
//! the order in which a reading passes them; `docs/architecture.md` walks the whole way.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp))]

#[cfg(panic = "abort")]
compile_error!("actors are restarted by catching their panics: build with panic = \"unwind\"");

// The domain's words: everything below speaks them. `answers` are those of the API.
pub mod answers;
pub mod codec;
pub mod group;
pub mod interval;
pub mod number_set;
pub mod printable;
pub mod reading;
pub mod run;
pub mod sensitivity;
pub mod sensor;
pub mod sensor_pattern;
mod suggest;
pub mod time;
pub mod verdict;
pub mod zone;

// Pure parts, and the store: each knows the words, and little of the others.
pub mod condition;
pub mod export;
pub mod features;
pub mod ingest;
pub mod model;
pub mod schedule;
pub mod scoring;
pub mod sink;
pub mod store;
pub mod supervision;
pub mod telemetry;
pub mod window;

// What puts them together: pure parts over the store, actors over those, the daemon over all of them.
pub mod actors;
pub mod config;
pub mod daemon;
pub mod http;
pub mod live;
pub mod model_memory;
pub mod overview;
pub mod pipeline;
pub mod rescoring;
pub mod run_in_progress;
pub mod run_order;

pub mod cli;
