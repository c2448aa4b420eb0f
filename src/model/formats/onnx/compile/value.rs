//! What a value of the graph is, and how its dimensions are counted.

use super::super::tensor::Element;
use crate::model::network::Operand;

/// The most dimensions of a value: more than any network has.
pub(super) const MAX_DIMENSIONS: usize = 16;

/// What is said of a shape that is computed from the number of rows.
pub(super) const OF_BATCH: &str = "it computes with the number of rows, and each row must be treated by itself";

/// The kind of numbers that ONNX has in a value. All are evaluated in float64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Float,
    Int,
    Bool,
}

impl Kind {
    pub(super) fn of(element: Element) -> Self {
        match element {
            Element::Float32 | Element::Float64 => Self::Float,
            Element::Int32 | Element::Int64 => Self::Int,
            Element::Bool => Self::Bool,
        }
    }
}

/// A value of the graph.
#[derive(Clone, Debug)]
pub(in super::super) struct Value {
    pub(super) kind: Kind,
    /// Whether its first dimension is the rows.
    pub(in super::super) of_rows: bool,
    /// Its dimensions, without that.
    pub(in super::super) dims: Vec<usize>,
    /// Where its numbers are. In a constant shape, NaN stands for the number of rows.
    pub(in super::super) place: Operand,
}

impl Value {
    pub(super) fn constant(kind: Kind, dims: Vec<usize>, numbers: Vec<f64>) -> Self {
        Self { kind, of_rows: false, dims, place: Operand::Constant(numbers.into()) }
    }

    /// How many numbers it has, for each row if it is of rows.
    pub(super) fn size(&self) -> usize {
        self.dims.iter().product()
    }

    /// How many dimensions it has for ONNX.
    pub(super) fn rank(&self) -> usize {
        self.dims.len() + usize::from(self.of_rows)
    }

    /// Whether it is a shape in which the number of rows stands.
    pub(super) fn holds_batch(&self) -> bool {
        self.kind == Kind::Int && self.place.constant().is_some_and(|numbers| numbers.iter().any(|x| x.is_nan()))
    }
}

/// What an axis of ONNX is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Axis {
    /// The rows.
    Rows,
    /// This one of the dimensions.
    Dimension(usize),
}

impl Axis {
    /// Which axis a number means among `rank` of them, the first of which may be the rows.
    pub(super) fn of(number: i64, rank: usize, of_rows: bool) -> Option<Self> {
        let count = i64::try_from(rank).ok()?;
        let number = if number < 0 { number.checked_add(count)? } else { number };
        let place = usize::try_from(number).ok().filter(|place| *place < rank)?;
        Some(match (of_rows, place) {
            (true, 0) => Self::Rows,
            (true, place) => Self::Dimension(place - 1),
            (false, place) => Self::Dimension(place),
        })
    }
}
