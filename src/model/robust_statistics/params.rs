//! The parameters, and their layout in memory.

use crate::model::boundary::Boundary;
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "robust statistics";

/// The parameters as files hold them.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) struct Params {
    /// How usual values are described.
    pub(in crate::model) rule: Rule,
    /// Minus the greatest error that is normal.
    pub(in crate::model) offset: Option<f64>,
}

/// How the usual values of each feature are described: a number each.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model) enum Rule {
    /// Around the median.
    Mad {
        /// The medians.
        median: Vec<f64>,
        /// The median absolute deviations, above 0.
        mad: Vec<f64>,
    },
    /// Between two quantiles.
    Quantiles {
        /// The lower quantiles.
        low: Vec<f64>,
        /// The upper quantiles, each above its lower one.
        high: Vec<f64>,
    },
}

/// Robust statistics of each feature, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct RobustStatistics {
    pub(super) rule: Rule,
    pub(super) boundary: Boundary,
}

impl RobustStatistics {
    /// A detector with these parameters.
    ///
    /// # Errors
    /// When a number is not finite, lengths do not agree, or a range is empty.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let Params { rule, offset } = params;
        let (first, second) = match &rule {
            Rule::Mad { .. } => (parameter(NAME, "median"), parameter(NAME, "mad")),
            Rule::Quantiles { .. } => (parameter(NAME, "low"), parameter(NAME, "high")),
        };
        let (Rule::Mad { median: from, mad: to } | Rule::Quantiles { low: from, high: to }) = &rule;
        if from.is_empty() {
            return Err(first.invalid("empty", "a number for each of at least one feature"));
        }
        second.length(to.len(), from.len(), "features")?;
        first.all_finite(from)?;
        second.all_finite(to)?;
        match &rule {
            Rule::Mad { mad, .. } => second.all_positive(mad)?,
            Rule::Quantiles { low, high } => {
                // Numbers of opposite signs can be finite and their range is not.
                if let Some((low, high)) = low.iter().zip(high).find(|(low, high)| !is_range(**low, **high)) {
                    return Err(second.invalid(high, format!("a number above that of low, {low}, by a finite range")));
                }
            }
        }
        let boundary = Boundary::new(NAME, offset, rule.lowest_error())?;
        Ok(Self { rule, boundary })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        let (Rule::Mad { median: each, .. } | Rule::Quantiles { low: each, .. }) = &self.rule;
        each.len()
    }

    /// Minus the greatest error that is normal; `None` when it is not known.
    pub fn offset(&self) -> Option<f64> {
        self.boundary.offset()
    }

    pub(in crate::model) fn params(&self) -> Params {
        Params { rule: self.rule.clone(), offset: self.boundary.offset() }
    }

    pub(in crate::model) fn parameters(&self) -> Vec<(&'static str, String)> {
        let rule = match self.rule {
            Rule::Mad { .. } => "median absolute deviation",
            Rule::Quantiles { .. } => "quantiles",
        };
        [("rule", rule.to_owned())].into_iter().chain(self.boundary.shown()).collect()
    }

    pub(in crate::model) fn heap_bytes(&self) -> usize {
        2 * size_of::<f64>() * self.width()
    }

    pub(in crate::model) fn unit(&self) -> f64 {
        self.boundary.unit()
    }

    pub(in crate::model) fn centre(&self) -> Vec<f64> {
        match &self.rule {
            Rule::Mad { median, .. } => median.clone(),
            Rule::Quantiles { low, high } => low.iter().zip(high).map(|(low, high)| low + (high - low) / 2.0).collect(),
        }
    }
}

impl Rule {
    fn lowest_error(&self) -> f64 {
        match self {
            Self::Mad { .. } => 0.0,
            Self::Quantiles { .. } => -0.5,
        }
    }
}

fn is_range(low: f64, high: f64) -> bool {
    low < high && (high - low).is_finite()
}
