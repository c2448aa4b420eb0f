//! Detectors: each with the function that describes it, and the one that makes it again.

use serde::{Deserialize, Serialize};

use super::error::OwnError;
use super::forest::{self, ForestDescription};
use super::neighbours::{self, MetricDescription, OfDescription};
use super::tensors::{Target, TensorScope};
use crate::model::Limits;
use crate::model::component_distance::{self, ComponentDistance};
use crate::model::dense::Layer;
use crate::model::detector::Detector;
use crate::model::elliptic_envelope::{self, EllipticEnvelope, Scale};
use crate::model::formats::onnx;
use crate::model::gaussian_mixture::{self, Covariance, GaussianMixture};
use crate::model::invalid::parameter;
use crate::model::one_class_svm::Kernel;
use crate::model::sgd_one_class_svm::{self, SgdOneClassSvm};
use crate::model::{Anomalous, Autoencoder, KmeansDistance, OneClassSvm, Output, PcaReconstruction, RobustStatistics};
use crate::model::{autoencoder, kmeans_distance, one_class_svm, pca_reconstruction, robust_statistics};
use crate::verdict::Label;

/// A detector without its arrays. `offset` is minus the greatest error that is normal.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) enum DetectorDescription {
    /// Tensors: `weights.0`, `biases.0`, `weights.1` and so on, a row an input and a column an output.
    #[serde(rename = "autoencoder")]
    Autoencoder { layers: usize, activation: String, offset: Option<f64> },
    /// Tensors: `components`, a row each, and `weights`, one each.
    #[serde(rename = "component_distance")]
    ComponentDistance { offset: Option<f64> },
    /// Tensors: `location`, a number a feature, and `precision`, a row and a column a feature.
    #[serde(rename = "elliptic_envelope")]
    EllipticEnvelope { scale: ScaleDescription, offset: f64 },
    /// Tensors: `weights`, one a component, `means`, a row each, and `cholesky`, whose shape goes with the covariance.
    #[serde(rename = "gaussian_mixture")]
    GaussianMixture { covariance: String, offset: Option<f64> },
    /// Tensors, see [`forest`].
    #[serde(rename = "isolation_forest")]
    IsolationForest(ForestDescription),
    /// Tensors: `centres`, a row each.
    #[serde(rename = "kmeans_distance")]
    KmeansDistance { offset: Option<f64> },
    /// Tensors: `rows`, a row each, and `reach` and `densities`, a number each; `centres`, a row a ball, if it has balls.
    #[serde(rename = "local_outlier_factor")]
    LocalOutlierFactor {
        neighbours: usize,
        levels: u32,
        metric: MetricDescription,
        offset: f64,
        /// 0, if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resolution: Option<f64>,
    },
    /// Tensors: `rows`, a row each.
    #[serde(rename = "neighbour_distance")]
    NeighbourDistance {
        neighbours: usize,
        of: OfDescription,
        levels: u32,
        metric: MetricDescription,
        offset: Option<f64>,
    },
    /// Tensors: `onnx`, the bytes of the ONNX file that the network is.
    #[serde(rename = "network")]
    Network {
        offset: f64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        anomalous: Option<String>,
    },
    /// Tensors: `vectors`, a row each, and `coefficients`, one each.
    #[serde(rename = "one_class_svm")]
    OneClassSvm {
        kernel: KernelDescription,
        intercept: f64,
        nu: Option<f64>,
        /// LIBSVM's, if it is left out: an anomaly.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tie: Option<TieDescription>,
    },
    /// Tensors: `coefficients`, a weight a feature.
    #[serde(rename = "sgd_one_class_svm")]
    SgdOneClassSvm { offset: f64, nu: Option<f64> },
    /// Tensors: `mean`, a number a feature, and `components`, a row each.
    #[serde(rename = "pca_reconstruction")]
    PcaReconstruction { offset: Option<f64> },
    /// Tensors, a number a feature: `median` and `mad`, or `low` and `high`.
    #[serde(rename = "robust_statistics")]
    RobustStatistics { rule: RuleDescription, offset: Option<f64> },
}

#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum RuleDescription {
    Mad,
    Quantiles,
}

#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum KernelDescription {
    Rbf { gamma: f64 },
    Linear,
    Poly { degree: u32, gamma: f64, coef0: f64 },
    Sigmoid { gamma: f64, coef0: f64 },
}

#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum TieDescription {
    Normal,
    Anomaly,
}

#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum ScaleDescription {
    Squared,
    CubeRoot,
}

/// Describes a detector, and hands its arrays over.
pub(super) fn write(detector: &Detector, to: &mut Target<'_>) -> DetectorDescription {
    match detector {
        Detector::Autoencoder(network) => write_autoencoder(network, to),
        Detector::ComponentDistance(pca) => {
            let component_distance::Params { components, weights, offset } = pca.params();
            to.matrix("components", components.view());
            to.numbers("weights", &weights);
            DetectorDescription::ComponentDistance { offset }
        }
        Detector::EllipticEnvelope(envelope) => write_elliptic_envelope(envelope, to),
        Detector::GaussianMixture(mixture) => {
            let gaussian_mixture::Params { weights, means, covariance, cholesky, offset } = mixture.params();
            to.numbers("weights", &weights);
            to.matrix("means", means.view());
            to.matrix("cholesky", cholesky.view());
            DetectorDescription::GaussianMixture { covariance: covariance.name().to_owned(), offset }
        }
        Detector::IsolationForest(forest) => DetectorDescription::IsolationForest(forest::write(forest, to)),
        Detector::LocalOutlierFactor(factor) => neighbours::write_factor(factor, to),
        Detector::KmeansDistance(kmeans) => write_kmeans_distance(kmeans, to),
        Detector::NeighbourDistance(knn) => neighbours::write_distance(knn, to),
        Detector::Network(network) => {
            to.bytes("onnx", network.file());
            let anomalous = match network.output() {
                Output::Score(anomalous) => Some(anomalous.name().to_owned()),
                Output::Reconstruction => None,
            };
            DetectorDescription::Network { offset: network.boundary(), anomalous }
        }
        Detector::OneClassSvm(svm) => write_one_class_svm(svm, to),
        Detector::SgdOneClassSvm(svm) => {
            to.numbers("coefficients", svm.coefficients());
            DetectorDescription::SgdOneClassSvm { offset: svm.offset(), nu: svm.nu() }
        }
        Detector::PcaReconstruction(pca) => write_pca_reconstruction(pca, to),
        Detector::RobustStatistics(robust) => write_robust_statistics(robust, to),
    }
}

/// Makes a detector again.
pub(super) fn read(
    description: DetectorDescription,
    from: &TensorScope<'_, '_>,
    limits: &Limits,
) -> Result<Detector, OwnError> {
    match description {
        DetectorDescription::Autoencoder { layers, activation, offset } => {
            read_autoencoder(layers, &activation, offset, from).map(Detector::Autoencoder)
        }
        DetectorDescription::ComponentDistance { offset } => {
            let (components, weights) = (from.matrix("components")?, from.numbers("weights")?);
            let params = component_distance::Params { components, weights, offset };
            Ok(Detector::ComponentDistance(ComponentDistance::new(params)?))
        }
        DetectorDescription::GaussianMixture { covariance, offset } => {
            read_gaussian_mixture(&covariance, offset, from).map(Detector::GaussianMixture)
        }
        DetectorDescription::NeighbourDistance { neighbours, of, levels, metric, offset } => {
            neighbours::read_distance(neighbours, &of, levels, &metric, offset, from).map(Detector::NeighbourDistance)
        }
        DetectorDescription::EllipticEnvelope { scale, offset } => {
            read_elliptic_envelope(&scale, offset, from).map(Detector::EllipticEnvelope)
        }
        DetectorDescription::IsolationForest(description) => {
            forest::read(&description, from).map(Detector::IsolationForest)
        }
        DetectorDescription::LocalOutlierFactor { neighbours, levels, metric, offset, resolution } => {
            let resolution = resolution.unwrap_or(0.0);
            neighbours::read_factor(neighbours, levels, &metric, offset, resolution, from)
                .map(Detector::LocalOutlierFactor)
        }
        DetectorDescription::KmeansDistance { offset } => {
            let centres = from.matrix("centres")?;
            Ok(Detector::KmeansDistance(KmeansDistance::new(kmeans_distance::Params { centres, offset })?))
        }
        DetectorDescription::Network { offset, anomalous } => {
            // The first files of this format did not say it, for only low scores could be anomalous.
            let anomalous = anomalous.as_deref().unwrap_or("low");
            let anomalous = Anomalous::named(anomalous).ok_or_else(|| {
                let name = crate::model::formats::printable::printable(anomalous);
                parameter("network", "anomalous").invalid(name, "high or low")
            })?;
            Ok(Detector::Network(onnx::read_network(from.bytes("onnx")?, (offset, anomalous), limits)?))
        }
        DetectorDescription::OneClassSvm { kernel, intercept, nu, tie } => {
            read_one_class_svm(&kernel, intercept, nu, tie, from).map(Detector::OneClassSvm)
        }
        DetectorDescription::SgdOneClassSvm { offset, nu } => {
            let params = sgd_one_class_svm::Params { coefficients: from.numbers("coefficients")?, offset, nu };
            Ok(Detector::SgdOneClassSvm(SgdOneClassSvm::new(params)?))
        }
        DetectorDescription::PcaReconstruction { offset } => {
            let (mean, components) = (from.numbers("mean")?.into(), from.matrix("components")?);
            let params = pca_reconstruction::Params { mean, components, offset };
            Ok(Detector::PcaReconstruction(PcaReconstruction::new(params)?))
        }
        DetectorDescription::RobustStatistics { rule, offset } => {
            read_robust_statistics(&rule, offset, from).map(Detector::RobustStatistics)
        }
    }
}

fn write_autoencoder(network: &Autoencoder, to: &mut Target<'_>) -> DetectorDescription {
    let autoencoder::Params { layers, activation, offset } = network.params();
    for (index, layer) in layers.iter().enumerate() {
        to.matrix(&format!("weights.{index}"), layer.weights.view());
        to.numbers(&format!("biases.{index}"), &layer.biases);
    }
    DetectorDescription::Autoencoder { layers: layers.len(), activation: activation.name().to_owned(), offset }
}

fn read_autoencoder(
    layers: usize,
    activation: &str,
    offset: Option<f64>,
    from: &TensorScope<'_, '_>,
) -> Result<Autoencoder, OwnError> {
    let activation = autoencoder::Activation::named(activation).ok_or_else(|| {
        let name = crate::model::formats::printable::printable(activation);
        parameter("autoencoder", "activation").invalid(name, "identity, relu, tanh or logistic")
    })?;
    let layer = |index| {
        let weights = from.matrix(&format!("weights.{index}"))?;
        Ok(Layer { weights, biases: from.numbers(&format!("biases.{index}"))?.into() })
    };
    // The first tensor that is missing ends it, however many there are said to be.
    let layers = (0..layers).map(layer).collect::<Result<_, OwnError>>()?;
    Ok(Autoencoder::new(autoencoder::Params { layers, activation, offset })?)
}

fn write_elliptic_envelope(envelope: &EllipticEnvelope, to: &mut Target<'_>) -> DetectorDescription {
    let elliptic_envelope::Params { location, precision, offset, scale } = envelope.params();
    to.numbers("location", &location);
    to.rows("precision", location.len(), &precision);
    let scale = match scale {
        Scale::Squared => ScaleDescription::Squared,
        Scale::CubeRoot => ScaleDescription::CubeRoot,
    };
    DetectorDescription::EllipticEnvelope { scale, offset }
}

fn read_elliptic_envelope(
    scale: &ScaleDescription,
    offset: f64,
    from: &TensorScope<'_, '_>,
) -> Result<EllipticEnvelope, OwnError> {
    let scale = match scale {
        ScaleDescription::Squared => Scale::Squared,
        ScaleDescription::CubeRoot => Scale::CubeRoot,
    };
    let (location, precision) = (from.numbers("location")?, from.matrix("precision")?.into_raw_vec_and_offset().0);
    Ok(EllipticEnvelope::new(elliptic_envelope::Params { location, precision, offset, scale })?)
}

fn read_gaussian_mixture(
    covariance: &str,
    offset: Option<f64>,
    from: &TensorScope<'_, '_>,
) -> Result<GaussianMixture, OwnError> {
    let covariance = Covariance::named(covariance).ok_or_else(|| {
        let name = crate::model::formats::printable::printable(covariance);
        parameter("GaussianMixture", "covariance").invalid(name, "full, tied, diag or spherical")
    })?;
    let (weights, means, cholesky) = (from.numbers("weights")?, from.matrix("means")?, from.matrix("cholesky")?);
    Ok(GaussianMixture::new(gaussian_mixture::Params { weights, means, covariance, cholesky, offset })?)
}

fn write_kmeans_distance(kmeans: &KmeansDistance, to: &mut Target<'_>) -> DetectorDescription {
    let kmeans_distance::Params { centres, offset } = kmeans.params();
    to.matrix("centres", centres.view());
    DetectorDescription::KmeansDistance { offset }
}

fn write_one_class_svm(svm: &OneClassSvm, to: &mut Target<'_>) -> DetectorDescription {
    let one_class_svm::Params { vectors, width, coefficients, intercept, kernel, nu, tie } = svm.params();
    to.rows("vectors", width, &vectors);
    to.numbers("coefficients", &coefficients);
    let kernel = match kernel {
        Kernel::Rbf { gamma } => KernelDescription::Rbf { gamma },
        Kernel::Linear => KernelDescription::Linear,
        Kernel::Poly { degree, gamma, coef0 } => KernelDescription::Poly { degree, gamma, coef0 },
        Kernel::Sigmoid { gamma, coef0 } => KernelDescription::Sigmoid { gamma, coef0 },
    };
    let tie = (tie == Label::Normal).then_some(TieDescription::Normal);
    DetectorDescription::OneClassSvm { kernel, intercept, nu, tie }
}

fn read_one_class_svm(
    kernel: &KernelDescription,
    intercept: f64,
    nu: Option<f64>,
    tie: Option<TieDescription>,
    from: &TensorScope<'_, '_>,
) -> Result<OneClassSvm, OwnError> {
    let tie = match tie {
        Some(TieDescription::Normal) => Label::Normal,
        Some(TieDescription::Anomaly) | None => Label::Anomaly,
    };
    let kernel = match *kernel {
        KernelDescription::Rbf { gamma } => Kernel::Rbf { gamma },
        KernelDescription::Linear => Kernel::Linear,
        KernelDescription::Poly { degree, gamma, coef0 } => Kernel::Poly { degree, gamma, coef0 },
        KernelDescription::Sigmoid { gamma, coef0 } => Kernel::Sigmoid { gamma, coef0 },
    };
    let vectors = from.matrix("vectors")?;
    let (width, coefficients) = (vectors.ncols(), from.numbers("coefficients")?);
    let vectors = vectors.into_raw_vec_and_offset().0;
    Ok(OneClassSvm::new(one_class_svm::Params { vectors, width, coefficients, intercept, kernel, nu, tie })?)
}

fn write_pca_reconstruction(pca: &PcaReconstruction, to: &mut Target<'_>) -> DetectorDescription {
    let pca_reconstruction::Params { mean, components, offset } = pca.params();
    to.numbers("mean", &mean);
    to.matrix("components", components.view());
    DetectorDescription::PcaReconstruction { offset }
}

fn write_robust_statistics(robust: &RobustStatistics, to: &mut Target<'_>) -> DetectorDescription {
    let robust_statistics::Params { rule, offset } = robust.params();
    let rule = match rule {
        robust_statistics::Rule::Mad { median, mad } => {
            to.numbers("median", &median);
            to.numbers("mad", &mad);
            RuleDescription::Mad
        }
        robust_statistics::Rule::Quantiles { low, high } => {
            to.numbers("low", &low);
            to.numbers("high", &high);
            RuleDescription::Quantiles
        }
    };
    DetectorDescription::RobustStatistics { rule, offset }
}

fn read_robust_statistics(
    rule: &RuleDescription,
    offset: Option<f64>,
    from: &TensorScope<'_, '_>,
) -> Result<RobustStatistics, OwnError> {
    let rule = match rule {
        RuleDescription::Mad => {
            robust_statistics::Rule::Mad { median: from.numbers("median")?, mad: from.numbers("mad")? }
        }
        RuleDescription::Quantiles => {
            robust_statistics::Rule::Quantiles { low: from.numbers("low")?, high: from.numbers("high")? }
        }
    };
    Ok(RobustStatistics::new(robust_statistics::Params { rule, offset })?)
}
