//! Arrays as joblib puts them into a pickle: an object that describes the array, and right behind the instruction that
//! fills this object the array's bytes, which are no instructions.
//!
//! See `NumpyArrayWrapper` in joblib's `numpy_pickle.py`, since its version 0.10.

use super::dtype::Element;
use super::error::PickleProblem as Problem;
use super::machine::Machine;
use super::names::Name;
use super::value::{NodeId, Value};

/// A pickle that waits for the end of one within it.
#[derive(Debug)]
pub(super) struct Outer {
    /// The value that the result replaces.
    pub(super) place: NodeId,
    pub(super) protocol: u8,
    pub(super) stack: Vec<NodeId>,
    pub(super) marks: Vec<usize>,
    pub(super) memo: Vec<Option<NodeId>>,
}

impl Machine<'_> {
    /// Takes the array behind its description, and puts it in its place.
    pub(super) fn inline_array(&mut self, wrapper: NodeId) -> Result<(), Problem> {
        self.inline_arrays = true;
        let attribute = |name: &'static str| {
            self.node(wrapper).attribute(name).ok_or(Problem::Expected {
                expected: "joblib's description of an array",
                found: format!("one without {name}"),
            })
        };
        let (subclass, shape, order, dtype) =
            (attribute("subclass")?, attribute("shape")?.id, attribute("order")?.id, attribute("dtype")?.id);
        if !matches!(subclass.value(), Value::Name(Name::Ndarray)) {
            return Err(self.unexpected("a plain array", subclass.id));
        }
        // Before 1.2, joblib did not align.
        let aligned = attribute("numpy_array_alignment_bytes").is_ok_and(|alignment| !alignment.is_none());
        let Value::Dtype(element_type) = *self.value(dtype) else {
            return Err(self.unexpected("an array's data type", dtype));
        };
        if element_type.element == Element::Object {
            return self.begin_nested(wrapper);
        }
        let elements = self.elements(&self.shape(shape)?)?;
        let size = element_type.size().and_then(|size| size.checked_mul(elements));
        let size = size.ok_or_else(|| self.unexpected("an array's data type, of numbers or text", dtype))?;
        if aligned {
            let padding = self.input.byte()?;
            self.input.take(usize::from(padding))?;
        }
        let bytes = self.input.take(size)?;
        let data = self.add(Value::Bytes(bytes.into()))?;
        *self.value_mut(wrapper) = self.array_of(shape, dtype, order, data)?;
        Ok(())
    }
}
