//! Pickles, read as data.
//!
//! A pickle is a program for a small stack machine, and in Python it may call any function by name. Here the
//! machine knows a short list of names and what each means for a model; any other ends the
//! reading with an error. Nothing is imported, nothing is called, and every instruction, value and byte is counted
//! against [`Limits`](crate::model::Limits).

mod arrays;
mod budget;
mod calls;
mod dtype;
mod error;
mod inline;
mod input;
mod machine;
mod names;
mod numpy;
mod opcode;
mod sparse;
mod value;

pub(super) use budget::Budget;
pub(super) use dtype::{Dtype, Element};
pub use error::{PickleError, PickleProblem};
pub(super) use machine::{Machine, read, read_compressed};
pub(super) use names::{Class, Name};
pub(super) use numpy::Matrix;
pub(super) use value::{Graph, Node, NodeId, Object, Value};

/// Whether a file begins as a pickle of a protocol that has a beginning.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    bytes.first() == Some(&opcode::PROTO)
}

#[cfg(test)]
mod tests;
