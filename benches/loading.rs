//! How fast models are loaded from a directory, as pickles and in our own format, and the memory that one takes; and how
//! long a look at the directory takes, by which a change of a model is noticed.
//! Run with `cargo bench -- loading`.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anomalyd::model::formats::own;
use anomalyd::model::{Changes, Limits, Listing, Model, NameTemplates, Survey};

use crate::Size;
use crate::support::results;

/// Small models, as a sensor has them.
const SAMPLES: [&str; 3] = ["p4_bare_1d.pkl", "p2_scale_1d.pkl", "own/kmeans__sklearn-1.9.1.pkl"];
const ROUNDS: usize = 3;

pub(crate) fn run(size: Size) {
    let count = size.of(100_000, 50);
    println!("{count} models in a directory, one thread, files in the page cache; best of {ROUNDS} rounds");
    println!("{:<39} {:>8} {:>12} {:>9} {:>14} {:>10}", "", "bytes", "models/s", "ratio", "memory a model", "a look");
    for sample in SAMPLES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(sample);
        let pickle = fs::read(path).expect("a sample");
        let model = Model::read(&pickle, &Limits::default()).expect("a model");
        let ours = own::write(&model).expect("bytes");
        let baseline = measure(sample, "pickle", &pickle, count, None);
        measure(sample, "our own", &ours, count, Some(baseline));
    }
}

/// Loads the file so many times from a directory; models a second.
fn measure(name: &str, format: &str, bytes: &[u8], count: usize, baseline: Option<f64>) -> f64 {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    for number in 0..count {
        fs::write(folder.path().join(format!("model_{number}_1")), bytes).expect("a file");
    }
    let mut best = f64::INFINITY;
    let mut memory = 0;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let models: Vec<_> = fs::read_dir(folder.path())
            .expect("the folder")
            .map(|entry| Model::load(&entry.expect("a file").path(), &Limits::default()).expect("a model"))
            .collect();
        best = best.min(began.elapsed().as_secs_f64());
        memory = black_box(&models).iter().map(Model::memory_bytes).sum::<usize>() / models.len().max(1);
    }
    let look = best_look(folder.path(), count);
    let rate = count as f64 / best;
    let ratio = rate / baseline.unwrap_or(rate);
    results::record(&serde_json::json!({
        "bench": "loading", "name": name, "format": format, "count": count, "rate": rate, "memory": memory,
        "bytes": bytes.len(), "look": look,
    }));
    println!("{name:<30} {format:<8} {:>8} {rate:>12.0} {ratio:>8.2}x {memory:>14} {look:>8.3} s", bytes.len());
    rate
}

/// The seconds that the shortest look at a directory takes in which nothing has changed.
fn best_look(folder: &Path, count: usize) -> f64 {
    let names = NameTemplates::default();
    let listing = Listing::read(folder, &names, count).expect("a listing");
    let seen = listing.files.into_iter().map(|(sensor, file)| (sensor, file.fingerprint));
    let mut changes = Changes::since(seen, Duration::ZERO);
    let look = |_| {
        let began = Instant::now();
        let survey = Survey::take(folder, &names, count, &|name| name, &mut |_| {}).expect("a survey");
        black_box(changes.look(survey, began));
        began.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(look).fold(f64::INFINITY, f64::min)
}
