//! What reading a file may still cost.

use super::error::OnnxError;
use crate::model::Limits;
use crate::model::limits::Exceeded;

/// How many bytes or numbers may be gone through again, for each part that a file may hold. Honest graphs use most of
/// their constants once; one that a thousand nodes share would be read for ever.
const LOOKS: usize = 64;

/// Counts what is read against the limits.
#[derive(Debug)]
pub(super) struct Budget<'l> {
    limits: &'l Limits,
    parts: usize,
    bytes: usize,
    looks: usize,
}

impl<'l> Budget<'l> {
    pub(super) fn new(limits: &'l Limits) -> Self {
        Self { limits, parts: 0, bytes: 0, looks: 0 }
    }

    /// Counts one more part: a message that the file holds, or a step that is made of some.
    pub(super) fn part(&mut self) -> Result<(), OnnxError> {
        self.parts(1)
    }

    /// Counts so many parts at once.
    pub(super) fn parts(&mut self, count: usize) -> Result<(), OnnxError> {
        self.parts = self.parts.saturating_add(count);
        match self.parts > self.limits.instructions {
            true => Err(Exceeded { what: "parts", ..self.limits.instructions_exceeded() }.into()),
            false => Ok(()),
        }
    }

    /// Counts bytes or numbers that are about to be gone through, maybe not for the first time.
    pub(super) fn look(&mut self, count: usize) -> Result<(), OnnxError> {
        self.looks = self.looks.saturating_add(count);
        match self.looks > self.limits.instructions.saturating_mul(LOOKS) {
            true => Err(Exceeded {
                what: "parts' worth of values that are used again and again",
                ..self.limits.instructions_exceeded()
            }
            .into()),
            false => Ok(()),
        }
    }

    /// Counts memory that is about to be taken.
    pub(super) fn memory(&mut self, bytes: usize) -> Result<(), OnnxError> {
        self.bytes = self.bytes.saturating_add(bytes);
        match self.bytes > self.limits.memory_bytes {
            true => Err(self.limits.memory_exceeded().into()),
            false => Ok(()),
        }
    }

    /// Counts one more element of an array that has `length` already, and puts it there.
    pub(super) fn push<T>(&mut self, array: &mut Vec<T>, element: T) -> Result<(), OnnxError> {
        if array.len() >= self.limits.elements {
            return Err(self.limits.elements_exceeded().into());
        }
        // An array grows by doubling: up to twice what it holds, and while it moves half of that again.
        self.memory(2 * size_of::<T>())?;
        array.push(element);
        Ok(())
    }

    /// Checks how many elements an array of these dimensions has, and returns it.
    pub(super) fn elements(&self, dims: &[usize]) -> Result<usize, OnnxError> {
        dims.iter()
            .try_fold(1_usize, |product, dim| product.checked_mul(*dim))
            .filter(|elements| *elements <= self.limits.elements)
            .ok_or_else(|| self.limits.elements_exceeded().into())
    }

    /// Checks how deep something lies.
    pub(super) fn depth(&self, depth: usize) -> Result<(), OnnxError> {
        match depth > self.limits.depth {
            true => Err(self.limits.depth_exceeded().into()),
            false => Ok(()),
        }
    }
}
