//! Steps of preprocessing: each with the function that describes it, and the one that makes it again.

use serde::{Deserialize, Serialize};

use super::error::OwnError;
use super::tensors::{Place, Target};
use crate::model::preprocessing::{StandardScaler, Step};

/// A step without its arrays.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) enum StepDescription {
    /// Tensors: `mean` and `scale`, a number a feature, each only if it is used.
    StandardScaler { width: usize },
}

/// Describes a step, and hands its arrays over.
pub(super) fn write(step: &Step, to: &mut Target<'_>) -> StepDescription {
    match step {
        Step::StandardScaler(scaler) => write_standard_scaler(scaler, to),
    }
}

/// Makes a step again.
pub(super) fn read(description: StepDescription, from: &Place<'_, '_>) -> Result<Step, OwnError> {
    match description {
        StepDescription::StandardScaler { width } => read_standard_scaler(width, from).map(Step::StandardScaler),
    }
}

fn write_standard_scaler(scaler: &StandardScaler, to: &mut Target<'_>) -> StepDescription {
    if let Some(mean) = scaler.mean() {
        to.numbers("mean", mean);
    }
    if let Some(scale) = scaler.scale() {
        to.numbers("scale", scale);
    }
    StepDescription::StandardScaler { width: scaler.width() }
}

fn read_standard_scaler(width: usize, from: &Place<'_, '_>) -> Result<StandardScaler, OwnError> {
    Ok(StandardScaler::new(width, from.optional_numbers("mean")?, from.optional_numbers("scale")?)?)
}
