//! What holds of every model that was read, whatever it was read from.

use std::fs;

use anomalyd::cli::limits::LimitArgs;
use anomalyd::cli::model::{Before, Output, inspect};
use anomalyd::model::formats::own;
use anomalyd::model::formats::sklearn::SklearnError;
use anomalyd::model::{EvaluateError, Evaluation, Limits, Model, ModelError};
use ndarray::{Array2, Axis};

/// Small, so that many inputs a second are tried.
pub(crate) const LIMITS: Limits = Limits {
    file_bytes: 1 << 20,
    memory_bytes: 4 << 20,
    instructions: 50_000,
    elements: 1 << 16,
    operations: 2_000_000,
    row_operations: 200_000,
    depth: 16,
    files: 16,
};

/// Detectors of one and of two columns, fitted to scaled rows.
const DETECTORS: [&[u8]; 2] = [
    include_bytes!("../../tests/samples/separate/flow_svm.pkl"),
    include_bytes!("../../tests/samples/separate/svm.pkl"),
];

/// What a row holds throughout, or in turn.
const VALUES: [f64; 14] = [
    0.0,
    1.0,
    -1.0,
    0.25,
    -0.0,
    1e-310,
    37.5,
    -1e9,
    1e154,
    f64::MAX,
    f64::MIN,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

/// Reads a model: there is none and a reason, or one that holds what is expected of models.
pub(crate) fn read(bytes: &[u8]) {
    match Model::read(bytes, &LIMITS) {
        Ok(model) => {
            evaluates(&model);
            survives_conversion(&model);
            can_be_inspected(bytes);
        }
        Err(error) => {
            let reason = error.to_string();
            assert!(!reason.is_empty() && !reason.chars().any(char::is_control), "{reason:?}");
            if let ModelError::NoOffset { .. } | ModelError::Onnx(_) = error
                && let Ok(model) = Model::read_uncalibrated(bytes, &LIMITS)
            {
                evaluates(&model);
                if let Ok(model) = model.with_offset(-1.5) {
                    evaluates(&model);
                    survives_conversion(&model);
                }
            }
            if let ModelError::Sklearn(SklearnError::NoDetector { .. }) = error {
                stands_before(bytes);
            }
        }
    }
}

/// What is no model may stand before one, and together they hold what is expected of models; or there is a reason.
fn stands_before(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let file = directory.path().join("scaler_1_1");
    fs::write(&file, bytes).expect("a place for a file");
    for detector in DETECTORS {
        let detector = Model::read(detector, &LIMITS).expect("a sample");
        match detector.behind(std::slice::from_ref(&file), &LIMITS) {
            Ok(model) => {
                evaluates(&model);
                survives_conversion(&model);
            }
            Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error}"),
        }
    }
}

/// Rows of all sorts: the same value throughout, and values in turn.
fn rows(width: usize) -> Array2<f64> {
    Array2::from_shape_fn((2 * VALUES.len(), width), |(row, column)| match row < VALUES.len() {
        true => VALUES[row],
        false => VALUES[(row + column) % VALUES.len()],
    })
}

fn answer(model: &Model, rows: &Array2<f64>) -> Vec<Result<Evaluation, EvaluateError>> {
    rows.axis_iter(Axis(0))
        .map(|row| {
            let mut answers = model.evaluate(row.insert_axis(Axis(0)))?;
            assert_eq!(answers.len(), 1, "one answer a row");
            Ok(answers.remove(0))
        })
        .collect()
}

fn is_same(a: &Evaluation, b: &Evaluation) -> bool {
    a.label == b.label && a.decision.to_bits() == b.decision.to_bits()
}

/// Whatever the rows hold, they come to finite decisions, or to an error; the same ones in company as alone.
fn evaluates(model: &Model) {
    let rows = rows(model.width());
    let unit = model.detector().unit();
    assert!(unit.is_finite() && unit > 0.0, "the unit is {unit}");
    let answers = answer(model, &rows);
    let good: Vec<usize> = (0..answers.len()).filter(|row| answers[*row].is_ok()).collect();
    let together = model.evaluate(rows.select(Axis(0), &good).view()).expect("rows that can be evaluated alone");
    for (alone, together) in answers.iter().flatten().zip(&together) {
        assert!(alone.decision.is_finite(), "{alone:?}");
        assert!(is_same(alone, together), "{alone:?} alone, {together:?} in company");
        let score = model.score(alone.decision);
        assert!((0.0..=1.0).contains(&score), "a score of {score}");
    }
    for row in rows.axis_iter(Axis(0)) {
        if let Some(cause) = model.explain(row) {
            assert!(cause.feature < model.width());
        }
    }
    _ = model.drift(rows.view(), |feature| feature.to_string()).map(|drift| drift.to_string());
    let usual = rows.slice(ndarray::s![..8, ..]);
    _ = model.drift(usual, |feature| feature.to_string()).map(|drift| drift.to_string());
}

/// In our own format it is the same model, to the last bit of its decisions; written again, to the last byte.
fn survives_conversion(model: &Model) {
    let bytes = own::write(model).expect("a model of a few kilobytes");
    let limits = Limits::default();
    let converted = match Model::read(&bytes, &limits) {
        Ok(converted) => converted,
        Err(error) => panic!("what we wrote is refused: {error}"),
    };
    let rows = rows(model.width());
    for (before, after) in answer(model, &rows).iter().zip(&answer(&converted, &rows)) {
        match (before, after) {
            (Ok(before), Ok(after)) => assert!(is_same(before, after), "{before:?}, converted {after:?}"),
            (Err(before), Err(after)) => assert_eq!(before.to_string(), after.to_string()),
            _ => panic!("{before:?}, converted {after:?}"),
        }
    }
    let again = own::write(&converted).expect("a model of a few kilobytes");
    assert!(again == bytes, "the same model comes to other bytes");
}

/// What is said of it is text that steers no terminal.
fn can_be_inspected(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let file = directory.path().join("model_1_1");
    fs::write(&file, bytes).expect("a place for a file");
    for output in [Output::Text, Output::Json] {
        let mut out = Vec::new();
        let (file, before) = (file.clone(), Before::default());
        inspect::run(&inspect::Args { file, before, output, limits: LimitArgs::default() }, &mut out)
            .expect("a model that was read");
        let text = String::from_utf8(out).expect("text");
        let steers = |character: char| character.is_control() && character != '\n';
        assert!(!text.contains(steers), "{text:?}");
    }
}
