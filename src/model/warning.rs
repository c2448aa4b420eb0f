//! What is odd about a model, although it can be evaluated.

use super::{Anomalous, Detector, Interval, Kernel, Model, Network, OneClassSvm, Output, Proof, Unscaled};
use crate::verdict::significant;

/// A sign that a model was not trained as its owner meant.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Warning {
    /// The whole model depends on one training row.
    #[error("the model has one support vector: it likely calls every row an anomaly; train it with a larger nu")]
    OneSupportVector,
    /// nu is so small that the training could not make a single row an outlier.
    #[error("nu is {nu} over {rows} training rows, less than one row: train with nu above {:.6}", 1.0 / f64::from(*.rows))]
    NuBelowOneRow {
        /// The share of outliers that the training allowed.
        nu: f64,
        /// The rows that it was trained on.
        rows: u32,
    },
    /// The kernel is so wide that it hardly tells the support vectors apart.
    #[error(
        "gamma is {gamma}, so small that all rows look alike to the kernel: scale the features, or train with gamma near {}",
        significant(*better)
    )]
    FlatKernel {
        /// The kernel's inverse squared width.
        gamma: f64,
        /// A gamma that fits the distances between the support vectors.
        better: f64,
    },
    /// The kernel is so narrow that each support vector is alone.
    #[error(
        "gamma is {gamma}, so large that each support vector sees itself alone and a new row is likely an anomaly: scale the features, or train with gamma near {}",
        significant(*better)
    )]
    DeltaKernel {
        /// The kernel's inverse squared width.
        gamma: f64,
        /// A gamma that fits the distances between the support vectors.
        better: f64,
    },
    /// All numbers that a network can give are on one side of its boundary.
    #[error(
        "what the network gives is {range}, and {anomalous} is anomalous with the threshold {threshold}: {rows} an anomaly; check the threshold"
    )]
    OneSided {
        /// The range of the network's output.
        range: Interval,
        /// The side of the boundary that is anomalous.
        anomalous: &'static str,
        /// The boundary.
        threshold: f64,
        /// The rows that can be anomalies: all or none.
        rows: &'static str,
    },
    /// The model seems to be trained on standardised rows, and no step standardises them.
    #[error("{0}")]
    Standardised(String),
    /// The model seems to be trained on standardised rows, and the rows at hand are not standardised.
    #[error(transparent)]
    Unscaled(#[from] Unscaled),
    /// Its file holds a threshold beside the detector.
    #[error(
        "the model's file holds a threshold of {threshold} beside the detector, which is not applied: labels are the detector's own; \
         set the offset of the detector before it is dumped, or by: anomalyd model convert --offset"
    )]
    Threshold {
        /// The threshold.
        threshold: f64,
    },
    /// Every row of a sample is called an anomaly.
    #[error("the model calls all {rows} rows of its sample an anomaly: check what it was trained on")]
    EverythingFlagged {
        /// The rows of the sample.
        rows: usize,
    },
    /// No row of a sample is called an anomaly.
    #[error(
        "the model calls none of the {rows} rows of its sample an anomaly: add rows to the sample that it must find"
    )]
    NothingFlagged {
        /// The rows of the sample.
        rows: usize,
    },
}

/// With fewer rows it cannot be said that all or none of them are anomalies.
const LEAST_SAMPLE: usize = 10;

impl Warning {
    /// The kind of warning, in the same words for all models that have it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::OneSided { .. } => "a network's threshold that it cannot cross",
            Self::OneSupportVector => "one support vector",
            Self::NuBelowOneRow { .. } => "nu below one row",
            Self::FlatKernel { .. } => "a flat kernel",
            Self::DeltaKernel { .. } => "a kernel that sees itself alone",
            Self::Standardised(_) => "no scaler before what looks standardised",
            Self::Unscaled(_) => "rows that are not scaled",
            Self::Threshold { .. } => "a threshold that is not applied",
            Self::EverythingFlagged { .. } => "all rows of the sample anomalies",
            Self::NothingFlagged { .. } => "no row of the sample an anomaly",
        }
    }

    /// The warnings that a model deserves.
    pub(super) fn of(model: &Model) -> Vec<Self> {
        let mut warnings = match &model.detector {
            Detector::OneClassSvm(svm) => of_svm(svm, model.metadata.training_rows),
            Detector::Network(network) => of_network(network).into_iter().collect(),
            _ => Vec::new(),
        };
        warnings.extend(model.standardised.as_ref().map(|standardised| Self::Standardised(standardised.in_words())));
        warnings.extend(model.metadata.threshold.map(|threshold| Self::Threshold { threshold }));
        if let Proof::Held { rows, anomalies } = model.proof {
            warnings.extend(Self::of_sample(rows, anomalies));
        }
        warnings
    }

    /// The warning for a model that called `anomalies` of a sample's rows an anomaly; `None` when that is no reason to
    /// warn.
    pub fn of_sample(rows: usize, anomalies: usize) -> Option<Self> {
        match anomalies {
            _ if rows < LEAST_SAMPLE => None,
            0 => Some(Self::NothingFlagged { rows }),
            _ if anomalies == rows => Some(Self::EverythingFlagged { rows }),
            _ => None,
        }
    }
}

fn of_network(network: &Network) -> Option<Warning> {
    let Output::Score(anomalous) = network.output() else { return None };
    let (range, threshold) = (network.range(), network.boundary());
    let above = match (range.low < threshold, threshold < range.high) {
        (true, true) => return None,
        (_, above) => above,
    };
    let rows = if above == (anomalous == Anomalous::High) { "every row is" } else { "no row can be" };
    Some(Warning::OneSided { range, anomalous: anomalous.name(), threshold, rows })
}

fn of_svm(svm: &OneClassSvm, training_rows: Option<u64>) -> Vec<Warning> {
    let one_vector = (svm.support_vectors() == 1).then_some(Warning::OneSupportVector);
    let rows = training_rows.and_then(|rows| u32::try_from(rows).ok()).filter(|rows| *rows > 0);
    let small_nu = svm
        .nu()
        .zip(rows)
        .filter(|(nu, rows)| nu * f64::from(*rows) < 1.0)
        .map(|(nu, rows)| Warning::NuBelowOneRow { nu, rows });
    one_vector.into_iter().chain(small_nu).chain(of_kernel(svm)).collect()
}

/// Compares the kernel's width with the distances between support vectors: from a few, evenly chosen, to many.
fn of_kernel(svm: &OneClassSvm) -> Option<Warning> {
    let Kernel::Rbf { gamma } = svm.kernel() else { return None };
    const FEW: usize = 32;
    const MANY: usize = 2048;
    /// A kernel is flat when its value at a typical distance is within this of 1.
    const FLAT: f64 = 1e-3;
    /// A kernel is a delta when its value at the nearest neighbour is at most e to minus this.
    const DELTA: f64 = 20.0;
    let count = svm.support_vectors();
    let chosen = |most: usize| (0..count).step_by(count.div_ceil(most).max(1));
    let vector = |index| -> Vec<f64> { svm.support_vector(index).collect() };
    let few: Vec<_> = chosen(FEW).map(|index| (index, vector(index))).collect();
    let mut all = Vec::with_capacity(few.len() * count.min(MANY));
    let mut nearest = vec![f64::INFINITY; few.len()];
    for other in chosen(MANY) {
        let theirs = vector(other);
        for ((index, own), nearest) in few.iter().zip(&mut nearest) {
            if *index != other {
                let distance = own.iter().zip(&theirs).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
                *nearest = nearest.min(distance);
                all.push(distance);
            }
        }
    }
    // The share of the kernel's width that the rows span says nothing when all rows are equal.
    let typical = median(&mut all).filter(|typical| *typical > 0.0)?;
    if gamma * typical < FLAT {
        return Some(Warning::FlatKernel { gamma, better: 1.0 / typical });
    }
    let alone = median(&mut nearest).is_some_and(|nearest| gamma * nearest > DELTA);
    alone.then(|| Warning::DeltaKernel { gamma, better: 1.0 / typical })
}

fn median(numbers: &mut [f64]) -> Option<f64> {
    let middle = numbers.len() / 2;
    (!numbers.is_empty()).then(|| *numbers.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::one_class_svm::Params;
    use crate::verdict::Label;

    /// The warnings for a detector whose support vectors are 0, 1, … 9 times the spacing.
    fn kernel(spacing: f64, gamma: f64) -> Option<Warning> {
        let vectors: Vec<f64> = (0..10).map(|index| f64::from(index) * spacing).collect();
        let params = Params {
            vectors,
            width: 1,
            coefficients: vec![0.1; 10],
            intercept: -0.5,
            kernel: Kernel::Rbf { gamma },
            nu: Some(0.1),
            tie: Label::Anomaly,
        };
        of_kernel(&OneClassSvm::new(params).unwrap())
    }

    #[test]
    fn a_kernel_that_fits_its_support_vectors_is_not_warned_of() {
        assert_eq!([kernel(1.0, 0.01), kernel(1.0, 1.0), kernel(1000.0, 1e-6)], [None, None, None]);
    }

    #[test]
    fn a_kernel_that_is_flat_or_a_delta_is_warned_of_with_a_gamma_that_fits() {
        // The median of their squared distances is 9.
        let better = 1.0 / 9.0;
        assert_eq!(kernel(1.0, 1e-5), Some(Warning::FlatKernel { gamma: 1e-5, better }));
        assert_eq!(kernel(1.0, 0.0), Some(Warning::FlatKernel { gamma: 0.0, better }));
        assert_eq!(kernel(1.0, 50.0), Some(Warning::DeltaKernel { gamma: 50.0, better }));
        assert!(kernel(1.0, 50.0).unwrap().to_string().contains("gamma near 0.111"));
        assert_eq!(kernel(0.0, 1.0), None);
    }

    #[test]
    fn a_sample_of_nothing_but_anomalies_or_without_one_is_warned_of() {
        assert_eq!(Warning::of_sample(10, 10), Some(Warning::EverythingFlagged { rows: 10 }));
        assert_eq!(Warning::of_sample(10, 0), Some(Warning::NothingFlagged { rows: 10 }));
        assert_eq!([Warning::of_sample(10, 1), Warning::of_sample(9, 9), Warning::of_sample(0, 0)], [None, None, None]);
    }
}
