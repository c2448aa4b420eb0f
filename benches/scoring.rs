//! How fast windows are scored, beside the libraries that train the models, in their own process: the same models, the
//! same rows, in one run, one thread each. Run with `cargo bench -- scoring`; `scale` has a whole run of the daemon.
//! What is compared stands in `scikit_learn.py`, a case a line.

use std::convert::Infallible;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use crate::Size;
use crate::support::timing::{self, Seconds, timed};
use crate::support::{pace, results, script};
use anomalyd::features::{Blocks, Bounds, Plan};
use anomalyd::interval::{Cut, Interval};
use anomalyd::model::{Detector, Kernel, Limits, Model, OneClassSvm};
use anomalyd::scoring::{ScoringSettings, score};
use anomalyd::time::{Span, Timestamp};
use anomalyd::window::BlockBuilder;
use ndarray::ArrayView2;
use serde_json::json;

pub(crate) fn run(size: Size) {
    let Some((folder, measured)) = script::measured("scikit_learn.py", size) else { return };
    println!(
        "60 rows a window, one thread, {} rounds; a ratio is of the best rounds, and in brackets of the medians",
        timing::rounds(size)
    );
    println!("{:<30} {:>14} {:>10} {:>10} {:>20}  ", "", "theirs, us", "ours, us", "median", "ratio");
    for line in measured.lines() {
        let [name, file, library, best, median, tolerance] = line.split('\t').collect::<Vec<_>>()[..] else {
            unreachable!("the script prints six words a line")
        };
        let number = |word: &str| word.parse().expect("a number");
        let theirs = Seconds { best: number(best), median: number(median) };
        Case { folder: folder.path(), name, file, library, theirs, tolerance: number(tolerance) }.compare(size);
    }
}

/// One model beside one library.
struct Case<'a> {
    folder: &'a Path,
    name: &'a str,
    file: &'a str,
    library: &'a str,
    theirs: Seconds,
    tolerance: f64,
}

impl Case<'_> {
    fn compare(&self, size: Size) {
        let Self { name, library, theirs, .. } = self;
        let model = Model::load(&self.folder.join(self.file), &Limits::default()).expect("a model");
        let numbers = self.numbers("rows");
        let decisions = self.numbers("decisions");
        let rows = ArrayView2::from_shape((decisions.len(), model.width()), &numbers).expect("rows of that width");
        let difference = difference(&model, rows, &decisions);
        assert!(difference < self.tolerance, "{name}: a decision value differs by {difference:e}");

        let ours = timed(size, || {
            black_box(model.evaluate(black_box(rows)).expect("decision values"));
        });
        println!(
            "{name:<30} {:>14.2} {:>10.2} {:>10.2} {:>11.1}x ({:.1}x) {library}, difference {difference:.0e}",
            theirs.best * 1e6,
            ours.best * 1e6,
            ours.median * 1e6,
            theirs.best / ours.best,
            theirs.median / ours.median
        );
        let limit = limit(&model, rows.nrows());
        if let Some(limit) = limit {
            println!("  arithmetic limit {:.2} us: {:.0} % of it", limit * 1e6, 100.0 * limit / ours.best);
        }
        let alone = model.width() == 1 && !model.preprocessing().is_empty();
        let whole = alone.then(|| whole(&model, &numbers, size).best);
        if let Some(whole) = whole {
            println!("  from the stored block to the outcome {:.2} us", whole * 1e6);
        }
        results::record(&json!({
            "bench": "scoring", "name": name, "library": library, "difference": difference, "limit": limit,
            "whole": whole, "ours": ours.best, "theirs": theirs.best, "ratio_of_medians": theirs.median / ours.median,
        }));
    }

    fn numbers(&self, ending: &str) -> Vec<f64> {
        script::numbers(&self.folder.join(format!("{}.{ending}", self.name)))
    }
}

/// The largest difference of a decision value, relative to its size.
fn difference(model: &Model, rows: ArrayView2<'_, f64>, decisions: &[f64]) -> f64 {
    let evaluations = model.evaluate(rows).expect("decision values");
    let differences =
        evaluations.iter().zip(decisions).map(|(ours, theirs)| (ours.decision - theirs).abs() / theirs.abs().max(1.0));
    differences.fold(0.0, f64::max)
}

/// The seconds that the rbf kernel needs at least: so many vector instructions as the method takes, at the pace at which
/// this machine multiplies and adds.
fn limit(model: &Model, rows: usize) -> Option<f64> {
    let Detector::OneClassSvm(svm) = model.detector() else { return None };
    if !matches!(svm.kernel(), Kernel::Rbf { .. }) {
        return None;
    }
    let instructions = f64::from(OneClassSvm::VECTOR_INSTRUCTIONS) + 2.0 * svm.width() as f64;
    let pairs = rows as f64 * svm.support_vectors() as f64;
    Some(pairs * instructions * pace::seconds_a_lane(true))
}

/// Seconds that a window takes from its stored block to its outcome.
fn whole(model: &Model, means: &[f64], size: Size) -> Seconds {
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
    let settings = ScoringSettings { cut, base: cut, min_intervals: 1 };
    let plan = Plan::new(Arc::default(), "sensor", Bounds { cut, windows_back: 1 }).expect("a plan");
    timed(size, || {
        let blocks = Blocks::read(&plan, window, settings.row_cut(), |_, _| Ok::<_, Infallible>(Some(block.clone())))
            .expect("blocks");
        black_box(score(model, &plan, window, black_box(&blocks), settings, None).expect("an outcome"));
    })
}
