//! What is done to a row before the detector sees it.

mod standard_scaler;

use ndarray::Array2;

pub use standard_scaler::StandardScaler;

/// One step of preprocessing.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Centre and scale each feature.
    StandardScaler(StandardScaler),
}

impl Step {
    /// Its name in the library that trains it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StandardScaler(_) => "StandardScaler",
        }
    }

    /// How many features a row has that goes in.
    pub fn width(&self) -> usize {
        match self {
            Self::StandardScaler(scaler) => scaler.width(),
        }
    }

    /// How many features a row has that comes out.
    pub fn output_width(&self) -> usize {
        match self {
            Self::StandardScaler(scaler) => scaler.width(),
        }
    }

    /// The memory that it takes beside itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::StandardScaler(scaler) => scaler.heap_bytes(),
        }
    }

    /// Does the step to rows of [`width`](Self::width) features. NaN goes through, unless the step is there to replace
    /// it.
    pub(super) fn apply(&self, mut rows: Array2<f64>) -> Array2<f64> {
        match self {
            Self::StandardScaler(scaler) => {
                scaler.apply(rows.view_mut());
                rows
            }
        }
    }
}
