//! Training: a few sorts.

use ndarray::{ArrayView1, ArrayView2, Axis};

use super::params::{Params, Rule};
use crate::model::calibration::quantile;
use crate::model::training::{TrainError, name};

/// The median and the median absolute deviation of each feature. `columns` are the names for errors.
pub(in crate::model) fn deviations(rows: ArrayView2<'_, f64>, columns: &[String]) -> Result<Params, TrainError> {
    let (mut medians, mut mads) = (Vec::new(), Vec::new());
    for (feature, column) in rows.axis_iter(Axis(1)).enumerate() {
        let [middle] = quantiles_of(column.to_vec(), [0.5]);
        let [mad] = quantiles_of(column.iter().map(|x| (x - middle).abs()).collect(), [0.5]);
        if mad <= 0.0 {
            return Err(TrainError::NoDeviation { column: name(columns, feature) });
        }
        medians.push(middle);
        mads.push(mad);
    }
    Ok(Params { rule: Rule::Mad { median: medians, mad: mads }, offset: None })
}

/// The quantiles of each feature that leave out `outside` of the rows, half of these on either side.
pub(in crate::model) fn quantiles(rows: ArrayView2<'_, f64>, outside: f64) -> Params {
    let ends = |column: ArrayView1<'_, f64>| quantiles_of(column.to_vec(), [outside / 2.0, 1.0 - outside / 2.0]);
    let (low, high) = rows.axis_iter(Axis(1)).map(ends).map(<(f64, f64)>::from).unzip();
    Params { rule: Rule::Quantiles { low, high }, offset: None }
}

/// Quantiles of numbers. Without numbers they are NaN, which no detector accepts.
fn quantiles_of<const N: usize>(mut numbers: Vec<f64>, shares: [f64; N]) -> [f64; N] {
    numbers.sort_by(f64::total_cmp);
    shares.map(|share| quantile(&numbers, share).unwrap_or(f64::NAN))
}
