//! How far two rows are apart.

use std::fmt;

/// How far two rows are apart.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Metric {
    /// The root of the sum of squared differences.
    Euclidean,
    /// The sum of absolute differences.
    Manhattan,
    /// The largest absolute difference.
    Chebyshev,
    /// The pth root of the sum of the pth powers of absolute differences.
    Minkowski {
        /// The power, above 0.
        p: f64,
    },
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Euclidean => f.write_str("euclidean"),
            Self::Manhattan => f.write_str("manhattan"),
            Self::Chebyshev => f.write_str("chebyshev"),
            Self::Minkowski { p } => write!(f, "minkowski with p = {p}"),
        }
    }
}

impl Metric {
    /// Adds the difference in one feature to a measure, which orders rows as their distances do.
    #[inline]
    pub(super) fn add(self, measure: f64, difference: f64) -> f64 {
        match self {
            Self::Euclidean => measure + difference * difference,
            Self::Manhattan => measure + difference.abs(),
            Self::Chebyshev => measure.max(difference.abs()),
            Self::Minkowski { p } => measure + difference.abs().powf(p),
        }
    }

    /// The measure between two rows.
    pub(in crate::model) fn measure(self, a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).fold(0.0, |sum, (a, b)| self.add(sum, a - b))
    }

    /// The measure of rows that are this far apart.
    pub(super) fn measure_of(self, distance: f64) -> f64 {
        self.add(0.0, distance)
    }

    /// The distance for a measure.
    pub(in crate::model) fn distance(self, measure: f64) -> f64 {
        match self {
            Self::Euclidean => measure.sqrt(),
            Self::Manhattan | Self::Chebyshev => measure,
            Self::Minkowski { p } => measure.powf(p.recip()),
        }
    }
}
