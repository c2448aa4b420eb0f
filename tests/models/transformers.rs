//! Pipelines of transformers as scikit-learn wrote them give scikit-learn's own answers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::answers::Answers;
use anomalyd::model::{EvaluateError, Limits, Model, Step};
use ndarray::{Array2, Axis, array};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/transformers")
}

fn sample(name: &str) -> Model {
    Model::load(&samples().join(format!("{name}.pkl")), &Limits::default()).unwrap()
}

fn answers(name: &str) -> Answers {
    Answers::read(&samples().join(format!("{name}.csv")))
}

#[test]
fn every_pipeline_gives_the_decisions_of_the_library() {
    let mut checked = 0;
    for entry in fs::read_dir(samples()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "csv") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        // Decisions run from about −1 to 1, and are sums: what matters is the distance on that scale.
        answers(name).hold(name, &sample(name), 1e-12, 1.0);
        checked += 1;
    }
    assert_eq!(checked, 24, "samples are missing");
}

#[test]
fn a_decision_is_the_same_to_the_last_bit_whatever_the_neighbours() {
    for name in ["pca", "columns", "quantile_normal", "polynomial"] {
        let rows = answers(name).rows;
        let model = sample(name);
        let together = model.evaluate(rows.view()).unwrap();
        for (row, found) in rows.axis_iter(Axis(0)).zip(together) {
            assert_eq!(model.evaluate(row.insert_axis(Axis(0))).unwrap(), [found], "{name}");
        }
    }
}

#[test]
fn rows_by_the_ten_thousand_get_the_same_answers_and_an_error_names_its_row() {
    let model = sample("polynomial");
    let few = answers("polynomial").rows;
    let mut many = Array2::from_shape_fn((70_000, 4), |(row, feature)| few[[row % few.nrows(), feature]]);
    let expected = model.evaluate(few.view()).unwrap();
    for (found, expected) in model.evaluate(many.view()).unwrap().iter().zip(expected.iter().cycle()) {
        assert_eq!(found, expected);
    }
    many[[60_000, 2]] = f64::NAN;
    assert!(matches!(model.evaluate(many.view()), Err(EvaluateError::Row { row: 60_000, feature: 2, .. })));
}

#[test]
fn pipelines_within_a_pipeline_are_one_row_of_steps() {
    let names = |model: &Model| model.preprocessing().iter().map(Step::name).collect::<Vec<_>>();
    assert_eq!(names(&sample("robust")), ["RobustScaler"]);
    assert_eq!(names(&sample("log1p")), ["FunctionTransformer", "FunctionTransformer"]);
    let columns = sample("columns");
    assert_eq!(names(&columns), ["ColumnTransformer", "StandardScaler"]);
    let Step::ColumnTransformer(transformer) = &columns.preprocessing()[0] else { unreachable!() };
    let first = &transformer.branches()[0];
    assert_eq!(first.columns, [3, 0]);
    assert_eq!(first.steps.iter().map(Step::name).collect::<Vec<_>>(), ["SimpleImputer", "StandardScaler"]);
}

#[test]
fn columns_that_pandas_names_are_those_that_scikit_learn_found() {
    let model = sample("columns_index");
    let Step::ColumnTransformer(transformer) = &model.preprocessing()[0] else { unreachable!() };
    assert_eq!(transformer.branches().iter().map(|branch| &*branch.columns).collect::<Vec<_>>(), [&[2, 0][..], &[3]]);
}

#[test]
fn widths_follow_the_steps() {
    let widths = |name: &str| {
        let model = sample(name);
        let out = model.preprocessing().iter().map(Step::output_width).collect::<Vec<_>>();
        (model.width(), out, model.detector().width())
    };
    assert_eq!(widths("polynomial"), (4, vec![4, 30, 30], 30));
    assert_eq!(widths("pca"), (4, vec![3], 3));
    assert_eq!(widths("union"), (4, vec![10, 10], 10));
    assert_eq!(widths("imputer").1, [8, 8]);
}

#[test]
fn what_the_columns_were_called_and_how_many_rows_there_were_is_known() {
    let named = sample("columns_named");
    let names = ["current", "flow", "pressure", "speed"].map(str::to_owned).to_vec();
    assert_eq!(named.metadata().columns, Some(names));
    assert_eq!((named.metadata().training_rows, sample("pca").metadata().columns.clone()), (Some(40), None));
}

#[test]
fn a_projection_that_scikit_learn_rounds_to_single_precision_has_a_note_that_says_so() {
    assert_eq!(sample("pca").metadata().notes, [""; 0]);
    let single = sample("pca_single");
    let [note] = &single.metadata().notes[..] else { unreachable!("one note") };
    assert!(note.contains("float32") && note.contains("put a StandardScaler before it"), "{note}");
}

#[test]
fn what_training_saw_is_known_in_the_units_of_the_input() {
    let usual = |name: &str| sample(name).preprocessing()[0].usual().unwrap();
    for name in ["min_max", "robust", "yeo_johnson", "quantile_normal"] {
        let centre = sample(name).preprocessing()[0].centre().unwrap();
        // Normal around 200 with a standard deviation of 30.
        let (low, high) = usual(name)[3];
        assert!((100.0..180.0).contains(&low) && (220.0..300.0).contains(&high), "{name}: {low} to {high}");
        assert!((185.0..215.0).contains(&centre[3]), "{name}: {}", centre[3]);
    }
    // The second column is dropped: it may be anything.
    assert_eq!(usual("columns_named")[1], (f64::NEG_INFINITY, f64::INFINITY));
}

#[test]
fn nan_is_refused_unless_an_imputer_replaces_it_and_an_infinity_always() {
    let gap = array![[3.0, -10.0, f64::NAN, 200.0]];
    assert!(sample("imputer_last").evaluate(gap.view()).is_ok());
    for name in ["min_max", "pca", "columns_nested", "union", "quantile_uniform"] {
        let error = sample(name).evaluate(gap.view()).unwrap_err();
        assert!(matches!(error, EvaluateError::Row { row: 0, feature: 2, .. }), "{name}: {error}");
    }
    for entry in fs::read_dir(samples()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if path.extension().is_some_and(|ending| ending == "csv") && name != "columns_named" {
            let endless = array![[f64::INFINITY; 4]];
            assert!(sample(name).evaluate(endless.view()).is_err(), "{name}");
        }
    }
}

#[test]
fn a_number_that_a_transformer_cannot_take_is_an_error_that_says_so() {
    let error = sample("box_cox").evaluate(array![[1.0, 1.0, -1.0, 1.0]].view()).unwrap_err().to_string();
    assert_eq!(error, "row 0 comes to -inf in feature 2 by the model's preprocessing");
}

#[test]
fn a_transformer_that_is_not_supported_is_named_with_its_version_and_what_is() {
    let path = samples().join("refused_normalizer.pkl");
    let error = Model::load(&path, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("Normalizer of sklearn.preprocessing._data (scikit-learn 1."), "{error}");
    assert!(error.contains("not supported here; supported: EllipticEnvelope, "), "{error}");
    assert!(error.contains("QuantileTransformer, PCA, SimpleImputer"), "{error}");
}
