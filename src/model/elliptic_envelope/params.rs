//! The parameters.

use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "EllipticEnvelope";

/// How far numbers that should be equal may differ by rounding, relative to their size.
const ROUNDING: f64 = 1e-6;

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// The robust centre, a number a feature.
    pub(in crate::model) location: Vec<f64>,
    /// The inverse of the robust covariance, row by row.
    pub(in crate::model) precision: Vec<f64>,
    /// Subtracted from the negative squared distance: the negative squared distance of the boundary.
    pub(in crate::model) offset: f64,
    /// From which distances decision values are made.
    pub(in crate::model) scale: Scale,
}

/// How decision values grow with the squared distance d.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    /// −d − offset.
    Squared,
    /// (−offset)^0.33 − d^0.33: scikit-learn 0.19.
    CubeRoot,
}

/// An elliptic envelope, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct EllipticEnvelope {
    pub(super) location: Box<[f64]>,
    pub(super) precision: Box<[f64]>,
    pub(super) offset: f64,
    pub(super) scale: Scale,
}

impl EllipticEnvelope {
    /// Checks the parameters.
    ///
    /// # Errors
    /// When a number is not finite, lengths do not agree, the precision is not symmetric or shows a direction of negative
    /// distance, or the offset is above 0.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let Params { location, precision, offset, scale } = params;
        let width = location.len();
        if width == 0 {
            return Err(parameter(NAME, "location_").invalid("empty", "at least one feature"));
        }
        parameter(NAME, "location_").all_finite(&location)?;
        let matrix = parameter(NAME, "precision_");
        matrix.length(precision.len(), width.saturating_mul(width), "pairs of features")?;
        matrix.all_finite(&precision)?;
        let diagonal: Vec<_> = (0..width).map(|feature| precision[feature * (width + 1)]).collect();
        for (place, entry) in precision.iter().enumerate() {
            let (row, column) = (place / width, place % width);
            let bound = (diagonal[row] * diagonal[column]).max(0.0).sqrt();
            if diagonal[row] < 0.0 || entry.abs() > bound * (1.0 + ROUNDING) {
                return Err(matrix.invalid(format!("{entry} at {row}, {column}"), "positive semidefinite"));
            }
            if (entry - precision[column * width + row]).abs() > bound * ROUNDING {
                return Err(matrix.invalid(format!("{entry} at {row}, {column} only"), "symmetric"));
            }
        }
        parameter(NAME, "offset_").finite(offset)?;
        if offset > 0.0 {
            return Err(parameter(NAME, "offset_").invalid(offset, "a negative squared distance"));
        }
        Ok(Self { location: location.into(), precision: precision.into(), offset, scale })
    }

    /// The parameters from which this was made.
    pub(in crate::model) fn params(&self) -> Params {
        Params {
            location: self.location.to_vec(),
            precision: self.precision.to_vec(),
            offset: self.offset,
            scale: self.scale,
        }
    }

    /// The same with another boundary. With `None` decision values are scikit-learn's `score_samples`: minus the squared
    /// distance, in every version.
    ///
    /// # Errors
    /// When the offset is not finite, or above 0.
    pub(in crate::model) fn with_offset(&self, offset: Option<f64>) -> Result<Self, Invalid> {
        Self::new(match offset {
            Some(offset) => Params { offset, ..self.params() },
            None => Params { offset: 0.0, scale: Scale::Squared, ..self.params() },
        })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.location.len()
    }

    /// How decision values grow with the distance.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("features", self.location.len().to_string()), ("offset", self.offset.to_string())]
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.location) + size_of_val(&*self.precision)
    }

    /// The decision value of the centre: the way from there to the boundary.
    pub(in crate::model) fn unit(&self) -> f64 {
        match self.scale {
            Scale::Squared => -self.offset,
            Scale::CubeRoot => (-self.offset).powf(0.33),
        }
    }

    /// The deviation of each feature while the others stay as they are.
    pub(in crate::model) fn deviations(&self) -> Vec<f64> {
        let width = self.location.len();
        (0..width).map(|feature| 1.0 / self.precision[feature * (width + 1)].sqrt()).collect()
    }

    /// The robust centre.
    pub(in crate::model) fn centre(&self) -> Vec<f64> {
        self.location.to_vec()
    }
}
