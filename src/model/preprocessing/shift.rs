//! z = (x − centre) / scale, feature by feature: the arithmetic of several scalers.

use ndarray::Array2;

use crate::model::invalid::{Invalid, Parameter};

/// What is subtracted from each feature, and its divisor after that; each may be absent.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Shift {
    pub(super) width: usize,
    pub(super) centre: Option<Box<[f64]>>,
    pub(super) scale: Option<Box<[f64]>>,
}

impl Shift {
    /// Checks that there is one finite number a feature, and no scale by which nothing can be divided. `names` are the
    /// names of centre and scale.
    pub(super) fn new(
        width: usize,
        centre: Option<Vec<f64>>,
        scale: Option<Vec<f64>>,
        names: [Parameter; 2],
    ) -> Result<Self, Invalid> {
        let [centres, scales] = names;
        if let Some(centre) = &centre {
            centres.length(centre.len(), width, "features")?;
            centres.all_finite(centre)?;
        }
        if let Some(scale) = &scale {
            scales.length(scale.len(), width, "features")?;
            scales.all_positive(scale)?;
        }
        Ok(Self { width, centre: centre.map(Vec::into_boxed_slice), scale: scale.map(Vec::into_boxed_slice) })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        [&self.centre, &self.scale].into_iter().flatten().map(|numbers| size_of_val(&**numbers)).sum()
    }

    /// The range from `spread` scales below the centre to `spread` scales above it.
    pub(super) fn around(&self, spread: f64) -> Option<Vec<(f64, f64)>> {
        let pairs = self.centre.as_deref()?.iter().zip(self.scale.as_deref()?);
        Some(pairs.map(|(centre, scale)| (centre - spread * scale, centre + spread * scale)).collect())
    }

    /// Divides, as scikit-learn does: a multiplication with the inverse would round otherwise.
    pub(super) fn apply(&self, mut rows: Array2<f64>) -> Array2<f64> {
        if let Some(centre) = &self.centre {
            by_feature(&mut rows, centre, |x, centre| *x -= centre);
        }
        if let Some(scale) = &self.scale {
            by_feature(&mut rows, scale, |x, scale| *x /= scale);
        }
        rows
    }
}

/// Changes each number by the number of its feature. With a width that the compiler knows, the loop over a row is
/// unrolled.
#[inline]
fn by_feature(rows: &mut Array2<f64>, of_features: &[f64], change: impl Fn(&mut f64, f64) + Copy) {
    match (rows.as_slice_mut(), of_features) {
        (Some(numbers), [a]) => by_known_feature(numbers, [*a], change),
        (Some(numbers), [a, b]) => by_known_feature(numbers, [*a, *b], change),
        (Some(numbers), [a, b, c, d]) => by_known_feature(numbers, [*a, *b, *c, *d], change),
        (Some(numbers), [a, b, c, d, e, f, g, h]) => {
            by_known_feature(numbers, [*a, *b, *c, *d, *e, *f, *g, *h], change);
        }
        _ => {
            for mut row in rows.rows_mut() {
                row.iter_mut().zip(of_features).for_each(|(x, of_feature)| change(x, *of_feature));
            }
        }
    }
}

#[inline]
fn by_known_feature<const N: usize>(numbers: &mut [f64], of_features: [f64; N], change: impl Fn(&mut f64, f64)) {
    for row in numbers.as_chunks_mut::<N>().0 {
        row.iter_mut().zip(of_features).for_each(|(x, of_feature)| change(x, of_feature));
    }
}
