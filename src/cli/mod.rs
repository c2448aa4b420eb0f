//! The commands, one file each.

pub mod demo;
pub mod publish;
pub mod replay;
