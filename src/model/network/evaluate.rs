//! Evaluates rows: a block of rows goes through one step after another.

use ndarray::ArrayView2;

use super::operation::{Operand, Operation};
use super::params::{Anomalous, Network, Output, Runtime};

impl Network {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let scores = match (&self.runtime, self.output) {
            (Runtime::Dense(network), Output::Score(_)) => network.first_outputs(rows),
            (Runtime::Dense(network), Output::Reconstruction) => network.errors(rows),
            (Runtime::Program(program), Output::Score(_)) => program.run(rows),
            (Runtime::Program(program), Output::Reconstruction) => {
                let back = program.run(rows);
                let rows = rows.outer_iter().zip(back.chunks_exact(self.width));
                let error = |(row, back): (ndarray::ArrayView1<'_, f64>, &[f64])| {
                    row.iter().zip(back).map(|(x, back)| (x - back) * (x - back)).sum::<f64>() / row.len() as f64
                };
                rows.map(error).collect()
            }
        };
        let mut scores = match self.output.anomalous() {
            Anomalous::Low => scores,
            Anomalous::High => negative(scores),
        };
        for score in &mut scores {
            *score -= self.offset;
        }
        scores
    }
}

fn negative(mut numbers: Vec<f64>) -> Vec<f64> {
    for number in &mut numbers {
        *number = -*number;
    }
    numbers
}

/// The numbers of an operand for all rows of a block.
#[derive(Clone, Copy)]
enum Numbers<'a> {
    /// So many for each row.
    Rows(&'a [f64], usize),
    Same(&'a [f64]),
}

impl<'a> Numbers<'a> {
    fn of(operand: &'a Operand, values: &'a [Vec<f64>], rows: usize) -> Self {
        match operand {
            Operand::Constant(numbers) => Self::Same(numbers),
            Operand::Value(place) => {
                let numbers = values.get(*place).map_or(&[][..], Vec::as_slice);
                Self::Rows(numbers, numbers.len() / rows.max(1))
            }
        }
    }

    fn row(self, row: usize) -> &'a [f64] {
        match self {
            Self::Rows(numbers, size) => &numbers[row * size..(row + 1) * size],
            Self::Same(numbers) => numbers,
        }
    }
}

impl Operation {
    /// The numbers that the step makes for a block of rows: `size` a row.
    pub(super) fn run(&self, values: &[Vec<f64>], rows: usize, size: usize) -> Vec<f64> {
        let numbers = |operand| Numbers::of(operand, values, rows);
        let mut made = Vec::with_capacity(rows * size);
        match self {
            Self::Map(function, of) => {
                let of = numbers(of);
                for row in 0..rows {
                    made.extend(of.row(row).iter().map(|x| function.of(*x)));
                }
            }
            Self::Combine(combination, first, second) => {
                let (first, second) = (numbers(first), numbers(second));
                for row in 0..rows {
                    combine(first.row(row), second.row(row), size, |a, b| combination.of(a, b), &mut made);
                }
            }
            Self::Select(which, first, second) => {
                let (which, first, second) = (numbers(which), numbers(first), numbers(second));
                for row in 0..rows {
                    let choices = again(first.row(row)).zip(again(second.row(row)));
                    let chosen = again(which.row(row)).zip(choices);
                    made.extend(chosen.take(size).map(|(which, (a, b))| if which != 0.0 { a } else { b }));
                }
            }
            Self::Multiply(of, weights) => {
                let of = numbers(of);
                made.resize(rows * size, 0.0);
                let (inputs, outputs) = weights.dim();
                // All rows are multiplied with one line of weights before the next, so that a line is read once for
                // all.
                for (input, line) in weights.rows().into_iter().enumerate() {
                    let Some(line) = line.to_slice() else { continue };
                    for (row, made) in made.chunks_exact_mut(size).enumerate() {
                        let runs = of.row(row).chunks_exact(inputs).zip(made.chunks_exact_mut(outputs));
                        for (run, made) in runs {
                            let x = run[input];
                            for (sum, weight) in made.iter_mut().zip(line) {
                                *sum += x * weight;
                            }
                        }
                    }
                }
            }
            Self::Join(all) => {
                let all: Vec<_> = all.iter().map(numbers).collect();
                for row in 0..rows {
                    all.iter().for_each(|of| made.extend_from_slice(of.row(row)));
                }
            }
            Self::Pick(of, places) => {
                let of = numbers(of);
                for row in 0..rows {
                    let row = of.row(row);
                    made.extend(places.iter().map(|place| row.get(*place as usize).copied().unwrap_or(f64::NAN)));
                }
            }
            Self::Fold(fold, length, of) => {
                let of = numbers(of);
                for row in 0..rows {
                    made.extend(of.row(row).chunks_exact(*length).map(|run| fold.of(run)));
                }
            }
            Self::Normalise(norm, length, of) => {
                let of = numbers(of);
                for row in 0..rows {
                    made.extend_from_slice(of.row(row));
                }
                made.chunks_exact_mut(*length).for_each(|run| norm.apply(run));
            }
        }
        made
    }
}

/// The numbers, again and again.
fn again(numbers: &[f64]) -> impl Iterator<Item = f64> {
    numbers.iter().copied().cycle()
}

/// Two runs of numbers become one of `size`.
fn combine(first: &[f64], second: &[f64], size: usize, each: impl Fn(f64, f64) -> f64, made: &mut Vec<f64>) {
    match (first, second) {
        (_, [b]) if first.len() == size => made.extend(first.iter().map(|a| each(*a, *b))),
        ([a], _) if second.len() == size => made.extend(second.iter().map(|b| each(*a, *b))),
        _ if first.len() == size && second.len() == size => {
            made.extend(first.iter().zip(second).map(|(a, b)| each(*a, *b)));
        }
        _ => made.extend(again(first).zip(again(second)).take(size).map(|(a, b)| each(a, b))),
    }
}
