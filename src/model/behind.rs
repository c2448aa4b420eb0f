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

/// The hash of a model that is made of these files, the model's own last, see [`Model::behind`].
pub fn hash_of_parts(parts: &[Vec<u8>]) -> ModelHash {
    let hashes: Vec<_> = parts.iter().map(|part| ModelHash(Sha256::digest(part).into())).collect();
    of_hashes(&hashes)
}

fn of_hashes(hashes: &[ModelHash]) -> ModelHash {
    if let [alone] = hashes {
        return *alone;
    }
    let lines: String = hashes.iter().map(|hash| format!("{hash}\n")).collect();
    ModelHash(Sha256::digest(lines).into())
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
        let files = before.iter().map(|path| (path.as_path(), read_bounded(path, limits)));
        self.behind_files(files, limits)
    }

    /// Reads a model from the bytes of the files that make it, the model's own last, as [`parts`](super::parts) gives them.
    ///
    /// # Errors
    /// As [`read`](Self::read) and [`behind`](Self::behind).
    pub fn read_parts(parts: &[Vec<u8>], limits: &Limits) -> Result<Self, ModelError> {
        let (own, before) = parts.split_last().ok_or(ModelError::NotAFile)?;
        let before = before.iter().map(|bytes| (Path::new("the kept file"), Ok(bytes)));
        Ok(Self::read(own, limits)?.behind_files(before, limits)?)
    }

    fn behind_files<'a, B: AsRef<[u8]>>(
        self,
        before: impl DoubleEndedIterator<Item = (&'a Path, Result<B, ModelError>)>,
        limits: &Limits,
    ) -> Result<Self, BehindError> {
        let mut hashes = vec![self.hash];
        let mut model = self;
        for (path, bytes) in before.rev() {
            let unreadable =
                |problem: ModelError| BehindError::Unreadable { path: path.to_owned(), problem: problem.into() };
            let bytes = bytes.map_err(unreadable)?;
            let transformer = formats::read_transformer(bytes.as_ref(), model.width(), limits).map_err(unreadable)?;
            hashes.push(ModelHash(Sha256::digest(bytes.as_ref()).into()));
            model = model.behind_one(transformer, path)?;
        }
        hashes.reverse();
        model.hash = of_hashes(&hashes);
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
