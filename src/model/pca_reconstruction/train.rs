//! Training, with smartcore.

use ndarray::{Array2, Axis};
use smartcore::decomposition::pca::{PCA, PCAParameters};

use super::params::Params;
use crate::model::training::{Components, TrainError, guarded};

/// Finds the components of standardised rows, of which there are more than features.
pub(in crate::model) fn train(rows: &Array2<f64>, keep: Components) -> Result<Params, TrainError> {
    let width = rows.ncols();
    if width < 2 {
        return Err(TrainError::OneFeature);
    }
    let mean = rows.mean_axis(Axis(0)).unwrap_or_default();
    let parameters = PCAParameters::default().with_n_components(width);
    // A column each. smartcore does not give the variances away, so they are computed again, and the components are
    // sorted by them.
    let components = guarded("PCA", || PCA::fit(rows, parameters).map(|pca| pca.components().clone()))?;
    let scores = (rows - &mean).dot(&components);
    let variances = scores.map_axis(Axis(0), |scores| scores.dot(&scores)).to_vec();
    let mut order = (0..width).collect::<Vec<_>>();
    order.sort_by(|a, b| variances[*b].total_cmp(&variances[*a]));
    let kept = match keep {
        Components::Number(number) if (1..width).contains(&number) => number,
        Components::Number(number) => return Err(TrainError::Components { found: number, width }),
        Components::Share(share) => {
            let whole: f64 = variances.iter().sum();
            let so_far = order.iter().scan(0.0, |sum, component| {
                *sum += variances[*component];
                Some(*sum)
            });
            // With all components there would be no error left.
            so_far.take_while(|sum| *sum < share * whole).count().saturating_add(1).min(width - 1)
        }
    };
    let components = components.t().select(Axis(0), &order[..kept]);
    Ok(Params { mean, components: components.as_standard_layout().into_owned(), offset: None })
}
