//! The commands, one file each.

pub mod check;
pub mod configuration;
pub mod connections;
pub mod demo;
pub mod dump;
pub mod exit_code;
pub mod export;
pub mod history;
pub mod import;
pub mod model;
pub mod models;
pub mod publish;
pub mod rejects;
pub mod reload;
pub mod replay;
pub mod route_test;
pub mod runs;
pub mod schedule;
pub mod score;
pub mod sensors;
pub mod show;
pub mod status;
pub mod store;
pub mod store_access;
pub mod token;
pub mod top;
pub mod verdicts;
pub mod version;

mod arguments;
pub mod limits;
mod pages;
mod progress;
mod size;
mod sparkline;
pub mod table;
pub mod time_bound;
