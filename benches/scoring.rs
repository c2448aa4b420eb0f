//! How fast windows are scored, beside scikit-learn's `decision_function` in its own process: the same models, the same
//! rows, in one run, one thread each. Run with `cargo bench --bench scoring`; `scale` has a whole run of the daemon.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and stops at the first surprise")]

use std::convert::Infallible;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anomalyd::features::{Blocks, Bounds, FeatureSet, Plan};
use anomalyd::interval::{Cut, Interval};
use anomalyd::model::{Limits, Model};
use anomalyd::scoring::{ScoringSettings, score};
use anomalyd::time::{Span, Timestamp};
use anomalyd::window::BlockBuilder;
use ndarray::ArrayView2;

#[path = "support/python.rs"]
mod python;

const ROUNDS: usize = 7;

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scikit_learn.py");
    let measured = python::interpreter().and_then(|python| {
        python::run(Command::new(python).arg(script).arg(folder.path()).env("OMP_NUM_THREADS", "1"))
    });
    let measured = match measured {
        Ok(measured) => measured,
        Err(reason) => return println!("skipped: there is no scikit-learn to compare with: {reason}"),
    };
    println!("60 rows a window, one thread; medians of {ROUNDS} rounds");
    println!("{:<34} {:>12} {:>12} {:>9}", "", "us/window", "windows/s", "ratio");
    for line in measured.lines() {
        let [name, vectors, features, seconds] = line.split(' ').collect::<Vec<_>>()[..] else {
            unreachable!("the script prints four words a line")
        };
        let theirs: f64 = seconds.parse().expect("a number");
        compare(folder.path(), name, &format!("{vectors} vectors x {features}"), theirs);
    }
}

fn compare(folder: &Path, name: &str, size: &str, theirs: f64) {
    let model = Model::load(&folder.join(format!("{name}.pkl")), &Limits::default()).expect("a model");
    let numbers = numbers(&folder.join(format!("{name}.rows")));
    let decisions = self::numbers(&folder.join(format!("{name}.decisions")));
    let rows = ArrayView2::from_shape((decisions.len(), model.width()), &numbers).expect("rows of that width");

    let evaluations = model.evaluate(rows).expect("decision values");
    let difference = evaluations
        .iter()
        .zip(&decisions)
        .map(|(ours, theirs)| (ours.decision - theirs).abs() / theirs.abs().max(1.0))
        .fold(0.0, f64::max);
    assert!(difference < 1e-9, "{name}: a decision value differs by {difference:e}");

    row(&format!("scikit-learn, {size}"), theirs, theirs);
    let evaluate = seconds_per_call(|| {
        black_box(model.evaluate(black_box(rows)).expect("decision values"));
    });
    row(&format!("evaluate, {size}"), evaluate, theirs);
    if model.width() == 1 {
        row(&format!("score a stored block, {size}"), whole(&model, &numbers), theirs);
    }
    println!("  largest difference of a decision value: {difference:.0e}");
}

/// Seconds that a window takes from its stored block to its outcome.
fn whole(model: &Model, means: &[f64]) -> f64 {
    let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).expect("a cut");
    let window = cut.window_of(Timestamp::default());
    let mut block = BlockBuilder::new(window);
    for (place, mean) in (0..).zip(means) {
        let start = window.start() + cut.interval().times(place);
        // Twelve readings with two decimals each: one every five seconds.
        let values = (0..12).map(|reading| (100.0 * mean).round() / 100.0 + f64::from(reading) / 100.0);
        block.push(&Interval::aggregate(start, values).expect("some readings"), cut);
    }
    let block = block.finish();
    let settings = ScoringSettings { cut, min_intervals: 1 };
    let plan = Plan::new(FeatureSet::default().into(), "sensor", Bounds { cut, windows_back: 0 }).expect("a plan");
    seconds_per_call(|| {
        let read = |_: Option<&str>, _| Ok::<_, Infallible>(Some(black_box(&block).clone()));
        let blocks = Blocks::read(&plan, window, read).expect("a block");
        black_box(score(model, &plan, window, &blocks, settings).expect("an outcome"));
    })
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
