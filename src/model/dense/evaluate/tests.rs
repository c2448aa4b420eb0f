//! Rows give what the formula gives, whatever the instructions, the neighbouring rows and their number.

use ndarray::{Array1, Array2, Axis};
use proptest::prelude::*;

use super::super::{Activation, Layer};
use super::*;
use crate::model::Invalid;
use crate::model::invalid::parameter;

type Layers = Vec<(Layer, Activation)>;

fn dense(layers: &[(Layer, Activation)]) -> Result<Dense, Invalid> {
    Dense::new(layers, parameter("network", "weights"), parameter("network", "biases"))
}

fn activations() -> impl Strategy<Value = Activation> {
    prop_oneof![
        Just(Activation::Identity),
        Just(Activation::Relu),
        (0.0..1.0).prop_map(|slope| Activation::LeakyRelu { slope }),
        (0.0..1.0).prop_map(|alpha| Activation::Elu { alpha }),
        Just(Activation::Tanh),
        Just(Activation::Logistic),
    ]
}

fn layer(inputs: usize, outputs: usize) -> impl Strategy<Value = (Layer, Activation)> {
    let numbers = |count| proptest::collection::vec(-2.0..2.0_f64, count);
    (numbers(inputs * outputs), numbers(outputs), activations()).prop_map(move |(weights, biases, activation)| {
        let weights = Array2::from_shape_vec((inputs, outputs), weights).unwrap();
        (Layer { weights, biases: biases.into() }, activation)
    })
}

/// Layers that give as many numbers as they take, and rows: every number of blocks, of rows in a tile, and several
/// batches.
fn case() -> impl Strategy<Value = (Layers, Array2<f64>)> {
    (1..70_usize, proptest::collection::vec(1..50_usize, 0..3), 1..30_usize).prop_flat_map(|(width, hidden, rows)| {
        let widths: Vec<_> = [width].into_iter().chain(hidden).chain([width]).collect();
        let layers: Vec<_> = widths.windows(2).map(|pair| layer(pair[0], pair[1])).collect();
        let number = prop_oneof![30 => -3.0..3.0, 1 => -1e3..1e3, 1 => Just(0.0)];
        let rows = proptest::collection::vec(number, rows * width)
            .prop_map(move |numbers| Array2::from_shape_vec((rows, width), numbers).unwrap());
        (layers, rows)
    })
}

fn activated(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Identity => x,
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu { slope } => x.max(slope * x),
        Activation::Elu { alpha } if x < 0.0 => alpha * x.exp_m1(),
        Activation::Elu { .. } => x,
        Activation::Tanh => x.tanh(),
        Activation::Logistic => 1.0 / (1.0 + (-x).exp()),
    }
}

/// What a row gives, number by number, and the size of the summands: sizes without signs, because no activation is
/// steeper than 1.
fn plainly(layers: &[(Layer, Activation)], row: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut values, mut sizes) = (row.to_vec(), row.iter().map(|x| x.abs()).collect::<Vec<_>>());
    for (layer, activation) in layers {
        let (before, sizes_before) = (values, sizes);
        (values, sizes) = (0..layer.biases.len())
            .map(|output| {
                let (mut sum, mut size) = (layer.biases[output], layer.biases[output].abs());
                for (input, x) in before.iter().enumerate() {
                    sum += x * layer.weights[[input, output]];
                    size += sizes_before[input] * layer.weights[[input, output]].abs();
                }
                (activated(*activation, sum), size + 1.0)
            })
            .unzip();
    }
    (values, sizes)
}

/// The error that rounding may cause, in units in the last place of the sum of the summands' sizes.
const UNITS: f64 = 64.0;

proptest! {
    #[test]
    fn rows_come_out_as_a_plain_loop_has_them((layers, rows) in case()) {
        let network = dense(&layers).unwrap();
        for instructions in Instructions::all() {
            let outputs = network.answers(instructions, rows.view(), Answer::Output);
            let errors = network.answers(instructions, rows.view(), Answer::Error);
            prop_assert_eq!((outputs.len(), errors.len()), (rows.nrows(), rows.nrows()));
            for ((row, output), error) in rows.outer_iter().zip(outputs).zip(errors) {
                let (expected, sizes) = plainly(&layers, &row.to_vec());
                let off = |place: usize| UNITS * f64::EPSILON * (sizes[place] + row[place].abs());
                prop_assert!((output - expected[0]).abs() <= off(0), "{instructions:?}: {output} for {}", expected[0]);
                let (mut sum, mut allowed) = (0.0, 0.0);
                for (place, (x, back)) in row.iter().zip(&expected).enumerate() {
                    let difference = (x - back).abs();
                    sum += difference * difference;
                    allowed += off(place) * (2.0 * difference + off(place)) + UNITS * f64::EPSILON * difference * difference;
                }
                let width = row.len() as f64;
                prop_assert!((error - sum / width).abs() <= allowed / width, "{instructions:?}: {error} for {}", sum / width);
            }
        }
    }

    #[test]
    fn a_row_comes_out_as_if_it_were_alone((layers, rows) in case()) {
        let network = dense(&layers).unwrap();
        for instructions in Instructions::all() {
            for answer in [Answer::Error, Answer::Output] {
                let together = network.answers(instructions, rows.view(), answer);
                let alone = rows.outer_iter().map(|row| network.answers(instructions, row.insert_axis(Axis(0)), answer)[0]);
                prop_assert!(alone.zip(&together).all(|(a, b)| a.to_bits() == b.to_bits()), "{instructions:?}");
            }
        }
    }

    /// This makes a window scored on one machine the same on another.
    #[test]
    fn all_instructions_agree_to_the_last_bit((layers, rows) in case()) {
        let network = dense(&layers).unwrap();
        let answers: Vec<Vec<u64>> = Instructions::all()
            .into_iter()
            .map(|instructions| {
                network.answers(instructions, rows.view(), Answer::Error).into_iter().map(f64::to_bits).collect()
            })
            .collect();
        prop_assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn the_layers_come_back_as_they_were_given((layers, _) in case()) {
        let given: Vec<_> = layers.iter().map(|(layer, _)| layer.clone()).collect();
        prop_assert_eq!(dense(&layers).unwrap().layers(), given);
    }
}

#[test]
fn activations_are_exact_near_zero_and_far_out() {
    let near = (0..20_000).map(|step| -40.0 + f64::from(step) * 0.004);
    let xs: Vec<f64> = near.chain([0.0, 1e-300, -1e-9, 1e-5, 699.0, -699.0, 1e4, -1e4, 1e300, -1e300]).collect();
    let rows = Array2::from_shape_vec((xs.len(), 1), xs.clone()).unwrap();
    for activation in [
        Activation::Identity,
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.01 },
        Activation::Elu { alpha: 1.5 },
        Activation::Tanh,
        Activation::Logistic,
    ] {
        let one = Layer { weights: Array2::ones((1, 1)), biases: Array1::zeros(1) };
        let network = dense(&[(one, activation)]).unwrap();
        for instructions in Instructions::all() {
            for (x, found) in xs.iter().zip(network.answers(instructions, rows.view(), Answer::Output)) {
                let expected = activated(activation, *x);
                let units = (found - expected).abs() / expected.abs().max(1e-280) / f64::EPSILON;
                // eˣ − 1 begins with 1 subtracted from a rounded root of two. The rest may be as small as 1/47 of the
                // root, and then the root's rounding counts 47 times.
                assert!(units <= 16.0, "{activation:?} of {x} by {instructions:?}: {found} for {expected}");
            }
        }
    }
}

#[test]
fn no_row_comes_to_nothing() {
    let layer = Layer { weights: Array2::ones((3, 3)), biases: Array1::zeros(3) };
    let network = dense(&[(layer, Activation::Relu)]).unwrap();
    assert!(network.errors(Array2::zeros((0, 3)).view()).is_empty());
    // Rows that are not contiguous in memory are read correctly.
    let columns = Array2::from_shape_fn((3, 4), |(feature, row)| (feature + row) as f64);
    assert_eq!(network.errors(columns.t()), network.errors(columns.t().as_standard_layout().view()));
}

#[test]
fn layers_that_do_not_fit_together_are_refused() {
    let layer = |inputs, outputs, biases| {
        (Layer { weights: Array2::zeros((inputs, outputs)), biases: Array1::zeros(biases) }, Activation::Relu)
    };
    assert!(dense(&[layer(2, 3, 3), layer(3, 1, 1)]).is_ok());
    for layers in [
        vec![],
        vec![layer(0, 1, 1)],
        vec![layer(1, 0, 0)],
        vec![layer(2, 3, 2)],
        vec![layer(2, 3, 4)],
        vec![layer(2, 3, 3), layer(2, 1, 1)],
        vec![layer(2, 3, 3), layer(3, 0, 0), layer(0, 2, 2)],
    ] {
        assert!(dense(&layers).is_err(), "{layers:?}");
    }
    for number in [f64::NAN, f64::INFINITY] {
        let mut layers = vec![layer(2, 3, 3)];
        layers[0].0.weights[[1, 2]] = number;
        assert!(dense(&layers).is_err());
        layers[0].0.weights[[1, 2]] = 0.0;
        layers[0].0.biases[1] = number;
        assert!(dense(&layers).is_err());
        layers[0].0.biases[1] = 0.0;
        layers[0].1 = Activation::LeakyRelu { slope: number };
        assert!(dense(&layers).is_err());
    }
}
