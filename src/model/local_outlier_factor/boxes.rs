//! Boxes around the training rows: a k-d tree as scikit-learn's, built from rows that are in its order already.

use std::ops::Range;

use super::params::Metric;

/// Boxes within boxes: the one at `i` holds those at `2 i + 1` and `2 i + 2`, which halve its rows.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Boxes {
    levels: u32,
    width: usize,
    /// Of each box the least of every feature, then the largest.
    bounds: Box<[f64]>,
}

impl Boxes {
    /// The boxes around `rows` of `width` features.
    pub(super) fn around(rows: &[f64], width: usize, levels: u32) -> Self {
        let count = (1_usize << levels) - 1;
        let mut bounds = vec![0.0; count * 2 * width];
        let mut ranges = Vec::with_capacity(2 * count + 1);
        ranges.push(0..rows.len() / width);
        for (place, bounds) in bounds.chunks_exact_mut(2 * width).enumerate() {
            let range = ranges[place].clone();
            let (least, most) = bounds.split_at_mut(width);
            least.fill(f64::INFINITY);
            most.fill(f64::NEG_INFINITY);
            for row in rows[range.start * width..range.end * width].chunks_exact(width) {
                for ((least, most), x) in least.iter_mut().zip(most.iter_mut()).zip(row) {
                    (*least, *most) = (least.min(*x), most.max(*x));
                }
            }
            ranges.extend(halves(&range));
        }
        Self { levels, width, bounds: bounds.into() }
    }

    pub(super) fn levels(&self) -> u32 {
        self.levels
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.bounds)
    }

    /// The two boxes within a box, unless it is one of the last.
    pub(super) fn within(&self, place: usize) -> Option<[usize; 2]> {
        let last = 2 * place + 2;
        ((last + 1) * 2 * self.width <= self.bounds.len()).then_some([last - 1, last])
    }

    /// The least that a row of a box can be away, measured as `metric` measures rows.
    pub(super) fn least(&self, place: usize, row: &[f64], metric: Metric) -> f64 {
        let (least, most) = self.bounds[place * 2 * self.width..].split_at(self.width);
        let outside =
            row.iter().zip(least).zip(most).map(|((x, least), most)| (least - x).max(0.0) + (x - most).max(0.0));
        outside.fold(0.0, |sum, difference| metric.add(sum, difference))
    }
}

/// The rows of the two boxes within a box.
pub(super) fn halves(rows: &Range<usize>) -> [Range<usize>; 2] {
    let middle = rows.start + rows.len() / 2;
    [rows.start..middle, middle..rows.end]
}
