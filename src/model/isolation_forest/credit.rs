//! Which features made a row's paths short.

use super::params::IsolationForest;

impl IsolationForest {
    /// How much each feature shortened the paths of a row of [`width`](Self::width) features, in steps, on average over
    /// the trees. Above 0: the feature made the row stranger than the training rows are on average.
    ///
    /// Every node has an expected path length, the mean over the training rows that came through it. A split of the
    /// row's path is credited to its feature with the expectation before less that after (the decomposition of Saabas,
    /// *Interpreting random forests*, 2014, of path lengths instead of predictions). So the credits add up to exactly
    /// what the row's path is shorter than that of the average training row.
    pub fn path_credit(&self, row: &[f64]) -> Vec<f64> {
        let mut credit = vec![0.0; self.width];
        if row.len() != self.width {
            return credit;
        }
        #[expect(clippy::cast_possible_truncation, reason = "scikit-learn compares in single precision")]
        let row: Vec<f32> = row.iter().map(|x| *x as f32).collect();
        let mut expected = Vec::new();
        for tree in &self.trees {
            let nodes = &self.nodes[tree.start..tree.end];
            // Children stand behind their parents, so from the back they are known before them.
            expected.clear();
            expected.resize(nodes.len(), (0.0, 0.0));
            for (place, node) in nodes.iter().enumerate().rev() {
                expected[place] = match node.as_leaf() {
                    Some(leaf) => (f64::from(self.leaves[leaf].samples), self.leaves[leaf].path_length),
                    None => {
                        let left = node.child(f32::NEG_INFINITY, self.feature_bits) as usize;
                        let ((n, a), (m, b)) = (expected[left], expected[left + 1]);
                        (n + m, (n * a + m * b) / (n + m))
                    }
                };
            }
            let mut place = 0;
            while nodes[place as usize].as_leaf().is_none() {
                let feature = nodes[place as usize].feature(self.feature_bits);
                let next = self.next(tree, place, &row);
                credit[feature] += (expected[place as usize].1 - expected[next as usize].1) / self.trees.len() as f64;
                place = next;
            }
        }
        credit
    }
}
