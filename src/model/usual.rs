//! What a model knows of the rows that it was trained on: their middle, and between what each feature usually lay.

use super::Model;
use super::preprocessing;

/// The rows of the training, feature by feature, in the units of the rows that go into the model.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Usual {
    /// The middle of each feature.
    pub(super) centre: Vec<f64>,
    /// Between what each feature usually lay, if that is known.
    pub(super) ranges: Option<Vec<(f64, f64)>>,
}

impl Usual {
    /// What the first step knows, for only it sees rows in their own units; a model without steps has its detector's
    /// centre.
    pub(super) fn of(model: &Model) -> Option<Self> {
        match model.preprocessing() {
            [] => model.detector().centre().map(|centre| Self { centre, ranges: None }),
            steps => Some(Self { centre: preprocessing::centre(steps)?, ranges: preprocessing::usual(steps) }),
        }
    }
}
