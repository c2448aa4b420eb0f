//! `anomalyd demo`: the whole job in one command.

pub mod models;
pub mod simulation;
