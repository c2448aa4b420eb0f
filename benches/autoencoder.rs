//! How fast an autoencoder scores a window, beside onnxruntime and scikit-learn in their own process: the same network,
//! the same rows, in one run, one thread each. Run with `cargo bench --bench autoencoder`.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and stops at the first surprise")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anomalyd::model::{Limits, Model};
use ndarray::ArrayView2;

#[path = "support/pace.rs"]
mod pace;
#[path = "support/python.rs"]
mod python;

/// Short rounds, so that many of them are not interrupted; as in the script.
const ROUNDS: usize = 301;
const CALLS: u32 = 40;

/// The weights of the network, each a multiplication a row.
const WEIGHTS: f64 = 2.0 * (64.0 * 32.0 + 32.0 * 8.0);
const ROWS: f64 = 60.0;

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/autoencoder.py");
    let measured = python::interpreter().and_then(|python| {
        python::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "onnx", "onnxruntime"]))?;
        python::run(Command::new(python).arg(script).arg(folder.path()).env("OMP_NUM_THREADS", "1"))
    });
    let measured = match measured {
        Ok(measured) => measured,
        Err(reason) => return println!("skipped: there is nothing to compare with: {reason}"),
    };
    let [onnxruntime, network, scikit_learn] = measured.lines().map(Seconds::parse).collect::<Vec<_>>()[..] else {
        unreachable!("the script prints three lines")
    };
    println!(
        "a 64-32-8-32-64 autoencoder, 60 rows a window, one thread, {ROUNDS} rounds; us a window, and ratios of the"
    );
    println!("best rounds, in brackets of the medians");
    println!("{:<34} {:>8} {:>8} {:>18} {:>18}", "", "best", "median", "onnxruntime", "scikit-learn");
    let row = |name: &str, seconds: Seconds| {
        let [best, median] = [seconds.best, seconds.median].map(|seconds| seconds * 1e6);
        let [runtime, library] = [onnxruntime, scikit_learn].map(|theirs| theirs.ratio_to(seconds));
        println!("{name:<34} {best:>8.2} {median:>8.2} {runtime:>18} {library:>18}");
    };
    row("onnxruntime, and numpy", onnxruntime);
    row("onnxruntime alone, without error", network);
    row("scikit-learn, and numpy", scikit_learn);
    let limit = WEIGHTS * ROWS * pace::seconds_a_lane();
    for (name, ending, tolerance) in [("our ONNX file", "onnx", 1e-5), ("our pickle", "pkl", 1e-12)] {
        let ours = evaluate(folder.path(), ending, tolerance);
        row(name, ours);
        println!("  {} onnxruntime alone", network.ratio_to(ours));
        println!("  arithmetic limit in float64 {:.2} us: {:.0} % of it", limit * 1e6, 100.0 * limit / ours.best);
    }
}

/// The seconds that a window takes, when its decision values are those in the file beside.
fn evaluate(folder: &Path, ending: &str, tolerance: f64) -> Seconds {
    let model = Model::load(&folder.join("autoencoder").with_extension(ending), &Limits::default()).expect("a model");
    let numbers = numbers(&folder.join("autoencoder.rows"));
    let decisions = self::numbers(&folder.join(ending).with_extension("decisions"));
    let rows = ArrayView2::from_shape((decisions.len(), model.width()), &numbers).expect("rows of that width");

    let evaluations = model.evaluate(rows).expect("decision values");
    let differences = evaluations.iter().zip(&decisions).map(|(ours, theirs)| (ours.decision - theirs).abs());
    let difference = differences.fold(0.0, f64::max);
    assert!(difference < tolerance, "a decision value differs by {difference:e}");

    timed(|| {
        black_box(model.evaluate(black_box(rows)).expect("decision values"));
    })
}

/// What a call takes.
#[derive(Clone, Copy)]
struct Seconds {
    best: f64,
    median: f64,
}

impl Seconds {
    fn parse(line: &str) -> Self {
        let (best, median) = line.split_once(' ').expect("two numbers");
        Self { best: best.parse().expect("a number"), median: median.parse().expect("a number") }
    }

    fn ratio_to(self, ours: Self) -> String {
        format!("{:.1}x ({:.1}x)", self.best / ours.best, self.median / ours.median)
    }
}

fn timed(mut call: impl FnMut()) -> Seconds {
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
    Seconds { best: rounds[0], median: rounds[ROUNDS / 2] }
}

fn numbers(path: &Path) -> Vec<f64> {
    let text = fs::read_to_string(path).expect("a file of the script");
    text.lines().map(|line| line.parse().expect("a number")).collect()
}
