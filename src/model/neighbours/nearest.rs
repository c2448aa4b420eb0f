//! The nearest rows that were seen so far.

/// A heap of the nearest rows, with the farthest on top. Of two equally far rows, the order in which they came decides
/// which has to go, exactly as in scikit-learn's `heap_push`.
#[derive(Debug)]
pub(super) struct Nearest {
    /// The measures of their distances, and their indices among the training rows.
    rows: Vec<(f64, usize)>,
}

impl Nearest {
    /// Room for so many rows.
    pub(super) fn of(count: usize) -> Self {
        Self { rows: vec![(f64::INFINITY, 0); count] }
    }

    pub(super) fn clear(&mut self) {
        self.rows.fill((f64::INFINITY, 0));
    }

    /// How far the farthest is.
    pub(super) fn farthest(&self) -> f64 {
        self.rows[0].0
    }

    pub(super) fn rows(&self) -> &[(f64, usize)] {
        &self.rows
    }

    /// Takes in a row that is nearer than the farthest, which is removed.
    pub(super) fn push(&mut self, distance: f64, row: usize) {
        let rows = &mut self.rows[..];
        let mut place = 0;
        loop {
            let left = 2 * place + 1;
            let child = match rows.get(left..) {
                Some([left_row, right_row, ..]) if left_row.0 < right_row.0 => left + 1,
                Some([_, ..]) => left,
                _ => break,
            };
            if rows[child].0 <= distance {
                break;
            }
            rows[place] = rows[child];
            place = child;
        }
        rows[place] = (distance, row);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_nearest_rows_stay(distances in proptest::collection::vec(0_u8..20, 1..60), count in 1_usize..20) {
            let mut nearest = Nearest::of(count.min(distances.len()));
            for (row, distance) in distances.iter().enumerate() {
                if f64::from(*distance) < nearest.farthest() {
                    nearest.push(f64::from(*distance), row);
                }
            }
            let mut found: Vec<_> = nearest.rows().iter().map(|(distance, _)| *distance).collect();
            found.sort_by(f64::total_cmp);
            let mut expected: Vec<_> = distances.iter().map(|distance| f64::from(*distance)).collect();
            expected.sort_by(f64::total_cmp);
            expected.truncate(count);
            prop_assert_eq!(found, expected);
            let distance_of = |row: usize| f64::from(distances[row]);
            prop_assert!(nearest.rows().iter().all(|(distance, row)| distance_of(*row).total_cmp(distance).is_eq()));
        }
    }
}
