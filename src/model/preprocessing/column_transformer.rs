//! Steps for some of the features each, their results side by side.

use ndarray::{Array2, Axis, s};

use super::{MAX_WIDTH, Step, centre, usual};
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "ColumnTransformer";

/// Steps for some of the features.
#[derive(Clone, PartialEq, Debug)]
pub struct Branch {
    /// The features that the steps take, counted from zero, in this order.
    pub columns: Vec<usize>,
    /// The steps, in order; empty when the features pass through unchanged.
    pub steps: Vec<Step>,
    /// The factor of the result: 1 unless set otherwise.
    pub weight: f64,
}

impl Branch {
    pub(in crate::model) fn output_width(&self) -> usize {
        self.steps.last().map_or(self.columns.len(), Step::output_width)
    }

    /// Checks that each step fits the one before it.
    fn fits_together(&self) -> Result<(), Invalid> {
        let mut width = self.columns.len();
        for step in &self.steps {
            if step.width() != width {
                let found = format!("{} of {} features behind one of {width}", step.name(), step.width());
                return Err(parameter(NAME, "transformers_").invalid(found, "steps that were fitted together"));
            }
            width = step.output_width();
        }
        Ok(())
    }
}

/// scikit-learn's `ColumnTransformer`, fitted; also its `FeatureUnion`, where each branch takes all features.
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnTransformer {
    width: usize,
    branches: Box<[Branch]>,
}

impl ColumnTransformer {
    /// Branches of rows of `width` features. A feature that none of them takes is left out.
    ///
    /// When a column is not there, steps do not fit together, a weight is not finite, or no feature or too many come
    /// out.
    pub(in crate::model) fn new(width: usize, branches: Vec<Branch>) -> Result<Self, Invalid> {
        let columns = parameter(NAME, "columns");
        let mut output_width = 0_usize;
        for branch in &branches {
            if let Some(beyond) = branch.columns.iter().find(|column| **column >= width) {
                return Err(columns.invalid(beyond, format!("one of the {width} features, counted from 0")));
            }
            columns.width(branch.columns.len())?;
            parameter(NAME, "transformer_weights").finite(branch.weight)?;
            branch.fits_together()?;
            output_width = output_width.saturating_add(branch.output_width());
        }
        if !(1..=MAX_WIDTH).contains(&output_width) {
            let found = format!("{output_width} features in all");
            return Err(parameter(NAME, "transformers_").invalid(found, format!("between 1 and {MAX_WIDTH}")));
        }
        Ok(Self { width, branches: branches.into() })
    }

    /// The number of features of an input row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of features of an output row.
    pub fn output_width(&self) -> usize {
        self.branches.iter().map(Branch::output_width).sum()
    }

    /// The branches, in the order in which their results stand.
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let of = |branch: &Branch| {
            let steps = branch.steps.iter().map(|step| size_of::<Step>() + step.heap_bytes()).sum::<usize>();
            size_of_val(&*branch.columns) + steps
        };
        size_of_val(&*self.branches) + self.branches.iter().map(of).sum::<usize>()
    }

    /// The centres that the branches know. A feature that no branch takes may be anything: it moves nothing.
    pub(super) fn centre(&self) -> Option<Vec<f64>> {
        self.assembled(0.0, centre)
    }

    pub(super) fn usual(&self) -> Option<Vec<(f64, f64)>> {
        self.assembled((f64::NEG_INFINITY, f64::INFINITY), usual)
    }

    /// What the branches know of their features; `untaken` for a feature that no branch takes. `None` when a feature is
    /// not known; when two branches take the same feature, either may know it.
    fn assembled<T: Clone>(&self, untaken: T, of: impl Fn(&[Step]) -> Option<Vec<T>>) -> Option<Vec<T>> {
        let mut known = vec![None; self.width];
        let mut taken = vec![false; self.width];
        for branch in &self.branches {
            let values = of(&branch.steps);
            for (place, column) in branch.columns.iter().enumerate() {
                taken[*column] = true;
                if known[*column].is_none() {
                    known[*column] = values.as_ref().and_then(|values| values.get(place).cloned());
                }
            }
        }
        let or_untaken = |(value, taken): (Option<T>, bool)| if taken { value } else { Some(untaken.clone()) };
        known.into_iter().zip(taken).map(or_untaken).collect()
    }

    pub(super) fn apply(&self, rows: Array2<f64>) -> Array2<f64> {
        let mut joined = Array2::zeros((rows.nrows(), self.output_width()));
        let mut start = 0;
        for branch in &self.branches {
            let columns = rows.select(Axis(1), &branch.columns);
            let prepared = branch.steps.iter().fold(columns, |rows, step| step.apply(rows));
            let end = start + prepared.ncols();
            // A weight of 0 would make NaN of an infinity.
            let weighted = prepared.mapv_into(|x| if x.is_infinite() { x } else { x * branch.weight });
            joined.slice_mut(s![.., start..end]).assign(&weighted);
            start = end;
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::model::preprocessing::{Pca, PcaParams, RobustScaler, StandardScaler};

    fn scaler(mean: f64, scale: f64) -> Step {
        Step::StandardScaler(StandardScaler::new(1, Some(vec![mean]), Some(vec![scale])).unwrap())
    }

    fn branch(columns: &[usize], steps: &[Step]) -> Branch {
        Branch { columns: columns.to_vec(), steps: steps.to_vec(), weight: 1.0 }
    }

    #[test]
    fn results_stand_side_by_side_in_the_order_of_the_branches() {
        let branches = vec![branch(&[2], &[scaler(1.0, 2.0)]), branch(&[1, 0], &[])];
        let transformer = ColumnTransformer::new(4, branches).unwrap();
        assert_eq!((transformer.width(), transformer.output_width()), (4, 3));
        assert_eq!(transformer.apply(array![[1.0, 2.0, 5.0, 9.0]]), array![[2.0, 2.0, 1.0]]);
    }

    #[test]
    fn a_weight_multiplies_the_result() {
        let weighted = Branch { weight: -2.0, ..branch(&[0, 1], &[]) };
        assert_eq!(ColumnTransformer::new(2, vec![weighted]).unwrap().apply(array![[1.0, 3.0]]), array![[-2.0, -6.0]]);
    }

    #[test]
    fn a_branch_may_change_the_width() {
        let pca = Pca::new(&PcaParams { mean: vec![1.0, 1.0], components: vec![0.6, 0.8], whiten: None }).unwrap();
        let transformer =
            ColumnTransformer::new(2, vec![branch(&[0, 1], &[Step::Pca(pca), scaler(0.0, 2.0)]), branch(&[1], &[])])
                .unwrap();
        assert_eq!(transformer.output_width(), 2);
        assert_eq!(transformer.apply(array![[6.0, 11.0]]), array![[5.5, 11.0]]);
    }

    #[test]
    fn what_is_usual_is_put_together_from_the_branches() {
        let robust = RobustScaler::new(1, Some(vec![5.0]), Some(vec![1.0])).unwrap();
        let branches = vec![branch(&[2], &[scaler(1.0, 2.0)]), branch(&[0], &[Step::RobustScaler(robust)])];
        let transformer = ColumnTransformer::new(3, branches).unwrap();
        assert_eq!(transformer.centre(), Some(vec![5.0, 0.0, 1.0]));
        let anything = (f64::NEG_INFINITY, f64::INFINITY);
        assert_eq!(transformer.usual(), Some(vec![(4.0, 6.0), anything, (-3.0, 5.0)]));
    }

    #[test]
    fn a_feature_that_passes_through_is_known_only_by_another_branch() {
        let passing = branch(&[0, 1], &[]);
        let half = vec![passing.clone(), branch(&[0], &[scaler(1.0, 2.0)])];
        assert_eq!(ColumnTransformer::new(2, half).unwrap().centre(), None);
        let all = vec![passing, branch(&[0], &[scaler(1.0, 2.0)]), branch(&[1], &[scaler(3.0, 2.0)])];
        assert_eq!(ColumnTransformer::new(2, all).unwrap().centre(), Some(vec![1.0, 3.0]));
    }

    #[test]
    fn branches_that_do_not_fit_are_refused() {
        for (wrong, reason) in [
            (vec![branch(&[2], &[])], "is 2, expected one of the 2 features"),
            (vec![branch(&[0, 1], &[scaler(0.0, 1.0)])], "StandardScaler of 1 features behind one of 2"),
            (vec![Branch { weight: f64::NAN, ..branch(&[0], &[]) }], "transformer_weights"),
            (vec![], "0 features in all"),
            (vec![branch(&[0; MAX_WIDTH], &[]), branch(&[1], &[])], "65537 features in all"),
        ] {
            let error = ColumnTransformer::new(2, wrong).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
