//! How fast windows are scored, beside the libraries that train the models, in their own process: the same models, the
//! same rows, in one run, one thread each. Run with `cargo bench --bench scoring`; `scale` has a whole run of the daemon.
//! What is compared stands in `scikit_learn.py`, a case a line.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and stops at the first surprise")]

use std::convert::Infallible;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anomalyd::features::{Blocks, Bounds, Plan};
use anomalyd::interval::{Cut, Interval};
use anomalyd::model::{Detector, Kernel, Limits, Model, OneClassSvm};
use anomalyd::scoring::{ScoringSettings, score};
use anomalyd::time::{Span, Timestamp};
use anomalyd::window::BlockBuilder;
use ndarray::ArrayView2;

#[path = "support/pace.rs"]
mod pace;
#[path = "support/python.rs"]
mod python;

/// Short rounds, so that many of them are not interrupted.
const ROUNDS: usize = 301;
const ROUND_SECONDS: f64 = 0.000_4;

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
    println!(
        "60 rows a window, one thread, {ROUNDS} rounds; a ratio is of the best rounds, and in brackets of the medians"
    );
    println!("{:<30} {:>14} {:>10} {:>10} {:>20}  ", "", "theirs, us", "ours, us", "median", "ratio");
    for line in measured.lines() {
        let [name, file, library, best, median, tolerance] = line.split('\t').collect::<Vec<_>>()[..] else {
            unreachable!("the script prints six words a line")
        };
        let number = |word: &str| word.parse().expect("a number");
        let theirs = Seconds { best: number(best), median: number(median) };
        Case { folder: folder.path(), name, file, library, theirs, tolerance: number(tolerance) }.compare();
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
    fn compare(&self) {
        let Self { name, library, theirs, .. } = self;
        let model = Model::load(&self.folder.join(self.file), &Limits::default()).expect("a model");
        let numbers = self.numbers("rows");
        let decisions = self.numbers("decisions");
        let rows = ArrayView2::from_shape((decisions.len(), model.width()), &numbers).expect("rows of that width");
        let difference = difference(&model, rows, &decisions);
        assert!(difference < self.tolerance, "{name}: a decision value differs by {difference:e}");

        let ours = timed(|| {
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
        if let Detector::OneClassSvm(svm) = model.detector()
            && matches!(svm.kernel(), Kernel::Rbf { .. })
        {
            let limit = limit(svm, rows.nrows());
            println!("  arithmetic limit {:.2} us: {:.0} % of it", limit * 1e6, 100.0 * limit / ours.best);
        }
        if model.width() == 1 && !model.preprocessing().is_empty() {
            println!("  from the stored block to the outcome {:.2} us", whole(&model, &numbers).best * 1e6);
        }
    }

    fn numbers(&self, ending: &str) -> Vec<f64> {
        let path = self.folder.join(format!("{}.{ending}", self.name));
        let text = fs::read_to_string(path).expect("a file of the script");
        text.lines().map(|line| line.parse().expect("a number")).collect()
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
fn limit(svm: &OneClassSvm, rows: usize) -> f64 {
    let instructions = f64::from(OneClassSvm::VECTOR_INSTRUCTIONS) + 2.0 * svm.width() as f64;
    let pairs = rows as f64 * svm.support_vectors() as f64;
    pairs * instructions * pace::seconds_a_lane()
}

/// Seconds that a window takes from its stored block to its outcome.
fn whole(model: &Model, means: &[f64]) -> Seconds {
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
    let plan = Plan::new(Arc::default(), "sensor", Bounds { cut, windows_back: 1 }).expect("a plan");
    timed(|| {
        let blocks = Blocks::read(&plan, window, |_, _| Ok::<_, Infallible>(Some(block.clone()))).expect("blocks");
        black_box(score(model, &plan, window, black_box(&blocks), settings).expect("an outcome"));
    })
}

/// What a call takes.
#[derive(Clone, Copy)]
struct Seconds {
    best: f64,
    median: f64,
}

fn timed(mut call: impl FnMut()) -> Seconds {
    let mut seconds = |calls: u32| {
        let began = Instant::now();
        for _ in 0..calls {
            call();
        }
        began.elapsed().as_secs_f64() / f64::from(calls)
    };
    let once = seconds(10).max(1e-9);
    let calls = (1..1000).take_while(|calls| f64::from(*calls) * once < ROUND_SECONDS).last().unwrap_or(1);
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| seconds(calls)).collect();
    rounds.sort_by(f64::total_cmp);
    Seconds { best: rounds[0], median: rounds[ROUNDS / 2] }
}
