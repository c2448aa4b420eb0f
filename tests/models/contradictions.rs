//! Attributes that do not fit each other are refused, and what nobody reads changes nothing.

use std::fs;
use std::path::{Path, PathBuf};

use crate::answers::Answers;
use anomalyd::model::{Limits, Model};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/contradictions")
}

/// Each sample that is refused, and what is said of it.
const REFUSED: [(&str, &str); 26] = [
    ("svm_support", "support_ of OneClassSVM is an array of 10, expected a number for each of 11 support vectors"),
    ("svm_counts", "_n_support of OneClassSVM is 10, expected 11, as many support vectors as there are"),
    ("svm_features", "n_features_in_ of OneClassSVM is 3, expected 2, as many features as there are"),
    ("forest_features", "estimators_features_ of IsolationForest is of another length, expected an item for each of 4"),
    ("forest_feature", "estimators_ of IsolationForest is a tree with a split of feature 2, expected one of 2"),
    ("forest_samples", "max_samples_ of IsolationForest is 16, expected 8, as _max_samples is"),
    ("forest_lengths", "_average_path_length_per_tree of IsolationForest is other numbers, expected the path lengths"),
    ("forest_depths", "_decision_path_lengths of IsolationForest is other numbers, expected the path lengths"),
    ("forest_nodes", "node_count of IsolationForest is"),
    ("forest_offset", "IsolationForest has no offset_"),
    ("factor_rows", "_tree of LocalOutlierFactor is of other rows than _fit_X"),
    ("factor_rows_of_balls", "_tree of LocalOutlierFactor is of other rows than _fit_X"),
    ("factor_metric", "_tree of LocalOutlierFactor is a tree of EuclideanDistance64, not of manhattan"),
    ("factor_power", "_tree of LocalOutlierFactor is a tree of MinkowskiDistance64, not of minkowski with p = 4"),
    ("factor_tree", "_tree of LocalOutlierFactor is a KDTree, where _fit_method is ball_tree"),
    ("factor_no_tree", "_tree of LocalOutlierFactor is None"),
    ("factor_distances", "_distances_fit_X_ of LocalOutlierFactor is 39 rows, expected a row for each of 40"),
    ("factor_samples", "n_samples_fit_ of LocalOutlierFactor is 39, expected 40, as many rows as there are"),
    ("network_layers", "n_layers_ of MLPRegressor is 4, expected 3, as many layers, the input among them,"),
    ("envelope_precision", "has store_precision = False; supported: True"),
    ("quantiles_descend", "quantiles_ of QuantileTransformer is not in ascending order"),
    ("quantiles_none", "quantiles_ of QuantileTransformer is 0 numbers"),
    ("polynomial_degree", "n_output_features_ of PolynomialFeatures is 6, expected 10, as many products as there are"),
    ("polynomial_outputs", "n_output_features_ of PolynomialFeatures is 5, expected 6, as many products as there are"),
    ("imputer_order", "indicator_.features_ of SimpleImputer is in another order"),
    ("imputer_missing", "indicator_.missing_values of SimpleImputer is another one"),
];

#[test]
fn what_does_not_fit_together_is_refused_with_the_attribute() {
    for (name, reason) in REFUSED {
        let path = samples().join(format!("refused_{name}.pkl"));
        let error = Model::load(&path, &Limits::default()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
    let refused = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("refused_");
    assert_eq!(fs::read_dir(samples()).unwrap().flatten().filter(refused).count(), REFUSED.len());
}

#[test]
fn what_is_not_read_does_not_matter() {
    for name in ["svm", "min_max", "polynomial", "quantile", "factor", "forest", "kmeans"] {
        let path = samples().join(format!("{name}_unread.pkl"));
        let model = Model::load(&path, &Limits::default()).unwrap();
        Answers::read(&path.with_extension("csv")).hold(name, &model, 1e-12, 1.0);
    }
}
