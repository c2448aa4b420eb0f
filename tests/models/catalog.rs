//! Models as scikit-learn wrote them give scikit-learn's own answers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::answers::{Answers, columns};
use anomalyd::model::{Catalog, Evaluation, Format, Kernel, Limits, Model, NameTemplates, Step, Warning};
use anomalyd::verdict::Label;
use ndarray::ArrayView2;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples")
}

/// A folder of the reference data, if they are there.
fn reference(folder: &str) -> Option<PathBuf> {
    crate::reference::reference().map(|root| root.join(folder))
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
                crate::answers::check(&Model::load(&model, &Limits::default()).unwrap(), &answers);
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
    let catalog = Catalog::read(&models, &NameTemplates::default(), &Limits::default()).unwrap();
    assert_eq!((catalog.entries.len(), catalog.ignored.len()), (10, 0));
    for entry in catalog.entries {
        let answers = golden.join(entry.sensor.fill("preds_{device}_{sensor}.csv"));
        let column = |wanted: &str| columns(&answers, |name| name == wanted);
        let label = |prediction: f64| if prediction > 0.5 { Label::Anomaly } else { Label::Normal };
        let answers = Answers {
            rows: column("Value"),
            decisions: column("Decision").into_iter().collect(),
            labels: column("Prediction").into_iter().map(label).collect(),
        };
        let model = entry.model.unwrap();
        answers.hold(&entry.sensor.to_string(), &model, 1e-12, 1.0);
        let alone = ["1/2", "1/5", "2/5"].contains(&entry.sensor.to_string().as_str());
        assert_eq!(model.warnings().contains(&Warning::OneSupportVector), alone, "{}", entry.sensor);
        assert!(model.warnings().iter().any(|warning| matches!(warning, Warning::NuBelowOneRow { .. })));
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
