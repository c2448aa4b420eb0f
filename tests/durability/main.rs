//! What survives: power cuts, faults of the disk, damage at rest. The daemon is the real one; the disk below it is
//! recorded and rebuilt.
//!
//! `ANOMALYD_CUTS` sets how many cuts each kind of test makes, `ANOMALYD_SEED` repeats a run. docs/durability.md says which
//! promise each of these tests proves.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what is wrong by failing"
)]

mod cuts;
mod damage;
mod disk;
mod entry;
mod faults;
mod history;
mod model;
mod recorder;
mod recovery;

#[path = "../support/mod.rs"]
mod support;
