//! How fast detectors other than one-class SVMs score a window, beside scikit-learn and onnxruntime in a process of
//! their own: the same models, the same rows, in one run, one thread each. Run with `cargo bench --bench detectors`.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and stops at the first surprise")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anomalyd::model::{Limits, Model};
use ndarray::ArrayView2;

#[path = "support/python.rs"]
mod python;

const ROUNDS: usize = 7;

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/detectors.py");
    let measured = python::interpreter().and_then(|python| {
        python::run(Command::new(python).arg(script).arg(folder.path()).env("OMP_NUM_THREADS", "1"))
    });
    let measured = match measured {
        Ok(measured) => measured,
        Err(reason) => return println!("skipped: there is no scikit-learn to compare with: {reason}"),
    };
    println!("60 rows a window, one thread; medians of {ROUNDS} rounds; ratios to anomalyd");
    println!(
        "{:<18} {:>10} {:>13} {:>8} {:>12} {:>8} {:>10} {:>12}",
        "us/window", "anomalyd", "scikit-learn", "ratio", "onnxruntime", "ratio", "KiB", "difference"
    );
    for line in measured.lines() {
        let [name, features, library, onnx] = line.split(' ').collect::<Vec<_>>()[..] else {
            unreachable!("the script prints four words a line")
        };
        compare(folder.path(), name, features.parse().expect("a number"), [library, onnx]);
    }
}

/// A line for one detector, whose answers must be scikit-learn's.
fn compare(folder: &Path, name: &str, features: usize, others: [&str; 2]) {
    let model = Model::load(&folder.join(format!("{name}.pkl")), &Limits::default()).expect("a model");
    let numbers = numbers(&folder.join(format!("{name}.rows")));
    let decisions = self::numbers(&folder.join(format!("{name}.decisions")));
    let rows = ArrayView2::from_shape((decisions.len(), features), &numbers).expect("rows of that width");

    let evaluations = model.evaluate(rows).expect("decision values");
    let difference = evaluations
        .iter()
        .zip(&decisions)
        .map(|(ours, theirs)| (ours.decision - theirs).abs() / theirs.abs().max(1e-3))
        .fold(0.0, f64::max);
    assert!(difference < 1e-9, "{name}: a decision value differs by {difference:e}");

    let ours = seconds_per_call(|| {
        black_box(model.evaluate(black_box(rows)).expect("decision values"));
    });
    let other = |seconds: &str| match seconds.parse::<f64>() {
        Ok(seconds) => (format!("{:.1}", seconds * 1e6), format!("{:.1}x", seconds / ours)),
        // The converter does not know the detector.
        Err(_) => ("-".to_owned(), "-".to_owned()),
    };
    let [(library, library_ratio), (onnx, onnx_ratio)] = others.map(other);
    println!(
        "{name:<18} {:>10.1} {library:>13} {library_ratio:>8} {onnx:>12} {onnx_ratio:>8} {:>10.1} {difference:>12.0e}",
        ours * 1e6,
        model.memory_bytes() as f64 / 1024.0,
    );
}

fn seconds_per_call(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 500;
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..CALLS {
                call();
            }
            began.elapsed().as_secs_f64() / f64::from(CALLS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn numbers(path: &Path) -> Vec<f64> {
    let text = fs::read_to_string(path).expect("a file of the script");
    text.lines().map(|line| line.parse().expect("a number")).collect()
}
