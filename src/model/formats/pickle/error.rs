//! Why a pickle was refused.

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
    #[error("{0} is not allowed: a model file is data, and may name scikit-learn's classes and numpy's arrays only")]
    Name(String),
    /// Arrays that joblib wrote.
    #[error("the file was written by joblib, which is not read yet; write the model with pickle.dump")]
    Joblib,
    /// A bound was reached.
    #[error("it takes more than {max} {what}, the most that is accepted; raise models.{setting} if the file is honest")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// The bound.
        max: usize,
        /// The bound's name in the configuration's section `[models]`.
        setting: &'static str,
    },
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
