//! The error of each row.

use ndarray::{Array2, ArrayView2, Axis};

use super::params::{Activation, Autoencoder};

impl Autoencoder {
    /// The decision values of rows of [`width`](Self::width) features.
    pub(in crate::model) fn decide(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let features = self.width() as f64;
        let mut residual = self.output(rows);
        residual -= &rows;
        residual
            .axis_iter(Axis(0))
            .map(|row| {
                self.boundary.decision(row.iter().map(|difference| difference * difference).sum::<f64>() / features)
            })
            .collect()
    }

    /// What the network makes of the rows.
    fn output(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut values = rows.to_owned();
        for (index, layer) in self.layers.iter().enumerate() {
            values = values.dot(&layer.weights);
            values += &layer.biases;
            if index + 1 < self.layers.len() {
                self.activation.apply(&mut values);
            }
        }
        values
    }
}

impl Activation {
    fn apply(self, values: &mut Array2<f64>) {
        match self {
            Self::Identity => {}
            // NaN stays NaN, as with numpy: `f64::max` would hide it.
            Self::Relu => values.mapv_inplace(|x| if x < 0.0 { 0.0 } else { x }),
            Self::Tanh => values.mapv_inplace(f64::tanh),
            Self::Logistic => values.mapv_inplace(|x| 1.0 / (1.0 + (-x).exp())),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::super::{Layer, Params};
    use super::*;
    use crate::model::Invalid;

    fn network(activation: Activation) -> Params {
        let through = |weight: f64, bias: f64| Layer { weights: array![[weight]], biases: array![bias] };
        Params { layers: vec![through(1.0, 0.0), through(2.0, 1.0)], activation, offset: Some(-1.0) }
    }

    #[test]
    fn hidden_layers_are_activated_and_the_last_is_not() {
        for (activation, hidden) in [
            (Activation::Identity, -2.0),
            (Activation::Relu, 0.0),
            (Activation::Tanh, (-2.0_f64).tanh()),
            (Activation::Logistic, 1.0 / (1.0 + 2.0_f64.exp())),
        ] {
            let found = Autoencoder::new(network(activation)).unwrap().decide(array![[-2.0]].view());
            let residual: f64 = 2.0 * hidden + 1.0 + 2.0;
            assert_eq!(found, [1.0 - residual * residual], "{activation:?}");
            assert_eq!(Activation::named(activation.name()), Some(activation));
        }
    }

    #[test]
    fn a_network_that_does_not_give_back_its_input_is_refused() {
        let layer = |inputs, outputs, biases| Layer {
            weights: Array2::zeros((inputs, outputs)),
            biases: ndarray::Array1::zeros(biases),
        };
        let refused = |layers| -> Result<(), Invalid> {
            Autoencoder::new(Params { layers, activation: Activation::Relu, offset: None }).map(|_| ())
        };
        assert_eq!(refused(vec![layer(2, 1, 1), layer(1, 2, 2)]), Ok(()));
        for layers in [
            vec![],
            vec![layer(0, 0, 0)],
            vec![layer(2, 1, 1)],
            vec![layer(2, 0, 0), layer(0, 2, 2)],
            vec![layer(2, 1, 1), layer(2, 2, 2)],
            vec![layer(2, 2, 1)],
        ] {
            assert!(refused(layers.clone()).is_err(), "{layers:?}");
        }
        let mut bad = network(Activation::Relu);
        bad.layers[0].biases[0] = f64::NAN;
        assert!(Autoencoder::new(bad).is_err());
    }

    fn case() -> impl Strategy<Value = (Autoencoder, Array2<f64>)> {
        (1_usize..20, 1_usize..20, 1_usize..70).prop_flat_map(|(width, hidden, rows)| {
            let numbers = |count| proptest::collection::vec(-2.0..2.0, count);
            (numbers(width * hidden), numbers(hidden), numbers(hidden * width), numbers(width), numbers(width * rows))
                .prop_map(move |(first, first_bias, second, second_bias, values)| {
                    let matrix = |shape, numbers| Array2::from_shape_vec(shape, numbers).unwrap();
                    let layers = vec![
                        Layer { weights: matrix((width, hidden), first), biases: first_bias.into() },
                        Layer { weights: matrix((hidden, width), second), biases: second_bias.into() },
                    ];
                    let params = Params { layers, activation: Activation::Tanh, offset: Some(-1.0) };
                    (Autoencoder::new(params).unwrap(), matrix((rows, width), values))
                })
        })
    }

    proptest! {
        #[test]
        fn a_row_is_decided_as_if_it_were_alone((network, rows) in case()) {
            let alone: Vec<_> =
                rows.rows().into_iter().flat_map(|row| network.decide(row.insert_axis(Axis(0)))).collect();
            let together = network.decide(rows.view());
            prop_assert!(alone.iter().zip(&together).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}
