//! scipy's sparse matrices of compressed rows, as pickles hold them.

use super::numpy::Matrix;
use super::value::Node;

impl Node<'_, '_> {
    /// All numbers of a sparse matrix, zeros too. `None` when it is of another form than compressed rows, when its parts
    /// do not fit each other, or when a row's columns do not ascend: LIBSVM, which they are for, relies on that.
    pub(in crate::model::formats) fn sparse_matrix(self) -> Option<Matrix> {
        let class = self.class().filter(|class| class.module.starts_with("scipy.sparse."))?;
        if !matches!(class.name, "csr_matrix" | "csr_array") {
            return None;
        }
        let counts = |numbers: Vec<i64>| {
            numbers.into_iter().map(|number| usize::try_from(number).ok()).collect::<Option<Vec<_>>>()
        };
        let shape = self.attribute("_shape")?;
        let shape = match shape.items() {
            Some(sides) => sides.map(Self::int).collect::<Option<_>>()?,
            None => shape.whole_numbers()?,
        };
        let [rows, columns] = counts(shape)?[..] else { return None };
        let places = |name| counts(self.attribute(name)?.whole_numbers()?);
        let values = self.attribute("data")?.matrix().filter(|values| values.rows == 1)?.numbers;
        let (ends, places) = (places("indptr")?, places("indices")?);
        if ends.len() != rows.checked_add(1)? || ends.first() != Some(&0) || places.len() != values.len() {
            return None;
        }
        let count = rows.checked_mul(columns)?;
        self.room::<f64>(count)?;
        let mut numbers = vec![0.0; count];
        for (row, ends) in numbers.chunks_exact_mut(columns.max(1)).zip(ends.windows(2)) {
            let range = ends[0]..ends[1];
            let (places, values) = (places.get(range.clone())?, values.get(range)?);
            if !places.is_sorted_by(|a, b| a < b) {
                return None;
            }
            for (place, value) in places.iter().zip(values) {
                *row.get_mut(*place)? = *value;
            }
        }
        (ends.last() == Some(&values.len())).then_some(Matrix { rows, columns, numbers })
    }
}
