//! Arithmetic on several numbers at once, with the instructions that a machine has for it.

mod blocks;
mod instructions;
mod powers;

pub(super) use blocks::{REGISTERS, by_block, fill};
pub(super) use instructions::{Instructions, Work};
pub(super) use powers::{LARGEST, Powers, SIXTEENTHS};
