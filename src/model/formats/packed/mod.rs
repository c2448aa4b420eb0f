//! Compressed bytes, undone within bounds: of what comes out, and of the [operations](crate::model::operations) that it
//! takes. Decoders that do not say what they do (blocks that hold nothing, symbols that stand for a byte each) cannot be
//! bounded from outside; so those of deflate and LZMA are driven, or written, here.

mod bytes;
mod inflate;
mod lzma;
mod xz;

pub(super) use inflate::{Inflate, Wrapper};
pub(super) use lzma::alone as lzma_alone;
pub(super) use xz::stream as xz_stream;

use crate::model::limits::Exceeded;

/// Why compressed bytes come to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PackedError {
    /// They are no such bytes, or some are missing.
    Damaged(&'static str),
    /// A bound was reached.
    Limit(Exceeded),
}

impl From<Exceeded> for PackedError {
    fn from(exceeded: Exceeded) -> Self {
        Self::Limit(exceeded)
    }
}

/// They end too early.
const CUT_OFF: PackedError = PackedError::Damaged("they end too early");

#[cfg(test)]
mod tests;
