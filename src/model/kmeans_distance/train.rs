//! Training, with smartcore.

use std::collections::HashSet;

use ndarray::{Array2, Axis};
use smartcore::cluster::kmeans::{KMeans, KMeansParameters};

use super::params::Params;
use crate::model::training::{TrainError, guarded};

/// How often the centres may move. They settle long before.
const MAX_ROUNDS: usize = 300;

/// Finds the centres. The seed decides where they begin.
pub(in crate::model) fn train(rows: &Array2<f64>, clusters: usize, seed: u64) -> Result<Params, TrainError> {
    // With fewer distinct rows than clusters, smartcore would read beyond the last row.
    let bits = |row: ndarray::ArrayView1<'_, f64>| row.iter().map(|x| (x + 0.0).to_bits()).collect::<Vec<_>>();
    let distinct = rows.rows().into_iter().map(bits).collect::<HashSet<_>>().len();
    if clusters < 2 || clusters > distinct {
        return Err(TrainError::Clusters { found: clusters, distinct });
    }
    let parameters = KMeansParameters { k: clusters, max_iter: MAX_ROUNDS, seed: Some(seed) };
    // smartcore does not give its centres away, so they are computed as the means of the rows that it groups.
    let labels: Vec<u32> =
        guarded("KMeans", || KMeans::<f64, u32, Array2<f64>, Vec<u32>>::fit(rows, parameters)?.predict(rows))?;
    let members = |cluster: u32| {
        let chosen = labels.iter().enumerate().filter(|(_, label)| **label == cluster);
        chosen.map(|(row, _)| row).collect::<Vec<_>>()
    };
    let mut centres = Array2::zeros((0, rows.ncols()));
    for cluster in labels.iter().copied().collect::<std::collections::BTreeSet<_>>() {
        if let Some(mean) = rows.select(Axis(0), &members(cluster)).mean_axis(Axis(0)) {
            centres
                .push_row(mean.view())
                .map_err(|error| TrainError::Library { what: "KMeans", problem: error.to_string() })?;
        }
    }
    Ok(Params { centres, offset: None })
}
