//! Reading a model, from bytes or from a file.

use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::data_file;
use super::formats;
use super::formats::onnx::{Boundary, OnnxError, read_with_boundary};
use super::invalid::parameter;
use super::regular_file::{self, OpenError};
use super::standardised::Standardised;
use super::{Anomalous, Detector, Limits, LoadError, Model, ModelError, NetworkError, Proof, Step};
use crate::verdict::ModelHash;

impl Model {
    /// Reads a model from the bytes of a file; their content decides the format.
    ///
    /// # Errors
    /// When the bytes are of no known format, are damaged, hold something other than a supported model, or take more
    /// than `limits` allow.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, ModelError> {
        let model = Self::of(bytes, limits, |bytes| formats::read(bytes, limits))?;
        match model.detector.lacks_offset() {
            true => Err(ModelError::NoOffset {
                detector: model.detector.name(),
                example: model.detector.offset_in_python(),
            }),
            false => Ok(model),
        }
    }

    /// Like [`read`](Self::read), but also reads a detector without a boundary. Its labels mean nothing before it gets
    /// one.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_uncalibrated(bytes: &[u8], limits: &Limits) -> Result<Self, ModelError> {
        Self::of(bytes, limits, |bytes| match formats::read(bytes, limits) {
            // The boundary is missing, or not one that the detector can have.
            Err(ModelError::Onnx(
                OnnxError::NoOffset { .. } | OnnxError::Metadata { .. } | OnnxError::Network(NetworkError::Invalid(_)),
            )) => {
                Ok(read_with_boundary(bytes, Boundary::ToBeSet(None), &limits.in_place(bytes.len().saturating_mul(2)))?)
            }
            contents => contents,
        })
    }

    /// Like [`read_uncalibrated`](Self::read_uncalibrated), for an ONNX network that gives one number. `anomalous` says
    /// which numbers are anomalous, whatever the file says.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when the model is of another kind.
    pub fn read_scores(bytes: &[u8], anomalous: Anomalous, limits: &Limits) -> Result<Self, ModelError> {
        Self::of(bytes, limits, |bytes| {
            let limits = limits.in_place(bytes.len().saturating_mul(2));
            let contents = read_with_boundary(bytes, Boundary::ToBeSet(Some(anomalous)), &limits)?;
            match contents.detector {
                Detector::Network(_) => Ok(contents),
                _ => Err(ModelError::NoScores),
            }
        })
    }

    fn of(
        bytes: &[u8],
        limits: &Limits,
        read: impl FnOnce(&[u8]) -> Result<formats::Contents, ModelError>,
    ) -> Result<Self, ModelError> {
        if bytes.len() > limits.file_bytes {
            return Err(ModelError::TooLarge { max: limits.file_bytes });
        }
        let formats::Contents { preprocessing, detector, metadata } = read(bytes)?;
        fit_together(&preprocessing, &detector)?;
        let model = Self {
            standardised: Standardised::of(&preprocessing, &detector).map(Box::new),
            preprocessing: preprocessing.into(),
            detector,
            metadata,
            hash: ModelHash(Sha256::digest(bytes).into()),
            proof: Proof::None,
        };
        model.affordable(limits)
    }

    /// The model, unless scoring a row costs more than the limits allow.
    fn affordable(self, limits: &Limits) -> Result<Self, ModelError> {
        let (operations, max) = (self.operations_per_row(), limits.row_operations);
        if operations > max { Err(ModelError::Slow { operations, max }) } else { Ok(self) }
    }

    /// Reads a model from a file, and proves it when a file of expected answers is beside it: `NAME.expect.csv`.
    ///
    /// # Errors
    /// As [`read`](Self::read), when the file cannot be read, and when the model does not give the answers that are
    /// expected. The error names the file.
    pub fn load(path: &Path, limits: &Limits) -> Result<Self, LoadError> {
        Self::load_behind(&[], path, limits)
    }

    /// Reads a model from a file, and the transformers before it from other files, in this order; and proves them as
    /// one model.
    ///
    /// # Errors
    /// As [`load`](Self::load) and [`behind`](Self::behind). The error names the file of the model.
    pub fn load_behind(before: &[PathBuf], path: &Path, limits: &Limits) -> Result<Self, LoadError> {
        let model = Self::load_unproven(before, path, limits)?;
        let proof = model.prove(path, limits);
        let proof = proof.map_err(|problem| LoadError::new(path, problem.into()))?;
        Ok(Self { proof, ..model })
    }

    /// Like [`load_behind`](Self::load_behind), but for looking at a model: it need not give the expected answers.
    ///
    /// # Errors
    /// As [`load_behind`](Self::load_behind), but never because of the answers. The error names the file.
    pub fn load_unproven(before: &[PathBuf], path: &Path, limits: &Limits) -> Result<Self, LoadError> {
        Self::load_with(Self::read, before, path, limits)
    }

    /// Like [`load_unproven`](Self::load_unproven), for an ONNX network that gives one number. `anomalous` says which
    /// numbers are anomalous.
    ///
    /// # Errors
    /// As [`read_scores`](Self::read_scores), and when a file cannot be read. The error names the file.
    pub fn load_scores(
        before: &[PathBuf],
        path: &Path,
        anomalous: Anomalous,
        limits: &Limits,
    ) -> Result<Self, LoadError> {
        Self::load_with(|bytes, limits| Self::read_scores(bytes, anomalous, limits), before, path, limits)
    }

    /// Like [`load_unproven`](Self::load_unproven), but also reads a model without a boundary.
    ///
    /// # Errors
    /// As [`load_unproven`](Self::load_unproven), but never because of the boundary. The error names the file.
    pub fn load_uncalibrated(before: &[PathBuf], path: &Path, limits: &Limits) -> Result<Self, LoadError> {
        Self::load_with(Self::read_uncalibrated, before, path, limits)
    }

    fn load_with(
        read: impl FnOnce(&[u8], &Limits) -> Result<Self, ModelError>,
        before: &[PathBuf],
        path: &Path,
        limits: &Limits,
    ) -> Result<Self, LoadError> {
        read_bounded(path, limits)
            .and_then(|bytes| read(&bytes, limits))
            .and_then(|model| model.behind(before, limits)?.affordable(limits))
            .map_err(|problem| LoadError::new(path, problem))
    }
}

/// The bytes of the files that make a model, in the order in which a row goes through them, the model's own last. Numbers
/// that a file keeps in another file are in it.
///
/// # Errors
/// When a file cannot be read, or is too large.
pub fn parts(before: &[PathBuf], path: &Path, limits: &Limits) -> Result<Vec<Vec<u8>>, ModelError> {
    before.iter().map(PathBuf::as_path).chain([path]).map(|path| read_bounded(path, limits)).collect()
}

/// Checks that each step fits the one before it, and that the first takes no more features than rows may have.
fn fit_together(preprocessing: &[Step], detector: &Detector) -> Result<(), ModelError> {
    let takes =
        preprocessing.iter().map(|step| (step.name(), step.width())).chain([(detector.name(), detector.width())]);
    let (first, width) =
        preprocessing.first().map_or((detector.name(), detector.width()), |step| (step.name(), step.width()));
    parameter(first, "n_features_in_").width(width)?;
    for (step, (next, expected)) in preprocessing.iter().zip(takes.skip(1)) {
        let found = step.output_width();
        if found != expected {
            return Err(ModelError::Steps { step: step.name(), found, next, expected });
        }
    }
    Ok(())
}

/// The bytes of a file, unless there are too many, with the numbers that it keeps in another file.
pub(super) fn read_bounded(path: &Path, limits: &Limits) -> Result<Vec<u8>, ModelError> {
    let file = regular_file::open(path).map_err(|error| match error {
        OpenError::NotRegular => ModelError::NotAFile,
        OpenError::System(error) => error.into(),
    })?;
    let max = u64::try_from(limits.file_bytes).unwrap_or(u64::MAX);
    // With room for all of it, and for the read that finds its end.
    let expected = file.metadata().map_or(0, |file| file.len()).min(max).saturating_add(1);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    data_file::with_its_numbers(path, bytes, limits)
}
