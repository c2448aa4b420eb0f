//! A plain function of each number.

use ndarray::Array2;

/// A function that numpy calls by the same name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    /// ln(1 + x).
    Log1p,
    /// ln x.
    Log,
    /// √x.
    Sqrt,
    /// |x|.
    Abs,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Log1p, Self::Log, Self::Sqrt, Self::Abs];

    /// What numpy calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log1p => "log1p",
            Self::Log => "log",
            Self::Sqrt => "sqrt",
            Self::Abs => "abs",
        }
    }

    fn of(self, x: f64) -> f64 {
        match self {
            Self::Log1p => x.ln_1p(),
            Self::Log => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Abs => x.abs(),
        }
    }
}

/// scikit-learn's `FunctionTransformer`, where it names one of numpy's functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FunctionTransformer {
    width: usize,
    function: Function,
}

impl FunctionTransformer {
    /// The function, for each number of rows of `width` features.
    pub(in crate::model) fn new(width: usize, function: Function) -> Self {
        Self { width, function }
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The function.
    pub fn function(&self) -> Function {
        self.function
    }

    pub(super) fn apply(&self, mut rows: Array2<f64>) -> Array2<f64> {
        rows.mapv_inplace(|x| self.function.of(x));
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{E, LN_2};

    use ndarray::array;

    use super::*;

    #[test]
    fn each_number_is_taken_by_itself() {
        let of = |function, x: f64| FunctionTransformer::new(1, function).apply(array![[x]])[[0, 0]];
        assert_eq!([of(Function::Log1p, 1.0), of(Function::Log, E)], [LN_2, 1.0]);
        assert_eq!([of(Function::Sqrt, 9.0), of(Function::Abs, -2.0)], [3.0, 2.0]);
        assert!(of(Function::Log, -1.0).is_nan() && of(Function::Log1p, -1.0).is_infinite());
    }
}
