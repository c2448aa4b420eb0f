//! Operators that work along features: sums, means and norms of some of them, and what brings them to a measure.

use super::super::error::OnnxError;
use super::Operator;
use super::shapes;
use super::value::{Axis, Kind, Value};
use crate::model::network::{Combination, Fold, Function, Norm, Operation};

impl Operator<'_, '_, '_, '_, '_> {
    /// An operator that makes one number of several features; `None` for another.
    pub(super) fn reduction(&mut self) -> Result<Option<Value>, OnnxError> {
        let fold = match self.node.operator {
            "ReduceSum" => Fold::Sum,
            "ReduceMean" => Fold::Mean,
            "ReduceProd" => Fold::Product,
            "ReduceMin" => Fold::Least,
            "ReduceMax" => Fold::Greatest,
            "ReduceL1" => Fold::Length1,
            "ReduceL2" => Fold::Length2,
            "ReduceSumSquare" => Fold::SumOfSquares,
            "ReduceLogSum" => Fold::LogOfSum,
            "ReduceLogSumExp" => Fold::LogOfSumOfPowers,
            _ => return Ok(None),
        };
        let value = self.taken(0)?;
        let axes = self.attribute_or_input("axes", 1)?.unwrap_or_default();
        if axes.is_empty() && self.node.int("noop_with_empty_axes")?.unwrap_or(0) != 0 {
            return Ok(Some(value));
        }
        let axes = match axes.is_empty() {
            true if value.of_rows => return Err(self.refused("it mixes rows; expected axes that are features")),
            true => (0..value.dims.len()).collect(),
            false => self.dimensions(&value, &axes)?,
        };
        let keep = self.node.int("keepdims")?.unwrap_or(1) != 0;
        let kind = value.kind;
        let folded = self.folded(fold, value, &axes, keep)?;
        if kind == Kind::Int && fold == Fold::Mean {
            return self.mapped(Function::Truncate, folded).map(Some);
        }
        Ok(Some(folded))
    }

    /// The dimensions that axes mean, none of which may be the rows.
    fn dimensions(&self, value: &Value, axes: &[i64]) -> Result<Vec<usize>, OnnxError> {
        let mut dimensions = Vec::new();
        for axis in axes {
            dimensions.push(self.dimension(*axis, value.rank(), value.of_rows)?);
        }
        dimensions.sort_unstable();
        dimensions.dedup();
        Ok(dimensions)
    }

    /// The dimension that an axis means, which may not be the rows.
    pub(super) fn dimension(&self, axis: i64, rank: usize, of_rows: bool) -> Result<usize, OnnxError> {
        match Axis::of(axis, rank, of_rows) {
            Some(Axis::Dimension(dimension)) => Ok(dimension),
            Some(Axis::Rows) => Err(self.refused("it mixes rows; expected an axis of the features")),
            None => Err(self.refused(format!("its axis is {axis}, and its value has {rank} dimensions"))),
        }
    }

    fn folded(&mut self, fold: Fold, value: Value, axes: &[usize], keep: bool) -> Result<Value, OnnxError> {
        let (kept, dims): (Vec<_>, Vec<_>) =
            (0..value.dims.len()).filter(|axis| !axes.contains(axis)).map(|axis| (axis, value.dims[axis])).unzip();
        let length = axes.iter().map(|axis| value.dims[*axis]).product::<usize>();
        if length == 0 {
            return Err(self.refused("it makes a number of none"));
        }
        let order: Vec<_> = kept.into_iter().chain(axes.iter().copied()).collect();
        let (of_rows, kind, all) = (value.of_rows, value.kind, value.dims.clone());
        let value = self.arranged(value, &order)?;
        let dims = match keep {
            true => (0..all.len()).map(|axis| if axes.contains(&axis) { 1 } else { all[axis] }).collect(),
            false => dims,
        };
        let like = Value { kind, of_rows, dims, place: value.place.clone() };
        self.made(Operation::Fold(fold, length, value.place), like)
    }

    /// A value whose dimensions are in another order.
    pub(super) fn arranged(&mut self, value: Value, order: &[usize]) -> Result<Value, OnnxError> {
        if order.is_sorted() {
            return Ok(value);
        }
        let size = value.size();
        self.budget.memory(2 * size_of::<u32>() * size)?;
        self.budget.look(size)?;
        let (dims, places) = shapes::transposed(&value.dims, order);
        let place = self.push(Operation::Pick(value.place.clone(), places.into()), size)?;
        Ok(Value { dims, place, ..value })
    }

    /// Does something to each run of numbers along some of the last dimensions in an order, and restores the order.
    fn normalised(&mut self, norm: Norm, value: Value, order: &[usize], length: usize) -> Result<Value, OnnxError> {
        if length == 0 {
            return Err(self.refused("it takes a value without numbers"));
        }
        let value = self.arranged(value, order)?;
        let value = self.made(Operation::Normalise(norm, length, value.place.clone()), value)?;
        let mut back = vec![0; order.len()];
        for (place, axis) in order.iter().enumerate() {
            back[*axis] = place;
        }
        self.arranged(value, &back)
    }

    pub(super) fn softmax(&mut self) -> Result<Value, OnnxError> {
        let norm = if self.node.operator == "Softmax" { Norm::Softmax } else { Norm::LogSoftmax };
        let value = self.taken(0)?;
        let newer = self.compiler.opset >= 13;
        let axis = self.node.int("axis")?.unwrap_or(if newer { -1 } else { 1 });
        let axis = self.dimension(axis, value.rank(), value.of_rows)?;
        let all: Vec<_> = (0..value.dims.len()).collect();
        if newer {
            let length = value.dims[axis];
            let order: Vec<_> = all.into_iter().filter(|other| *other != axis).chain([axis]).collect();
            return self.normalised(norm, value, &order, length);
        }
        // Older versions take all numbers from the axis on together.
        let length = value.dims[axis..].iter().product();
        self.normalised(norm, value, &all, length)
    }

    pub(super) fn layer_normalization(&mut self) -> Result<Value, OnnxError> {
        let epsilon = self.node.float("epsilon")?.unwrap_or(f64::from(EPSILON));
        let value = self.taken(0)?;
        let axis = self.dimension(self.node.int("axis")?.unwrap_or(-1), value.rank(), value.of_rows)?;
        let length = value.dims[axis..].iter().product();
        let all: Vec<_> = (0..value.dims.len()).collect();
        let mut value = self.normalised(Norm::Standardise { epsilon }, value, &all, length)?;
        for (place, combination) in [(1, Combination::Multiply), (2, Combination::Add)] {
            if let Some(numbers) = self.taken_if_there(place)? {
                value = self.combined(combination, value, numbers, Kind::Float)?;
            }
        }
        Ok(value)
    }

    /// Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 2.
    pub(super) fn batch_normalization(&mut self) -> Result<Value, OnnxError> {
        if self.node.int("training_mode")?.unwrap_or(0) != 0 {
            return Err(self.refused("it is in training mode; export the network in evaluation mode"));
        }
        let epsilon = self.node.float("epsilon")?.unwrap_or(f64::from(EPSILON));
        let value = self.taken(0)?;
        let (gamma, beta) = (self.constants(1)?, self.constants(2)?);
        let (mean, variance) = (self.constants(3)?, self.constants(4)?);
        // Up to version 8 there may be numbers of its own for each place behind the channels.
        let each = self.node.int("spatial")?.unwrap_or(1) == 0;
        let (channels, behind) = match &value.dims[..] {
            [] => (1, 0),
            dims if each => (dims.iter().product(), 0),
            [channels, behind @ ..] => (*channels, behind.len()),
        };
        if !value.of_rows || [&gamma, &beta, &mean, &variance].iter().any(|numbers| numbers.len() != channels) {
            return Err(self.refused(format!("it does not have one number for each of the {channels} of a row")));
        }
        self.budget.memory(4 * size_of::<f64>() * channels)?;
        let scale: Vec<_> =
            gamma.iter().zip(&*variance).map(|(gamma, variance)| gamma / (variance + epsilon).sqrt()).collect();
        let shift = beta.iter().zip(&*mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
        let dims = match each {
            true => value.dims.clone(),
            false if value.dims.is_empty() => Vec::new(),
            false => [channels].into_iter().chain(std::iter::repeat_n(1, behind)).collect(),
        };
        let scaled = self.combined(
            Combination::Multiply,
            value,
            Value::constant(Kind::Float, dims.clone(), scale),
            Kind::Float,
        )?;
        self.combined(Combination::Add, scaled, Value::constant(Kind::Float, dims, shift), Kind::Float)
    }

    pub(super) fn length_normalization(&mut self) -> Result<Value, OnnxError> {
        let fold = match self.node.int("p")?.unwrap_or(2) {
            1 => Fold::Length1,
            2 => Fold::Length2,
            p => return Err(self.refused(format!("its p is {p}; expected 1 or 2"))),
        };
        let value = self.taken(0)?;
        let axis = self.dimension(self.node.int("axis")?.unwrap_or(-1), value.rank(), value.of_rows)?;
        let length = self.folded(fold, value.clone(), &[axis], true)?;
        self.combined(Combination::Divide, value, length, Kind::Float)
    }
}

/// What ONNX adds to a variance where a file does not say.
const EPSILON: f32 = 1e-5;
