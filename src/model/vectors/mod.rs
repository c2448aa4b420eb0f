//! Arithmetic on several numbers at once, with the vector instructions of the machine.

mod blocks;
mod instructions;
mod powers;

pub(super) use blocks::{REGISTERS, by_block, fill};
pub(super) use instructions::{Instructions, Work};
pub(super) use powers::{LARGEST, Powers, SIXTEENTHS};
