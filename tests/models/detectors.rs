//! Forests, outlier factors and envelopes as scikit-learn wrote them give scikit-learn's own answers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::answers::Answers;
use anomalyd::model::{Detector, ForestBoundary, Limits, Model, PathLength};
use anomalyd::verdict::Label;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/detectors")
}

fn load(name: &str) -> Model {
    Model::load(&samples().join(name), &Limits::default()).unwrap()
}

#[test]
fn every_sample_gives_the_answers_of_the_library() {
    let answers = fs::read_dir(samples()).unwrap().map(|entry| entry.unwrap().path());
    let answers: Vec<_> = answers.filter(|path| path.extension().is_some_and(|ending| ending == "csv")).collect();
    assert_eq!(answers.len(), 24, "samples are missing");
    for answers in answers {
        let model = Model::load(&answers.with_extension("pkl"), &Limits::default()).unwrap();
        crate::answers::check(&model, &answers);
    }
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
fn a_forest_of_a_version_that_kept_a_threshold_is_judged_by_it() {
    let model = load("forest_of_0_19.pkl");
    let Detector::IsolationForest(forest) = model.detector() else { unreachable!("a forest") };
    assert_eq!(forest.path_length(), PathLength::Version019);
    let ForestBoundary::AtOrBelow(threshold) = forest.boundary() else { unreachable!("a boundary that counts") };
    let answers = samples().join("forest_of_0_19.csv");
    let found = model.evaluate(Answers::read(&answers).rows.view()).unwrap();
    let anomalies = found.iter().filter(|found| found.label == Label::Anomaly);
    assert_eq!(anomalies.filter(|found| found.decision <= threshold).count(), 9);
}

#[test]
fn a_forest_counts_the_rows_of_a_leaf_as_the_version_that_wrote_it() {
    for (file, rule) in [
        ("forest_of_0_18.pkl", PathLength::Version018),
        ("forest_of_pairs_of_0_19.pkl", PathLength::Version019),
        ("forest_of_pairs_of_0_20.pkl", PathLength::Version019),
        ("forest_p2.pkl", PathLength::Current),
    ] {
        let Detector::IsolationForest(forest) = load(file).detector().clone() else { unreachable!("a forest") };
        assert_eq!(forest.path_length(), rule, "{file}");
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
fn a_forest_answers_and_explains_rows_that_lack_numbers_from_1_6_on() {
    let model = load("forest_asked_of_lacking.pkl");
    let rows = Answers::read(&samples().join("forest_asked_of_lacking.csv")).rows;
    let found = model.evaluate(rows.view()).unwrap();
    let lacking = |row: usize| rows.row(row).iter().any(|x| x.is_nan());
    let anomalies: Vec<_> = (0..rows.nrows()).filter(|row| found[*row].label == Label::Anomaly).collect();
    assert!(anomalies.iter().any(|row| lacking(*row)), "no such row is an anomaly");
    for row in anomalies {
        assert!(model.explain(rows.row(row)).is_some_and(|cause| cause.feature < 3), "row {row}");
    }
    // The same file as an older version would have written it.
    let bytes = fs::read(samples().join("forest_asked_of_lacking.pkl")).unwrap();
    let old = String::from_utf8_lossy(&bytes).matches("1.9.1").count();
    let bytes: Vec<u8> = replaced(&bytes, b"1.9.1", b"1.5.2");
    assert!(old > 0);
    let model = Model::read(&bytes, &Limits::default()).unwrap();
    let error = model.evaluate(rows.view()).unwrap_err().to_string();
    assert!(error.contains("holds NaN in feature"), "{error}");
}

/// The bytes with each `from` replaced by a `to` that is as long.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for place in 0..=bytes.len() - from.len() {
        if bytes[place..].starts_with(from) {
            bytes[place..place + from.len()].copy_from_slice(to);
        }
    }
    bytes
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

#[test]
fn a_tree_that_is_none_of_ours_or_whose_balls_do_not_fit_is_refused() {
    let good = fs::read(samples().join("factor_ties_ball_tree.pkl")).unwrap();
    // The shape of the centres: one matrix of 15 by 2.
    let shape = b"K\x01K\x0fK\x02\x87";
    for (from, to, reason) in [
        (&b"\x08BallTree"[..], &b"\x08BallTrek"[..], "BallTrek, expected a KDTree or a BallTree of 60 rows"),
        (shape, b"K\x01K\x02K\x0f\x87", "with 2 centres of 15 features"),
        (shape, b"K\x02K\x0fK\x01\x87", "a BallTree without centres"),
        (shape, b"K\x01K\x0aK\x03\x87", "with 10 centres of 3 features"),
    ] {
        let places: Vec<_> = good.windows(from.len()).enumerate().filter(|(_, found)| *found == from).collect();
        assert_eq!(places.len(), 1, "{reason}");
        let place = places[0].0;
        let changed = [&good[..place], to, &good[place + from.len()..]].concat();
        let error = Model::read(&changed, &Limits::default()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
