//! Why a skops file was refused.

use crate::model::formats::Foreign;
use crate::model::formats::pickle::PickleProblem;
use crate::model::limits::Exceeded;

/// What is wrong with a skops file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkopsError {
    /// An archive of something else.
    #[error("is {0}")]
    Foreign(Foreign),
    /// The archive is damaged, or of a kind that skops does not write.
    #[error("the zip archive {0}; copy it again, or write it again with skops.io.dump")]
    Archive(&'static str),
    /// One of its entries is not there, damaged, or lies about itself.
    #[error("the zip archive's entry {name} {reason}; copy it again, or write it again with skops.io.dump")]
    Entry {
        /// The entry's name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// What should be JSON is not.
    #[error("schema.json is not JSON ({0}); copy it again")]
    Json(String),
    /// A protocol that is not understood.
    #[error("schema.json names no protocol from 0 to {}; write it with a skops that does", super::PROTOCOL)]
    Protocol,
    /// A part of the schema is not as it should be.
    #[error("schema.json has {found} where {expected} is expected")]
    Schema {
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A kind of value that no supported model holds.
    #[error("it holds {what} ({class}), which no supported model needs")]
    Unsupported {
        /// The kind.
        what: &'static str,
        /// Its class.
        class: String,
    },
    /// An array's header is not as numpy writes it.
    #[error("the header of {name} is not as numpy writes it: {reason}")]
    Header {
        /// The entry's name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A value that a graph cannot hold.
    #[error(transparent)]
    Value(#[from] PickleProblem),
    /// A bound was reached.
    #[error(transparent)]
    Limit(#[from] Exceeded),
}
