//! Why a text of LIBSVM's was refused.

use crate::model::limits::Exceeded;

/// A text that was refused, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("in line {line} of LIBSVM's text: {problem}")]
pub struct LibsvmError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: LibsvmProblem,
}

/// What can be wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LibsvmProblem {
    /// It is not ASCII.
    #[error("it is not plain text; copy the file again as it is")]
    NotText,
    /// A key that the format does not have.
    #[error("the key '{0}' is not one that LIBSVM writes")]
    Key(String),
    /// A kind of model, or kernel, that is not supported.
    #[error("{key} is '{found}'; supported: {supported}")]
    Setting {
        /// The header's key.
        key: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        supported: &'static str,
    },
    /// The header does not say something that is needed.
    #[error("the header ends without {0}; the file is damaged")]
    Missing(&'static str),
    /// Something that is not the number that belongs there.
    #[error("{what} is '{found}', expected {expected}")]
    Number {
        /// What the number is.
        what: &'static str,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// Other than as many support vectors as the header says.
    #[error("total_sv is {expected}, and the file has {found} support vectors; it was cut off or changed")]
    Count {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A bound was reached.
    #[error(transparent)]
    Limit(#[from] Exceeded),
}
