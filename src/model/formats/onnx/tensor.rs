//! Tensors: arrays of numbers that stand in the file.

use super::budget::Budget;
use super::error::OnnxError;
use super::proto::pair;
use super::wire::Message;
use crate::model::formats::printable::printable;

/// A kind of number. Those of 16 bits and less have no place in a detector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Element {
    Float32,
    Int32,
    Int64,
    Bool,
    Float64,
}

impl Element {
    /// By its number in `TensorProto.DataType`.
    pub(super) fn of(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Float32,
            6 => Self::Int32,
            7 => Self::Int64,
            9 => Self::Bool,
            11 => Self::Float64,
            _ => return None,
        })
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }

    fn size(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Float32 | Self::Int32 => 4,
            Self::Int64 | Self::Float64 => 8,
        }
    }

    /// The field of `TensorProto` that holds its numbers when they do not stand as raw bytes.
    fn field(self) -> u64 {
        match self {
            Self::Float32 => 4,
            Self::Int32 | Self::Bool => 5,
            Self::Int64 => 7,
            Self::Float64 => 10,
        }
    }
}

/// The most dimensions, which are gone through wherever the tensor is used: more than any detector has.
const MAX_DIMENSIONS: usize = 16;

/// An array, its size checked against what is there.
#[derive(Clone, Debug)]
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) dims: Vec<usize>,
    pub(super) element: Element,
    raw: Option<Message<'a>>,
    message: Message<'a>,
}

impl<'a> Tensor<'a> {
    pub(super) fn read(message: Message<'a>, budget: &mut Budget<'_>) -> Result<Self, OnnxError> {
        let (mut name, mut dims, mut element, mut raw) = ("", Vec::new(), 0, None);
        let (mut external, mut location) = (false, "");
        let mut rest = message;
        while let Some(field) = rest.next()? {
            // Numbers are counted below.
            if !matches!(field.number, 4 | 5 | 7 | 10) {
                budget.part()?;
            }
            match field.number {
                1 => field.ints(|dim| budget.push(&mut dims, dim))?,
                2 => element = field.int()?,
                8 => name = field.text()?,
                9 => raw = Some(field.message()?),
                13 => {
                    budget.part()?;
                    external = true;
                    if let ("location", name) = pair(field.message()?)? {
                        location = name;
                    }
                }
                14 => external |= field.int()? != 0,
                _ => {}
            }
        }
        if external {
            return Err(OnnxError::Apart { location: printable(location) });
        }
        let wrong = |problem: String| OnnxError::tensor(name, problem);
        if dims.len() > MAX_DIMENSIONS {
            return Err(wrong(format!(
                "it has {} dimensions; {MAX_DIMENSIONS} are the most that are accepted",
                dims.len()
            )));
        }
        let element = Element::of(element).ok_or_else(|| {
            wrong(format!("its numbers are of type {element}; expected float, double, int32, int64 or bool"))
        })?;
        let dims = dims
            .iter()
            .map(|dim| usize::try_from(*dim).map_err(|_| wrong(format!("a dimension is {dim}, below 0"))))
            .collect::<Result<Vec<_>, _>>()?;
        let tensor = Self { name, dims, element, raw, message };
        let expected = budget.elements(&tensor.dims)?;
        let found = tensor.count()?;
        match found == expected {
            true => Ok(tensor),
            false => Err(wrong(format!("its dimensions make {expected} numbers, and {found} are there"))),
        }
    }

    /// How many numbers it holds.
    pub(super) fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// How many numbers stand in the file.
    fn count(&self) -> Result<usize, OnnxError> {
        let mut count = 0;
        match self.raw {
            Some(raw) if !raw.bytes().len().is_multiple_of(self.element.size()) => {
                return Err(raw.damaged("a tensor's bytes do not make whole numbers"));
            }
            Some(raw) => count = raw.bytes().len() / self.element.size(),
            None => self.each(|_, _| {
                count += 1;
                Ok(())
            })?,
        }
        Ok(count)
    }

    /// Visits the numbers, as they are and as floating point.
    fn each(&self, mut each: impl FnMut(i64, f64) -> Result<(), OnnxError>) -> Result<(), OnnxError> {
        if let Some(mut raw) = self.raw {
            while !raw.bytes().is_empty() {
                match self.element {
                    Element::Float32 => each(0, f64::from(f32::from_le_bytes(raw.array()?)))?,
                    Element::Float64 => each(0, f64::from_le_bytes(raw.array()?))?,
                    Element::Int32 => each(i64::from(i32::from_le_bytes(raw.array()?)), 0.0)?,
                    Element::Int64 => each(i64::from_le_bytes(raw.array()?), 0.0)?,
                    Element::Bool => each(i64::from(u8::from_le_bytes(raw.array()?)), 0.0)?,
                }
            }
            return Ok(());
        }
        let mut rest = self.message;
        while let Some(field) = rest.next()? {
            if field.number == self.element.field() {
                match self.element {
                    Element::Float32 => field.floats(|float| each(0, f64::from(float)))?,
                    Element::Float64 => field.doubles(|float| each(0, float))?,
                    Element::Int32 | Element::Int64 | Element::Bool => field.ints(|int| each(int, 0.0))?,
                }
            }
        }
        Ok(())
    }

    /// Its numbers, row after row.
    pub(super) fn floats(&self, budget: &mut Budget<'_>) -> Result<Vec<f64>, OnnxError> {
        if !self.element.is_float() {
            return Err(OnnxError::tensor(self.name, "it holds whole numbers; expected floating point"));
        }
        budget.look(self.message.bytes().len())?;
        let mut floats = Vec::new();
        self.each(|_, float| budget.push(&mut floats, float))?;
        Ok(floats)
    }

    /// Its numbers, row after row.
    pub(super) fn ints(&self, budget: &mut Budget<'_>) -> Result<Vec<i64>, OnnxError> {
        if self.element.is_float() {
            return Err(OnnxError::tensor(self.name, "it holds floating point; expected whole numbers"));
        }
        budget.look(self.message.bytes().len())?;
        let mut ints = Vec::new();
        self.each(|int, _| budget.push(&mut ints, int))?;
        Ok(ints)
    }

    /// Its numbers, row after row, whatever their kind.
    pub(super) fn numbers(&self, budget: &mut Budget<'_>) -> Result<Vec<f64>, OnnxError> {
        budget.look(self.message.bytes().len())?;
        budget.memory(size_of::<f64>() * self.len())?;
        let mut numbers = Vec::with_capacity(self.len());
        #[expect(clippy::cast_precision_loss, reason = "what is that large is \"to the end\"")]
        self.each(|int, float| {
            numbers.push(if self.element.is_float() { float } else { int as f64 });
            Ok(())
        })?;
        Ok(numbers)
    }
}
