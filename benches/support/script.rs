//! The scripts beside the benchmarks, which measure other libraries in a process of their own.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::Size;
use crate::support::python;

/// Runs a script on one thread, and gives the folder of the files that it left, and what it printed; `None`, with the
/// reason on standard output, when it cannot run.
pub(crate) fn measured(script: &str, size: Size) -> Option<(TempDir, String)> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(script);
    let printed = python::interpreter(size).and_then(|python| {
        let mut command = Command::new(python);
        command.arg(script).arg(folder.path()).env("OMP_NUM_THREADS", "1");
        python::run(command.env("ANOMALYD_BENCH_ROUNDS", size.of("151", "3")))
    });
    match printed {
        Ok(printed) => Some((folder, printed)),
        Err(reason) => {
            println!("skipped: there is no scikit-learn to compare with: {reason}");
            None
        }
    }
}

/// The numbers of a file, one a line.
pub(crate) fn numbers(path: &Path) -> Vec<f64> {
    let text = fs::read_to_string(path).expect("a file of the script");
    text.lines().map(|line| line.parse().expect("a number")).collect()
}
