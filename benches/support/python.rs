//! A Python with scikit-learn: the one that ANOMALYD_PYTHON names, or one of the benchmarks' own, installed from the
//! package index the first time.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Size;

/// The interpreter, or why there is none. A tiny benchmark installs nothing.
pub(crate) fn interpreter(size: Size) -> Result<PathBuf, String> {
    if let Some(python) = std::env::var_os("ANOMALYD_PYTHON") {
        return Ok(python.into());
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../benches/venv");
    let python = folder.join("bin/python");
    let works =
        |python: &Path| run(Command::new(python).args(["-c", "import sklearn, pandas, onnxruntime, skl2onnx, libsvm"]));
    if works(&python).is_ok() {
        return Ok(python);
    }
    if size == Size::Tiny {
        return Err("no ANOMALYD_PYTHON, and none of a full benchmark before".to_owned());
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(&python).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "scikit-learn",
        "pandas",
        "libsvm-official",
        "onnxruntime",
        "skl2onnx",
    ]))?;
    works(&python).map(|_| python)
}

/// Runs a command to its end and returns what it printed.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
