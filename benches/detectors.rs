//! How fast detectors other than one-class SVMs score a window, beside scikit-learn and onnxruntime in a process of
//! their own: the same models, the same rows, in one run, one thread each. Run with `cargo bench -- detectors`.

use std::hint::black_box;
use std::path::Path;

use crate::Size;
use crate::support::timing::{self, Seconds, timed};
use crate::support::{pace, results, script};
use anomalyd::model::{Limits, Model};
use ndarray::ArrayView2;
use serde::Deserialize;
use serde_json::json;

pub(crate) fn run(size: Size) {
    let Some((folder, measured)) = script::measured("detectors.py", size) else { return };
    println!(
        "60 rows a window, one thread; the best of {} rounds, ratios to anomalyd, in brackets of the medians",
        timing::rounds(size)
    );
    println!(
        "{:<28} {:>10} {:>13} {:>17} {:>12} {:>17} {:>8} {:>11}",
        "us/window", "anomalyd", "scikit-learn", "ratio", "onnxruntime", "ratio", "KiB", "difference"
    );
    for line in measured.lines() {
        compare(folder.path(), &serde_json::from_str(line).expect("a line of JSON"), size);
    }
}

/// What the script says of a detector.
#[derive(Deserialize)]
struct Theirs {
    name: String,
    file: String,
    features: usize,
    /// Of a row, where that is all the work.
    multiplications: Option<f64>,
    #[serde(rename = "scikit-learn")]
    scikit_learn: Seconds,
    onnxruntime: Option<Seconds>,
}

/// A line for one detector, whose answers must be scikit-learn's.
fn compare(folder: &Path, theirs: &Theirs, size: Size) {
    let Theirs { name, file, features, multiplications, scikit_learn, onnxruntime } = theirs;
    let model = Model::load(&folder.join(file), &Limits::default()).expect("a model");
    let numbers = script::numbers(&folder.join(format!("{name}.rows")));
    let decisions = script::numbers(&folder.join(format!("{name}.decisions")));
    let rows = ArrayView2::from_shape((decisions.len(), *features), &numbers).expect("rows of that width");

    let evaluations = model.evaluate(rows).expect("decision values");
    let difference = evaluations
        .iter()
        .zip(&decisions)
        .map(|(ours, theirs)| (ours.decision - theirs).abs() / theirs.abs().max(1e-3))
        .fold(0.0, f64::max);
    assert!(difference < 1e-9, "{name}: a decision value differs by {difference:e}");

    let ours = timed(size, || {
        black_box(model.evaluate(black_box(rows)).expect("decision values"));
    });
    let ratio = |theirs: &Seconds| theirs.best / ours.best;
    let shown = |theirs: &Seconds| {
        let medians = theirs.median / ours.median;
        (format!("{:.1}", theirs.best * 1e6), format!("{:.1}x ({medians:.1}x)", ratio(theirs)))
    };
    let (library, library_ratio) = shown(scikit_learn);
    let (onnx, onnx_ratio) = onnxruntime.as_ref().map_or_else(|| ("-".to_owned(), "-".to_owned()), shown);
    let bytes = model.memory_bytes();
    println!(
        "{name:<28} {:>10.2} {library:>13} {library_ratio:>17} {onnx:>12} {onnx_ratio:>17} {:>8.1} {difference:>11.0e}",
        ours.best * 1e6,
        bytes as f64 / 1024.0,
    );
    if let Some(multiplications) = multiplications {
        let limit = multiplications * rows.nrows() as f64 * pace::seconds_a_lane(false);
        println!("  arithmetic limit in float64 {:.2} us: {:.0} % of it", limit * 1e6, 100.0 * limit / ours.best);
    }
    results::record(&json!({
        "bench": "detectors", "name": name, "ours": ours.best, "theirs": scikit_learn.best,
        "onnxruntime": onnxruntime.as_ref().map(|seconds| seconds.best), "bytes": bytes, "difference": difference,
        "ratio_of_medians": scikit_learn.median / ours.median,
    }));
}
