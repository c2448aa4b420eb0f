//! Forests, outlier factors and envelopes as scikit-learn wrote them give scikit-learn's own answers.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

#[path = "support/reference.rs"]
mod reference;

use std::fs;
use std::path::{Path, PathBuf};

use anomalyd::model::{Detector, Limits, Model};
use anomalyd::verdict::Label;
use ndarray::Array2;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/detectors")
}

fn load(name: &str) -> Model {
    Model::load(&samples().join(name), &Limits::default()).unwrap()
}

/// The columns of a file whose names `wanted` accepts.
fn columns(path: &Path, wanted: impl Fn(&str) -> bool) -> Array2<f64> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let places: Vec<usize> =
        reader.headers().unwrap().iter().enumerate().filter(|(_, name)| wanted(name)).map(|(at, _)| at).collect();
    let numbers: Vec<f64> = reader
        .records()
        .flat_map(|record| {
            let record = record.unwrap();
            places.iter().map(|at| record[*at].parse().unwrap()).collect::<Vec<f64>>()
        })
        .collect();
    Array2::from_shape_vec((numbers.len() / places.len(), places.len()), numbers).unwrap()
}

/// Holds the answers of the models that stand beside a file of rows with the library's answers against these.
fn check(answers: &Path) {
    let name = answers.display();
    let model = Model::load(&answers.with_extension("pkl"), &Limits::default()).unwrap();
    let found = model.evaluate(columns(answers, |column| column.starts_with('x')).view()).unwrap();
    let decisions = columns(answers, |column| column == "decision");
    let labels = columns(answers, |column| column == "label");
    assert_eq!(found.len(), decisions.len(), "{name}");
    for (row, ((found, expected), label)) in found.iter().zip(&decisions).zip(&labels).enumerate() {
        let difference = (found.decision - expected).abs();
        assert!(difference <= 1e-9 * expected.abs().max(1e-3), "{name}, row {row}: {} for {expected}", found.decision);
        let normal = found.label == Label::Normal;
        assert!(normal == (*label > 0.0) || expected.abs() <= 1e-9, "{name}, row {row}: {:?}", found.label);
    }
}

#[test]
fn every_sample_gives_the_answers_of_the_library() {
    let answers = fs::read_dir(samples()).unwrap().map(|entry| entry.unwrap().path());
    let answers: Vec<_> = answers.filter(|path| path.extension().is_some_and(|ending| ending == "csv")).collect();
    assert_eq!(answers.len(), 10, "samples are missing");
    answers.iter().for_each(|answers| check(answers));
}

#[test]
fn the_reference_detectors_of_several_versions_give_the_golden_answers() {
    let Some(root) = reference::reference() else { return };
    let answers = fs::read_dir(root.join("formats")).unwrap().map(|entry| entry.unwrap().path());
    let ours = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".csv") && ["iforest", "lof", "envelope"].iter().any(|detector| name.starts_with(detector))
    };
    let answers: Vec<_> = answers.filter(ours).collect();
    assert_eq!(answers.len(), 12, "reference files are missing");
    answers.iter().for_each(|answers| check(answers));
}

#[test]
fn a_detector_says_what_it_is() {
    for (file, name, rows) in [
        ("forest_contamination.pkl", "IsolationForest", 60),
        ("factor_kd_tree.pkl", "LocalOutlierFactor", 60),
        ("envelope.pkl", "EllipticEnvelope", 60),
    ] {
        let model = load(file);
        assert_eq!((model.detector().name(), model.metadata().training_rows), (name, Some(rows)));
        assert!(model.detector().unit() > 0.0 && !model.detector().parameters().is_empty(), "{file}");
    }
}

#[test]
fn a_forest_says_which_feature_set_a_row_apart() {
    let model = load("forest_p2.pkl");
    let Detector::IsolationForest(forest) = model.detector() else { unreachable!("a forest") };
    let credit = forest.path_credit(&[20.0, 900.0]);
    assert!(credit[1] > 0.5 && credit[1] > 2.0 * credit[0], "{credit:?}");
}

#[test]
fn what_cannot_be_done_as_scikit_learn_does_it_is_refused_with_the_setting() {
    for (file, reason) in [
        ("refused_not_novelty.pkl", "has novelty = False; supported: True"),
        ("refused_cosine.pkl", "has metric = cosine; supported: euclidean"),
        ("refused_no_precision.pkl", "has store_precision = False; supported: True"),
    ] {
        let error = Model::load(&samples().join(file), &Limits::default()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
