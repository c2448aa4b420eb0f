//! The commands, one file each.

pub mod check;
pub mod demo;
pub mod dump;
pub mod exit_code;
pub mod history;
pub mod model;
pub mod publish;
pub mod reload;
pub mod replay;
pub mod score;
pub mod store;

mod arguments;
pub mod limits;
