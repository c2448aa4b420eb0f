//! Compares a model's answers with the expected ones.

use std::fmt;

use ndarray::Axis;

use super::rows::AnsweredRows;
use super::{Evaluation, Model};
use crate::verdict::Label;

/// How far apart two decision values may be and still be the same.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tolerance {
    /// A share of the expected value,
    relative: f64,
    /// or of this share of the detector's natural size, or of the largest expected value, where the expected value is
    /// smaller than that.
    floor: f64,
}

/// The tolerance is not a number from 0 to 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a tolerance is a number from 0 to below 1, such as 1e-9")]
pub struct ToleranceError;

impl Tolerance {
    /// For formats that keep 64-bit floats: answers differ only by the order in which sums are taken.
    pub const FLOAT64: Self = Self { relative: 1e-9, floor: 1e-3 };
    /// For answers that were computed with 32-bit floats. Near the boundary, almost none of their seven digits are
    /// left.
    pub const FLOAT32: Self = Self { relative: 1e-4, floor: 1.0 };

    /// A tolerance relative to the expected value. From a millionth on it is taken as one for 32-bit floats.
    ///
    /// # Errors
    /// When it is not at least 0 and below 1.
    pub fn new(relative: f64) -> Result<Self, ToleranceError> {
        let Self { floor, .. } = if relative < 1e-6 { Self::FLOAT64 } else { Self::FLOAT32 };
        if (0.0..1.0).contains(&relative) { Ok(Self { relative, floor }) } else { Err(ToleranceError) }
    }

    /// The share of the expected value.
    pub fn relative(self) -> f64 {
        self.relative
    }
}

/// The result of comparing.
#[derive(Clone, PartialEq, Debug)]
pub struct Comparison {
    /// How many rows there were.
    pub rows: usize,
    /// How many rows disagree with what was expected.
    pub disagreeing: usize,
    /// Rows so near to the boundary that their labels were not compared.
    pub ties: usize,
    /// Rows that agree only within the error that rounding can cause.
    pub rounded: usize,
    /// The largest difference of two decision values, where decisions were expected.
    pub largest_difference: Option<f64>,
    /// The row with the largest difference, relative to what was expected.
    pub worst: Option<Disagreement>,
}

/// A row whose answer differs from the expected one.
#[derive(Clone, PartialEq, Debug)]
pub struct Disagreement {
    /// Its number, counted from zero.
    pub row: usize,
    /// Its line in the file.
    pub line: u64,
    /// The answer that the model gave.
    pub found: Evaluation,
    /// The decision value that was expected, if one was.
    pub expected_decision: Option<f64>,
    /// The label that was expected, if one was.
    pub expected_label: Option<Label>,
    /// How far apart the decision values may be.
    pub allowed: f64,
}

impl Comparison {
    /// Compares a model's answers with those that are expected of the same rows.
    ///
    /// Decision values agree when |found − expected| ≤ tolerance · max(|expected|, floor). The floor is a share of the
    /// detector's [`unit`](super::Detector::unit) or of the largest expected value, whichever is more: 1/1000 for
    /// 64-bit floats and all of it for 32-bit ones; it is never above the largest expected value. Values that differ by
    /// more still agree when rounding alone can cause the difference: near the boundary a decision value is a small
    /// difference of large numbers, and no two orders of summation agree to a share of it. Labels must be the same
    /// wherever the decision value is further from zero than that.
    pub fn new(model: &Model, found: &[Evaluation], expected: &AnsweredRows, tolerance: Tolerance) -> Self {
        let rounding = |rows: &[usize]| model.rounding(expected.values.select(Axis(0), rows).view());
        Self::with(found, expected, tolerance, model.detector().unit(), rounding)
    }

    /// Like `new`; `rounding` gives the error that rounding can cause in the rows that would disagree without it.
    fn with(
        found: &[Evaluation],
        expected: &AnsweredRows,
        tolerance: Tolerance,
        unit: f64,
        rounding: impl FnOnce(&[usize]) -> Vec<f64>,
    ) -> Self {
        let largest =
            expected.decisions.iter().flatten().fold(0.0, |largest: f64, decision| largest.max(decision.abs()));
        let floor = tolerance.floor * unit.max(largest);
        let floor = if largest > 0.0 { floor.min(largest) } else { floor };
        let judge = |row: usize, rounding: f64| {
            let expected_decision = expected.decisions.as_ref().and_then(|decisions| decisions.get(row)).copied();
            let expected_label = expected.labels.as_ref().and_then(|labels| labels.get(row)).copied();
            Judged::new(found[row], expected_decision, expected_label, tolerance, floor, rounding)
        };
        let doubtful: Vec<_> = (0..found.len()).filter(|row| !judge(*row, 0.0).agrees).collect();
        let mut rounding = if doubtful.is_empty() { Vec::new() } else { rounding(&doubtful) }.into_iter();
        let mut doubtful = doubtful.into_iter().peekable();
        let mut comparison =
            Self { rows: found.len(), disagreeing: 0, ties: 0, rounded: 0, largest_difference: None, worst: None };
        let mut worst_by = f64::NEG_INFINITY;
        for row in 0..found.len() {
            let in_doubt = doubtful.next_if_eq(&row).is_some();
            let judged = judge(row, if in_doubt { rounding.next().unwrap_or(0.0) } else { 0.0 });
            if let Some(difference) = judged.difference {
                comparison.largest_difference = Some(comparison.largest_difference.unwrap_or(0.0).max(difference));
            }
            comparison.ties += usize::from(judged.is_tie);
            if judged.agrees {
                comparison.rounded += usize::from(in_doubt);
                continue;
            }
            comparison.disagreeing += 1;
            if judged.off > worst_by {
                worst_by = judged.off;
                let line = expected.lines.get(row).copied().unwrap_or_default();
                let Judged { found, expected_decision, expected_label, allowed, .. } = judged;
                comparison.worst = Some(Disagreement { row, line, found, expected_decision, expected_label, allowed });
            }
        }
        comparison
    }
}

/// The comparison of one row.
struct Judged {
    found: Evaluation,
    expected_decision: Option<f64>,
    expected_label: Option<Label>,
    allowed: f64,
    difference: Option<f64>,
    is_tie: bool,
    agrees: bool,
    /// The difference, relative to what was expected.
    off: f64,
}

impl Judged {
    fn new(
        found: Evaluation,
        expected_decision: Option<f64>,
        expected_label: Option<Label>,
        tolerance: Tolerance,
        floor: f64,
        rounding: f64,
    ) -> Self {
        let decision = expected_decision.unwrap_or(found.decision);
        let scale = decision.abs().max(floor);
        let allowed = (tolerance.relative * scale).max(rounding);
        let difference = expected_decision.map(|expected| (found.decision - expected).abs());
        let is_tie = expected_label.is_some() && decision.abs() <= allowed.max(tolerance.relative);
        let mislabelled = !is_tie && expected_label.is_some_and(|label| label != found.label);
        // A row on the wrong side is off by the way to the boundary at least.
        let wrong_side = if mislabelled { found.decision.abs() } else { 0.0 };
        Self {
            found,
            expected_decision,
            expected_label,
            allowed,
            difference,
            is_tie,
            agrees: !mislabelled && difference.is_none_or(|difference| difference <= allowed),
            off: difference.unwrap_or(0.0).max(wrong_side) / scale,
        }
    }
}

impl Disagreement {
    /// The difference of the decision values; `None` when none was expected.
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

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    fn compare(found: &[f64], expected: &[f64], tolerance: f64, unit: f64) -> Comparison {
        let label = |decision: f64| if decision > 0.0 { Label::Normal } else { Label::Anomaly };
        let found: Vec<_> =
            found.iter().map(|decision| Evaluation { label: label(*decision), decision: *decision }).collect();
        let rows = AnsweredRows {
            values: Array2::zeros((expected.len(), 1)),
            lines: (2..).take(expected.len()).collect(),
            decisions: Some(expected.to_vec()),
            labels: Some(expected.iter().copied().map(label).collect()),
        };
        Comparison::with(&found, &rows, Tolerance::new(tolerance).unwrap(), unit, |rows| vec![0.0; rows.len()])
    }

    #[test]
    fn labels_within_the_tolerance_of_the_boundary_are_not_compared() {
        let comparison = compare(&[1e-16, 1.0], &[-1e-16, 1.0], 1e-9, 1.0);
        assert_eq!((comparison.disagreeing, comparison.ties), (0, 1));
        assert_eq!(compare(&[1e-8], &[-1e-8], 1e-9, 1.0).disagreeing, 1);
    }

    #[test]
    fn a_row_that_disagrees_is_excused_by_its_own_rounding_alone() {
        let answers = |decisions: &[f64]| AnsweredRows {
            values: Array2::zeros((decisions.len(), 1)),
            lines: (2..).take(decisions.len()).collect(),
            decisions: Some(decisions.to_vec()),
            labels: Some(vec![Label::Normal; decisions.len()]),
        };
        let evaluation = |decision| Evaluation { label: Label::anomaly_below_zero(decision), decision };
        let found = [1.0, 1e-6, -1e-6, 1.5].map(evaluation);
        let comparison = Comparison::with(&found, &answers(&[1.0, 2e-6, 1e-6, 1.0]), Tolerance::FLOAT64, 1.0, |rows| {
            assert_eq!(rows, [1, 2, 3]);
            vec![1e-5, 1e-5, 1e-5]
        });
        assert_eq!((comparison.disagreeing, comparison.rounded, comparison.ties), (1, 2, 2));
        assert_eq!(comparison.worst.map(|worst| (worst.row, worst.allowed)), Some((3, 1e-5)));
    }

    #[test]
    fn a_natural_size_beyond_all_answers_excuses_nothing() {
        assert_eq!(compare(&[0.1, 1.0], &[0.2, 1.0], 1e-9, 1e300).disagreeing, 1);
    }

    #[test]
    fn the_row_that_is_furthest_off_for_its_size_is_the_worst() {
        let worst = compare(&[1e6 + 1.0, 0.5, 1.0], &[1e6, 0.6, 1.0], 1e-9, 1.0).worst.unwrap();
        assert_eq!((worst.row, worst.line), (1, 3));
    }

    proptest! {
        #[test]
        fn a_difference_of_twice_the_tolerance_disagrees_and_of_half_agrees(
            expected in prop_oneof![-1e6..-0.1, 0.1..1e6], exponent in -9..-7,
        ) {
            let tolerance = 10.0_f64.powi(exponent);
            let off = |by: f64| compare(&[expected * (1.0 + by * tolerance)], &[expected], tolerance, 1.0).disagreeing;
            prop_assert_eq!((off(0.5), off(-0.5), off(2.0), off(-2.0)), (0, 0, 1, 1));
        }
    }

    #[test]
    fn a_tolerance_is_a_share() {
        assert!([-1e-9, 1.0, f64::NAN].iter().all(|share| Tolerance::new(*share).is_err()));
    }
}
