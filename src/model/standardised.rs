//! Detectors that seem to be trained on standardised rows, while no step before them standardises rows.
//!
//! Most often the scaler was left behind in a notebook. Then raw rows are all far off, and every row is an anomaly; or
//! they are so near to each other that no row is. Parameters around 0 with a spread near 1 prove nothing by themselves;
//! rows that are not so are the second sign.

use ndarray::{ArrayView1, ArrayView2};

use super::preprocessing::Step;
use super::{Detector, Model};
use crate::verdict::significant;

/// The signs that a detector was trained on standardised rows.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Standardised {
    /// The parts of the detector that were looked at, such as its support vectors.
    traces: &'static str,
    /// How many of these parts there are.
    count: usize,
    /// The features that look standardised.
    features: Box<[usize]>,
    /// The smallest and the largest spread of these features.
    spreads: (f64, f64),
}

/// Rows that are not standardised came to a detector that seems to be trained on standardised rows.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error(
    "{feature} has a mean of {} and spreads by {} here, while the model's {count} {traces} lie around 0 and spread by {}: \
     most likely it was trained on scaled rows, and no scaler stands before it; {ADVICE}",
    significant(*mean), significant(*spread), range(*spreads)
)]
pub struct Unscaled {
    /// The feature that is least like standardised ones.
    pub feature: String,
    /// Its mean over the rows.
    pub mean: f64,
    /// Its standard deviation over the rows.
    pub spread: f64,
    traces: &'static str,
    count: usize,
    spreads: (f64, f64),
}

/// The advice of the warning.
pub(super) const ADVICE: &str = "put the scaler's file beside the model's, with \"scaler\" for \"model\" in its name, or \
                                 make one file of both: anomalyd model convert --before SCALER MODEL OUT";

/// A feature with fewer numbers is not judged.
const LEAST_TRACES: usize = 4;

/// The share of the features that must look standardised; not all must, because some are nearly constant, or skewed.
const MOST_FEATURES: f64 = 0.75;

/// Fewer rows are not judged.
const LEAST_ROWS: usize = 5;

/// The least rows of which a small spread is a sign.
const LEAST_ROWS_OF_SPREAD: usize = 30;

/// Over a window, the mean of standardised rows (in size) and their spread are below this.
const FAR: f64 = 5.0;

/// The spread of standardised rows, over all features together, is above this.
const NARROW: f64 = 0.1;

impl Standardised {
    /// Looks at the training rows that a detector keeps. `None` when steps before the detector change rows, or the
    /// training rows do not look standardised.
    pub(super) fn of(steps: &[Step], detector: &Detector) -> Option<Self> {
        if !steps.iter().all(Step::keeps_units) {
            return None;
        }
        let (traces, moments) = moments(detector)?;
        let telling = moments.iter().filter(|moments| moments.count >= LEAST_TRACES && moments.spread() > 0.0).count();
        let features: Box<[usize]> =
            (0..moments.len()).filter(|feature| moments[*feature].look_standardised()).collect();
        if features.is_empty() || (features.len() as f64) < MOST_FEATURES * telling as f64 {
            return None;
        }
        let spreads = features.iter().map(|feature| moments[*feature].spread());
        let spreads = spreads.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
        Some(Self { traces, count: count(detector, &moments), features, spreads })
    }

    /// The signs in words.
    pub(super) fn in_words(&self) -> String {
        let Self { traces, count, spreads, .. } = self;
        let spreads = range(*spreads);
        format!(
            "the model's {count} {traces} lie around 0 and spread by {spreads}, as if it had been trained on scaled rows, and no \
             scaler stands before it; if it was, {ADVICE}"
        )
    }

    /// Whether these rows are not standardised: half of the features are far from 0, or all features together hardly
    /// change.
    fn contradicted_by(&self, rows: ArrayView2<'_, f64>, name: impl Fn(usize) -> String) -> Option<Unscaled> {
        let features = self.features.iter().copied().filter(|feature| *feature < rows.ncols());
        let moments: Vec<_> = features.map(|feature| (feature, Moments::of(rows.column(feature)))).collect();
        let least = moments.iter().map(|(_, moments)| moments.count).min()?;
        if least < LEAST_ROWS {
            return None;
        }
        let size = |moments: &Moments| moments.mean.abs().max(moments.spread());
        let by_size = |a: &&(usize, Moments), b: &&(usize, Moments)| size(&a.1).total_cmp(&size(&b.1));
        let far = moments.iter().filter(|(_, moments)| size(moments) > FAR).count();
        // In raw rows one feature spreads by thousandths and another by tens. Features that never change tell nothing.
        let spreads: Vec<_> =
            moments.iter().map(|(_, moments)| moments.spread()).filter(|spread| *spread > 0.0).collect();
        let typical = (spreads.iter().map(|spread| spread.ln()).sum::<f64>() / spreads.len() as f64).exp();
        let worst = if 2 * far >= moments.len() {
            moments.iter().max_by(by_size)
        } else if least >= LEAST_ROWS_OF_SPREAD && typical < NARROW {
            moments.iter().min_by(|a, b| a.1.spread().total_cmp(&b.1.spread()))
        } else {
            None
        };
        worst.map(|(feature, moments)| Unscaled {
            feature: name(*feature),
            mean: moments.mean,
            spread: moments.spread(),
            traces: self.traces,
            count: self.count,
            spreads: self.spreads,
        })
    }
}

impl Model {
    /// The sign that these rows should have been scaled first; `None` when there is no such sign.
    pub fn unscaled(&self, rows: ArrayView2<'_, f64>, name: impl Fn(usize) -> String) -> Option<Unscaled> {
        self.standardised.as_ref()?.contradicted_by(rows, name)
    }
}

/// A range of numbers, which may be one alone.
fn range((low, high): (f64, f64)) -> String {
    let [low, high] = [low, high].map(|number| significant(number).to_string());
    if low == high { low } else { format!("{low} to {high}") }
}

/// Count, mean and spread of numbers that are taken in one by one (Welford, Technometrics 4, 1962).
#[derive(Clone, Copy, Debug)]
struct Moments {
    count: usize,
    mean: f64,
    squares: f64,
    low: f64,
    high: f64,
}

impl Moments {
    const NONE: Self = Self { count: 0, mean: 0.0, squares: 0.0, low: f64::INFINITY, high: f64::NEG_INFINITY };

    fn of(numbers: ArrayView1<'_, f64>) -> Self {
        let mut moments = Self::NONE;
        numbers.iter().filter(|number| number.is_finite()).for_each(|number| moments.take(*number));
        moments
    }

    fn take(&mut self, number: f64) {
        self.count += 1;
        let away = number - self.mean;
        self.mean += away / self.count as f64;
        self.squares += away * (number - self.mean);
        self.low = self.low.min(number);
        self.high = self.high.max(number);
    }

    fn spread(&self) -> f64 {
        (self.squares / self.count.max(1) as f64).sqrt()
    }

    /// Whether these may be standardised numbers: they are on both sides of 0, their mean is near it, and their spread
    /// is one that normal, skewed and heavy-tailed numbers have at the edges, where support vectors and splits are.
    fn look_standardised(&self) -> bool {
        let spread = self.spread();
        self.count >= LEAST_TRACES
            && (0.3..=4.0).contains(&spread)
            && self.mean.abs() <= 0.75 * spread
            && self.low < -NARROW
            && self.high > NARROW
    }
}

/// The training rows that a detector keeps, feature by feature, and what these parts are called.
fn moments(detector: &Detector) -> Option<(&'static str, Vec<Moments>)> {
    let mut moments = vec![Moments::NONE; detector.width()];
    let mut take = |feature: usize, number: f64| {
        if let Some(moments) = moments.get_mut(feature) {
            moments.take(number);
        }
    };
    let traces = match detector {
        Detector::OneClassSvm(svm) => {
            let vectors = svm.vectors().chunks_exact(svm.width());
            vectors.for_each(|vector| vector.iter().enumerate().for_each(|(feature, x)| take(feature, *x)));
            "support vectors"
        }
        Detector::IsolationForest(forest) => {
            forest.thresholds().for_each(|(feature, threshold)| take(feature, threshold));
            "thresholds"
        }
        Detector::LocalOutlierFactor(factor) => {
            factor.columns().enumerate().for_each(|(feature, column)| column.iter().for_each(|x| take(feature, *x)));
            "training rows"
        }
        Detector::NeighbourDistance(distance) => {
            distance.columns().enumerate().for_each(|(feature, column)| column.iter().for_each(|x| take(feature, *x)));
            "training rows"
        }
        Detector::KmeansDistance(kmeans) => {
            kmeans.centres().indexed_iter().for_each(|((_, feature), x)| take(feature, *x));
            "centres"
        }
        Detector::EllipticEnvelope(envelope) => {
            // Two numbers with the mean and the deviation of each feature, while the other features stay as they are.
            let pairs = envelope.centre().into_iter().zip(envelope.deviations());
            for (feature, (centre, deviation)) in pairs.enumerate() {
                (0..LEAST_TRACES)
                    .for_each(|side| take(feature, centre + if side % 2 == 0 { deviation } else { -deviation }));
            }
            "features"
        }
        Detector::Autoencoder(_)
        | Detector::ComponentDistance(_)
        | Detector::GaussianMixture(_)
        | Detector::Network(_)
        | Detector::PcaReconstruction(_)
        | Detector::RobustStatistics(_)
        | Detector::SgdOneClassSvm(_) => return None,
    };
    Some((traces, moments))
}

/// How many parts there are: in a forest each is of one feature, in all other detectors of all features.
fn count(detector: &Detector, moments: &[Moments]) -> usize {
    match detector {
        Detector::IsolationForest(_) => moments.iter().map(|moments| moments.count).sum(),
        Detector::EllipticEnvelope(envelope) => envelope.width(),
        _ => moments.first().map_or(0, |moments| moments.count),
    }
}
