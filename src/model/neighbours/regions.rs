//! Regions around the training rows: the same as in scikit-learn's KDTree or BallTree. The rows are in its order
//! already.

use std::ops::Range;

use ndarray::Array2;

use super::metric::Metric;

/// Regions within regions: region `i` holds regions `2 i + 1` and `2 i + 2`, which halve its rows.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Regions {
    levels: u32,
    width: usize,
    shapes: Shapes,
}

#[derive(Clone, PartialEq, Debug)]
enum Shapes {
    /// Of each box the least of every feature, then the largest.
    Boxes(Box<[f64]>),
    /// The centre of each ball, and how far its farthest row is from the centre.
    Balls { centres: Box<[f64]>, radii: Box<[f64]> },
}

impl Regions {
    /// How many regions so many levels have.
    pub(super) fn count(levels: u32) -> usize {
        (1 << levels) - 1
    }

    /// The boxes around `rows` of `width` features.
    pub(super) fn boxes(rows: &[f64], width: usize, levels: u32) -> Self {
        let mut bounds = vec![0.0; Self::count(levels) * 2 * width];
        for (bounds, rows) in bounds.chunks_exact_mut(2 * width).zip(parts(rows, width, levels)) {
            let (least, most) = bounds.split_at_mut(width);
            least.fill(f64::INFINITY);
            most.fill(f64::NEG_INFINITY);
            for row in rows.chunks_exact(width) {
                for ((least, most), x) in least.iter_mut().zip(most.iter_mut()).zip(row) {
                    (*least, *most) = (least.min(*x), most.max(*x));
                }
            }
        }
        Self { levels, width, shapes: Shapes::Boxes(bounds.into()) }
    }

    /// The balls with given centres around `rows`: each is as wide as its rows need.
    pub(super) fn balls(rows: &[f64], centres: &Array2<f64>, levels: u32, metric: Metric) -> Self {
        let width = centres.ncols();
        let centres: Box<[f64]> = centres.iter().copied().collect();
        let radius = |(centre, rows): (&[f64], &[f64])| {
            let measures = rows.chunks_exact(width).map(|row| metric.measure(centre, row));
            metric.distance(measures.fold(0.0, f64::max))
        };
        let radii = centres.chunks_exact(width).zip(parts(rows, width, levels)).map(radius).collect();
        Self { levels, width, shapes: Shapes::Balls { centres, radii } }
    }

    pub(super) fn levels(&self) -> u32 {
        self.levels
    }

    /// The centres of the balls, a row each; `None` when the regions are boxes.
    pub(super) fn centres(&self) -> Option<Array2<f64>> {
        match &self.shapes {
            Shapes::Boxes(_) => None,
            Shapes::Balls { centres, radii } => {
                Array2::from_shape_vec((radii.len(), self.width), centres.to_vec()).ok()
            }
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match &self.shapes {
            Shapes::Boxes(bounds) => size_of_val(&**bounds),
            Shapes::Balls { centres, radii } => size_of_val(&**centres) + size_of_val(&**radii),
        }
    }

    /// The two regions within a region; `None` for a region of the last level.
    pub(super) fn within(&self, place: usize) -> Option<[usize; 2]> {
        let last = 2 * place + 2;
        (last < Self::count(self.levels)).then_some([last - 1, last])
    }

    /// The least measure, by `metric`, that a row of the region can have from `row`.
    ///
    /// The steps are those of scikit-learn: when two regions are equally far, the last bit decides which is searched
    /// first.
    pub(super) fn least(&self, place: usize, row: &[f64], metric: Metric) -> f64 {
        match &self.shapes {
            Shapes::Boxes(bounds) => {
                let (least, most) = bounds[place * 2 * self.width..].split_at(self.width);
                let bounds = row.iter().zip(least).zip(most);
                let outside = bounds.map(|((x, least), most)| (least - x).max(0.0) + (x - most).max(0.0));
                outside.fold(0.0, |sum, difference| metric.add(sum, difference))
            }
            Shapes::Balls { centres, radii } => {
                let centre = &centres[place * self.width..][..self.width];
                let away = metric.distance(metric.measure(row, centre)) - radii[place];
                metric.measure_of(away.max(0.0))
            }
        }
    }
}

/// The rows of each region, in the order of the regions.
fn parts(rows: &[f64], width: usize, levels: u32) -> impl Iterator<Item = &[f64]> {
    let count = Regions::count(levels);
    let mut ranges = Vec::with_capacity(2 * count + 1);
    ranges.push(0..rows.len() / width);
    for place in 0..count / 2 {
        let halves = halves(&ranges[place]);
        ranges.extend(halves);
    }
    ranges.into_iter().map(move |range| &rows[range.start * width..range.end * width])
}

/// The rows of the two regions within a region.
pub(super) fn halves(rows: &Range<usize>) -> [Range<usize>; 2] {
    let middle = rows.start + rows.len() / 2;
    [rows.start..middle, middle..rows.end]
}
