//! numpy's arrays, as pickles hold them.

use super::value::{Node, NodeId, Value};

/// The type of an array's elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Dtype {
    pub(super) element: Element,
    pub(super) byte_order: ByteOrder,
}

/// What an element is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Element {
    Float64,
    Float32,
    Int64,
    Int32,
    Bool,
    /// Any Python value: how pandas' column names are kept. Such an array is there, and is never read.
    Object,
    /// Anything else: it is there, and is never read.
    Other,
}

/// The order of an element's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl Dtype {
    /// Reads numpy's short form, such as `f8` or `<i4`.
    pub(super) fn parse(text: &str) -> Self {
        let (byte_order, code) = match text.strip_prefix('>') {
            Some(code) => (ByteOrder::Big, code),
            None => (ByteOrder::Little, text.trim_start_matches(['<', '|'])),
        };
        let element = match code {
            "f8" => Element::Float64,
            "f4" => Element::Float32,
            "i8" => Element::Int64,
            "i4" => Element::Int32,
            "b1" => Element::Bool,
            _ if code.starts_with('O') => Element::Object,
            _ => Element::Other,
        };
        Self { element, byte_order }
    }

    /// The size of an element that is kept as bytes.
    pub(super) fn size(self) -> Option<usize> {
        match self.element {
            Element::Float64 | Element::Int64 => Some(8),
            Element::Float32 | Element::Int32 => Some(4),
            Element::Bool => Some(1),
            Element::Object | Element::Other => None,
        }
    }

    /// Reads one element.
    pub(super) fn scalar<'a>(self, bytes: &[u8]) -> Option<Value<'a>> {
        Some(match self.element {
            Element::Float64 => Value::Float(f64::from_bits(u64::from_le_bytes(self.little_endian(bytes)?))),
            Element::Float32 => Value::Float(f64::from(f32::from_bits(u32::from_le_bytes(self.little_endian(bytes)?)))),
            Element::Int64 => Value::Int(i64::from_le_bytes(self.little_endian(bytes)?)),
            Element::Int32 => Value::Int(i64::from(i32::from_le_bytes(self.little_endian(bytes)?))),
            Element::Bool => Value::Bool(bytes.first().copied()? != 0),
            Element::Object | Element::Other => return None,
        })
    }

    fn little_endian<const SIZE: usize>(self, bytes: &[u8]) -> Option<[u8; SIZE]> {
        let mut bytes: [u8; SIZE] = bytes.try_into().ok()?;
        if self.byte_order == ByteOrder::Big {
            bytes.reverse();
        }
        Some(bytes)
    }
}

/// The order of an array's elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layout {
    /// The last index moves fastest: C's.
    RowMajor,
    /// The first index moves fastest: Fortran's.
    ColumnMajor,
}

/// An array. When its dtype has a size, `data` is as many bytes as the shape says: that is checked as it is made.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) shape: Box<[usize]>,
    pub(super) dtype: Dtype,
    pub(super) layout: Layout,
    /// The bytes, or the list of an array of Python values. `None` in one that is begun.
    pub(super) data: Option<NodeId>,
}

impl Array {
    /// The most dimensions that numpy knows.
    pub(super) const MAX_DIMENSIONS: usize = 64;

    /// What `_reconstruct` makes: an array that is yet to be filled.
    pub(super) fn begun() -> Self {
        let dtype = Dtype { element: Element::Other, byte_order: ByteOrder::Little };
        Self { shape: Box::default(), dtype, layout: Layout::RowMajor, data: None }
    }
}

/// Numbers in rows and columns, row by row.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::model::formats) struct Matrix {
    /// How many rows.
    pub(in crate::model::formats) rows: usize,
    /// How many columns.
    pub(in crate::model::formats) columns: usize,
    /// The numbers.
    pub(in crate::model::formats) numbers: Vec<f64>,
}

impl Node<'_, '_> {
    /// The numbers of an array of one dimension (taken as one row) or two.
    pub(in crate::model::formats) fn matrix(self) -> Option<Matrix> {
        let Value::Array(array) = self.value() else { return None };
        let (rows, columns) = match *array.shape {
            [columns] => (1, columns),
            [rows, columns] => (rows, columns),
            _ => return None,
        };
        let Value::Bytes(bytes) = self.at(array.data?).value() else { return None };
        let element = |index: usize, size: usize| {
            let bytes = bytes.get(index * size..(index + 1) * size)?;
            match array.dtype.scalar(bytes)? {
                Value::Float(value) => Some(value),
                Value::Int(value) => i32::try_from(value).ok().map(f64::from),
                Value::Bool(value) => Some(f64::from(u8::from(value))),
                _ => None,
            }
        };
        let size = array.dtype.size()?;
        let numbers = (0..rows)
            .flat_map(|row| (0..columns).map(move |column| (row, column)))
            .map(|(row, column)| match array.layout {
                Layout::RowMajor => element(row * columns + column, size),
                Layout::ColumnMajor => element(column * rows + row, size),
            })
            .collect::<Option<_>>()?;
        Some(Matrix { rows, columns, numbers })
    }

    /// The elements of an array of one dimension.
    fn elements(self) -> Option<impl Iterator<Item = Option<Value<'static>>>> {
        let Value::Array(array) = self.value() else { return None };
        let ([_], Value::Bytes(bytes)) = (&*array.shape, self.at(array.data?).value()) else { return None };
        Some(bytes.chunks_exact(array.dtype.size()?).map(|bytes| array.dtype.scalar(bytes)))
    }

    /// The whole numbers of an array of one dimension.
    pub(in crate::model::formats) fn ints(self) -> Option<Vec<i64>> {
        let int = |value| match value {
            Some(Value::Int(int)) => Some(int),
            _ => None,
        };
        self.elements()?.map(int).collect()
    }

    /// The truth values of an array of one dimension.
    pub(in crate::model::formats) fn bools(self) -> Option<Vec<bool>> {
        let bool = |value| match value {
            Some(Value::Bool(bool)) => Some(bool),
            _ => None,
        };
        self.elements()?.map(bool).collect()
    }

    /// The values of an array of Python values.
    pub(in crate::model::formats) fn objects(self) -> Option<impl ExactSizeIterator<Item = Self>> {
        let Value::Array(array) = self.value() else { return None };
        if array.dtype.element == Element::Object { self.at(array.data?).items() } else { None }
    }

    /// The texts of an array of Python values.
    pub(in crate::model::formats) fn texts(self) -> Option<Vec<String>> {
        self.objects()?.map(|item| item.text().map(str::to_owned)).collect()
    }
}
