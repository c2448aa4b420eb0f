//! Why a file is no model, and why rows cannot be evaluated.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::limits::raise;
use super::{BehindError, Exceeded, Invalid, Panicked, ProofError, ProofProblem, RowsError, formats};
use crate::printable::shown;

/// Why the bytes of a file are not a model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// A directory, a device or a pipe.
    #[error("is not a regular file")]
    NotAFile,
    /// The file is too large.
    #[error("is larger than {max} bytes, the most that is accepted; if it is honest, {}", raise("max_file"))]
    TooLarge {
        /// The bound.
        max: usize,
    },
    /// The content is of no known format.
    #[error("is of no known format (its first bytes are {beginning}); expected {}", formats::ACCEPTED)]
    Format {
        /// The first bytes, in hexadecimal.
        beginning: String,
    },
    /// A file of another kind.
    #[error("is {0}")]
    Foreign(formats::Foreign),
    /// The file in which the model keeps its numbers cannot be read.
    #[error(
        "its numbers are in {}, which cannot be read: {source}; expected a regular file beside the model's, not a link",
        shown(path)
    )]
    DataFile {
        /// The other file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Two files could hold the model's numbers.
    #[error(
        "its numbers are in {}, as it says itself, or in {}, as its own name says; remove the one that is not its",
        shown(named),
        shown(beside)
    )]
    TwoDataFiles {
        /// The file that the model names.
        named: PathBuf,
        /// The file that is named like the model.
        beside: PathBuf,
    },
    /// An ONNX file that was refused.
    #[error(transparent)]
    Onnx(#[from] formats::onnx::OnnxError),
    /// A text of LIBSVM that was refused.
    #[error(transparent)]
    Libsvm(#[from] formats::libsvm::LibsvmError),
    /// A pickle that was refused.
    #[error(transparent)]
    Pickle(#[from] formats::pickle::PickleError),
    /// A compressed file that was refused.
    #[error(transparent)]
    Joblib(#[from] formats::JoblibError),
    /// A skops file that was refused.
    #[error(transparent)]
    Skops(#[from] formats::SkopsError),
    /// A bound was reached.
    #[error(transparent)]
    Limit(#[from] Exceeded),
    /// A pickle of an object that is not a usable estimator.
    #[error(transparent)]
    Sklearn(#[from] formats::sklearn::SklearnError),
    /// A file of our own format that was refused.
    #[error(transparent)]
    Own(#[from] formats::own::OwnError),
    /// The parameters cannot be those of a model.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A detector of an error without an offset, so that it is not known which errors are anomalous.
    #[error(
        "{detector} has no offset_, so it is not known from where on a row is an anomaly; set it before the model is \
         dumped, as in `{example}`, or give it with: anomalyd model convert --offset or --calibrate"
    )]
    NoOffset {
        /// The detector.
        detector: &'static str,
        /// How its offset is set in Python.
        example: &'static str,
    },
    /// A direction was given for a model that has its own.
    #[error(
        "which side of the boundary is anomalous can only be said of an ONNX network that gives one number; leave \
         --anomalous away"
    )]
    NoScores,
    /// Two steps that do not fit together.
    #[error(
        "{step} gives rows of {found} features, and {next} behind it takes {expected}; they were not fitted together"
    )]
    Steps {
        /// The step.
        step: &'static str,
        /// The features that the step gives.
        found: usize,
        /// The step or detector behind it.
        next: &'static str,
        /// The features that this one takes.
        expected: usize,
    },
    /// A file of another kind where a scaler is expected.
    #[error(
        "is no scaler: what stands before a model is a fitted transformer of scikit-learn, or a pipeline of them, in a \
         pickle, or as joblib.dump or skops.io.dump writes it"
    )]
    NoTransformer,
    /// The scaler in a file of its own does not fit the model.
    #[error(transparent)]
    Behind(#[from] BehindError),
    /// Scoring a row takes too long.
    #[error(
        "scoring a row takes it about {operations} operations, and {max} are accepted; train a smaller model (fewer \
         features or products of them, steps, support vectors, training rows or trees), or, if the \
         gateway has the time, {}",
        raise("max_row_operations")
    )]
    Slow {
        /// How many operations it takes.
        operations: usize,
        /// The bound.
        max: usize,
    },
    /// The model does not give the answers that its proof expects.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A defect of ours.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

impl From<formats::Foreign> for ModelError {
    fn from(foreign: formats::Foreign) -> Self {
        Self::Foreign(foreign)
    }
}

impl ModelError {
    /// The kind of problem, in the same words for all files that have it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Behind(BehindError::Unreadable { problem, .. }) => problem.kind(),
            Self::Behind(_) => "does not fit its scaler",
            Self::Read(_) => "cannot be read",
            Self::NotAFile => "not a regular file",
            Self::TooLarge { .. } | Self::Limit(_) => "beyond a limit",
            Self::Format { .. } | Self::Foreign(_) => "of no format that is read",
            Self::Proof(_) => "not proven",
            Self::Panicked(_) => "made the reader panic",
            _ => "not a model that can be used",
        }
    }

    /// Whether the same file may be readable later, because the problem may pass: a lack of free descriptors, or an
    /// absent mount.
    pub fn may_pass(&self) -> bool {
        let error = match self {
            Self::Behind(BehindError::Unreadable { problem, .. }) => return problem.may_pass(),
            Self::Read(error) | Self::DataFile { source: error, .. } => error,
            Self::Proof(ProofError { problem: ProofProblem::Rows(RowsError::Read(error)), .. }) => error,
            _ => return false,
        };
        may_pass(error)
    }
}

/// Whether the system's error is one that may pass.
pub(super) fn may_pass(error: &io::Error) -> bool {
    let passing = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
        Errno::IO,
        Errno::TIMEDOUT,
        Errno::STALE,
        Errno::AGAIN,
        Errno::NOTCONN,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
    ];
    errno(error).is_some_and(|errno| passing.contains(&errno))
}

/// The number of the system's error, also when the CSV reader passed it on.
fn errno(error: &io::Error) -> Option<Errno> {
    let passed_on = error.get_ref().and_then(|inner| inner.downcast_ref::<csv::Error>());
    match passed_on.map(csv::Error::kind) {
        Some(csv::ErrorKind::Io(error)) => Errno::from_io_error(error),
        _ => Errno::from_io_error(error),
    }
}

/// Why a file is not a model.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", shown(path))]
pub struct LoadError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with the file.
    pub problem: Box<ModelError>,
}

impl LoadError {
    pub(super) fn new(path: &Path, problem: ModelError) -> Self {
        Self { path: path.to_owned(), problem: problem.into() }
    }
}

/// Why rows cannot be evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvaluateError {
    /// Rows of another width.
    #[error("rows of {found} features were given to a model of {expected}")]
    Width {
        /// The width of the rows.
        found: usize,
        /// That of the model.
        expected: usize,
    },
    /// A row that holds NaN or an infinity, which the model's preprocessing does not replace.
    #[error("row {row} holds {value} in feature {feature}")]
    Row {
        /// The row, counted from zero.
        row: usize,
        /// The feature, counted from zero.
        feature: usize,
        /// The value.
        value: f64,
    },
    /// A row that becomes NaN or an infinity by preprocessing.
    #[error("row {row} comes to {value} in feature {feature} by the model's preprocessing")]
    Preprocessed {
        /// The row, counted from zero.
        row: usize,
        /// The feature that the detector sees, counted from zero.
        feature: usize,
        /// Its value.
        value: f64,
    },
    /// A decision value that is NaN or infinite.
    #[error("the decision value of row {row} is {decision}")]
    Decision {
        /// The row, counted from zero.
        row: usize,
        /// The decision value.
        decision: f64,
    },
}

impl EvaluateError {
    /// The same error for rows that come after `rows` other rows: row numbers count from the first of all.
    pub(super) fn behind(mut self, rows: usize) -> Self {
        match &mut self {
            Self::Row { row, .. } | Self::Preprocessed { row, .. } | Self::Decision { row, .. } => *row += rows,
            Self::Width { .. } => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_lacks_for_a_while_may_pass_and_what_a_file_holds_does_not() {
        let system = |errno: Errno| io::Error::from(errno);
        assert!(ModelError::Read(system(Errno::MFILE)).may_pass());
        let proof = ProofProblem::Rows(RowsError::Read(system(Errno::IO)));
        assert!(ModelError::Proof(ProofError { path: "model_1_1.expect.csv".into(), problem: proof }).may_pass());
        assert!(ModelError::Read(csv::Error::from(system(Errno::TIMEDOUT)).into()).may_pass());
        let numbers = |errno| ModelError::DataFile { path: "model_1_1.onnx.data".into(), source: system(errno) };
        assert!(numbers(Errno::NFILE).may_pass() && !numbers(Errno::NOENT).may_pass());
        assert!(!ModelError::Read(system(Errno::ACCESS)).may_pass());
        assert!(!ModelError::Read(io::Error::other("torn")).may_pass());
        assert!(!ModelError::NotAFile.may_pass());
    }
}
