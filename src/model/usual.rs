//! What a model knows of its training rows: their centre, and the usual range of each feature.

use super::{Model, preprocessing};

/// The training rows, feature by feature, in the units of the model's input.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Usual {
    /// The middle of each feature.
    pub(super) centre: Vec<f64>,
    /// The usual range of each feature, lowest and highest; `None` when not known.
    pub(super) ranges: Option<Vec<(f64, f64)>>,
}

impl Usual {
    /// Comes from the first step that knows it, if the steps before that leave features as they are. A model without
    /// steps has its detector's centre.
    pub(super) fn of(model: &Model) -> Option<Self> {
        let steps = model.preprocessing();
        let ranges = preprocessing::usual(steps);
        let middle = |ranges: &Vec<(f64, f64)>| ranges.iter().map(|(low, high)| low.midpoint(*high)).collect();
        let own = || if steps.is_empty() { model.detector().centre() } else { None };
        let centre = preprocessing::centre(steps).or_else(|| ranges.as_ref().map(middle)).or_else(own)?;
        Some(Self { centre, ranges })
    }
}
