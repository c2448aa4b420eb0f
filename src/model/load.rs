//! Reading a model, from bytes or from a file.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::cost;
use super::formats::{self, onnx::OnnxError};
use super::invalid::parameter;
use super::regular_file::{self, OpenError};
use super::{Detector, Limits, LoadError, Model, ModelError, Proof, Step};
use crate::verdict::ModelHash;

impl Model {
    /// Reads a model from the bytes of a file; what they are decides the format.
    ///
    /// # Errors
    /// When they are of no known format, are damaged, hold something else than a supported model, or take more than
    /// `limits` allow.
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

    /// As [`read`](Self::read), also a detector whose boundary was never set: it is to be given one before its labels
    /// mean anything.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_uncalibrated(bytes: &[u8], limits: &Limits) -> Result<Self, ModelError> {
        Self::of(bytes, limits, |bytes| match formats::read(bytes, limits) {
            Err(ModelError::Onnx(OnnxError::NoOffset { .. })) => {
                Ok(formats::onnx::read_with_offset(bytes, Some(0.0), &limits.in_place(bytes.len().saturating_mul(2)))?)
            }
            contents => contents,
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
        let (operations, max) = (cost::of(&preprocessing, &detector), limits.row_operations);
        if operations > max {
            return Err(ModelError::Slow { operations, max });
        }
        Ok(Self {
            preprocessing: preprocessing.into(),
            detector,
            metadata,
            hash: ModelHash(Sha256::digest(bytes).into()),
            proof: Proof::None,
        })
    }

    /// Reads a model from a file, and proves it when a file of expected answers lies beside it: `NAME.expect.csv`.
    ///
    /// # Errors
    /// As [`read`](Self::read), when the file cannot be read, and when the model does not give the answers that are
    /// expected. The error names the file.
    pub fn load(path: &Path, limits: &Limits) -> Result<Self, LoadError> {
        let model = Self::load_unproven(path, limits)?;
        let proof = model.prove(path, limits);
        let proof = proof.map_err(|problem| LoadError::new(path, problem.into()))?;
        Ok(Self { proof, ..model })
    }

    /// Reads a model from a file, to be looked at rather than put to work: it need not give the answers that are expected
    /// of it.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when the file cannot be read. The error names the file.
    pub fn load_unproven(path: &Path, limits: &Limits) -> Result<Self, LoadError> {
        read_bounded(path, limits)
            .and_then(|bytes| Self::read(&bytes, limits))
            .map_err(|problem| LoadError::new(path, problem))
    }

    /// Reads a model from a file, also one whose boundary was never set.
    ///
    /// # Errors
    /// As [`read_uncalibrated`](Self::read_uncalibrated), and when the file cannot be read. The error names the file.
    pub fn load_uncalibrated(path: &Path, limits: &Limits) -> Result<Self, LoadError> {
        read_bounded(path, limits)
            .and_then(|bytes| Self::read_uncalibrated(&bytes, limits))
            .map_err(|problem| LoadError::new(path, problem))
    }
}

/// Checks that each step takes what the one before it gives, and the first no more than rows may have.
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

/// The bytes of a file, unless there are too many.
fn read_bounded(path: &Path, limits: &Limits) -> Result<Vec<u8>, ModelError> {
    let file = regular_file::open(path).map_err(|error| match error {
        OpenError::NotRegular => ModelError::NotAFile,
        OpenError::System(error) => error.into(),
    })?;
    let max = u64::try_from(limits.file_bytes).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
