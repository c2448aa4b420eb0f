//! Arrays, by the place that they belong to: read from a file's bytes, or gathered to be written.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use ndarray::{Array2, ArrayView2};
use safetensors::Dtype;

use super::error::OwnError;
use crate::model::formats::printable::printable;

/// How many elements an array has along each of its dimensions.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Shape {
    sides: [usize; Self::MAX_DIMENSIONS],
    dimensions: usize,
}

impl Shape {
    pub(super) const MAX_DIMENSIONS: usize = 4;

    /// Adds a dimension; how many there would be when that is too many.
    pub(super) fn push(&mut self, side: usize) -> Result<(), usize> {
        *self.sides.get_mut(self.dimensions).ok_or(self.dimensions + 1)? = side;
        self.dimensions += 1;
        Ok(())
    }

    pub(super) fn elements(&self) -> Option<usize> {
        self.sides().iter().try_fold(1_usize, |product, side| product.checked_mul(*side))
    }

    fn sides(&self) -> &[usize] {
        &self.sides[..self.dimensions]
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides = self.sides().iter().map(usize::to_string).collect::<Vec<_>>();
        write!(f, "[{}]", sides.join(", "))
    }
}

/// A tensor of a file, as long as its shape says.
#[derive(Debug)]
pub(super) struct Tensor<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) dtype: Dtype,
    pub(super) shape: Shape,
    pub(super) bytes: &'a [u8],
}

/// The tensors of a file, in the order of their names.
#[derive(Debug)]
pub(super) struct Tensors<'a> {
    tensors: Vec<(Tensor<'a>, Cell<Use>)>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Use {
    None,
    Read,
}

impl<'a> Tensors<'a> {
    /// Tensors that are in the order of their names.
    pub(super) fn new(tensors: Vec<Tensor<'a>>) -> Self {
        Self { tensors: tensors.into_iter().map(|tensor| (tensor, Cell::new(Use::None))).collect() }
    }

    fn find(&self, name: &str) -> Option<&Tensor<'a>> {
        let place = self.tensors.binary_search_by(|(tensor, _)| (*tensor.name).cmp(name)).ok()?;
        let (tensor, used) = self.tensors.get(place)?;
        used.set(Use::Read);
        Some(tensor)
    }

    /// Checks that each was read: one that was not is misspelt.
    pub(super) fn all_used(&self) -> Result<(), OwnError> {
        match self.tensors.iter().find(|(_, used)| used.get() == Use::None) {
            Some((tensor, _)) => Err(OwnError::Unused { tensor: printable(&tensor.name) }),
            None => Ok(()),
        }
    }
}

/// Where in a model a step or the detector is, and its tensors are: those whose names begin so.
#[derive(Clone, Debug)]
pub(super) struct TensorScope<'t, 'a> {
    tensors: &'t Tensors<'a>,
    prefix: String,
}

impl<'t, 'a> TensorScope<'t, 'a> {
    pub(super) fn new(tensors: &'t Tensors<'a>, prefix: String) -> Self {
        Self { tensors, prefix }
    }

    /// The place of a part of this.
    pub(super) fn at(&self, part: String) -> Self {
        Self { tensors: self.tensors, prefix: format!("{}.{part}", self.prefix) }
    }

    fn optional(&self, name: &str) -> Option<&'t Tensor<'a>> {
        self.tensors.find(&format!("{}.{name}", self.prefix))
    }

    fn required(&self, name: &str) -> Result<&'t Tensor<'a>, OwnError> {
        self.optional(name).ok_or_else(|| OwnError::Missing { tensor: format!("{}.{name}", self.prefix) })
    }

    /// One number for each of something.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, OwnError> {
        self.required(name)?.numbers()
    }

    /// As [`numbers`](Self::numbers), if it is there.
    pub(super) fn optional_numbers(&self, name: &str) -> Result<Option<Vec<f64>>, OwnError> {
        self.optional(name).map(Tensor::numbers).transpose()
    }

    /// Numbers in rows and columns.
    pub(super) fn matrix(&self, name: &str) -> Result<Array2<f64>, OwnError> {
        self.required(name)?.matrix()
    }

    /// As [`matrix`](Self::matrix), if it is there.
    pub(super) fn optional_matrix(&self, name: &str) -> Result<Option<Array2<f64>>, OwnError> {
        self.optional(name).map(Tensor::matrix).transpose()
    }

    /// Two numbers for each of something, if they are there.
    pub(super) fn optional_pairs(&self, name: &str) -> Result<Option<Vec<(f64, f64)>>, OwnError> {
        self.optional(name).map(Tensor::pairs).transpose()
    }

    /// Bytes, where they lie.
    pub(super) fn bytes(&self, name: &str) -> Result<&'a [u8], OwnError> {
        self.required(name)?.bytes()
    }

    /// As [`bytes`](Self::bytes), if they are there.
    pub(super) fn optional_bytes(&self, name: &str) -> Result<Option<&'a [u8]>, OwnError> {
        self.optional(name).map(Tensor::bytes).transpose()
    }

    /// Numbers in single precision.
    pub(super) fn singles(&self, name: &str) -> Result<Vec<f32>, OwnError> {
        self.required(name)?.vector(Dtype::F32, "one dimension of float32", f32::from_le_bytes)
    }

    /// Whole numbers.
    pub(super) fn whole(&self, name: &str) -> Result<Vec<i32>, OwnError> {
        self.required(name)?.vector(Dtype::I32, "one dimension of int32", i32::from_le_bytes)
    }

    /// Whole numbers from 0 on.
    pub(super) fn counts(&self, name: &str) -> Result<Vec<u32>, OwnError> {
        self.required(name)?.vector(Dtype::U32, "one dimension of uint32", u32::from_le_bytes)
    }
}

impl<'a> Tensor<'a> {
    fn bytes(&self) -> Result<&'a [u8], OwnError> {
        match (self.dtype, self.shape.sides()) {
            (Dtype::U8, [_]) => Ok(self.bytes),
            _ => Err(self.unexpected("one dimension of uint8")),
        }
    }

    fn numbers(&self) -> Result<Vec<f64>, OwnError> {
        self.vector(Dtype::F64, "one dimension of float64", f64::from_le_bytes)
    }

    fn pairs(&self) -> Result<Vec<(f64, f64)>, OwnError> {
        let pairs = self.matrix()?;
        match pairs.ncols() {
            2 => Ok(pairs.rows().into_iter().map(|pair| (pair[0], pair[1])).collect()),
            _ => Err(self.unexpected("rows of two numbers of float64")),
        }
    }

    fn vector<T, const SIZE: usize>(
        &self,
        dtype: Dtype,
        expected: &'static str,
        read: impl Fn([u8; SIZE]) -> T,
    ) -> Result<Vec<T>, OwnError> {
        match self.shape.sides() {
            [_] => self.values(dtype, expected, read),
            _ => Err(self.unexpected(expected)),
        }
    }

    fn matrix(&self) -> Result<Array2<f64>, OwnError> {
        const EXPECTED: &str = "rows and columns of float64";
        let [rows, columns] = *self.shape.sides() else { return Err(self.unexpected(EXPECTED)) };
        let values = self.values(Dtype::F64, EXPECTED, f64::from_le_bytes)?;
        Array2::from_shape_vec((rows, columns), values).map_err(|_| self.unexpected(EXPECTED))
    }

    /// The elements, read where they lie.
    fn values<T, const SIZE: usize>(
        &self,
        dtype: Dtype,
        expected: &'static str,
        read: impl Fn([u8; SIZE]) -> T,
    ) -> Result<Vec<T>, OwnError> {
        if self.dtype != dtype {
            return Err(self.unexpected(expected));
        }
        let (elements, _) = self.bytes.as_chunks::<SIZE>();
        Ok(elements.iter().map(|element| read(*element)).collect())
    }

    fn unexpected(&self, expected: &str) -> OwnError {
        OwnError::Tensor {
            tensor: printable(&self.name),
            found: format!("{} of shape {}", self.dtype, self.shape),
            expected: expected.to_owned(),
        }
    }
}

/// Arrays that are to be written.
#[derive(Default, Debug)]
pub(super) struct Arrays(Vec<(String, Array)>);

/// An array that is to be written.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

impl Arrays {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Array)> {
        self.0.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// Where a step or the detector puts its arrays.
    pub(super) fn at(&mut self, prefix: String) -> Target<'_> {
        Target { arrays: self, prefix }
    }
}

/// Where in a model a step or the detector is that is being written.
#[derive(Debug)]
pub(super) struct Target<'w> {
    arrays: &'w mut Arrays,
    prefix: String,
}

impl Target<'_> {
    /// Where a part of this puts its arrays.
    pub(super) fn at(&mut self, part: String) -> Target<'_> {
        Target { prefix: format!("{}.{part}", self.prefix), arrays: self.arrays }
    }

    /// Numbers in single precision.
    pub(super) fn singles(&mut self, name: &str, numbers: &[f32]) {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.put(name, Dtype::F32, vec![numbers.len()], bytes);
    }

    /// Bytes.
    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.put(name, Dtype::U8, vec![bytes.len()], bytes.to_vec());
    }

    /// Whole numbers.
    pub(super) fn whole(&mut self, name: &str, numbers: &[i32]) {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.put(name, Dtype::I32, vec![numbers.len()], bytes);
    }

    /// Whole numbers from 0 on.
    pub(super) fn counts(&mut self, name: &str, numbers: &[u32]) {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.put(name, Dtype::U32, vec![numbers.len()], bytes);
    }

    /// One number for each of something.
    pub(super) fn numbers<'n>(&mut self, name: &str, numbers: impl IntoIterator<Item = &'n f64>) {
        let bytes = numbers.into_iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
        self.put(name, Dtype::F64, vec![bytes.len() / size_of::<f64>()], bytes);
    }

    /// Numbers in rows and columns.
    pub(super) fn matrix(&mut self, name: &str, matrix: ArrayView2<'_, f64>) {
        let bytes = matrix.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.put(name, Dtype::F64, matrix.shape().to_vec(), bytes);
    }

    /// Numbers in rows of `width`, at least one each.
    pub(super) fn rows(&mut self, name: &str, width: usize, numbers: &[f64]) {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.put(name, Dtype::F64, vec![numbers.len() / width, width], bytes);
    }

    fn put(&mut self, name: &str, dtype: Dtype, shape: Vec<usize>, bytes: Vec<u8>) {
        self.arrays.0.push((format!("{}.{name}", self.prefix), Array { dtype, shape, bytes }));
    }
}
