//! What holds a detector without being one, what stands before one, and mixtures: all give their libraries' own answers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::answers::Answers;
use anomalyd::model::formats::own;
use anomalyd::model::{Detector, Limits, Model, Step};
use anomalyd::verdict::Label;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/wrappers")
}

fn load(name: &str) -> Model {
    Model::load(&samples().join(name), &Limits::default()).unwrap()
}

fn refusal(name: &str) -> String {
    Model::load(&samples().join(name), &Limits::default()).unwrap_err().to_string()
}

fn steps(model: &Model) -> Vec<&'static str> {
    model.preprocessing().iter().map(Step::name).collect()
}

/// Each model with the file of its answers.
fn answered() -> Vec<(PathBuf, PathBuf)> {
    let files = fs::read_dir(samples()).unwrap().map(|entry| entry.unwrap().path());
    let models = files.filter(|path| path.extension().is_some_and(|ending| ending == "pkl" || ending == "skops"));
    models.map(|model| (model.clone(), model.with_extension("csv"))).filter(|(_, csv)| csv.exists()).collect()
}

#[test]
fn every_sample_gives_the_answers_of_its_library_also_in_our_own_format() {
    let mut checked = 0;
    for (file, answers) in answered() {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let model = Model::load(&file, &Limits::default()).unwrap_or_else(|error| panic!("{error}"));
        let answers = Answers::read(&answers);
        answers.hold(&name, &model, 1e-9, 1e-3);
        let back = Model::read(&own::write(&model).unwrap(), &Limits::default()).unwrap();
        let rows = answers.rows.view();
        assert_eq!(model.evaluate(rows).unwrap(), back.evaluate(rows).unwrap(), "{name}");
        assert_eq!(model.detector().parameters(), back.detector().parameters(), "{name}");
        assert!(model.detector().parameters().iter().any(|(name, _)| *name == "offset"), "{name} shows no offset");
        checked += 1;
    }
    assert_eq!(checked, 51, "samples are missing");
}

#[test]
fn a_search_is_the_estimator_that_it_found_best_wherever_it_stands() {
    assert_eq!((steps(&load("grid_search.pkl")), load("grid_search.pkl").detector().name()), (vec![], "OneClassSVM"));
    assert_eq!(steps(&load("random_search.pkl")), ["StandardScaler"]);
    let inner = load("search_in_pipeline.pkl");
    assert_eq!((steps(&inner), inner.detector().name()), (vec!["StandardScaler"], "IsolationForest"));
    let error = refusal("refused_no_best.pkl");
    assert!(error.contains("the search has no best_estimator_; run it with refit=True"), "{error}");
}

#[test]
fn samplers_do_nothing_to_rows_that_are_judged() {
    assert_eq!(steps(&load("samplers.pkl")), ["StandardScaler"]);
}

#[test]
fn a_sparse_svm_is_one_like_any_other() {
    for name in ["sparse.pkl", "sparse_array.pkl", "sparse.skops"] {
        assert!(matches!(load(name).detector(), Detector::OneClassSvm(svm) if svm.width() == 3), "{name}");
    }
}

#[test]
fn a_sparse_matrix_whose_parts_do_not_fit_is_refused() {
    let good = fs::read(samples().join("sparse.pkl")).unwrap();
    // The shape of the support vectors, 28 rows of 3.
    let shape = b"_shape\x94K\x1cK\x03\x86";
    let place = good.windows(shape.len()).position(|window| window == shape).unwrap();
    for (rows, columns) in [(27, 3), (29, 3), (28, 2), (0, 3), (255, 255)] {
        let mut changed = good.clone();
        (changed[place + 8], changed[place + 10]) = (rows, columns);
        let error = Model::read(&changed, &Limits::default()).unwrap_err().to_string();
        assert!(error.contains("support_vectors_ of OneClassSVM is an object"), "{rows} by {columns}: {error}");
    }
}

#[test]
fn a_step_behind_features_that_are_left_out_tells_what_is_usual_of_the_others() {
    let model = load("threshold.pkl");
    assert_eq!(steps(&model), ["VarianceThreshold", "StandardScaler"]);
    let Step::VarianceThreshold(threshold) = &model.preprocessing()[0] else { unreachable!() };
    assert_eq!((threshold.width(), threshold.kept()), (4, &[0, 2, 3][..]));
    let mut rows = Answers::read(&samples().join("threshold.csv")).rows.row(0).to_owned();
    rows[2] = 900.0;
    let cause = model.explain(rows.view()).unwrap();
    assert!(cause.feature == 2 && cause.usual.is_some(), "{cause:?}");
}

#[test]
fn a_kernel_that_is_not_supported_is_named() {
    let error = refusal("refused_chi2.pkl");
    assert!(error.contains("has kernel = chi2; supported: rbf, laplacian, linear, poly, sigmoid or cosine"), "{error}");
}

#[test]
fn a_mixture_without_an_offset_says_how_one_is_set() {
    let error = refusal("mixture_without_offset.pkl");
    assert!(
        error.contains("GaussianMixture has no offset_")
            && error.contains("gm.offset_ = numpy.quantile(gm.score_samples(rows), 0.01)"),
        "{error}"
    );
}

#[test]
fn pyod_is_named_and_its_scaler_is_a_step() {
    for version in ["1.1.3", "3.6.7"] {
        for (name, detector, before) in [
            ("forest", "IsolationForest", vec![]),
            ("svm", "OneClassSVM", vec![]),
            ("factor", "LocalOutlierFactor", vec![]),
            ("pca", "PCA of pyod", vec!["StandardScaler"]),
            ("pca_plain", "PCA of pyod", vec![]),
            ("knn", "KNN", vec![]),
        ] {
            let model = load(&format!("{name}__pyod-{version}.pkl"));
            assert_eq!((model.detector().name(), steps(&model)), (detector, before), "{name}");
            assert_eq!(
                (model.metadata().library.as_str(), model.metadata().training_rows),
                ("pyod", Some(60)),
                "{name}"
            );
        }
    }
}

#[test]
fn rounded_readings_that_lie_on_the_threshold_of_pyod_are_normal() {
    for version in ["1.1.3", "3.6.7"] {
        for name in ["forest", "svm", "factor", "knn"] {
            let name = format!("{name}_ties__pyod-{version}");
            let answers = Answers::read(&samples().join(format!("{name}.csv")));
            let found = load(&format!("{name}.pkl")).evaluate(answers.rows.view()).unwrap();
            let labels = found.iter().map(|found| found.label).collect::<Vec<_>>();
            assert_eq!(labels, answers.labels, "{name}");
        }
    }
}

#[test]
fn a_row_on_the_threshold_of_pyod_is_normal() {
    let answers = Answers::read(&samples().join("svm__pyod-3.6.7.csv"));
    let model = load("svm__pyod-3.6.7.pkl");
    let tie = model.with_offset(0.0).unwrap().evaluate(answers.rows.view()).unwrap()[0].decision;
    let found = model.with_offset(tie).unwrap().evaluate(answers.rows.view()).unwrap()[0];
    assert_eq!((found.decision, found.label), (0.0, Label::Normal));
}

#[test]
fn another_detector_of_pyod_is_named_with_what_is_supported() {
    let error = refusal("refused_ecod.pkl");
    assert!(error.contains("ECOD of pyod.models.ecod (pyod of unknown version) is not supported here"), "{error}");
    assert!(error.contains("IForest of pyod, OCSVM of pyod, LOF of pyod, PCA of pyod, KNN of pyod"), "{error}");
}
