//! Whatever format a model comes in, it gives the library's own answers, and says what it is.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

#[path = "support/reference.rs"]
mod reference;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anomalyd::model::{Limits, Model};
use anomalyd::verdict::Label;
use ndarray::Array2;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/formats").join(name)
}

/// Rows `x0..` with the library's labels and decision values.
struct Answers {
    rows: Array2<f64>,
    labels: Vec<Label>,
    decisions: Vec<f64>,
}

impl Answers {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let (header, lines) = text.split_once('\n').unwrap();
        let width = header.split(',').filter(|name| name.starts_with('x')).count();
        let (mut numbers, mut labels, mut decisions) = (Vec::new(), Vec::new(), Vec::new());
        for line in lines.lines() {
            let record: Vec<f64> = line.split(',').map(|field| field.parse().unwrap()).collect();
            numbers.extend_from_slice(&record[..width]);
            labels.push(if record[width] > 0.0 { Label::Normal } else { Label::Anomaly });
            decisions.push(record[width + 1]);
        }
        let rows = Array2::from_shape_vec((labels.len(), width), numbers).unwrap();
        Self { rows, labels, decisions }
    }

    /// Holds a model to them: to this share of the decision, or of a thousandth of the largest where it is near zero;
    /// to labels wherever the decision is further than the share from zero.
    fn hold(&self, name: &str, model: &Model, share: f64) {
        let largest = self.decisions.iter().fold(0.0_f64, |largest, decision| largest.max(decision.abs()));
        let found = model.evaluate(self.rows.view()).unwrap();
        for (row, found) in found.iter().enumerate() {
            let expected = self.decisions[row];
            let tolerance = share * expected.abs().max(1e-3 * largest);
            let distance = (found.decision - expected).abs();
            assert!(distance <= tolerance, "{name}, row {row}: {} for {expected}", found.decision);
            assert!(found.label == self.labels[row] || expected.abs() <= share, "{name}, row {row}: {:?}", found.label);
        }
    }
}

#[test]
fn one_model_gives_the_same_answers_in_every_format_which_it_names() {
    let answers = Answers::read(&sample("answers.csv"));
    for (name, format) in [
        ("plain.pkl", "pickle, protocol 5"),
        ("plain.joblib", "joblib, pickle protocol 4"),
        ("protocol_2.joblib", "joblib, pickle protocol 2"),
        ("zlib.joblib", "joblib, zlib, pickle protocol 4"),
        ("gzip.joblib", "joblib, gzip, pickle protocol 4"),
        ("bz2.joblib", "joblib, bz2, pickle protocol 4"),
        ("lzma.joblib", "joblib, lzma, pickle protocol 4"),
        ("xz.joblib", "joblib, xz, pickle protocol 4"),
        ("lz4.joblib", "joblib, lz4, pickle protocol 4"),
        ("stored.skops", "skops, protocol 2"),
        ("deflated.skops", "skops, protocol 2"),
    ] {
        let model = Model::load(&sample(name), &Limits::default()).unwrap();
        assert_eq!(model.metadata().format.to_string(), format, "{name}");
        assert!(model.metadata().library_version.is_some(), "{name}");
        answers.hold(name, &model, 1e-9);
    }
}

#[test]
fn bytes_behind_the_end_of_a_file_do_not_matter() {
    for name in ["plain.pkl", "plain.joblib", "zlib.joblib", "gzip.joblib", "bz2.joblib", "xz.joblib", "lz4.joblib"] {
        let bytes = [fs::read(sample(name)).unwrap(), b"\nwhatever stands behind".to_vec()].concat();
        assert!(Model::read(&bytes, &Limits::default()).is_ok(), "{name}");
    }
}

#[test]
fn an_unknown_format_is_an_error_that_says_what_is_accepted() {
    let error = Model::read(b"svm", &Limits::default()).unwrap_err().to_string();
    assert!(error.starts_with("begins with the bytes \"73 76 6d\", which is no known format; expected"), "{error}");
    for accepted in ["pickle", "joblib", "skops"] {
        assert!(error.contains(accepted), "{error}");
    }
}

/// Decisions to 1e-9, or to 1e-4 where the answers are those of a file of 32-bit floats.
fn share(ending: &str) -> f64 {
    if ending == ".onnx" { 1e-4 } else { 1e-9 }
}

#[test]
fn every_model_file_of_the_reference_agrees_in_every_format() {
    let Some(root) = reference::reference() else { return };
    let mut agreed = BTreeMap::<&str, usize>::new();
    for entry in fs::read_dir(root.join("formats")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".csv") {
            continue;
        }
        let endings = [".z.joblib", ".joblib", ".skops", ".pkl", ".onnx"];
        let ending = endings.into_iter().find(|ending| name.ends_with(ending)).unwrap();
        let model = Model::load(&path, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let answers = Answers::read(&path.with_file_name(name.replace(ending, ".csv")));
        answers.hold(&name, &model, share(ending));
        *agreed.entry(ending).or_default() += 1;
    }
    assert_eq!(agreed.len(), 5, "a format is missing: {agreed:?}");
}
