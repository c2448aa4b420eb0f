//! The walks down the trees.

use ndarray::{ArrayView2, Axis};

use super::params::{ForestBoundary, IsolationForest, Packed, Tree};
use crate::verdict::Label;

/// How many rows go down a tree side by side. Each step waits for its node and its feature to come from memory, and the
/// other rows go on meanwhile.
const LANES: usize = 12;

impl IsolationForest {
    /// The decision values of rows of [`width`](Self::width) features. Where rows that lack numbers are
    /// [answered](super::MissingNumbers::Answered), some may be NaN.
    ///
    /// Each row's path lengths are summed in the order of the trees, so its value does not depend on its neighbours.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let count = rows.nrows();
        // Whole blocks: the rows that fill up the last block are walked in vain.
        let mut singles = Vec::with_capacity(count.next_multiple_of(LANES) * self.width);
        #[expect(clippy::cast_possible_truncation, reason = "scikit-learn compares in single precision")]
        singles.extend(rows.axis_iter(Axis(0)).flat_map(|row| row.into_iter().map(|x| *x as f32)));
        singles.resize(count.next_multiple_of(LANES) * self.width, 0.0);
        let mut sums = vec![[0.0; LANES]; count.div_ceil(LANES)];
        let blocks = || singles.chunks_exact(LANES * self.width);
        let lacking: Vec<bool> = blocks().map(|block| block.iter().any(|x| x.is_nan())).collect();
        for tree in &self.trees {
            let nodes = &self.nodes[tree.start..tree.end];
            for ((block, lacking), sums) in blocks().zip(&lacking).zip(&mut sums) {
                let ends = if *lacking { self.walk_lacking(tree, block) } else { self.walk(nodes, tree.depth, block) };
                for (sum, end) in sums.iter_mut().zip(ends) {
                    *sum += nodes[end as usize].as_leaf().map_or(0.0, |leaf| self.leaves[leaf].path_length);
                }
            }
        }
        sums.as_flattened()[..count].iter().map(|sum| self.decision(*sum)).collect()
    }

    /// The leaves that the rows of a block end in.
    fn walk(&self, nodes: &[Packed], depth: u32, block: &[f32]) -> [u32; LANES] {
        let mut places = [0; LANES];
        for _ in 0..depth {
            for (lane, place) in places.iter_mut().enumerate() {
                let node = nodes[*place as usize];
                let x = block[lane * self.width + node.feature(self.feature_bits)];
                *place = node.child(x, self.feature_bits);
            }
        }
        places
    }

    /// The same for rows of which some lack numbers.
    fn walk_lacking(&self, tree: &Tree, block: &[f32]) -> [u32; LANES] {
        let mut places = [0; LANES];
        for _ in 0..tree.depth {
            for (place, row) in places.iter_mut().zip(block.chunks_exact(self.width)) {
                *place = self.next(tree, *place, row);
            }
        }
        places
    }

    /// The next node of a row behind a node of a tree. A leaf leads to itself.
    pub(super) fn next(&self, tree: &Tree, place: u32, row: &[f32]) -> u32 {
        let node = self.nodes[tree.start + place as usize];
        let x = row[node.feature(self.feature_bits)];
        let child = node.child(x, self.feature_bits);
        let stays_left = || self.nan_left.as_ref().is_none_or(|nan_left| nan_left[tree.start + place as usize]);
        if x.is_nan() && node.as_leaf().is_none() && !stays_left() { child + 1 } else { child }
    }

    /// The decision value for a sum of path lengths.
    fn decision(&self, sum: f64) -> f64 {
        // A forest of trees of one row has no path lengths; scikit-learn takes their ratio as 1.
        let ratio = if self.denominator > 0.0 { sum / self.denominator } else { 1.0 };
        -(-ratio).exp2() - self.offset
    }

    /// The label for a decision value.
    pub(in crate::model) fn label(&self, decision: f64) -> Label {
        let anomaly = match self.boundary {
            ForestBoundary::Below(level) => decision < level,
            ForestBoundary::AtOrBelow(level) => decision <= level,
        };
        if anomaly { Label::Anomaly } else { Label::Normal }
    }
}
