//! Preprocessing: the steps between a row and the detector.
//!
//! A step takes rows and gives rows, maybe of another width. Each row is computed by itself. NaN, a missing number,
//! passes through, unless the step is there to replace it. When scikit-learn's step would refuse a row, infinities come
//! out, whether or not NaN is among its numbers; and an infinity never becomes a finite number. So no step hides an
//! impossible reading.

mod column_transformer;
mod function_transformer;
mod max_abs_scaler;
mod min_max_scaler;
mod normal;
mod nystroem;
mod pca;
mod polynomial_features;
mod power_transformer;
mod quantile_transformer;
mod robust_scaler;
mod shift;
mod simple_imputer;
mod standard_scaler;
mod variance_threshold;

use ndarray::Array2;

pub use column_transformer::{Branch, ColumnTransformer};
pub use function_transformer::{Function, FunctionTransformer};
pub use max_abs_scaler::{Beyond, MaxAbsScaler};
pub use min_max_scaler::MinMaxScaler;
pub use min_max_scaler::Params as MinMaxScalerParams;
pub use nystroem::Params as NystroemParams;
pub use nystroem::{Likeness, Nystroem};
pub use pca::Params as PcaParams;
pub use pca::Pca;
pub use polynomial_features::Params as PolynomialFeaturesParams;
pub use polynomial_features::PolynomialFeatures;
pub use power_transformer::{Method, PowerTransformer};
pub use quantile_transformer::Params as QuantileTransformerParams;
pub use quantile_transformer::{Distribution, QuantileTransformer};
pub use robust_scaler::RobustScaler;
pub use simple_imputer::Params as SimpleImputerParams;
pub use simple_imputer::{MissingMarker, Replacement, SimpleImputer};
pub use standard_scaler::StandardScaler;
pub use variance_threshold::VarianceThreshold;

/// The most features of a row that goes into a model, and the most that a step may make of fewer: a file's size bounds
/// neither.
pub(super) const MAX_WIDTH: usize = 1 << 16;

/// The most steps that a model may have, including nested ones: a few values of a file can refer to each other without
/// end.
pub(super) const MAX_STEPS: usize = 1_000;

/// One step of preprocessing.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Centre and scale each feature.
    StandardScaler(StandardScaler),
    /// Bring each feature into a range.
    MinMaxScaler(MinMaxScaler),
    /// Scale each feature by its largest magnitude.
    MaxAbsScaler(MaxAbsScaler),
    /// Centre and scale each feature by its quantiles.
    RobustScaler(RobustScaler),
    /// Make each feature more like a normal distribution by a power.
    PowerTransformer(PowerTransformer),
    /// Make each feature a given distribution by its quantiles.
    QuantileTransformer(QuantileTransformer),
    /// Project on principal components.
    Pca(Pca),
    /// Replaces missing numbers.
    SimpleImputer(SimpleImputer),
    /// Multiply features.
    PolynomialFeatures(PolynomialFeatures),
    /// Take a function of each number.
    FunctionTransformer(FunctionTransformer),
    /// Hold against some of the training rows.
    Nystroem(Nystroem),
    /// Leaves out features that hardly varied.
    VarianceThreshold(VarianceThreshold),
    /// Do different things to different features.
    ColumnTransformer(ColumnTransformer),
}

impl Step {
    /// Its name in the library that trains it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StandardScaler(_) => "StandardScaler",
            Self::MinMaxScaler(_) => "MinMaxScaler",
            Self::MaxAbsScaler(_) => "MaxAbsScaler",
            Self::RobustScaler(_) => "RobustScaler",
            Self::PowerTransformer(_) => "PowerTransformer",
            Self::QuantileTransformer(_) => "QuantileTransformer",
            Self::Pca(_) => "PCA",
            Self::SimpleImputer(_) => "SimpleImputer",
            Self::PolynomialFeatures(_) => "PolynomialFeatures",
            Self::FunctionTransformer(_) => "FunctionTransformer",
            Self::Nystroem(_) => "Nystroem",
            Self::VarianceThreshold(_) => "VarianceThreshold",
            Self::ColumnTransformer(_) => "ColumnTransformer",
        }
    }

    /// The number of features of an input row.
    pub fn width(&self) -> usize {
        match self {
            Self::StandardScaler(scaler) => scaler.width(),
            Self::MinMaxScaler(scaler) => scaler.width(),
            Self::MaxAbsScaler(scaler) => scaler.width(),
            Self::RobustScaler(scaler) => scaler.width(),
            Self::PowerTransformer(transformer) => transformer.width(),
            Self::QuantileTransformer(transformer) => transformer.width(),
            Self::Pca(pca) => pca.width(),
            Self::SimpleImputer(imputer) => imputer.width(),
            Self::PolynomialFeatures(features) => features.width(),
            Self::FunctionTransformer(transformer) => transformer.width(),
            Self::Nystroem(nystroem) => nystroem.width(),
            Self::VarianceThreshold(threshold) => threshold.width(),
            Self::ColumnTransformer(transformer) => transformer.width(),
        }
    }

    /// The number of features of an output row.
    pub fn output_width(&self) -> usize {
        match self {
            Self::Pca(pca) => pca.components(),
            Self::SimpleImputer(imputer) => imputer.output_width(),
            Self::PolynomialFeatures(features) => features.output_width(),
            Self::Nystroem(nystroem) => nystroem.output_width(),
            Self::VarianceThreshold(threshold) => threshold.kept().len(),
            Self::ColumnTransformer(transformer) => transformer.output_width(),
            Self::StandardScaler(_)
            | Self::MinMaxScaler(_)
            | Self::MaxAbsScaler(_)
            | Self::RobustScaler(_)
            | Self::PowerTransformer(_)
            | Self::QuantileTransformer(_)
            | Self::FunctionTransformer(_) => self.width(),
        }
    }

    /// The most features that a row has within the step.
    pub fn widest(&self) -> usize {
        match self {
            Self::ColumnTransformer(transformer) => {
                let within = transformer
                    .branches()
                    .iter()
                    .flat_map(|branch| [branch.columns.len()].into_iter().chain(branch.steps.iter().map(Self::widest)));
                within.fold(self.output_width(), usize::max)
            }
            _ => self.output_width(),
        }
    }

    /// The bytes of memory that it takes beside its own struct.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::StandardScaler(scaler) => scaler.heap_bytes(),
            Self::MinMaxScaler(scaler) => scaler.heap_bytes(),
            Self::MaxAbsScaler(scaler) => scaler.heap_bytes(),
            Self::RobustScaler(scaler) => scaler.heap_bytes(),
            Self::PowerTransformer(transformer) => transformer.heap_bytes(),
            Self::QuantileTransformer(transformer) => transformer.heap_bytes(),
            Self::Pca(pca) => pca.heap_bytes(),
            Self::SimpleImputer(imputer) => imputer.heap_bytes(),
            Self::PolynomialFeatures(features) => features.heap_bytes(),
            Self::FunctionTransformer(_) => 0,
            Self::Nystroem(nystroem) => nystroem.heap_bytes(),
            Self::VarianceThreshold(threshold) => threshold.heap_bytes(),
            Self::ColumnTransformer(transformer) => transformer.heap_bytes(),
        }
    }

    /// The middle of each input feature, in its own unit; `None` when the step does not know it from training.
    pub fn centre(&self) -> Option<Vec<f64>> {
        match self {
            Self::StandardScaler(scaler) => scaler.mean().map(<[f64]>::to_vec),
            Self::MinMaxScaler(scaler) => {
                scaler.seen().map(|seen| seen.iter().map(|(low, high)| low.midpoint(*high)).collect())
            }
            Self::MaxAbsScaler(scaler) => Some(vec![0.0; scaler.width()]),
            Self::RobustScaler(scaler) => scaler.center().map(<[f64]>::to_vec),
            Self::PowerTransformer(transformer) => transformer.centre(),
            Self::QuantileTransformer(transformer) => Some(transformer.centre()),
            Self::Pca(pca) => Some(pca.mean().to_vec()),
            Self::SimpleImputer(imputer) => imputer.centre(),
            Self::PolynomialFeatures(_)
            | Self::FunctionTransformer(_)
            | Self::Nystroem(_)
            | Self::VarianceThreshold(_) => None,
            Self::ColumnTransformer(transformer) => transformer.centre(),
        }
    }

    /// The usual range of each input feature, in its own unit; `None` when the step does not know it from training.
    pub fn usual(&self) -> Option<Vec<(f64, f64)>> {
        match self {
            Self::StandardScaler(scaler) => scaler.usual(),
            Self::MinMaxScaler(scaler) => scaler.seen().map(<[_]>::to_vec),
            Self::MaxAbsScaler(scaler) => Some(scaler.scale().iter().map(|largest| (-largest, *largest)).collect()),
            Self::RobustScaler(scaler) => scaler.usual(),
            Self::PowerTransformer(transformer) => transformer.usual(),
            Self::QuantileTransformer(transformer) => Some(transformer.usual()),
            Self::Pca(_)
            | Self::SimpleImputer(_)
            | Self::PolynomialFeatures(_)
            | Self::FunctionTransformer(_)
            | Self::Nystroem(_)
            | Self::VarianceThreshold(_) => None,
            Self::ColumnTransformer(transformer) => transformer.usual(),
        }
    }

    /// Does the step to rows of [`width`](Self::width) features.
    pub(super) fn apply(&self, rows: Array2<f64>) -> Array2<f64> {
        match self {
            Self::StandardScaler(scaler) => scaler.apply(rows),
            Self::MinMaxScaler(scaler) => scaler.apply(rows),
            Self::MaxAbsScaler(scaler) => scaler.apply(rows),
            Self::RobustScaler(scaler) => scaler.apply(rows),
            Self::PowerTransformer(transformer) => transformer.apply(rows),
            Self::QuantileTransformer(transformer) => transformer.apply(rows),
            Self::Pca(pca) => pca.apply(rows),
            Self::SimpleImputer(imputer) => imputer.apply(rows),
            Self::PolynomialFeatures(features) => features.apply(rows),
            Self::FunctionTransformer(transformer) => transformer.apply(rows),
            Self::Nystroem(nystroem) => nystroem.apply(rows),
            Self::VarianceThreshold(threshold) => threshold.apply(rows),
            Self::ColumnTransformer(transformer) => transformer.apply(rows),
        }
    }

    /// Whether each output feature is made from the input feature in its place, and from no other.
    pub(super) fn keeps_places(&self) -> bool {
        match self {
            Self::StandardScaler(_)
            | Self::MinMaxScaler(_)
            | Self::MaxAbsScaler(_)
            | Self::RobustScaler(_)
            | Self::PowerTransformer(_)
            | Self::QuantileTransformer(_)
            | Self::FunctionTransformer(_) => true,
            Self::SimpleImputer(imputer) => imputer.keeps_features(),
            Self::Pca(_)
            | Self::PolynomialFeatures(_)
            | Self::Nystroem(_)
            | Self::VarianceThreshold(_)
            | Self::ColumnTransformer(_) => false,
        }
    }

    /// Whether the step brings all features to a common scale: one such step is enough.
    pub(super) fn scales(&self) -> bool {
        matches!(
            self,
            Self::StandardScaler(_)
                | Self::MinMaxScaler(_)
                | Self::MaxAbsScaler(_)
                | Self::RobustScaler(_)
                | Self::PowerTransformer(_)
                | Self::QuantileTransformer(_)
        )
    }

    /// Whether each output feature equals the input feature in its place, in its unit, except for missing numbers.
    pub(super) fn keeps_units(&self) -> bool {
        matches!(self, Self::SimpleImputer(imputer) if imputer.keeps_features())
    }
}

/// The result of a step that refuses NaN.
fn refusing_nan(x: f64) -> f64 {
    if x.is_nan() { f64::INFINITY } else { x }
}

/// The middle of each input feature of these steps. It comes from the first step that knows it, if the steps before
/// that leave features as they are.
pub(super) fn centre(steps: &[Step]) -> Option<Vec<f64>> {
    known(steps, 0.0, Step::centre)
}

/// The usual range of each input feature of these steps, found in the same way.
pub(super) fn usual(steps: &[Step]) -> Option<Vec<(f64, f64)>> {
    known(steps, (f64::NEG_INFINITY, f64::INFINITY), Step::usual)
}

/// What is known of each input feature; `untaken` for a feature that a step leaves out, because no decision depends on
/// it.
fn known<T: Clone>(steps: &[Step], untaken: T, of: impl Fn(&Step) -> Option<Vec<T>>) -> Option<Vec<T>> {
    let (mut rest, mut left_out) = (steps, Vec::new());
    let known = loop {
        let (step, behind) = rest.split_first()?;
        if let Some(known) = of(step) {
            break known;
        }
        match step {
            Step::VarianceThreshold(threshold) => left_out.push(threshold),
            step if step.keeps_units() => {}
            _ => return None,
        }
        rest = behind;
    };
    Some(left_out.into_iter().rev().fold(known, |known, threshold| threshold.spread(&known, untaken.clone())))
}

#[cfg(test)]
mod tests;
