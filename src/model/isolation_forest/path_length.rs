//! How many splits more would isolate the rows of a leaf.

/// c(n), the average path length of an unsuccessful search in a binary search tree of n rows, as successive versions of
/// scikit-learn compute it. A forest is evaluated by the rule of the version that trained it, because its boundary was
/// set by that rule.
///
/// A variant is named after the version that introduced the rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathLength {
    /// Up to 0.18: 2 (ln n + 0.5772156649) − 2 (n − 1) / n, and 1 for a single row.
    Version018,
    /// 0.19 and 0.20: 2 (ln(n − 1) + γ) − 2 (n − 1) / n, and 1 for a single row.
    Version019,
    /// From 0.21 on: as before, but 0 for a single row and 1 for two.
    Current,
}

impl PathLength {
    /// c(n).
    pub(in crate::model) fn of(self, rows: u32) -> f64 {
        let n = f64::from(rows);
        // Written as scikit-learn writes it, so that it rounds alike.
        let harmonic = |sum: f64| 2.0 * sum - 2.0 * (n - 1.0) / n;
        match (self, rows) {
            (Self::Version018 | Self::Version019, 0 | 1) | (Self::Current, 2) => 1.0,
            (Self::Current, 0 | 1) => 0.0,
            (Self::Version018, _) => harmonic(n.ln() + 0.577_215_664_9),
            (Self::Version019 | Self::Current, _) => harmonic((n - 1.0).ln() + EULER_GAMMA),
        }
    }
}

const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_of_few_rows_is_counted_as_its_version_does() {
        let lengths = |rule: PathLength| [1, 2, 3].map(|rows| (rule.of(rows) * 1e6).round() / 1e6);
        assert_eq!(lengths(PathLength::Current), [0.0, 1.0, 1.207_392]);
        assert_eq!(lengths(PathLength::Version019), [1.0, 0.154_431, 1.207_392]);
        assert_eq!(lengths(PathLength::Version018), [1.0, 1.540_726, 2.018_323]);
    }

    #[test]
    fn the_usual_sample_takes_ten_splits() {
        // As sklearn.ensemble._iforest._average_path_length([256]) has it.
        assert!((PathLength::Current.of(256) - 10.244770920119917).abs() < 1e-14);
    }
}
