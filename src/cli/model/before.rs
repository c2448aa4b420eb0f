//! Scalers and other transformers before a model, in files of their own.

use std::path::{Path, PathBuf};

use crate::model::ScalerFile;
use crate::printable::shown;

/// The options of the commands that read a model.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Before {
    /// What stands before the model, in a file of its own: a scaler, or another transformer or pipeline of them; may be
    /// given several times, in the order in which rows go through. If left out, scaler_{device}_{sensor} beside a file
    /// that is called model_{device}_{sensor}, as the daemon takes it
    #[arg(long, value_name = "SCALER")]
    pub before: Vec<PathBuf>,
}

/// Two scalers are beside one model.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} and {} may both be the scaler before {}; remove one, or name the right one with --before",
    shown(first),
    shown(second),
    shown(model)
)]
pub struct TwoScalers {
    /// The first file.
    pub first: PathBuf,
    /// The second file.
    pub second: PathBuf,
    /// The model's file.
    pub model: PathBuf,
}

impl Before {
    /// The files before this model: those that the options name, else the scaler beside it.
    pub(super) fn files(&self, model: &Path) -> Result<Vec<PathBuf>, TwoScalers> {
        match ScalerFile::beside(model).filter(|_| self.before.is_empty()) {
            None => Ok(self.before.clone()),
            Some(ScalerFile { path, second: None }) => Ok(vec![path]),
            Some(ScalerFile { path: first, second: Some(second) }) => {
                Err(TwoScalers { first, second, model: model.to_owned() })
            }
        }
    }
}
