//! About how many [operations](super::operations) scoring a row takes, counted from the steps and the detector before
//! any row is scored. A model that takes too many is refused when it is read, so that it does not hold up the models of
//! other sensors.
//!
//! Vectorised work counts a quarter of its arithmetic. Estimates are upper bounds: a search that usually skips most
//! training rows may have to look at all of them.

use super::neighbours::Neighbours;
use super::network::NetworkWork;
use super::preprocessing::{Branch, Step};
use super::{Detector, Kernel, Metric, OneClassSvm};

/// The fixed cost of a step or a branch, which allocates new rows.
const MADE: usize = 20;

/// How many numbers an instruction takes at once, at least in the loops that matter.
const LANES: usize = 4;

/// A logarithm, an exponential function, a hyperbolic tangent.
const FUNCTION: usize = 10;

/// A number to the power of another.
const POWER: usize = 25;

/// The operations of a row that goes through these steps to this detector.
pub(super) fn of(steps: &[Step], detector: &Detector) -> usize {
    all(steps).saturating_add(of_detector(detector))
}

fn all(steps: &[Step]) -> usize {
    steps.iter().map(|step| of_step(step).saturating_add(MADE)).fold(0, usize::saturating_add)
}

fn of_step(step: &Step) -> usize {
    let width = step.width();
    match step {
        Step::StandardScaler(_) | Step::MinMaxScaler(_) | Step::MaxAbsScaler(_) | Step::RobustScaler(_) => {
            width.saturating_mul(3)
        }
        Step::PowerTransformer(_) => width.saturating_mul(2 * POWER),
        // Two searches, each with as many guesses as halvings, then the quantile function.
        Step::QuantileTransformer(transformer) => {
            width.saturating_mul(8 * halvings(transformer.quantiles()) + 2 * POWER)
        }
        Step::Pca(pca) => width.saturating_mul(pca.components() + 2),
        Step::SimpleImputer(_) => width.saturating_add(step.output_width()).saturating_mul(3),
        Step::PolynomialFeatures(features) => features.products().saturating_mul(4),
        Step::FunctionTransformer(_) => width.saturating_mul(FUNCTION),
        // A row is compared with each of some training rows, then multiplied with a matrix.
        Step::Nystroem(nystroem) => {
            let each = width.saturating_mul(3).saturating_add(step.output_width()).saturating_add(POWER);
            nystroem.held_against().saturating_mul(each)
        }
        Step::VarianceThreshold(_) => step.output_width(),
        Step::ColumnTransformer(transformer) => {
            transformer.branches().iter().map(of_branch).fold(0, usize::saturating_add)
        }
    }
}

/// The cost of a branch: its columns are copied out, and its results are weighted and copied in.
fn of_branch(branch: &Branch) -> usize {
    let copied = branch.columns.len().saturating_add(branch.output_width());
    copied.saturating_mul(3).saturating_add(MADE).saturating_add(all(&branch.steps))
}

fn of_detector(detector: &Detector) -> usize {
    let width = detector.width();
    match detector {
        Detector::Autoencoder(network) => network.weights().saturating_mul(2) / LANES,
        Detector::KmeansDistance(kmeans) => kmeans.clusters().saturating_mul(2 * width) / LANES,
        Detector::EllipticEnvelope(_) => width.saturating_mul(width.saturating_add(3)),
        Detector::IsolationForest(forest) => width.saturating_add(forest.steps_down().saturating_mul(2)),
        Detector::LocalOutlierFactor(factor) => of_neighbours(factor.searched(), factor.neighbours()),
        Detector::NeighbourDistance(knn) => of_neighbours(knn.searched(), knn.neighbours()),
        Detector::ComponentDistance(pca) => pca.components().saturating_mul(width.saturating_add(FUNCTION)),
        Detector::GaussianMixture(mixture) => mixture.products(),
        Detector::Network(network) => match network.work() {
            NetworkWork::AtOnce(products) => products.saturating_mul(2) / LANES,
            NetworkWork::OneByOne(additions) => additions,
        },
        Detector::OneClassSvm(svm) => of_svm(svm),
        Detector::PcaReconstruction(pca) => width.saturating_mul(4 * pca.components() + 8) / LANES,
        Detector::RobustStatistics(_) => width.saturating_mul(6),
        Detector::SgdOneClassSvm(_) => width.saturating_mul(2),
    }
}

fn of_svm(svm: &OneClassSvm) -> usize {
    let width = svm.width();
    let function = match svm.kernel() {
        Kernel::Linear => return width.saturating_mul(2),
        Kernel::Rbf { .. } => OneClassSvm::VECTOR_INSTRUCTIONS as usize,
        Kernel::Poly { degree, .. } => 3 + 2 * halvings(degree as usize),
        Kernel::Sigmoid { .. } => 4 * FUNCTION,
    };
    // A row is also held against the box around the support vectors.
    let each = width.saturating_mul(2).saturating_add(function);
    svm.support_vectors().saturating_mul(each).saturating_add(width.saturating_mul(6)) / LANES
}

/// The cost of a search in the worst case: it looks at every training row and every region, and every row is nearer
/// than all before it.
fn of_neighbours(searched: &Neighbours, neighbours: usize) -> usize {
    let (rows, width) = (searched.count(), searched.width());
    let difference = match searched.metric() {
        Metric::Euclidean | Metric::Manhattan | Metric::Chebyshev => 1,
        Metric::Minkowski { .. } => POWER,
    };
    // The distance of a region is computed feature by feature, each waiting for the one before.
    let held = rows.saturating_add(searched.regions().saturating_mul(4));
    let measured = held.saturating_mul(width).saturating_mul(difference);
    measured.saturating_add(rows).saturating_add(neighbours.saturating_mul(halvings(neighbours)))
}

/// How often `count` can be halved until one is left.
fn halvings(count: usize) -> usize {
    count.checked_ilog2().map_or(1, |halvings| halvings as usize + 1)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Limits, Model, PolynomialFeatures, PolynomialFeaturesParams};
    use super::*;
    use crate::model::preprocessing::{ColumnTransformer, Function, FunctionTransformer};

    fn sample(name: &str) -> Model {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name);
        Model::load(&path, &Limits::default()).unwrap()
    }

    fn log(width: usize) -> Step {
        Step::FunctionTransformer(FunctionTransformer::new(width, Function::Log1p))
    }

    #[test]
    fn steps_count_each_feature_and_what_is_within_them() {
        assert_eq!(of_step(&log(1_000)), 10_000);
        assert_eq!(all(&[log(1_000), log(1_000)]), 2 * (10_000 + MADE));
        let branch = |columns: usize| Branch { columns: vec![0; columns], steps: vec![log(columns)], weight: 1.0 };
        let transformer = ColumnTransformer::new(1, vec![branch(100), branch(10)]).unwrap();
        let branches = [100, 10].map(|columns| 6 * columns + MADE + 10 * columns + MADE);
        assert_eq!(of_step(&Step::ColumnTransformer(transformer)), branches.iter().sum::<usize>());
        let squares = PolynomialFeaturesParams {
            width: 20,
            min_degree: 2,
            max_degree: 2,
            interaction_only: false,
            include_bias: true,
        };
        let squares = Step::PolynomialFeatures(PolynomialFeatures::new(squares).unwrap());
        assert_eq!(of_step(&squares), 4 * (20 + 210 + 1), "those that are only parts of others are taken too");
    }

    #[test]
    fn a_support_vector_counts_its_features_and_its_kernel() {
        let model = sample("p4_number_2d.pkl");
        let Detector::OneClassSvm(svm) = model.detector() else { panic!("another detector") };
        let (vectors, scaler) = (svm.support_vectors(), 3 * 2 + MADE);
        assert_eq!(model.operations_per_row(), scaler + (vectors * (2 * 2 + 14) + 6 * 2) / LANES);
    }

    #[test]
    fn models_of_all_kinds_take_far_less_than_is_accepted() {
        for name in ["forest_contamination.pkl", "factor_kd_tree.pkl", "factor_minkowski.pkl", "envelope.pkl"] {
            let operations = sample(&format!("detectors/{name}")).operations_per_row();
            assert!((8..50_000).contains(&operations), "{name}: {operations}");
        }
    }
}
