//! How fast an autoencoder scores a window, beside onnxruntime in its own process: the same network, the same rows, in
//! one run, one thread each. Run with `cargo bench --bench autoencoder`.
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
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/autoencoder.py");
    let measured = python::interpreter().and_then(|python| {
        python::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "onnx", "onnxruntime"]))?;
        python::run(Command::new(python).arg(script).arg(folder.path()).env("OMP_NUM_THREADS", "1"))
    });
    let measured = match measured {
        Ok(measured) => measured,
        Err(reason) => return println!("skipped: there is no onnxruntime to compare with: {reason}"),
    };
    let [decisions, network] = measured.split_whitespace().collect::<Vec<_>>()[..] else {
        unreachable!("the script prints two words")
    };
    println!("a 64-32-8-32-64 autoencoder, 60 rows a window, one thread; medians of {ROUNDS} rounds");
    println!("{:<34} {:>12} {:>12} {:>9}", "", "us/window", "windows/s", "ratio");
    let theirs = decisions.parse().expect("a number");
    row("onnxruntime, and numpy", theirs, theirs);
    row("onnxruntime alone", network.parse().expect("a number"), theirs);
    compare(folder.path(), theirs);
}

fn compare(folder: &Path, theirs: f64) {
    let model = Model::load(&folder.join("autoencoder.onnx"), &Limits::default()).expect("a model");
    let numbers = numbers(&folder.join("autoencoder.rows"));
    let decisions = self::numbers(&folder.join("autoencoder.decisions"));
    let rows = ArrayView2::from_shape((decisions.len(), model.width()), &numbers).expect("rows of that width");

    let evaluations = model.evaluate(rows).expect("decision values");
    let differences = evaluations.iter().zip(&decisions).map(|(ours, theirs)| (ours.decision - theirs).abs());
    let difference = differences.fold(0.0, f64::max);
    assert!(difference < 1e-5, "a decision value differs by {difference:e}");

    let evaluate = seconds_per_call(|| {
        black_box(model.evaluate(black_box(rows)).expect("decision values"));
    });
    row("evaluate", evaluate, theirs);
    println!("  largest difference of a decision value: {difference:.0e}");
}

fn seconds_per_call(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 5_000;
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

fn row(name: &str, seconds: f64, baseline: f64) {
    println!("{name:<34} {:>12.2} {:>12.0} {:>8.1}x", seconds * 1e6, 1.0 / seconds, baseline / seconds);
}

fn numbers(path: &Path) -> Vec<f64> {
    let text = fs::read_to_string(path).expect("a file of the script");
    text.lines().map(|line| line.parse().expect("a number")).collect()
}
