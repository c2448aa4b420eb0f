//! Detectors: pure functions from rows to decision values.

use ndarray::ArrayView2;

use super::autoencoder::{self, Autoencoder};
use super::component_distance::ComponentDistance;
use super::elliptic_envelope::EllipticEnvelope;
use super::gaussian_mixture::GaussianMixture;
use super::invalid::Invalid;
use super::isolation_forest::{IsolationForest, MissingNumbers};
use super::kmeans_distance::{self, KmeansDistance};
use super::local_outlier_factor::LocalOutlierFactor;
use super::neighbour_distance::NeighbourDistance;
use super::network::Network;
use super::one_class_svm::OneClassSvm;
use super::pca_reconstruction::{self, PcaReconstruction};
use super::robust_statistics::{self, RobustStatistics};
use super::sgd_one_class_svm::SgdOneClassSvm;
use crate::verdict::Label;

/// The last step of a model. Each kind has a folder of its own.
#[derive(Clone, PartialEq, Debug)]
pub enum Detector {
    /// Dense autoencoder.
    Autoencoder(Autoencoder),
    /// Distance to the nearest centre of k-means.
    KmeansDistance(KmeansDistance),
    /// Distance from a robust centre.
    EllipticEnvelope(EllipticEnvelope),
    /// Isolation forest.
    IsolationForest(IsolationForest),
    /// Local outlier factor.
    LocalOutlierFactor(LocalOutlierFactor),
    /// Distance to principal components, as pyod has it.
    ComponentDistance(ComponentDistance),
    /// Gaussian mixture.
    GaussianMixture(GaussianMixture),
    /// Distance to the nearest training rows.
    NeighbourDistance(NeighbourDistance),
    /// Neural network.
    Network(Network),
    /// One-class support vector machine.
    OneClassSvm(OneClassSvm),
    /// Reconstruction error of a principal component analysis.
    PcaReconstruction(PcaReconstruction),
    /// Median and deviation, or quantiles, of each feature.
    RobustStatistics(RobustStatistics),
    /// Linear one-class support vector machine, trained by stochastic gradient descent.
    SgdOneClassSvm(SgdOneClassSvm),
}

impl Detector {
    /// Its name in the library that trains it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Autoencoder(_) => "autoencoder",
            Self::KmeansDistance(_) => "KMeans distance",
            Self::EllipticEnvelope(_) => "EllipticEnvelope",
            Self::IsolationForest(_) => "IsolationForest",
            Self::LocalOutlierFactor(_) => "LocalOutlierFactor",
            Self::ComponentDistance(_) => "PCA of pyod",
            Self::GaussianMixture(_) => "GaussianMixture",
            Self::NeighbourDistance(_) => "KNN",
            Self::Network(_) => "Network",
            Self::OneClassSvm(_) => "OneClassSVM",
            Self::PcaReconstruction(_) => "PCA reconstruction",
            Self::RobustStatistics(_) => "robust statistics",
            Self::SgdOneClassSvm(_) => "SGDOneClassSVM",
        }
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        match self {
            Self::Autoencoder(network) => network.width(),
            Self::KmeansDistance(kmeans) => kmeans.width(),
            Self::EllipticEnvelope(envelope) => envelope.width(),
            Self::IsolationForest(forest) => forest.width(),
            Self::LocalOutlierFactor(factor) => factor.width(),
            Self::ComponentDistance(pca) => pca.width(),
            Self::GaussianMixture(mixture) => mixture.width(),
            Self::NeighbourDistance(knn) => knn.width(),
            Self::Network(network) => network.width(),
            Self::OneClassSvm(svm) => svm.width(),
            Self::PcaReconstruction(pca) => pca.width(),
            Self::RobustStatistics(robust) => robust.width(),
            Self::SgdOneClassSvm(svm) => svm.width(),
        }
    }

    /// The parameters that a user would ask for, by their names in the library that trains the detector.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Autoencoder(network) => network.parameters(),
            Self::KmeansDistance(kmeans) => kmeans.parameters(),
            Self::EllipticEnvelope(envelope) => envelope.parameters(),
            Self::IsolationForest(forest) => forest.parameters(),
            Self::LocalOutlierFactor(factor) => factor.parameters(),
            Self::ComponentDistance(pca) => pca.parameters(),
            Self::GaussianMixture(mixture) => mixture.parameters(),
            Self::NeighbourDistance(knn) => knn.parameters(),
            Self::Network(network) => network.parameters(),
            Self::OneClassSvm(svm) => svm.parameters(),
            Self::PcaReconstruction(pca) => pca.parameters(),
            Self::RobustStatistics(robust) => robust.parameters(),
            Self::SgdOneClassSvm(svm) => svm.parameters(),
        }
    }

    /// The bytes of memory that it takes beside its own struct.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Autoencoder(network) => network.heap_bytes(),
            Self::KmeansDistance(kmeans) => kmeans.heap_bytes(),
            Self::EllipticEnvelope(envelope) => envelope.heap_bytes(),
            Self::IsolationForest(forest) => forest.heap_bytes(),
            Self::LocalOutlierFactor(factor) => factor.heap_bytes(),
            Self::ComponentDistance(pca) => pca.heap_bytes(),
            Self::GaussianMixture(mixture) => mixture.heap_bytes(),
            Self::NeighbourDistance(knn) => knn.heap_bytes(),
            Self::Network(network) => network.heap_bytes(),
            Self::OneClassSvm(svm) => svm.heap_bytes(),
            Self::PcaReconstruction(pca) => pca.heap_bytes(),
            Self::RobustStatistics(robust) => robust.heap_bytes(),
            Self::SgdOneClassSvm(svm) => svm.heap_bytes(),
        }
    }

    /// What the detector does with a row in which a number is missing (NaN).
    pub fn missing(&self) -> MissingNumbers {
        match self {
            Self::IsolationForest(forest) => forest.missing(),
            _ => MissingNumbers::Refused,
        }
    }

    /// The decision values of rows of [`width`](Self::width) finite numbers; each row is evaluated by itself. NaN may
    /// be among the numbers when it is [answered](Self::missing).
    pub(super) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        match self {
            Self::Autoencoder(network) => network.decide(rows),
            Self::KmeansDistance(kmeans) => kmeans.decide(rows),
            Self::EllipticEnvelope(envelope) => envelope.decide(rows),
            Self::IsolationForest(forest) => forest.decide(rows),
            Self::LocalOutlierFactor(factor) => factor.decide(rows),
            Self::ComponentDistance(pca) => pca.decide(rows),
            Self::GaussianMixture(mixture) => mixture.decide(rows),
            Self::NeighbourDistance(knn) => knn.decide(rows),
            Self::Network(network) => network.decide(rows),
            Self::OneClassSvm(svm) => svm.decide(rows),
            Self::PcaReconstruction(pca) => pca.decide(rows),
            Self::RobustStatistics(robust) => robust.decide(rows),
            Self::SgdOneClassSvm(svm) => svm.decide(rows),
        }
    }

    /// The label for a decision value; ties are decided as the library decides them.
    pub(super) fn label(&self, decision: f64) -> Label {
        match self {
            Self::IsolationForest(forest) => forest.label(decision),
            Self::OneClassSvm(svm) => svm.label(decision),
            Self::Autoencoder(_)
            | Self::ComponentDistance(_)
            | Self::GaussianMixture(_)
            | Self::NeighbourDistance(_)
            | Self::KmeansDistance(_)
            | Self::EllipticEnvelope(_)
            | Self::LocalOutlierFactor(_)
            | Self::Network(_)
            | Self::PcaReconstruction(_)
            | Self::RobustStatistics(_)
            | Self::SgdOneClassSvm(_) => Label::anomaly_below_zero(decision),
        }
    }

    /// The unit that makes the scores of different detectors comparable: the distance from the boundary, in decision
    /// values, of a row that is twice as strange as one on the boundary. Above 0.
    pub fn unit(&self) -> f64 {
        let unit = match self {
            Self::Autoencoder(network) => network.unit(),
            Self::KmeansDistance(kmeans) => kmeans.unit(),
            Self::EllipticEnvelope(envelope) => envelope.unit(),
            Self::IsolationForest(forest) => forest.unit(),
            Self::LocalOutlierFactor(factor) => factor.unit(),
            Self::ComponentDistance(pca) => pca.unit(),
            Self::GaussianMixture(mixture) => mixture.unit(),
            Self::NeighbourDistance(knn) => knn.unit(),
            Self::Network(network) => network.unit(),
            Self::OneClassSvm(svm) => svm.unit(),
            Self::PcaReconstruction(pca) => pca.unit(),
            Self::RobustStatistics(robust) => robust.unit(),
            Self::SgdOneClassSvm(svm) => svm.unit(),
        };
        // A boundary at 0 gives no unit.
        if unit > 0.0 { unit } else { 1.0 }
    }

    /// A row in the middle of the training data; `None` when it is not known.
    pub fn centre(&self) -> Option<Vec<f64>> {
        match self {
            Self::Autoencoder(_) => None,
            Self::KmeansDistance(kmeans) => kmeans.centre(),
            Self::EllipticEnvelope(envelope) => Some(envelope.centre()),
            Self::IsolationForest(_) => None,
            Self::LocalOutlierFactor(factor) => Some(factor.centre()),
            Self::ComponentDistance(_) => None,
            Self::GaussianMixture(mixture) => mixture.centre(),
            Self::NeighbourDistance(knn) => Some(knn.centre()),
            Self::Network(_) => None,
            Self::OneClassSvm(svm) => Some(svm.centre()),
            Self::PcaReconstruction(pca) => Some(pca.centre()),
            Self::RobustStatistics(robust) => Some(robust.centre()),
            Self::SgdOneClassSvm(_) => None,
        }
    }

    /// Whether the detector lacks the offset that its decisions need. Its decision values are then scikit-learn's
    /// `score_samples`: minus the error.
    pub(super) fn lacks_offset(&self) -> bool {
        match self {
            Self::EllipticEnvelope(_)
            | Self::IsolationForest(_)
            | Self::LocalOutlierFactor(_)
            | Self::Network(_)
            | Self::OneClassSvm(_)
            | Self::SgdOneClassSvm(_) => false,
            Self::Autoencoder(network) => network.offset().is_none(),
            Self::ComponentDistance(pca) => pca.offset().is_none(),
            Self::GaussianMixture(mixture) => mixture.offset().is_none(),
            Self::NeighbourDistance(knn) => knn.offset().is_none(),
            Self::KmeansDistance(kmeans) => kmeans.offset().is_none(),
            Self::PcaReconstruction(pca) => pca.offset().is_none(),
            Self::RobustStatistics(robust) => robust.offset().is_none(),
        }
    }

    /// How the offset is set in Python, before the model is dumped.
    pub(super) fn offset_in_python(&self) -> &'static str {
        match self {
            Self::GaussianMixture(_) => "gm.offset_ = numpy.quantile(gm.score_samples(rows), 0.01)",
            _ => "pca.offset_ = -numpy.quantile(errors, 0.99)",
        }
    }

    /// The same detector with another offset. With `None` its decision values are the scores that offsets are subtracted
    /// from: scikit-learn's `score_samples`.
    ///
    /// # Errors
    /// When a detector of this kind cannot have this offset.
    pub(super) fn with_offset(&self, offset: Option<f64>) -> Result<Self, Invalid> {
        // Some detectors must have an offset; an offset of 0 makes their decision values the scores.
        let or_zero = offset.unwrap_or(0.0);
        match self {
            Self::EllipticEnvelope(envelope) => envelope.with_offset(offset).map(Self::EllipticEnvelope),
            Self::IsolationForest(forest) => forest.with_offset(or_zero).map(Self::IsolationForest),
            Self::LocalOutlierFactor(factor) => factor.with_offset(or_zero).map(Self::LocalOutlierFactor),
            Self::OneClassSvm(svm) => svm.with_offset(or_zero).map(Self::OneClassSvm),
            Self::SgdOneClassSvm(svm) => svm.with_offset(or_zero).map(Self::SgdOneClassSvm),
            Self::ComponentDistance(pca) => pca.with_offset(offset).map(Self::ComponentDistance),
            Self::GaussianMixture(mixture) => mixture.with_offset(offset).map(Self::GaussianMixture),
            Self::NeighbourDistance(knn) => knn.with_offset(offset).map(Self::NeighbourDistance),
            Self::Network(network) => network.with_offset(offset).map(Self::Network),
            Self::Autoencoder(network) => {
                Autoencoder::new(autoencoder::Params { offset, ..network.params() }).map(Self::Autoencoder)
            }
            Self::KmeansDistance(kmeans) => {
                KmeansDistance::new(kmeans_distance::Params { offset, ..kmeans.params() }).map(Self::KmeansDistance)
            }
            Self::PcaReconstruction(pca) => {
                PcaReconstruction::new(pca_reconstruction::Params { offset, ..pca.params() })
                    .map(Self::PcaReconstruction)
            }
            Self::RobustStatistics(robust) => {
                RobustStatistics::new(robust_statistics::Params { offset, ..robust.params() })
                    .map(Self::RobustStatistics)
            }
        }
    }
}
