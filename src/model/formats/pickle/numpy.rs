//! numpy's arrays, as pickles hold them.

use super::dtype::{ByteOrder, Dtype, Element, Width};
use super::value::{Node, NodeId, Value};

/// The order of an array's elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model::formats) enum Layout {
    /// The last index moves fastest: C's.
    RowMajor,
    /// The first index moves fastest: Fortran's.
    ColumnMajor,
}

/// An array. When its dtype has a size, `data` is as many bytes as the shape says: that is checked as it is made.
#[derive(Debug)]
pub(in crate::model::formats) struct Array {
    pub(super) shape: Box<[usize]>,
    pub(in crate::model::formats) dtype: Dtype,
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

impl Array {
    /// The side of an array of one dimension.
    fn length(&self) -> Option<usize> {
        match *self.shape {
            [length] => Some(length),
            _ => None,
        }
    }
}

impl<'g> Node<'g, '_> {
    /// The numbers of an array of one dimension (taken as one row) or two.
    pub(in crate::model::formats) fn matrix(self) -> Option<Matrix> {
        match *self.array()?.0.shape {
            [columns] => self.matrix_of(1, columns),
            [rows, columns] => self.matrix_of(rows, columns),
            _ => None,
        }
    }

    /// The numbers of an array of three dimensions that is one matrix.
    pub(in crate::model::formats) fn only_matrix(self) -> Option<Matrix> {
        match *self.array()?.0.shape {
            [1, rows, columns] => self.matrix_of(rows, columns),
            _ => None,
        }
    }

    /// The numbers of an array of three dimensions, row by row in memory: its matrices one below the other.
    pub(in crate::model::formats) fn stacked_matrices(self) -> Option<Matrix> {
        let (array, _) = self.array()?;
        match *array.shape {
            [count, rows, columns] if matches!(array.layout, Layout::RowMajor) => {
                self.matrix_of(count.checked_mul(rows)?, columns)
            }
            _ => None,
        }
    }

    fn matrix_of(self, rows: usize, columns: usize) -> Option<Matrix> {
        let (array, bytes) = self.array()?;
        let size = array.dtype.size()?;
        self.room::<f64>(rows.checked_mul(columns)?)?;
        let element = |index: usize| array.dtype.number(bytes.get(index * size..(index + 1) * size)?);
        let numbers = (0..rows)
            .flat_map(|row| (0..columns).map(move |column| (row, column)))
            .map(|(row, column)| match array.layout {
                Layout::RowMajor => element(row * columns + column),
                Layout::ColumnMajor => element(column * rows + row),
            })
            .collect::<Option<_>>()?;
        Some(Matrix { rows, columns, numbers })
    }

    /// Whether it is an array of numbers in single precision.
    pub(in crate::model::formats) fn is_single(self) -> bool {
        self.array().is_some_and(|(array, _)| array.dtype.element == Element::Float(Width::Four))
    }

    /// The elements of an array of one dimension.
    fn elements(self) -> Option<impl Iterator<Item = Option<Value<'static>>>> {
        let Value::Array(array) = self.value() else { return None };
        let ([_], Value::Bytes(bytes)) = (&*array.shape, self.at(array.data?).value()) else { return None };
        let size = array.dtype.size().filter(|size| *size > 0)?;
        self.room::<i64>(bytes.len() / size)?;
        Some(bytes.chunks_exact(size).map(|bytes| array.dtype.scalar(bytes)))
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

    /// The length of an array of one dimension.
    pub(in crate::model::formats) fn length(self) -> Option<usize> {
        match self.value() {
            Value::Array(array) => array.length(),
            _ => None,
        }
    }

    /// The numbers of an array of one dimension that are whole by their type.
    pub(in crate::model::formats) fn whole_numbers(self) -> Option<Vec<i64>> {
        let (array, bytes) = self.array()?;
        let size = array.dtype.size()?;
        self.room::<i64>(array.length()?)?;
        (0..array.length()?).map(|index| array.dtype.whole(bytes.get(index * size..(index + 1) * size)?)).collect()
    }

    /// The values of an array of Python values.
    pub(in crate::model::formats) fn objects(self) -> Option<impl ExactSizeIterator<Item = Self>> {
        let Value::Array(array) = self.value() else { return None };
        if array.dtype.element == Element::Object { self.at(array.data?).items() } else { None }
    }

    /// The texts of an array of one dimension.
    pub(in crate::model::formats) fn texts(self) -> Option<Vec<String>> {
        let Value::Array(array) = self.value() else { return None };
        let length = array.length()?;
        self.room::<String>(length)?;
        match self.at(array.data?).value() {
            Value::List(items) => items.iter().map(|item| self.at(*item).owned_text()).collect(),
            Value::Bytes(bytes) => {
                let size = array.dtype.size()?;
                self.room::<u8>(bytes.len())?;
                (0..length).map(|index| array.dtype.text(bytes.get(index * size..(index + 1) * size)?)).collect()
            }
            _ => None,
        }
    }

    /// The numbers of one field of an array of records.
    pub(in crate::model::formats) fn column(self, name: &str) -> Option<Vec<f64>> {
        self.field(name, Dtype::number)
    }

    /// The numbers of one field of an array of records that are whole by their type.
    pub(in crate::model::formats) fn whole_column(self, name: &str) -> Option<Vec<i64>> {
        self.field(name, Dtype::whole)
    }

    fn field<T>(self, name: &str, read: impl Fn(Dtype, &[u8]) -> Option<T>) -> Option<Vec<T>> {
        let (array, bytes) = self.array()?;
        let Element::Record { fields, size } = array.dtype.element else { return None };
        let (_, field) = self.at(fields).entries()?.rfind(|(key, _)| key.text() == Some(name))?;
        self.room::<T>(array.length()?)?;
        let mut pair = field.items()?;
        let Value::Dtype(dtype) = *pair.next()?.value() else { return None };
        let begin = usize::try_from(pair.next()?.int()?).ok()?;
        let end = begin.checked_add(dtype.size()?).filter(|end| *end <= size)?;
        (0..array.length()?).map(|index| read(dtype, bytes.get(index * size..)?.get(begin..end)?)).collect()
    }

    /// Takes the memory of `count` items that are copied out of the graph, and of the copy that a model makes of them.
    pub(super) fn room<T>(self, count: usize) -> Option<()> {
        self.budget.charge_items::<[T; 2]>(count).ok()
    }

    fn owned_text(self) -> Option<String> {
        let text = self.text()?;
        self.room::<u8>(text.len())?;
        Some(text.to_owned())
    }

    /// An array whose elements are kept as bytes, and these.
    fn array(self) -> Option<(&'g Array, &'g [u8])> {
        let Value::Array(array) = self.value() else { return None };
        let Value::Bytes(bytes) = self.at(array.data?).value() else { return None };
        Some((array, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use crate::model::Limits;

    /// The instructions of a data type: its code and its byte order.
    fn dtype(code: &str, order: &str) -> Vec<u8> {
        let length = u8::try_from(code.len()).unwrap();
        let state = [b"(K\x03U\x01", order.as_bytes(), b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"].concat();
        [b"cnumpy\ndtype\nU", &[length][..], code.as_bytes(), b"K\x00K\x01\x87R", &state].concat()
    }

    /// The instructions of an array of one dimension.
    fn array(length: u8, dtype: &[u8], data: &[u8]) -> Vec<u8> {
        let beginning = b"\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01K";
        let size = u8::try_from(data.len()).unwrap();
        [beginning, &[length][..], b"\x85", dtype, b"\x89C", &[size], data, b"tb."].concat()
    }

    /// The instructions of an array of `length` records of `size` bytes: `a`, a whole number at 0, and `b`, a big-endian
    /// number at `place`.
    fn records(length: u8, size: u8, place: u8, data: &[u8]) -> Vec<u8> {
        let (whole, number) = (dtype("i8", "<"), dtype("f4", ">"));
        let fields = [b"}(U\x01a", &whole[..], b"K\x00\x86U\x01b", &number, b"K", &[place], b"\x86u"].concat();
        let state = [b"(K\x03U\x01|NU\x01aU\x01b\x86", &fields[..], b"K", &[size], b"K\x01K\x10tb"].concat();
        array(length, &[b"cnumpy\ndtype\nU\x03V16K\x00K\x01\x87R", &state[..]].concat(), data)
    }

    fn two_records() -> Vec<u8> {
        [(i64::MAX, 1.5_f32), (-2, -0.25)]
            .into_iter()
            .flat_map(|(a, b)| [&a.to_le_bytes()[..], &[0xaa; 2], &b.to_be_bytes(), &[0xbb; 2]].concat())
            .collect()
    }

    #[test]
    fn the_columns_of_records_are_read_by_name_whatever_lies_between_them() {
        let instructions = records(2, 16, 10, &two_records());
        let graph = read(&instructions, &Limits::default()).unwrap();
        assert_eq!(graph.root().column("b"), Some(vec![1.5, -0.25]));
        assert_eq!(graph.root().whole_column("a"), Some(vec![i64::MAX, -2]));
        assert_eq!(graph.root().column("a"), None, "a float cannot hold all of it");
        assert_eq!(graph.root().whole_column("b"), None);
        assert_eq!(graph.root().column("c"), None);
        assert_eq!(graph.root().matrix(), None);
    }

    #[test]
    fn a_field_beyond_its_record_is_not_read() {
        for place in [13, 255] {
            let instructions = records(2, 16, place, &two_records());
            assert_eq!(read(&instructions, &Limits::default()).unwrap().root().column("b"), None);
        }
        assert!(read(&records(2, 15, 10, &two_records()), &Limits::default()).is_err(), "too much data");
        assert!(read(&records(2, 17, 10, &two_records()), &Limits::default()).is_err(), "too little data");
    }

    fn numbers(code: &str, order: &str, length: u8, data: &[u8]) -> Option<Vec<f64>> {
        let instructions = array(length, &dtype(code, order), data);
        read(&instructions, &Limits::default()).unwrap().root().matrix().map(|matrix| matrix.numbers)
    }

    #[test]
    fn whole_numbers_of_every_width_are_numbers() {
        assert_eq!(numbers("i1", "|", 2, &[0xff, 0x7f]), Some(vec![-1.0, 127.0]));
        assert_eq!(numbers("u1", "|", 2, &[0xff, 0x7f]), Some(vec![255.0, 127.0]));
        assert_eq!(numbers("i2", "<", 1, &[0xfe, 0xff]), Some(vec![-2.0]));
        assert_eq!(numbers("u2", ">", 1, &[0xff, 0xfe]), Some(vec![65_534.0]));
        assert_eq!(numbers("u4", "<", 1, &[0xff; 4]), Some(vec![4_294_967_295.0]));
        assert_eq!(numbers("u8", "<", 1, &(1_u64 << 40).to_le_bytes()), Some(vec![1_099_511_627_776.0]));
    }

    #[test]
    fn a_whole_number_that_a_float_cannot_hold_is_none() {
        let largest = 1_i64 << 53;
        assert_eq!(numbers("i8", "<", 1, &largest.to_le_bytes()), Some(vec![9_007_199_254_740_992.0]));
        assert_eq!(numbers("i8", "<", 1, &(largest + 1).to_le_bytes()), None);
        assert_eq!(numbers("i8", "<", 1, &i64::MIN.to_le_bytes()), None);
        assert_eq!(numbers("u8", "<", 1, &u64::MAX.to_le_bytes()), None);
    }

    #[test]
    fn half_precision_is_read() {
        let bits: [u16; 6] = [0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x8000];
        let data: Vec<u8> = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let found = numbers("f2", "<", 6, &data).unwrap();
        assert_eq!(found, [1.0, -2.0, 2_f64.powi(-24), 65_504.0, f64::INFINITY, -0.0]);
        assert!(numbers("f2", "<", 1, &[0x01, 0x7c]).unwrap()[0].is_nan());
    }

    #[test]
    fn arrays_of_text_are_texts() {
        let wide: Vec<u8> = "a\0é\u{1f321}".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        let instructions = array(2, &dtype("U2", ">"), &wide);
        let graph = read(&instructions, &Limits::default()).unwrap();
        assert_eq!(graph.root().texts(), Some(vec!["a".to_owned(), "é\u{1f321}".to_owned()]));
        let instructions = array(2, &dtype("S2", "|"), b"a\0bc");
        let graph = read(&instructions, &Limits::default()).unwrap();
        assert_eq!(graph.root().texts(), Some(vec!["a".to_owned(), "bc".to_owned()]));
        assert_eq!(graph.root().matrix(), None);
        // No character has this number.
        let instructions = array(1, &dtype("U1", "<"), &[0xff; 4]);
        assert_eq!(read(&instructions, &Limits::default()).unwrap().root().texts(), None);
    }
}
