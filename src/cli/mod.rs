//! The commands, one file each.

pub mod check;
pub mod demo;
pub mod dump;
pub mod exit_code;
pub mod export;
pub mod history;
pub mod import;
pub mod model;
pub mod publish;
pub mod reload;
pub mod replay;
pub mod score;
pub mod sensors;
pub mod show;
pub mod store;
pub mod store_access;
pub mod token;
pub mod verdicts;

mod arguments;
pub mod limits;
mod progress;
mod sparkline;
pub mod table;
pub mod time_bound;
