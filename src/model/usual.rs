//! What a model knows of its training rows: their centre, and the usual range of each feature.

use super::{Model, preprocessing};

/// The rows of the training, feature by feature, in the units of the rows that go into the model.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Usual {
    /// The middle of each feature.
    pub(super) centre: Vec<f64>,
    /// The usual range of each feature, lowest and highest, if it is known.
    pub(super) ranges: Option<Vec<(f64, f64)>>,
}

impl Usual {
    /// What the first step that knows it says, while those before it leave features as they are; a model without steps has
    /// its detector's centre.
    pub(super) fn of(model: &Model) -> Option<Self> {
        let steps = model.preprocessing();
        let ranges = preprocessing::usual(steps);
        let middle = |ranges: &Vec<(f64, f64)>| ranges.iter().map(|(low, high)| low.midpoint(*high)).collect();
        let own = || if steps.is_empty() { model.detector().centre() } else { None };
        let centre = preprocessing::centre(steps).or_else(|| ranges.as_ref().map(middle)).or_else(own)?;
        Some(Self { centre, ranges })
    }
}
