//! Detectors that keep their training rows: the outlier factor, and the distance to the nearest.

use serde::{Deserialize, Serialize};

use super::detectors::DetectorDescription;
use super::error::OwnError;
use super::tensors::{Target, TensorScope};
use crate::model::local_outlier_factor::{self, LocalOutlierFactor};
use crate::model::neighbour_distance::{self, NeighbourDistance, Of};
use crate::model::neighbours::Metric;

#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum OfDescription {
    Largest,
    Mean,
    Median,
}

#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum MetricDescription {
    Euclidean,
    Manhattan,
    Chebyshev,
    Minkowski { p: f64 },
}

impl OfDescription {
    fn of(&self) -> Of {
        match self {
            Self::Largest => Of::Largest,
            Self::Mean => Of::Mean,
            Self::Median => Of::Median,
        }
    }
}

impl MetricDescription {
    fn of(metric: Metric) -> Self {
        match metric {
            Metric::Euclidean => Self::Euclidean,
            Metric::Manhattan => Self::Manhattan,
            Metric::Chebyshev => Self::Chebyshev,
            Metric::Minkowski { p } => Self::Minkowski { p },
        }
    }

    fn metric(&self) -> Metric {
        match *self {
            Self::Euclidean => Metric::Euclidean,
            Self::Manhattan => Metric::Manhattan,
            Self::Chebyshev => Metric::Chebyshev,
            Self::Minkowski { p } => Metric::Minkowski { p },
        }
    }
}

pub(super) fn write_factor(factor: &LocalOutlierFactor, to: &mut Target<'_>) -> DetectorDescription {
    let params = factor.params();
    let local_outlier_factor::Params { rows, width, levels, centres, neighbours, reach, densities, offset, .. } =
        params;
    let (metric, resolution) = (MetricDescription::of(params.metric), params.resolution);
    to.rows("rows", width, &rows);
    if let Some(centres) = centres {
        to.matrix("centres", centres.view());
    }
    to.numbers("reach", &reach);
    to.numbers("densities", &densities);
    let resolution = (resolution > 0.0).then_some(resolution);
    DetectorDescription::LocalOutlierFactor { neighbours, levels, metric, offset, resolution }
}

pub(super) fn write_distance(knn: &NeighbourDistance, to: &mut Target<'_>) -> DetectorDescription {
    let neighbour_distance::Params { rows, width, levels, neighbours, of, metric, offset } = knn.params();
    to.rows("rows", width, &rows);
    let of = match of {
        Of::Largest => OfDescription::Largest,
        Of::Mean => OfDescription::Mean,
        Of::Median => OfDescription::Median,
    };
    DetectorDescription::NeighbourDistance { neighbours, of, levels, metric: MetricDescription::of(metric), offset }
}

pub(super) fn read_factor(
    neighbours: usize,
    levels: u32,
    metric: &MetricDescription,
    offset: f64,
    resolution: f64,
    from: &TensorScope<'_, '_>,
) -> Result<LocalOutlierFactor, OwnError> {
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
        metric: metric.metric(),
        resolution,
    })?)
}

pub(super) fn read_distance(
    neighbours: usize,
    of: &OfDescription,
    levels: u32,
    metric: &MetricDescription,
    offset: Option<f64>,
    from: &TensorScope<'_, '_>,
) -> Result<NeighbourDistance, OwnError> {
    let rows = from.matrix("rows")?;
    let (width, rows) = (rows.ncols(), rows.into_raw_vec_and_offset().0);
    let (of, metric) = (of.of(), metric.metric());
    let params = neighbour_distance::Params { rows, width, levels, neighbours, of, metric, offset };
    Ok(NeighbourDistance::new(&params)?)
}
