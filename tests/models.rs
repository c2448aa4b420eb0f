//! Models as scikit-learn wrote them give scikit-learn's own answers.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

#[path = "support/reference.rs"]
mod reference;

use std::fs;
use std::path::{Path, PathBuf};

use anomalyd::model::{Catalog, Evaluation, Format, Kernel, Limits, Model, NameTemplate, Step, Warning};
use anomalyd::verdict::Label;
use ndarray::{Array2, ArrayView2};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples")
}

/// A folder of the reference data, if they are there.
fn reference(folder: &str) -> Option<PathBuf> {
    reference::reference().map(|root| root.join(folder))
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

/// Holds the model's answers against the library's: `close(found, expected)` on decisions, and equal labels wherever
/// the decision is not within `tie` of zero.
fn compare(
    name: &str,
    found: &[Evaluation],
    decisions: &Array2<f64>,
    labels: &[Label],
    tie: f64,
    close: impl Fn(f64, f64) -> bool,
) {
    assert_eq!(found.len(), labels.len(), "{name}");
    for (row, ((found, expected), label)) in found.iter().zip(decisions).zip(labels).enumerate() {
        assert!(close(found.decision, *expected), "{name}, row {row}: {} for {expected}", found.decision);
        assert!(found.label == *label || expected.abs() <= tie, "{name}, row {row}: {:?} at {expected}", found.label);
    }
}

/// A model beside a file of rows with the library's answers.
fn check(model: &Path, answers: &Path) {
    let name = model.display().to_string();
    let model = Model::load(model, &Limits::default()).unwrap();
    let rows = columns(answers, |column| column.starts_with('x'));
    let decisions = columns(answers, |column| column == "decision");
    let labels: Vec<_> = columns(answers, |column| column == "label")
        .iter()
        .map(|label| if *label > 0.0 { Label::Normal } else { Label::Anomaly })
        .collect();
    let found = model.evaluate(rows.view()).unwrap();
    let close = |found: f64, expected: f64| (found - expected).abs() <= 1e-9 * expected.abs().max(1e-3);
    compare(&name, &found, &decisions, &labels, 1e-9, close);
}

#[test]
fn every_sample_gives_the_answers_of_the_library() {
    let mut checked = 0;
    for entry in fs::read_dir(samples()).unwrap() {
        let answers = entry.unwrap().path();
        if answers.extension().is_some_and(|ending| ending == "csv") {
            let model = answers.with_extension("pkl");
            // Samples of other formats have tests of their own.
            if model.exists() {
                check(&model, &answers);
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 11, "samples are missing");
}

#[test]
fn a_model_fitted_to_named_columns_is_read() {
    assert_eq!(Model::load(&samples().join("named_columns.pkl"), &Limits::default()).unwrap().width(), 2);
}

#[test]
fn a_model_says_what_it_is() {
    let model = Model::load(&samples().join("p3_auto_3d.pkl"), &Limits::default()).unwrap();
    let metadata = model.metadata();
    assert_eq!(metadata.format, Format::Pickle { protocol: 3 });
    assert_eq!(metadata.library, "scikit-learn");
    assert!(metadata.library_version.as_ref().unwrap().starts_with("1."));
    assert_eq!(model.preprocessing().iter().map(Step::name).collect::<Vec<_>>(), ["StandardScaler"]);
    assert_eq!(model.detector().name(), "OneClassSVM");
    assert_eq!(metadata.training_rows, Some(60));
    assert_eq!((model.width(), model.warnings()), (3, vec![]));
    let anomalyd::model::Detector::OneClassSvm(svm) = model.detector() else { unreachable!("an SVM") };
    assert_eq!((svm.kernel(), svm.nu()), (Kernel::Rbf { gamma: 1.0 / 3.0 }, Some(0.2)));
    assert!(svm.support_vectors() >= 12);
}

#[test]
fn a_model_is_known_by_the_hash_of_its_file() {
    let bytes = fs::read(samples().join("p4_bare_1d.pkl")).unwrap();
    let model = Model::read(&bytes, &Limits::default()).unwrap();
    // As sha256sum has it.
    assert_eq!(model.hash().to_string(), "04a496233e7624e055cf492b63f77db15d51fcc88d6c569ab46c5f133a500c9f");
}

#[test]
fn a_model_of_too_small_a_nu_is_warned_of() {
    let model = Model::load(&samples().join("p4_one_vector_1d.pkl"), &Limits::default()).unwrap();
    let warnings = model.warnings();
    assert!(warnings.contains(&Warning::NuBelowOneRow { nu: 0.001, rows: 60 }), "{warnings:?}");
    assert!(warnings.iter().all(|warning| !warning.to_string().is_empty()));
}

#[test]
fn an_estimator_that_is_not_supported_is_named_with_its_version() {
    let error =
        Model::load(&samples().join("svm/refused_precomputed.pkl"), &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("refused_precomputed.pkl: OneClassSVM (scikit-learn 1."), "{error}");
    assert!(error.contains("has kernel = precomputed; supported: rbf, linear, poly or sigmoid"), "{error}");
}

#[test]
fn the_reference_models_give_the_golden_answers() {
    let (Some(models), Some(golden)) = (reference("models"), reference("golden")) else { return };
    let catalog = Catalog::read(&models, &NameTemplate::default(), &Limits::default()).unwrap();
    assert_eq!((catalog.entries.len(), catalog.ignored.len()), (10, 0));
    for entry in catalog.entries {
        let answers = golden.join(entry.sensor.fill("preds_{device}_{sensor}.csv"));
        let rows = columns(&answers, |column| column == "Value");
        let decisions = columns(&answers, |column| column == "Decision");
        let labels: Vec<_> = columns(&answers, |column| column == "Prediction")
            .iter()
            .map(|prediction| if *prediction > 0.5 { Label::Anomaly } else { Label::Normal })
            .collect();
        let model = entry.model.unwrap();
        let found = model.evaluate(rows.view()).unwrap();
        let close = |found: f64, expected: f64| (found - expected).abs() <= 1e-12;
        compare(&entry.sensor.to_string(), &found, &decisions, &labels, 1e-9, close);
        let alone = ["1/2", "1/5", "2/5"].contains(&entry.sensor.to_string().as_str());
        assert_eq!(model.warnings().contains(&Warning::OneSupportVector), alone, "{}", entry.sensor);
        assert!(model.warnings().iter().any(|warning| matches!(warning, Warning::NuBelowOneRow { .. })));
    }
}

#[test]
fn the_models_of_several_versions_give_their_answers_or_are_named() {
    let Some(formats) = reference("formats") else { return };
    let mut checked = Vec::new();
    for entry in fs::read_dir(formats).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".pkl") {
            continue;
        }
        let (detector, version) = name.trim_end_matches(".pkl").split_once("__sklearn-").unwrap();
        match Model::load(&path, &Limits::default()) {
            Ok(_) => {
                check(&path, &path.with_extension("csv"));
                checked.push(format!("{detector} {version}"));
            }
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(&format!("scikit-learn {version}")), "{error}");
            }
        }
    }
    for detector in ["ocsvm_rbf_1d", "ocsvm_bare_2d"] {
        for version in ["1.2.2", "1.5.2", "1.9.1"] {
            assert!(checked.contains(&format!("{detector} {version}")), "{detector} {version} was refused");
        }
    }
}

fn evaluate(model: &Model, rows: &[f64]) -> Result<Vec<Evaluation>, anomalyd::model::EvaluateError> {
    model.evaluate(ArrayView2::from_shape((rows.len(), 1), rows).unwrap())
}

#[test]
fn a_row_that_is_not_finite_is_an_error_that_names_it() {
    let model = Model::load(&samples().join("p4_one_vector_1d.pkl"), &Limits::default()).unwrap();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = evaluate(&model, &[1.0, value, 2.0]).unwrap_err().to_string();
        assert!(error.starts_with("row 1 holds"), "{error}");
    }
    assert!(evaluate(&model, &[1e300, f64::MAX]).is_ok());
}

#[test]
fn rows_of_another_width_are_an_error_with_both_numbers() {
    let model = Model::load(&samples().join("p4_number_2d.pkl"), &Limits::default()).unwrap();
    let error = evaluate(&model, &[1.0]).unwrap_err().to_string();
    assert_eq!(error, "rows of 1 features were given to a model of 2");
}

#[test]
fn no_rows_have_no_answers() {
    let model = Model::load(&samples().join("p4_bare_1d.pkl"), &Limits::default()).unwrap();
    assert_eq!(evaluate(&model, &[]), Ok(vec![]));
}

#[test]
fn a_missing_file_and_a_directory_are_named() {
    for (path, reason) in [("missing.pkl", "cannot be read"), ("", "is not a regular file")] {
        let error = Model::load(&samples().join(path), &Limits::default()).unwrap_err().to_string();
        assert!(error.contains("samples") && error.contains(reason), "{error}");
    }
}
