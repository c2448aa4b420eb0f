//! The daemon as a whole: a real process, real MQTT, a real broker, a killed process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what is wrong by failing"
)]
#![allow(clippy::float_cmp, reason = "what was sent is told as it was sent")]

mod acks;
mod api_rejects;
mod api_sensors;
mod api_state;
mod api_timeline;
mod clocks;
mod commit_pace;
mod conditions;
mod crash;
mod demo;
mod endpoint;
mod exports;
mod features;
mod golden;
mod groups;
mod histories;
mod hostile_mqtt;
mod live;
mod openapi;
mod operations;
mod port;
mod recut;
mod reload;
mod run_now;
mod runs;
mod schedules;
mod service;
mod slow_models;
mod store;
mod store_commands;
mod supervised;
mod supervision;
mod terminal;
mod top;
mod upgrade;
mod watched;

#[path = "../support/mod.rs"]
mod support;
