//! What was measured, for a report: a line of JSON each, appended to the file that ANOMALYD_BENCH_RESULTS names.

use std::fs::File;
use std::io::Write as _;

use serde_json::Value;

/// Appends a result, unless nobody asked for results.
pub(crate) fn record(result: &Value) {
    if let Some(path) = std::env::var_os("ANOMALYD_BENCH_RESULTS") {
        let file = File::options().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{result}")).expect("a file for results");
    }
}
