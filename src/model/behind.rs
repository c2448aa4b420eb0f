//! A model behind transformers that are in files of their own, as a notebook's `scaler.pkl` lies beside its `model.pkl`.
//!
//! Together they are one model: one width, one list of columns, one proof, one hash. When they do not fit together,
//! there is no model: a detector that gets rows in another unit than in its training finds anomalies everywhere or
//! nowhere.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::formats::{self, Transformer};
use super::load::read_bounded;
use super::{Limits, Model, ModelError, Step};
use crate::printable::shown;
use crate::verdict::ModelHash;

/// Why a model is not put behind a transformer.
#[derive(Debug, thiserror::Error)]
pub enum BehindError {
    /// The transformer cannot be read.
    #[error("is not used without what stands before it: {}: {problem}", shown(path))]
    Unreadable {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Box<ModelError>,
    },
    /// It gives rows of another width than the model takes.
    #[error(
        "takes rows of {expected} features, and {} before it gives rows of {found}; they were not fitted together",
        shown(path)
    )]
    Width {
        /// The transformer's file.
        path: PathBuf,
        /// The features that it gives.
        found: usize,
        /// The features that the model takes.
        expected: usize,
    },
    /// The model begins with a scaler of its own.
    #[error(
        "begins with a {own} of its own, and {} before it ends in a {found}: rows would be scaled twice; remove that file if \
         the model has been given its scaler since",
        shown(path)
    )]
    Twice {
        /// The transformer's file.
        path: PathBuf,
        /// Its last step.
        found: &'static str,
        /// The first step of the model.
        own: &'static str,
    },
    /// It was fitted to other columns than the model was.
    #[error(
        "was fitted to the columns {expected}, and {} before it to {found}; they were not fitted together",
        shown(path)
    )]
    Columns {
        /// The transformer's file.
        path: PathBuf,
        /// Its columns.
        found: String,
        /// The model's.
        expected: String,
    },
}

impl Model {
    /// This model behind the transformers of these files. A row goes through them in this order.
    ///
    /// The hash covers all files: it is the SHA-256 of the files' hashes, in hexadecimal and one a line, in their order
    /// with the model's last.
    ///
    /// # Errors
    /// When a file cannot be read or holds no transformer, or they do not fit each other. The error names the file.
    pub fn behind(self, before: &[PathBuf], limits: &Limits) -> Result<Self, BehindError> {
        let mut hashes = vec![self.hash];
        let mut model = self;
        for path in before.iter().rev() {
            let unreadable =
                |problem: ModelError| BehindError::Unreadable { path: path.clone(), problem: problem.into() };
            let bytes = read_bounded(path, limits).map_err(unreadable)?;
            let transformer = formats::read_transformer(&bytes, model.width(), limits).map_err(unreadable)?;
            hashes.push(ModelHash(Sha256::digest(&bytes).into()));
            model = model.behind_one(transformer, path)?;
        }
        if hashes.len() > 1 {
            let lines: String = hashes.iter().rev().map(|hash| format!("{hash}\n")).collect();
            model.hash = ModelHash(Sha256::digest(lines).into());
        }
        Ok(model)
    }

    fn behind_one(self, transformer: Transformer, path: &Path) -> Result<Self, BehindError> {
        let Transformer { steps, columns, training_rows, notes } = transformer;
        let (found, expected) = (steps.last().map_or(self.width(), Step::output_width), self.width());
        if found != expected {
            return Err(BehindError::Width { path: path.to_owned(), found, expected });
        }
        if let (Some(last), Some(first)) = (steps.last(), self.preprocessing.first())
            && last.scales()
            && first.scales()
        {
            return Err(BehindError::Twice { path: path.to_owned(), found: last.name(), own: first.name() });
        }
        // The names of columns behind a projection do not apply to the columns before it.
        let own = self.metadata.columns.as_ref().filter(|_| steps.iter().all(Step::keeps_places));
        if let (Some(own), Some(columns)) = (own, &columns)
            && own != columns
        {
            let (found, expected) = (columns.join(", "), own.join(", "));
            return Err(BehindError::Columns { path: path.to_owned(), found, expected });
        }
        let columns = columns.or_else(|| own.cloned());
        let mut metadata = self.metadata;
        metadata.columns = columns;
        metadata.training_rows = metadata.training_rows.or(training_rows);
        metadata.notes.extend(notes);
        let preprocessing: Box<[Step]> = steps.into_iter().chain(self.preprocessing).collect();
        let standardised = self.standardised.filter(|_| preprocessing.iter().all(Step::keeps_units));
        Ok(Self { preprocessing, metadata, standardised, ..self })
    }
}
