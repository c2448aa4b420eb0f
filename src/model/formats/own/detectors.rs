//! Detectors: each with the function that describes it, and the one that makes it again.

use serde::{Deserialize, Serialize};

use super::error::OwnError;
use super::forest::{self, ForestDescription};
use super::tensors::{Place, Target};
use crate::model::Limits;
use crate::model::dense::Layer;
use crate::model::detector::Detector;
use crate::model::elliptic_envelope::{self, EllipticEnvelope, Scale};
use crate::model::formats::onnx;
use crate::model::invalid::parameter;
use crate::model::local_outlier_factor::{self, LocalOutlierFactor, Metric};
use crate::model::one_class_svm::Kernel;
use crate::model::sgd_one_class_svm::{self, SgdOneClassSvm};
use crate::model::{Autoencoder, KmeansDistance, OneClassSvm, PcaReconstruction, RobustStatistics};
use crate::model::{autoencoder, kmeans_distance, one_class_svm, pca_reconstruction, robust_statistics};

/// A detector without its arrays. `offset` is minus the greatest error that is normal.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) enum DetectorDescription {
    /// Tensors: `weights.0`, `biases.0`, `weights.1` and so on, a row an input and a column an output.
    #[serde(rename = "autoencoder")]
    Autoencoder { layers: usize, activation: String, offset: Option<f64> },
    /// Tensors: `location`, a number a feature, and `precision`, a row and a column a feature.
    #[serde(rename = "elliptic_envelope")]
    EllipticEnvelope { scale: ScaleDescription, offset: f64 },
    /// Tensors, see [`forest`].
    #[serde(rename = "isolation_forest")]
    IsolationForest(ForestDescription),
    /// Tensors: `centres`, a row each.
    #[serde(rename = "kmeans_distance")]
    KmeansDistance { offset: Option<f64> },
    /// Tensors: `rows`, a row each, and `reach` and `densities`, a number each; `centres`, a row a ball, if it has balls.
    #[serde(rename = "local_outlier_factor")]
    LocalOutlierFactor { neighbours: usize, levels: u32, metric: MetricDescription, offset: f64 },
    /// Tensors: `onnx`, the bytes of the ONNX file that the network is.
    #[serde(rename = "network")]
    Network { offset: f64 },
    /// Tensors: `vectors`, a row each, and `coefficients`, one each.
    #[serde(rename = "one_class_svm")]
    OneClassSvm { kernel: KernelDescription, intercept: f64, nu: Option<f64> },
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
pub(super) enum ScaleDescription {
    Squared,
    CubeRoot,
}

#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum MetricDescription {
    Euclidean,
    Manhattan,
    Chebyshev,
    Minkowski { p: f64 },
}

/// Describes a detector, and hands its arrays over.
pub(super) fn write(detector: &Detector, to: &mut Target<'_>) -> DetectorDescription {
    match detector {
        Detector::Autoencoder(network) => write_autoencoder(network, to),
        Detector::EllipticEnvelope(envelope) => write_elliptic_envelope(envelope, to),
        Detector::IsolationForest(forest) => DetectorDescription::IsolationForest(forest::write(forest, to)),
        Detector::LocalOutlierFactor(factor) => write_local_outlier_factor(factor, to),
        Detector::KmeansDistance(kmeans) => write_kmeans_distance(kmeans, to),
        Detector::Network(network) => {
            to.bytes("onnx", network.file());
            DetectorDescription::Network { offset: network.offset() }
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
    from: &Place<'_, '_>,
    limits: &Limits,
) -> Result<Detector, OwnError> {
    match description {
        DetectorDescription::Autoencoder { layers, activation, offset } => {
            read_autoencoder(layers, &activation, offset, from).map(Detector::Autoencoder)
        }
        DetectorDescription::EllipticEnvelope { scale, offset } => {
            read_elliptic_envelope(&scale, offset, from).map(Detector::EllipticEnvelope)
        }
        DetectorDescription::IsolationForest(description) => {
            forest::read(&description, from).map(Detector::IsolationForest)
        }
        DetectorDescription::LocalOutlierFactor { neighbours, levels, metric, offset } => {
            read_local_outlier_factor(neighbours, levels, &metric, offset, from).map(Detector::LocalOutlierFactor)
        }
        DetectorDescription::KmeansDistance { offset } => {
            let centres = from.matrix("centres")?;
            Ok(Detector::KmeansDistance(KmeansDistance::new(kmeans_distance::Params { centres, offset })?))
        }
        DetectorDescription::Network { offset } => {
            Ok(Detector::Network(onnx::read_network(from.bytes("onnx")?, offset, limits)?))
        }
        DetectorDescription::OneClassSvm { kernel, intercept, nu } => {
            read_one_class_svm(&kernel, intercept, nu, from).map(Detector::OneClassSvm)
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
    from: &Place<'_, '_>,
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
    from: &Place<'_, '_>,
) -> Result<EllipticEnvelope, OwnError> {
    let scale = match scale {
        ScaleDescription::Squared => Scale::Squared,
        ScaleDescription::CubeRoot => Scale::CubeRoot,
    };
    let (location, precision) = (from.numbers("location")?, from.matrix("precision")?.into_raw_vec_and_offset().0);
    Ok(EllipticEnvelope::new(elliptic_envelope::Params { location, precision, offset, scale })?)
}

fn write_local_outlier_factor(factor: &LocalOutlierFactor, to: &mut Target<'_>) -> DetectorDescription {
    let local_outlier_factor::Params { rows, width, levels, centres, neighbours, reach, densities, offset, metric } =
        factor.params();
    to.rows("rows", width, &rows);
    if let Some(centres) = centres {
        to.matrix("centres", centres.view());
    }
    to.numbers("reach", &reach);
    to.numbers("densities", &densities);
    let metric = match metric {
        Metric::Euclidean => MetricDescription::Euclidean,
        Metric::Manhattan => MetricDescription::Manhattan,
        Metric::Chebyshev => MetricDescription::Chebyshev,
        Metric::Minkowski { p } => MetricDescription::Minkowski { p },
    };
    DetectorDescription::LocalOutlierFactor { neighbours, levels, metric, offset }
}

fn read_local_outlier_factor(
    neighbours: usize,
    levels: u32,
    metric: &MetricDescription,
    offset: f64,
    from: &Place<'_, '_>,
) -> Result<LocalOutlierFactor, OwnError> {
    let metric = match *metric {
        MetricDescription::Euclidean => Metric::Euclidean,
        MetricDescription::Manhattan => Metric::Manhattan,
        MetricDescription::Chebyshev => Metric::Chebyshev,
        MetricDescription::Minkowski { p } => Metric::Minkowski { p },
    };
    let rows = from.matrix("rows")?;
    let (width, rows) = (rows.ncols(), rows.into_raw_vec_and_offset().0);
    let (reach, densities) = (from.numbers("reach")?, from.numbers("densities")?);
    Ok(LocalOutlierFactor::new(&local_outlier_factor::Params {
        rows,
        width,
        levels,
        centres: from.optional_matrix("centres")?,
        neighbours,
        reach,
        densities,
        offset,
        metric,
    })?)
}

fn write_kmeans_distance(kmeans: &KmeansDistance, to: &mut Target<'_>) -> DetectorDescription {
    let kmeans_distance::Params { centres, offset } = kmeans.params();
    to.matrix("centres", centres.view());
    DetectorDescription::KmeansDistance { offset }
}

fn write_one_class_svm(svm: &OneClassSvm, to: &mut Target<'_>) -> DetectorDescription {
    let one_class_svm::Params { vectors, width, coefficients, intercept, kernel, nu } = svm.params();
    to.rows("vectors", width, &vectors);
    to.numbers("coefficients", &coefficients);
    let kernel = match kernel {
        Kernel::Rbf { gamma } => KernelDescription::Rbf { gamma },
        Kernel::Linear => KernelDescription::Linear,
        Kernel::Poly { degree, gamma, coef0 } => KernelDescription::Poly { degree, gamma, coef0 },
        Kernel::Sigmoid { gamma, coef0 } => KernelDescription::Sigmoid { gamma, coef0 },
    };
    DetectorDescription::OneClassSvm { kernel, intercept, nu }
}

fn read_one_class_svm(
    kernel: &KernelDescription,
    intercept: f64,
    nu: Option<f64>,
    from: &Place<'_, '_>,
) -> Result<OneClassSvm, OwnError> {
    let kernel = match *kernel {
        KernelDescription::Rbf { gamma } => Kernel::Rbf { gamma },
        KernelDescription::Linear => Kernel::Linear,
        KernelDescription::Poly { degree, gamma, coef0 } => Kernel::Poly { degree, gamma, coef0 },
        KernelDescription::Sigmoid { gamma, coef0 } => Kernel::Sigmoid { gamma, coef0 },
    };
    let vectors = from.matrix("vectors")?;
    let (width, coefficients) = (vectors.ncols(), from.numbers("coefficients")?);
    let vectors = vectors.into_raw_vec_and_offset().0;
    Ok(OneClassSvm::new(one_class_svm::Params { vectors, width, coefficients, intercept, kernel, nu })?)
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
    from: &Place<'_, '_>,
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
