//! How the machine makes numpy's arrays, scalars and data types out of what a pickle says of them.

use std::mem::size_of;

use super::dtype::{ByteOrder, Dtype, Element};
use super::error::PickleProblem as Problem;
use super::machine::Machine;
use super::numpy::{Array, Layout};
use super::value::{NodeId, Value};

impl<'a> Machine<'a> {
    /// `ndarray.__setstate__((version, shape, dtype, is_fortran, data))`.
    pub(super) fn array_from_state(&mut self, state: NodeId) -> Result<Value<'a>, Problem> {
        let wrong = "version, shape, dtype, order and data of an array";
        let Value::Tuple(items) = self.value(state) else { return Err(self.unexpected(wrong, state)) };
        match **items {
            [_version, shape, dtype, order, data] => self.array_of(shape, dtype, order, data),
            _ => Err(Problem::Expected { expected: wrong, found: format!("{} items", items.len()) }),
        }
    }

    /// An array, once its shape and its data agree.
    pub(in crate::model::formats) fn array_of(
        &mut self,
        shape: NodeId,
        dtype: NodeId,
        order: NodeId,
        data: NodeId,
    ) -> Result<Value<'a>, Problem> {
        let Value::Dtype(dtype) = *self.value(dtype) else {
            return Err(self.unexpected("an array's data type", dtype));
        };
        let layout = match self.value(order) {
            Value::Bool(true) => Layout::ColumnMajor,
            Value::Text(order) if order == "F" => Layout::ColumnMajor,
            _ => Layout::RowMajor,
        };
        let shape = self.shape(shape)?;
        let elements = self.elements(&shape)?;
        let (found, needed) = match (self.value(data), dtype.size()) {
            (Value::Bytes(bytes), Some(size)) => (bytes.len(), elements.saturating_mul(size)),
            (Value::List(items), None) if dtype.element == Element::Object => (items.len(), elements),
            (Value::Bytes(_), None) if dtype.element == Element::Other => (0, 0),
            _ => return Err(self.unexpected("an array's data", data)),
        };
        if found != needed {
            let found = format!("{found} for a shape that needs {needed}");
            return Err(Problem::Expected { expected: "as much data as the array's shape says", found });
        }
        self.charge(size_of::<Array>() + shape.len() * size_of::<usize>())?;
        Ok(Value::Array(Box::new(Array { shape, dtype, layout, data: Some(data) })))
    }

    /// How many elements an array of this shape has.
    pub(super) fn elements(&self, shape: &[usize]) -> Result<usize, Problem> {
        let limits = self.budget.limits();
        // Every side is held to the bound as well: with a zero among them the product says nothing.
        let elements = shape.iter().try_fold(1_usize, |product, side| product.checked_mul(*side));
        let elements =
            elements.filter(|elements| shape.iter().chain([elements]).all(|count| *count <= limits.elements));
        elements.ok_or(Problem::Limit(limits.elements_exceeded()))
    }

    pub(super) fn shape(&self, id: NodeId) -> Result<Box<[usize]>, Problem> {
        let Value::Tuple(sides) = self.value(id) else { return Err(self.unexpected("an array's shape", id)) };
        let side = |id: &NodeId| self.node(*id).int().and_then(|side| usize::try_from(side).ok());
        match sides.len() {
            0..=Array::MAX_DIMENSIONS => sides.iter().map(side).collect::<Option<_>>(),
            _ => None,
        }
        .ok_or_else(|| self.unexpected("the lengths of an array's sides", id))
    }

    /// `numpy.core.multiarray.scalar(dtype, data)`.
    ///
    /// One of a type that cannot be read is an array without a side: it is there, and no number.
    pub(in crate::model::formats) fn scalar(&self, dtype: NodeId, data: NodeId) -> Result<Value<'a>, Problem> {
        match (self.value(dtype), self.value(data)) {
            (Value::Dtype(dtype), Value::Bytes(bytes)) if dtype.size().is_none_or(|size| size == bytes.len()) => {
                self.charge(bytes.len().max(size_of::<Array>()))?;
                let unread =
                    || Array { shape: Box::default(), dtype: *dtype, layout: Layout::RowMajor, data: Some(data) };
                Some(dtype.scalar(bytes).unwrap_or_else(|| Value::Array(Box::new(unread()))))
            }
            _ => None,
        }
        .ok_or_else(|| self.unexpected("the bytes of a number, as many as its type has", data))
    }

    /// `dtype.__setstate__((version, byte order, subarray, names, fields, size, alignment, flags, …))`.
    pub(super) fn dtype_from_state(&self, dtype: Dtype, state: NodeId) -> Result<Dtype, Problem> {
        let Value::Tuple(items) = self.value(state) else {
            return Err(self.unexpected("a data type's state", state));
        };
        let byte_order = match items.get(1).and_then(|id| self.node(*id).text()) {
            Some("<" | "|") => ByteOrder::Little,
            Some(">") => ByteOrder::Big,
            _ => return Err(self.unexpected("a data type's byte order, '<', '>' or '|'", state)),
        };
        // A data type of fields or of whole arrays is another one than its code says.
        let element = match items.get(2..6) {
            Some(&[array, names, fields, size]) => match (self.value(fields), self.node(size).int()) {
                _ if [array, names, fields].iter().all(|id| self.node(*id).is_none()) => dtype.element,
                (Value::Dict(_), Some(size)) if self.node(array).is_none() => {
                    let size = usize::try_from(size).map_err(|_| self.unexpected("a record's size", state))?;
                    Element::Record { fields, size }
                }
                _ => Element::Other,
            },
            _ => return Err(self.unexpected("a data type's fields and size", state)),
        };
        Ok(Dtype { element, byte_order })
    }
}
