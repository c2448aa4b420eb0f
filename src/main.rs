//! The `anomalyd` binary.
fn main() {}
