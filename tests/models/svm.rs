//! Support vector machines of every kernel give scikit-learn's own answers.

use std::path::{Path, PathBuf};

use anomalyd::model::{Detector, Kernel, Limits, Model};
use anomalyd::verdict::Label;
use ndarray::{Array2, array};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/svm").join(name)
}

fn load(path: &Path) -> Model {
    Model::load(path, &Limits::default()).unwrap()
}

#[test]
fn every_sample_gives_the_answers_of_the_library() {
    for name in ["linear_2d", "poly_3d", "poly_degree_0_1d", "sigmoid_2d", "rbf_9d", "sgd_3d", "sgd_average_2d"] {
        let path = sample(&format!("{name}.pkl"));
        crate::answers::check(&load(&path), &path.with_extension("csv"));
    }
}

#[test]
fn a_model_says_which_kernel_it_has() {
    let model = load(&sample("poly_3d.pkl"));
    let Detector::OneClassSvm(svm) = model.detector() else { unreachable!() };
    assert_eq!(svm.kernel(), Kernel::Poly { degree: 4, gamma: 0.2, coef0: 1.5 });
    assert_eq!(svm.vectors().len(), svm.support_vectors() * svm.width());
    let shown: Vec<String> =
        model.detector().parameters().into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    assert_eq!(shown[..5], ["kernel poly", "degree 4", "gamma 0.2", "coef0 1.5", "nu 0.2"]);
}

#[test]
fn rows_in_another_order_of_memory_get_the_same_answers() {
    let model = load(&sample("rbf_9d.pkl"));
    let rows = Array2::from_shape_fn((37, 9), |(row, feature)| row as f64 / 3.0 - feature as f64);
    let by_column = rows.t().as_standard_layout().into_owned();
    assert_eq!(model.evaluate(rows.view()).unwrap(), model.evaluate(by_column.t()).unwrap());
}

#[test]
fn a_linear_model_trained_by_gradient_descent_takes_a_tie_for_normal() {
    let model = load(&sample("sgd_3d.pkl"));
    assert_eq!(model.detector().name(), "SGDOneClassSVM");
    let Detector::SgdOneClassSvm(svm) = model.detector() else { unreachable!() };
    assert_eq!((svm.coefficients().len(), svm.nu(), model.warnings()), (3, Some(0.2), vec![]));
    assert_eq!(model.detector().unit().to_bits(), svm.offset().abs().to_bits());
}

#[test]
fn a_kernel_that_overflows_is_an_error_and_not_an_answer() {
    let model = load(&sample("poly_3d.pkl"));
    let error = model.evaluate(array![[0.0, 0.0, 0.0], [1e200, 1e200, 1e200]].view()).unwrap_err().to_string();
    assert!(error.starts_with("the decision value of row 1 is"), "{error}");
    let sigmoid = load(&sample("sigmoid_2d.pkl"));
    let far = sigmoid.evaluate(array![[1e150, 1e150]].view()).unwrap();
    assert!(far[0].decision.is_finite() && matches!(far[0].label, Label::Normal | Label::Anomaly));
}
