//! Training: a few sorts.

use ndarray::{Array2, ArrayView1, Axis};

use super::params::{Params, Rule};
use crate::model::calibration::quantile;
use crate::model::training::TrainError;

/// The median and the median absolute deviation of each feature.
pub(in crate::model) fn deviations(rows: &Array2<f64>) -> Result<Params, TrainError> {
    let (mut medians, mut mads) = (Vec::new(), Vec::new());
    for (feature, column) in rows.axis_iter(Axis(1)).enumerate() {
        let middle = quantile(&sorted(column), 0.5).ok_or(TrainError::TooFewRows { found: 0, needed: 1 })?;
        let from_middle = column.mapv(|x| (x - middle).abs());
        let mad = quantile(&sorted(from_middle.view()), 0.5).unwrap_or_default();
        if mad <= 0.0 {
            return Err(TrainError::NoDeviation { feature });
        }
        medians.push(middle);
        mads.push(mad);
    }
    Ok(Params { rule: Rule::Mad { median: medians, mad: mads }, offset: None })
}

/// The quantiles of each feature that leave `outside` of the rows out, half on either side.
pub(in crate::model) fn quantiles(rows: &Array2<f64>, outside: f64) -> Result<Params, TrainError> {
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for column in rows.axis_iter(Axis(1)) {
        let sorted = sorted(column);
        let ends = quantile(&sorted, outside / 2.0).zip(quantile(&sorted, 1.0 - outside / 2.0));
        let (from, to) = ends.ok_or(TrainError::TooFewRows { found: 0, needed: 1 })?;
        low.push(from);
        high.push(to);
    }
    Ok(Params { rule: Rule::Quantiles { low, high }, offset: None })
}

fn sorted(column: ArrayView1<'_, f64>) -> Vec<f64> {
    let mut numbers = column.to_vec();
    numbers.sort_by(f64::total_cmp);
    numbers
}
