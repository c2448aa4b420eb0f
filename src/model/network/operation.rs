//! The operations that a step of a program does on the numbers of a row.

use std::sync::Arc;

use ndarray::Array2;

use super::function::{Function, truth};
use super::interval::Interval;

/// Where an operation takes its numbers.
#[derive(Clone, Debug)]
pub(in crate::model) enum Operand {
    /// The numbers of this value for the row. The first value is the row itself.
    Value(usize),
    /// The same for every row.
    Constant(Arc<[f64]>),
}

/// One step. When several operands are combined number by number, a shorter one is repeated.
#[derive(Clone, Debug)]
pub(in crate::model) enum Operation {
    /// A function of each number.
    Map(Function, Operand),
    /// Combines two numbers into one.
    Combine(Combination, Operand, Operand),
    /// The numbers of the second operand where the first is true, and of the third elsewhere.
    Select(Operand, Operand, Operand),
    /// Multiplies each run of numbers, as long as the matrix has rows, with the matrix.
    Multiply(Operand, Arc<Array2<f64>>),
    /// The numbers of all operands, one after another.
    Join(Vec<Operand>),
    /// The numbers at these places.
    Pick(Operand, Arc<[u32]>),
    /// Folds each run of this many numbers into one.
    Fold(Fold, usize, Operand),
    /// Each run of so many numbers becomes another.
    Normalise(Norm, usize, Operand),
}

/// How two numbers are combined into one. A truth value is 1 or 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model) enum Combination {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// The quotient without its fraction.
    DivideWhole,
    Power,
    Least,
    Greatest,
    /// The first number; times the second where it is below 0.
    Slope,
    Equal,
    Less,
    LessOrEqual,
    And,
    Or,
    Xor,
}

/// How a run of numbers is folded into one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model) enum Fold {
    Sum,
    Mean,
    Product,
    Least,
    Greatest,
    /// The sum of the magnitudes.
    Length1,
    /// The root of the sum of the squares.
    Length2,
    SumOfSquares,
    LogOfSum,
    LogOfSumOfPowers,
}

/// How a run of numbers becomes another.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::model) enum Norm {
    /// e to the power of each number, over the sum of all these.
    Softmax,
    /// The logarithm of the softmax.
    LogSoftmax,
    /// Each number less the mean, over the root of the variance plus `epsilon`.
    Standardise { epsilon: f64 },
}

impl Operand {
    /// The constant; `None` for a value that depends on the row.
    pub(in crate::model) fn constant(&self) -> Option<&Arc<[f64]>> {
        match self {
            Self::Value(_) => None,
            Self::Constant(numbers) => Some(numbers),
        }
    }
}

impl Operation {
    /// Its operands.
    pub(in crate::model) fn operands(&self) -> Vec<&Operand> {
        match self {
            Self::Map(_, of)
            | Self::Multiply(of, _)
            | Self::Pick(of, _)
            | Self::Fold(_, _, of)
            | Self::Normalise(_, _, of) => vec![of],
            Self::Combine(_, first, second) => vec![first, second],
            Self::Select(which, first, second) => vec![which, first, second],
            Self::Join(all) => all.iter().collect(),
        }
    }

    /// Its operands.
    pub(super) fn operands_mut(&mut self) -> Vec<&mut Operand> {
        match self {
            Self::Map(_, of)
            | Self::Multiply(of, _)
            | Self::Pick(of, _)
            | Self::Fold(_, _, of)
            | Self::Normalise(_, _, of) => vec![of],
            Self::Combine(_, first, second) => vec![first, second],
            Self::Select(which, first, second) => vec![which, first, second],
            Self::Join(all) => all.iter_mut().collect(),
        }
    }

    /// About how many additions it costs a row to make `size` numbers.
    pub(in crate::model) fn work(&self, size: usize) -> usize {
        let each = match self {
            Self::Map(function, _) => function.work(),
            Self::Combine(Combination::Power, ..) => 32,
            Self::Select(..) => 4,
            Self::Combine(..) | Self::Join(_) | Self::Pick(..) => 1,
            Self::Multiply(_, weights) => weights.nrows(),
            Self::Fold(Fold::LogOfSumOfPowers, length, _) => length.saturating_mul(16),
            Self::Fold(_, length, _) => *length,
            Self::Normalise(Norm::Standardise { .. }, ..) => 4,
            Self::Normalise(..) => 20,
        };
        size.saturating_mul(each).saturating_add(size)
    }

    /// The memory that it holds, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let constants =
            self.operands().into_iter().filter_map(Operand::constant).map(|numbers| size_of_val(&**numbers));
        let own = match self {
            Self::Multiply(_, weights) => size_of::<f64>() * weights.len(),
            Self::Pick(_, places) => size_of_val(&**places),
            _ => 0,
        };
        constants.sum::<usize>() + own
    }

    /// The interval of the result's numbers, given those of the operands, in their order.
    pub(super) fn range(&self, of: &[Interval]) -> Interval {
        match (self, of) {
            (Self::Map(function, _), [of]) => function.range(*of),
            (Self::Combine(Combination::Multiply, Operand::Value(first), Operand::Value(second)), [of, _])
                if first == second =>
            {
                of.square()
            }
            (Self::Combine(combination, ..), [first, second]) => combination.range(*first, *second),
            (Self::Select(..), [_, first, second]) => first.or(*second),
            (Self::Multiply(_, weights), [of]) => product(*of, weights),
            (Self::Join(_), [first, rest @ ..]) => rest.iter().fold(*first, |all, range| all.or(*range)),
            (Self::Pick(..), [of]) => *of,
            (Self::Fold(fold, length, _), [of]) => fold.range(*of, *length),
            (Self::Normalise(norm, length, _), _) => norm.range(*length),
            _ => Interval::ALL,
        }
    }
}

/// The interval of weighted sums of numbers in `of`.
fn product(of: Interval, weights: &Array2<f64>) -> Interval {
    let mut all: Option<Interval> = None;
    for column in weights.columns() {
        // A weight's sign decides which bound of the interval it takes for the upper sum, and which for the lower.
        let (mut up, mut down) = (0.0, 0.0);
        for weight in column {
            if *weight > 0.0 { up += weight } else { down += weight }
        }
        let at = |number: f64, weight: f64| Interval::new(number, number).times(Interval::new(weight, weight)).low;
        let range = Interval::new(at(of.low, up) + at(of.high, down), at(of.high, up) + at(of.low, down));
        all = Some(all.map_or(range, |all| all.or(range)));
    }
    all.unwrap_or(Interval::ALL)
}

impl Combination {
    /// The result for two numbers.
    #[inline]
    pub(super) fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::DivideWhole => (a / b).trunc(),
            Self::Power => a.powf(b),
            // NaN is passed on.
            Self::Least => {
                if a < b || a.is_nan() {
                    a
                } else {
                    b
                }
            }
            Self::Greatest => {
                if a > b || a.is_nan() {
                    a
                } else {
                    b
                }
            }
            Self::Slope => {
                if a < 0.0 {
                    a * b
                } else {
                    a
                }
            }
            #[expect(clippy::float_cmp, reason = "this is what a network asks for")]
            Self::Equal => truth(a == b),
            Self::Less => truth(a < b),
            Self::LessOrEqual => truth(a <= b),
            Self::And => truth(a != 0.0 && b != 0.0),
            Self::Or => truth(a != 0.0 || b != 0.0),
            Self::Xor => truth((a != 0.0) != (b != 0.0)),
        }
    }

    fn range(self, a: Interval, b: Interval) -> Interval {
        match self {
            Self::Add => a.plus(b),
            Self::Subtract => a.plus(b.negative()),
            Self::Multiply => a.times(b),
            Self::Divide => a.times(b.reciprocal()),
            Self::DivideWhole => a.times(b.reciprocal()).rising(f64::trunc),
            Self::Power => a.power(b),
            Self::Least => Interval::new(a.low.min(b.low), a.high.min(b.high)),
            Self::Greatest => Interval::new(a.low.max(b.low), a.high.max(b.high)),
            Self::Slope => a.or(Interval::new(a.low.min(0.0), 0.0).times(b)),
            Self::Equal | Self::Less | Self::LessOrEqual | Self::And | Self::Or | Self::Xor => Interval::new(0.0, 1.0),
        }
    }
}

impl Fold {
    /// The result for a run of numbers.
    pub(super) fn of(self, run: &[f64]) -> f64 {
        let sum = |each: fn(f64) -> f64| run.iter().map(|x| each(*x)).sum::<f64>();
        match self {
            Self::Sum => sum(|x| x),
            Self::Mean => sum(|x| x) / run.len() as f64,
            Self::Product => run.iter().product(),
            Self::Least => run.iter().copied().fold(f64::INFINITY, |a, b| Combination::Least.of(a, b)),
            Self::Greatest => run.iter().copied().fold(f64::NEG_INFINITY, |a, b| Combination::Greatest.of(a, b)),
            Self::Length1 => sum(f64::abs),
            Self::Length2 => sum(|x| x * x).sqrt(),
            Self::SumOfSquares => sum(|x| x * x),
            Self::LogOfSum => sum(|x| x).ln(),
            Self::LogOfSumOfPowers => {
                let greatest = Self::Greatest.of(run);
                match greatest.is_finite() {
                    true => greatest + run.iter().map(|x| (x - greatest).exp()).sum::<f64>().ln(),
                    false => greatest,
                }
            }
        }
    }

    fn range(self, of: Interval, length: usize) -> Interval {
        let count = length as f64;
        let times = |of: Interval| of.times(Interval::new(count, count));
        match self {
            Self::Sum => times(of),
            Self::Mean | Self::Least | Self::Greatest => of,
            Self::Product if of.low >= 0.0 => Interval { low: 0.0, high: f64::INFINITY },
            Self::Product => Interval::ALL,
            Self::Length1 => times(of.magnitude()),
            Self::Length2 => times(of.square()).rising(f64::sqrt),
            Self::SumOfSquares => times(of.square()),
            Self::LogOfSum => Function::Log.range(times(of)),
            Self::LogOfSumOfPowers => of.rising(|x| x + count.ln()),
        }
    }
}

impl Norm {
    /// Changes a run of numbers.
    pub(super) fn apply(self, run: &mut [f64]) {
        match self {
            Self::Softmax => {
                let greatest = Fold::Greatest.of(run);
                let mut sum = 0.0;
                for x in &mut *run {
                    *x = (*x - greatest).exp();
                    sum += *x;
                }
                for x in run {
                    *x /= sum;
                }
            }
            Self::LogSoftmax => {
                let sum = Fold::LogOfSumOfPowers.of(run);
                for x in run {
                    *x -= sum;
                }
            }
            Self::Standardise { epsilon } => {
                let mean = Fold::Mean.of(run);
                let variance = run.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / run.len() as f64;
                let scale = (variance + epsilon).sqrt();
                for x in run {
                    *x = (*x - mean) / scale;
                }
            }
        }
    }

    fn range(self, length: usize) -> Interval {
        match self {
            Self::Softmax => Interval::new(0.0, 1.0),
            Self::LogSoftmax => Interval::new(f64::NEG_INFINITY, 0.0),
            Self::Standardise { epsilon } if epsilon >= 0.0 => {
                let furthest = (length as f64).sqrt();
                Interval::new(-furthest, furthest)
            }
            Self::Standardise { .. } => Interval::ALL,
        }
    }
}
