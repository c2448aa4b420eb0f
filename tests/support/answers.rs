//! Holds a model's answers against those that a library gave.

use std::path::Path;

use anomalyd::model::Model;
use anomalyd::verdict::Label;
use ndarray::Array2;

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

/// Decision values agree within 1e-9 of their size, and labels wherever the decision is not nearer than that to zero.
pub(crate) fn check(model: &Model, answers: &Path) {
    let name = answers.display();
    let rows = columns(answers, |column| column.starts_with('x'));
    let found = model.evaluate(rows.view()).unwrap();
    let decisions = columns(answers, |column| column == "decision");
    let labels = columns(answers, |column| column == "label");
    assert_eq!((found.len(), decisions.len()), (rows.nrows(), rows.nrows()), "{name}");
    for (row, ((found, decision), label)) in found.iter().zip(&decisions).zip(&labels).enumerate() {
        let allowed = 1e-9 * decision.abs().max(1e-3);
        assert!((found.decision - decision).abs() <= allowed, "{name}, row {row}: {} for {decision}", found.decision);
        let label = if *label > 0.0 { Label::Normal } else { Label::Anomaly };
        assert!(found.label == label || decision.abs() <= 1e-9, "{name}, row {row}: {:?} at {decision}", found.label);
    }
}
