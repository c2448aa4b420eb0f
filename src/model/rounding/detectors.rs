//! The rounding errors of the detectors' own sums: n ε times the magnitude of their n terms.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::MARGIN;
use super::steps::Signs;
use crate::model::Detector;
use crate::model::autoencoder::Autoencoder;
use crate::model::elliptic_envelope::{self, Scale};
use crate::model::gaussian_mixture::{self, Covariance};
use crate::model::isolation_forest::IsolationForest;
use crate::model::kmeans_distance;
use crate::model::local_outlier_factor::LocalOutlierFactor;
use crate::model::neighbour_distance::NeighbourDistance;
use crate::model::neighbours::Metric;
use crate::model::one_class_svm::{Kernel, OneClassSvm};
use crate::model::pca_reconstruction;
use crate::model::sgd_one_class_svm::SgdOneClassSvm;

const EPSILON: f64 = f64::EPSILON;

/// How far the decision values of rows, as the detector gets them, may be from those of another exact implementation.
pub(super) fn rounding(detector: &Detector, rows: ArrayView2<'_, f64>) -> Vec<f64> {
    let of_rows = |of: &dyn Fn(ArrayView1<'_, f64>) -> f64| rows.rows().into_iter().map(of).collect();
    match detector {
        Detector::OneClassSvm(svm) => of_rows(&|row| of_svm(svm, row)),
        Detector::SgdOneClassSvm(svm) => of_rows(&|row| of_line(svm, row)),
        Detector::EllipticEnvelope(envelope) => {
            let params = envelope.params();
            of_rows(&|row| of_envelope(&params, row))
        }
        Detector::KmeansDistance(kmeans) => {
            let params = kmeans.params();
            of_rows(&|row| of_centres(&params, row))
        }
        Detector::LocalOutlierFactor(factor) => of_factor(factor, rows),
        Detector::NeighbourDistance(neighbours) => of_neighbours(neighbours, rows),
        Detector::GaussianMixture(mixture) => {
            let params = mixture.params();
            of_rows(&|row| of_mixture(&params, row))
        }
        Detector::ComponentDistance(components) => {
            let count = components.params().weights.len();
            let offset = components.params().offset.unwrap_or(0.0).abs();
            let decisions = components.decide(rows);
            decisions.into_iter().map(|decision| lost(count + rows.ncols(), decision.abs() + 2.0 * offset)).collect()
        }
        Detector::PcaReconstruction(pca) => {
            let params = pca.params();
            of_rows(&|row| of_reconstruction(&params, row))
        }
        Detector::Autoencoder(network) => of_network(network, rows),
        Detector::IsolationForest(forest) => of_forest(forest, rows),
        // Its numbers are of single precision, and so is its tolerance.
        Detector::Network(_) => vec![0.0; rows.nrows()],
        // The detector is our own: there is no other implementation.
        Detector::RobustStatistics(_) => vec![0.0; rows.nrows()],
    }
}

/// The rounding error of a sum of `count` terms whose magnitudes add up to `terms`.
pub(super) fn lost(count: usize, terms: f64) -> f64 {
    (count + 2) as f64 * EPSILON * terms
}

fn of_svm(svm: &OneClassSvm, row: ArrayView1<'_, f64>) -> f64 {
    let (width, count) = (svm.width(), svm.support_vectors());
    let products = |vector: &[f64]| row.iter().zip(vector).map(|(x, v)| (x * v).abs()).sum::<f64>();
    let of_vector = |vector: &[f64]| match svm.kernel() {
        Kernel::Rbf { gamma } => {
            let exponent = gamma * row.iter().zip(vector).map(|(x, v)| (x - v) * (x - v)).sum::<f64>();
            (-exponent).exp() * (lost(count, 1.0) + lost(width, exponent))
        }
        Kernel::Linear => lost(count + width, products(vector)),
        Kernel::Poly { degree, gamma, coef0 } => {
            let base = gamma.abs() * products(vector) + coef0.abs();
            let power = base.powi(i32::try_from(degree).unwrap_or(i32::MAX));
            power * (lost(count, 1.0) + f64::from(degree) * lost(width, 1.0))
        }
        Kernel::Sigmoid { gamma, coef0 } => {
            lost(count, 1.0) + lost(width, gamma.abs() * products(vector) + coef0.abs())
        }
    };
    let weighted = svm.vectors().chunks_exact(width).zip(svm.coefficients());
    weighted.map(|(vector, weight)| weight.abs() * of_vector(vector)).sum::<f64>() + lost(0, svm.intercept().abs())
}

fn of_line(svm: &SgdOneClassSvm, row: ArrayView1<'_, f64>) -> f64 {
    let products: f64 = row.iter().zip(svm.coefficients()).map(|(x, weight)| (x * weight).abs()).sum();
    lost(row.len(), products + svm.offset().abs())
}

fn of_envelope(params: &elliptic_envelope::Params, row: ArrayView1<'_, f64>) -> f64 {
    let centred: Vec<f64> = row.iter().zip(&params.location).map(|(x, location)| x - location).collect();
    let (mut distance, mut terms) = (0.0, 0.0);
    for (difference, precision) in centred.iter().zip(params.precision.chunks_exact(centred.len())) {
        for (entry, other) in precision.iter().zip(&centred) {
            let term = difference * entry * other;
            distance += term;
            terms += term.abs();
        }
    }
    let of_distance = lost(2 * centred.len(), terms);
    match params.scale {
        Scale::Squared => of_distance + lost(0, params.offset.abs()),
        Scale::CubeRoot => {
            let root = |distance: f64| distance.max(0.0).powf(0.33);
            root(distance + of_distance) - root(distance - of_distance) + lost(0, root(distance) + root(-params.offset))
        }
    }
}

/// A squared distance by scikit-learn's formula x² − 2 x·y + y², and its rounding error.
pub(super) fn expanded(row: ArrayView1<'_, f64>, other: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut square, mut terms) = (0.0, 0.0);
    for (x, y) in row.iter().zip(other) {
        square += (x - y) * (x - y);
        terms += (x.abs() + y.abs()).powi(2);
    }
    (square, lost(row.len() + 2, terms))
}

fn of_centres(params: &kmeans_distance::Params, row: ArrayView1<'_, f64>) -> f64 {
    let (mut nearest, mut least, mut most) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    for centre in params.centres.rows() {
        let (square, lost) = expanded(row, centre.iter().copied());
        nearest = nearest.min(square.sqrt());
        least = least.min((square - lost).max(0.0).sqrt());
        most = most.min((square + lost).sqrt());
    }
    (nearest - least).max(most - nearest) + lost(0, nearest + params.offset.unwrap_or(0.0).abs())
}

/// The distances of a row from other rows, the nearest first, each with its rounding error and its index.
///
/// Through a tree they are sums of differences. Without a tree, scikit-learn expands euclidean distances.
fn nearest(
    row: ArrayView1<'_, f64>,
    others: &[f64],
    metric: Metric,
    levels: u32,
    count: usize,
) -> Vec<(usize, f64, f64)> {
    let by_expansion = metric == Metric::Euclidean && levels == 1;
    let row = row.to_vec();
    let distance = |(place, other): (usize, &[f64])| {
        let distance = metric.distance(metric.measure(&row, other));
        let lost = if by_expansion {
            let (square, lost) = expanded(ArrayView1::from(&row), other.iter().copied());
            (square + lost).sqrt() - (square - lost).max(0.0).sqrt()
        } else {
            lost(row.len(), distance)
        };
        (place, distance, lost)
    };
    let mut nearest: Vec<_> = others.chunks_exact(row.len()).enumerate().map(distance).collect();
    nearest.sort_by(|a, b| a.1.total_cmp(&b.1));
    nearest.truncate(count);
    nearest
}

fn of_neighbours(detector: &NeighbourDistance, rows: ArrayView2<'_, f64>) -> Vec<f64> {
    let params = detector.params();
    let of_row = |row| {
        let nearest = nearest(row, &params.rows, params.metric, params.levels, params.neighbours);
        // The largest error, because any of these rows may be the one that counts.
        let (most, farthest) = nearest.iter().fold((0.0_f64, 0.0_f64), |(most, farthest), (_, distance, lost)| {
            (most.max(*lost), farthest.max(*distance))
        });
        most + lost(params.neighbours, farthest + params.offset.unwrap_or(0.0).abs())
    };
    rows.rows().into_iter().map(of_row).collect()
}

/// The error of the logarithm of a sum of exponentials is no larger than that of its most uncertain exponent.
fn of_mixture(params: &gaussian_mixture::Params, row: ArrayView1<'_, f64>) -> f64 {
    let width = row.len();
    let of_component = |(component, mean): (usize, ArrayView1<'_, f64>)| {
        let away: Vec<f64> = row.iter().zip(&mean).map(|(x, mean)| x - mean).collect();
        let size: Vec<f64> = row.iter().zip(&mean).map(|(x, mean)| x.abs() + mean.abs()).collect();
        // Either rotated differences, each by itself; or expanded squares, each in units of its own width.
        let rotated = |first: usize| {
            let of_column = |column: usize| {
                let entries = || (0..width).map(|place| params.cholesky[[first + place, column]]);
                let y: f64 = entries().zip(&away).map(|(entry, x)| entry * x).sum();
                let lost_y = lost(width, entries().zip(&size).map(|(entry, x)| entry.abs() * x).sum());
                (2.0 * y.abs() + lost_y) * lost_y + lost(width, y * y)
            };
            (0..width).map(of_column).sum::<f64>()
        };
        let scaled = |of: &dyn Fn(usize) -> f64| {
            lost(2 * width, size.iter().enumerate().map(|(place, x)| (x * of(place)).powi(2)).sum())
        };
        match params.covariance {
            Covariance::Full => rotated(component * width),
            Covariance::Tied => rotated(0),
            Covariance::Diag => scaled(&|place| params.cholesky[[component, place]]),
            Covariance::Spherical => scaled(&|_| params.cholesky[[component, 0]]),
        }
    };
    let most = params.means.rows().into_iter().enumerate().map(of_component).fold(0.0, f64::max);
    let heights = params.cholesky.iter().filter(|entry| **entry > 0.0).map(|entry| entry.ln().abs()).sum::<f64>();
    0.5 * most + lost(width, heights + width as f64 + params.offset.unwrap_or(0.0).abs())
}

fn of_factor(factor: &LocalOutlierFactor, rows: ArrayView2<'_, f64>) -> Vec<f64> {
    let params = factor.params();
    let of_row = |row: ArrayView1<'_, f64>| {
        let nearest = nearest(row, &params.rows, params.metric, params.levels, params.neighbours);
        let count = nearest.len() as f64;
        let (mut reached, mut density, mut lost_reach) = (0.0, 0.0, 0.0);
        for (place, distance, lost) in nearest {
            reached += distance.max(params.reach[place]) / count;
            lost_reach += lost / count;
            density += params.densities[place] / count;
        }
        // A distance below the resolution of the file may have been any distance below it when the model was trained.
        density * (lost_reach + params.resolution + lost(params.neighbours, reached)) + lost(0, params.offset.abs())
    };
    rows.rows().into_iter().map(of_row).collect()
}

fn of_reconstruction(params: &pca_reconstruction::Params, row: ArrayView1<'_, f64>) -> f64 {
    let width = row.len();
    let components = params.components.rows();
    let mut back = params.mean.to_vec();
    let mut lost_back: Vec<f64> = params.mean.iter().zip(row).map(|(mean, x)| lost(0, mean.abs() + x.abs())).collect();
    for component in components {
        let (mut y, mut terms) = (0.0, 0.0);
        for ((x, mean), weight) in row.iter().zip(&params.mean).zip(component) {
            y += (x - mean) * weight;
            terms += (x.abs() + mean.abs()) * weight.abs();
        }
        let lost_y = lost(width, terms) + lost(params.components.nrows(), y.abs());
        for ((back, lost_back), weight) in back.iter_mut().zip(&mut lost_back).zip(component) {
            *back += y * weight;
            *lost_back += lost_y * weight.abs();
        }
    }
    let of_feature = |((x, back), lost_back): ((&f64, &f64), &f64)| {
        let residual = x - back;
        2.0 * residual.abs() * lost_back + lost_back * lost_back + lost(width, residual * residual)
    };
    let errors: f64 = row.iter().zip(&back).zip(&lost_back).map(of_feature).sum();
    errors / width as f64 + lost(0, params.offset.unwrap_or(0.0).abs())
}

/// An autoencoder's reconstruction is near the row itself: how far the error moves with the row shows what the
/// difference loses.
fn of_network(network: &Autoencoder, rows: ArrayView2<'_, f64>) -> Vec<f64> {
    let decisions = network.decide(rows);
    let mut signs = Signs::new(1);
    let disturbed: Array2<f64> = rows.mapv(|x| x + lost(network.width(), x) * signs.next());
    let found = network.decide(disturbed.view());
    decisions.iter().zip(found).map(|(decision, found)| MARGIN * (found - decision).abs()).collect()
}

fn of_forest(forest: &IsolationForest, rows: ArrayView2<'_, f64>) -> Vec<f64> {
    // 2^(−a / b): the rounding error of the sum of all paths is that of an exponent of about 1.
    vec![lost(forest.trees(), 1.0); rows.nrows()]
}
