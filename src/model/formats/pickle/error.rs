//! Why a pickle was refused.

use crate::model::formats::Refused;
use crate::model::limits::Exceeded;

/// A pickle that was refused, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset} of the pickle: {problem}")]
pub struct PickleError {
    /// Where the instruction stands that failed, counted from the file's beginning.
    pub offset: usize,
    /// What is wrong with it.
    pub problem: PickleProblem,
}

/// What can be wrong with a pickle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickleProblem {
    /// It ends too early.
    #[error("the file ends in the middle; copy it again")]
    Truncated,
    /// An instruction that model files do not use.
    #[error(
        "the instruction 0x{0:02x} is not one that model files use; write the model with pickle.dump, protocol 2 to 5"
    )]
    Opcode(u8),
    /// A protocol that is not understood.
    #[error("protocol {0} is not understood; write the model with protocol 2, 3, 4 or 5")]
    Protocol(u8),
    /// A name that is not on the list.
    #[error("{0}")]
    Name(Refused),
    /// Arrays that an old joblib wrote into files beside this one.
    #[error(
        "joblib before 0.10 wrote it, whose arrays stand in files of their own; load it and dump it again with a newer one"
    )]
    OldJoblib,
    /// Arrays that were handed over apart from the pickle.
    #[error("its arrays were written apart from it (buffer_callback); write the model without one")]
    OutOfBand,
    /// A bound was reached.
    #[error(transparent)]
    Limit(#[from] Exceeded),
    /// An instruction took more values than there are.
    #[error("an instruction takes a value where there is none; the file is damaged")]
    Underflow,
    /// A value was asked for that was never remembered.
    #[error("value {0} is asked for, but was never remembered; the file is damaged")]
    Memo(usize),
    /// Text that is not UTF-8.
    #[error("text is not UTF-8; the file is damaged")]
    Text,
    /// Something of the wrong kind or size.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What the instruction takes.
        expected: &'static str,
        /// What it got.
        found: String,
    },
}
