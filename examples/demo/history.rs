//! Writes a week of the demo's plant in health, for `train.py` to train the demo's models on.
//!
//! `cargo run --release --example demo_history > history.csv`

use std::io::{self, BufWriter};

/// Any seed will do, as long as it is not the one that the demo then runs on.
const SEED: u64 = 20_260_223;

fn main() -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    anomalyd::cli::demo::simulation::write_history(SEED, &mut out)
}
