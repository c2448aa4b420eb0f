//! A model's answers beside those that were expected.

use std::fmt;

use super::Evaluation;
use super::rows::Rows;
use crate::verdict::Label;

/// How far apart two decision values may be and still be the same.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tolerance(f64);

/// The tolerance is not a number from 0 to 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a tolerance is a number from 0 to below 1, such as 1e-9")]
pub struct ToleranceError;

impl Tolerance {
    /// For formats that keep 64-bit floats: what is left is the order in which a sum is taken.
    pub const FLOAT64: Self = Self(1e-9);
    /// For answers that were computed with 32-bit floats.
    pub const FLOAT32: Self = Self(1e-4);

    /// A tolerance, relative to the expected value.
    ///
    /// # Errors
    /// When it is not from 0 to below 1.
    pub fn new(relative: f64) -> Result<Self, ToleranceError> {
        if (0.0..1.0).contains(&relative) { Ok(Self(relative)) } else { Err(ToleranceError) }
    }

    /// The share of the expected value.
    pub fn relative(self) -> f64 {
        self.0
    }
}

/// What came of comparing.
#[derive(Clone, PartialEq, Debug)]
pub struct Comparison {
    /// How many rows there were.
    pub rows: usize,
    /// How many of them were answered otherwise than expected.
    pub disagreeing: usize,
    /// Rows so near to the boundary that their labels were not compared.
    pub ties: usize,
    /// The largest difference of two decision values, where decisions were expected.
    pub largest_difference: Option<f64>,
    /// The row that is furthest off, as a share of what was expected.
    pub worst: Option<Disagreement>,
}

/// A row that was answered otherwise than expected.
#[derive(Clone, PartialEq, Debug)]
pub struct Disagreement {
    /// Its number, counted from zero.
    pub row: usize,
    /// Its line in the file.
    pub line: u64,
    /// What was found.
    pub found: Evaluation,
    /// The decision value that was expected, if one was.
    pub expected_decision: Option<f64>,
    /// The label that was expected, if one was.
    pub expected_label: Option<Label>,
    /// How far apart the decision values may be.
    pub allowed: f64,
}

impl Comparison {
    /// Compares answers with what is expected of the same rows.
    ///
    /// Decision values agree when |found − expected| ≤ tolerance · max(|expected|, scale). The scale is the detector's
    /// `unit` (see [`Detector::unit`](super::Detector::unit)), or the largest expected value where that is smaller: near
    /// the boundary a decision value is a small difference of large numbers, and no two orders of summation agree to a
    /// share of it. Labels must be the same wherever the decision value is further from zero than that.
    pub fn new(found: &[Evaluation], expected: &Rows, tolerance: Tolerance, unit: f64) -> Self {
        let largest =
            expected.decisions.iter().flatten().fold(0.0, |largest: f64, decision| largest.max(decision.abs()));
        let scale = if largest > 0.0 { unit.min(largest) } else { unit };
        let mut comparison = Self { rows: found.len(), disagreeing: 0, ties: 0, largest_difference: None, worst: None };
        let mut worst_by = f64::NEG_INFINITY;
        for (row, evaluation) in found.iter().enumerate() {
            let expected_decision = expected.decisions.as_ref().and_then(|decisions| decisions.get(row)).copied();
            let expected_label = expected.labels.as_ref().and_then(|labels| labels.get(row)).copied();
            let decision = expected_decision.unwrap_or(evaluation.decision);
            let scale = decision.abs().max(scale);
            let allowed = tolerance.0 * scale;
            let difference = expected_decision.map(|expected| (evaluation.decision - expected).abs());
            if let Some(difference) = difference {
                comparison.largest_difference = Some(comparison.largest_difference.unwrap_or(0.0).max(difference));
            }
            let is_tie = expected_label.is_some() && decision.abs() <= allowed;
            comparison.ties += usize::from(is_tie);
            let mislabelled = !is_tie && expected_label.is_some_and(|label| label != evaluation.label);
            if !mislabelled && difference.is_none_or(|difference| difference <= allowed) {
                continue;
            }
            comparison.disagreeing += 1;
            // A row on the wrong side is off by the way to the boundary at least.
            let wrong_side = if mislabelled { evaluation.decision.abs() } else { 0.0 };
            let off = difference.unwrap_or(0.0).max(wrong_side) / scale;
            if off > worst_by {
                worst_by = off;
                let line = expected.lines.get(row).copied().unwrap_or_default();
                let found = *evaluation;
                comparison.worst = Some(Disagreement { row, line, found, expected_decision, expected_label, allowed });
            }
        }
        comparison
    }
}

impl Disagreement {
    /// How far apart the decision values are, if one was expected.
    pub fn difference(&self) -> Option<f64> {
        self.expected_decision.map(|expected| (self.found.decision - expected).abs())
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = answer(self.expected_decision, self.expected_label);
        let found = answer(Some(self.found.decision), Some(self.found.label));
        write!(f, "line {}: expected {expected}, found {found}", self.line)
    }
}

/// An answer, in words.
fn answer(decision: Option<f64>, label: Option<Label>) -> String {
    let decision = decision.map(|decision| format!("{decision:?}"));
    let label = label.map(|label| label.to_string());
    decision.into_iter().chain(label).collect::<Vec<_>>().join(", ")
}
