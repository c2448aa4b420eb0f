//! What is done to a row before the detector sees it.

mod standard_scaler;

pub use standard_scaler::StandardScaler;

/// One step of preprocessing.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Centre and scale each feature.
    StandardScaler(StandardScaler),
}

impl Step {
    /// Does the step to rows of `width` features that lie one after another.
    pub(super) fn apply(&self, rows: &mut [f64], width: usize) {
        match self {
            Self::StandardScaler(scaler) => scaler.apply(rows, width),
        }
    }
}
