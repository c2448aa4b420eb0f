//! Holds a model's answers against those that a library gave.

use std::path::Path;

use anomalyd::model::Model;
use anomalyd::verdict::Label;
use ndarray::Array2;

/// Rows `x0..` with the decision values and the labels that a library gave of them.
pub(crate) struct Answers {
    pub(crate) rows: Array2<f64>,
    pub(crate) decisions: Vec<f64>,
    pub(crate) labels: Vec<Label>,
}

impl Answers {
    /// Reads them from a file.
    pub(crate) fn read(path: &Path) -> Self {
        let column = |wanted: &str| columns(path, |name| name == wanted).into_iter();
        let label = |label| if label > 0.0 { Label::Normal } else { Label::Anomaly };
        Self {
            rows: columns(path, |name| name.starts_with('x')),
            decisions: column("decision").collect(),
            labels: column("label").map(label).collect(),
        }
    }

    /// Holds a model to them: to `share` of the decision value, or of `least` where it is smaller than that; to labels
    /// wherever the decision value is further than this from zero.
    pub(crate) fn hold(&self, name: &str, model: &Model, share: f64, least: f64) {
        let found = model.evaluate(self.rows.view()).unwrap();
        let rows = self.rows.nrows();
        assert_eq!((found.len(), self.decisions.len(), self.labels.len()), (rows, rows, rows), "{name}");
        for (row, (found, (expected, label))) in found.iter().zip(self.decisions.iter().zip(&self.labels)).enumerate() {
            let allowed = share * expected.abs().max(least);
            let apart = (found.decision - expected).abs();
            assert!(apart <= allowed, "{name}, row {row}: {} for {expected}", found.decision);
            assert!(
                found.label == *label || expected.abs() <= allowed,
                "{name}, row {row}: {:?} at {expected}",
                found.label
            );
        }
    }
}

/// Holds a model of 64-bit floats against the answers in a file.
#[allow(dead_code, reason = "each test binary uses its part")]
pub(crate) fn check(model: &Model, answers: &Path) {
    Answers::read(answers).hold(&answers.display().to_string(), model, 1e-9, 1e-3);
}

/// The columns of a file whose names `wanted` accepts.
pub(crate) fn columns(path: &Path, wanted: impl Fn(&str) -> bool) -> Array2<f64> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let places: Vec<_> = (0..header.len()).filter(|place| wanted(&header[*place])).collect();
    let numbers: Vec<f64> = reader
        .records()
        .flat_map(|record| {
            let record = record.unwrap();
            places.iter().map(|place| record[*place].parse().unwrap()).collect::<Vec<_>>()
        })
        .collect();
    Array2::from_shape_vec((numbers.len() / places.len(), places.len()), numbers).unwrap()
}
