//! Products with matrices.

use ndarray::Array2;

use super::super::error::OnnxError;
use super::Operator;
use super::shapes;
use super::value::{Kind, Value};
use crate::model::network::{Combination, Fold, Operation};

impl Operator<'_, '_, '_, '_, '_> {
    pub(super) fn matmul(&mut self) -> Result<Value, OnnxError> {
        let (value, weights) = (self.taken(0)?, self.taken(1)?);
        if weights.of_rows {
            return self.row_by_row(value, weights);
        }
        match weights.dims[..] {
            [from] => {
                let product = self.multiplied(value, [from, 1], &weights)?;
                let dims = product.dims.split_last().map_or(Vec::new(), |(_, rest)| rest.to_vec());
                Ok(Value { dims, ..product })
            }
            [ref ones @ .., from, to]
                if ones.iter().all(|dim| *dim == 1) && weights.dims.len() <= value.rank().max(2) =>
            {
                self.multiplied(value, [from, to], &weights)
            }
            _ => Err(self.refused("its weights are not one constant matrix")),
        }
    }

    pub(super) fn gemm(&mut self) -> Result<Value, OnnxError> {
        let (mut value, weights) = (self.taken(0)?, self.taken(1)?);
        if self.node.int("transA")?.unwrap_or(0) != 0 {
            if value.of_rows || value.dims.len() != 2 {
                return Err(self.refused("it transposes the rows"));
            }
            value = self.arranged(value, &[1, 0])?;
        }
        let (false, [rows, columns]) = (weights.of_rows, &weights.dims[..]) else {
            return Err(self.refused("its weights are not one constant matrix"));
        };
        let (rows, columns) = (*rows, *columns);
        let mut product = match self.node.int("transB")?.unwrap_or(0) {
            0 => self.multiplied(value, [rows, columns], &weights)?,
            _ => {
                let weights = self.arranged(weights, &[1, 0])?;
                self.multiplied(value, [columns, rows], &weights)?
            }
        };
        product = self.scaled(product, self.node.float("alpha")?)?;
        match self.taken_if_there(2)? {
            Some(biases) => {
                let biases = self.scaled(biases, self.node.float("beta")?)?;
                self.combined(Combination::Add, product, biases, Kind::Float)
            }
            None => Ok(product),
        }
    }

    fn scaled(&mut self, value: Value, factor: Option<f64>) -> Result<Value, OnnxError> {
        match factor.filter(|factor| (factor - 1.0).abs() > 0.0) {
            Some(factor) => {
                let factor = Value::constant(Kind::Float, Vec::new(), vec![factor]);
                self.combined(Combination::Multiply, value, factor, Kind::Float)
            }
            None => Ok(value),
        }
    }

    /// Runs of numbers times constant weights.
    fn multiplied(&mut self, value: Value, [from, to]: [usize; 2], weights: &Value) -> Result<Value, OnnxError> {
        let Some((width, leading)) = value.dims.split_last() else {
            return Err(self.refused("it takes numbers where rows of features are expected"));
        };
        if *width != from || to == 0 || from == 0 {
            return Err(self.refused(format!("its weights are {from} by {to}, and its rows have {width} numbers")));
        }
        let Some(numbers) = weights.place.constant() else {
            return Err(self.refused("its weights are not one constant matrix"));
        };
        // Once here, once more in the layers of a chain, and once as they are laid out there.
        self.budget.memory(3 * size_of::<f64>() * numbers.len())?;
        self.budget.look(3 * numbers.len())?;
        let Ok(matrix) = Array2::from_shape_vec((from, to), numbers.to_vec()) else {
            return Err(self.refused("its weights are not one constant matrix"));
        };
        let dims = leading.iter().copied().chain([to]).collect();
        let like = Value { kind: Kind::Float, of_rows: value.of_rows, dims, place: value.place.clone() };
        self.made(Operation::Multiply(value.place, matrix.into()), like)
    }

    /// A matrix of each row times another of the same row, such as a distance by a covariance is made of.
    fn row_by_row(&mut self, first: Value, second: Value) -> Result<Value, OnnxError> {
        let ([rows, inner], [height, columns]) = (&first.dims[..], &second.dims[..]) else {
            return Err(self.refused("its weights are not one constant matrix"));
        };
        let (rows, inner, height, columns) = (*rows, *inner, *height, *columns);
        if inner != height {
            return Err(self.refused("it multiplies matrices that do not go together"));
        }
        let size = self.budget.elements(&[rows, columns, inner])?;
        self.budget.memory(4 * size_of::<u32>() * size)?;
        self.budget.look(2 * size)?;
        let all = [rows, columns, inner];
        let steps = |row: usize, column: usize, place: usize| [row, column, place].map(usize::cast_signed);
        let of_first = shapes::places(&all, 0, &steps(inner, 0, 1));
        let of_second = shapes::places(&all, 0, &steps(0, 1, columns));
        let first = self.push(Operation::Pick(first.place, of_first.into()), size)?;
        let second = self.push(Operation::Pick(second.place, of_second.into()), size)?;
        let products = self.push(Operation::Combine(Combination::Multiply, first, second), size)?;
        let place = self.push(Operation::Fold(Fold::Sum, inner, products), rows * columns)?;
        Ok(Value { kind: Kind::Float, of_rows: true, dims: vec![rows, columns], place })
    }
}
