//! Properties of every step.

use ndarray::{Array2, ArrayView1, Axis, array, concatenate};
use proptest::prelude::*;

use super::*;

/// One of each kind, all for rows of two features.
fn every_step() -> Vec<Step> {
    let scaler = StandardScaler::new(2, Some(vec![1.0, -2.0]), Some(vec![0.5, 3.0])).unwrap();
    let imputer = SimpleImputer::new(SimpleImputerParams {
        missing: MissingMarker::NaN,
        strategy: Replacement::Middle,
        replacements: vec![Some(0.25), Some(4.0)],
        indicators: vec![1],
    });
    let pca = PcaParams { mean: vec![1.0, 2.0], components: vec![0.6, 0.8], whiten: Some(vec![2.0]) };
    let quantiles = |output| QuantileTransformerParams {
        width: 2,
        references: vec![0.0, 0.5, 1.0],
        quantiles: vec![-1.0, -5.0, 0.5, 0.0, 2.0, 9.0],
        output,
    };
    let products = PolynomialFeaturesParams {
        width: 2,
        min_degree: 1,
        max_degree: 3,
        interaction_only: false,
        include_bias: true,
    };
    let ranges = MinMaxScalerParams {
        scale: vec![0.5, 0.1],
        min: vec![0.0, -1.0],
        clip: Some((0.0, 1.0)),
        seen: Some(vec![(0.0, 2.0), (10.0, 20.0)]),
    };
    let nystroem = NystroemParams {
        components: array![[1.0, 2.0], [-1.0, 0.5]],
        normalization: array![[1.0, 0.5], [0.5, 2.0], [0.0, 1.0]],
        likeness: Likeness::Rbf { gamma: 0.25 },
    };
    let plain = [
        Step::StandardScaler(scaler.clone()),
        Step::MinMaxScaler(MinMaxScaler::new(ranges).unwrap()),
        Step::MaxAbsScaler(MaxAbsScaler::new(vec![2.0, 5.0], Beyond::Clipped).unwrap()),
        Step::RobustScaler(RobustScaler::new(2, Some(vec![1.0, -2.0]), Some(vec![0.5, 3.0])).unwrap()),
        Step::PowerTransformer(PowerTransformer::new(Method::YeoJohnson, vec![-0.5, 2.5], Some(scaler)).unwrap()),
        Step::PowerTransformer(PowerTransformer::new(Method::BoxCox, vec![0.0, 0.5], None).unwrap()),
        Step::QuantileTransformer(QuantileTransformer::new(&quantiles(Distribution::Uniform)).unwrap()),
        Step::QuantileTransformer(QuantileTransformer::new(&quantiles(Distribution::UniformWithin)).unwrap()),
        Step::QuantileTransformer(QuantileTransformer::new(&quantiles(Distribution::Normal)).unwrap()),
        Step::Pca(Pca::new(&pca).unwrap()),
        Step::SimpleImputer(imputer.unwrap()),
        Step::PolynomialFeatures(PolynomialFeatures::new(products).unwrap()),
        Step::FunctionTransformer(FunctionTransformer::new(2, Function::Log1p)),
        Step::Nystroem(Nystroem::new(nystroem).unwrap()),
        Step::VarianceThreshold(VarianceThreshold::new(2, vec![1]).unwrap()),
    ];
    let branch =
        |columns: &[usize], steps: &[Step]| Branch { columns: columns.to_vec(), steps: steps.to_vec(), weight: 0.5 };
    let branches = plain.iter().map(|step| branch(&[1, 0], std::slice::from_ref(step))).collect();
    let all = Step::ColumnTransformer(ColumnTransformer::new(2, branches).unwrap());
    plain.into_iter().chain([all]).collect()
}

fn bits(row: ArrayView1<'_, f64>) -> Vec<u64> {
    // NaN has many bit patterns, and which of them comes out means nothing.
    row.iter().map(|x| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() }).collect()
}

/// Numbers of every kind that a feature may hold.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -10.0..10.0_f64, 2 => any::<f64>(), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(0.0)]
}

#[test]
fn what_comes_out_is_as_wide_as_a_step_says() {
    for step in every_step() {
        let out = step.apply(Array2::ones((3, step.width())));
        assert_eq!(out.dim(), (3, step.output_width()), "{}", step.name());
        assert_eq!(step.apply(Array2::ones((0, step.width()))).dim(), (0, step.output_width()), "{}", step.name());
        assert!(step.heap_bytes() > 0 || step.name() == "FunctionTransformer", "{}", step.name());
    }
}

#[test]
fn nan_goes_through_where_scikit_learn_lets_it_and_is_refused_elsewhere() {
    for step in every_step() {
        let out = step.apply(array![[1.5, f64::NAN]]);
        let found = (out.iter().any(|x| x.is_nan()), out.iter().any(|x| x.is_infinite()));
        let expected = match step.name() {
            "SimpleImputer" => (false, false),
            "PCA" | "PolynomialFeatures" | "Nystroem" => (false, true),
            "ColumnTransformer" => (true, true),
            _ => (true, false),
        };
        assert_eq!(found, expected, "{}: {out}", step.name());
    }
}

#[test]
fn an_infinity_never_becomes_a_finite_number() {
    for step in every_step() {
        for row in [array![[f64::INFINITY, f64::INFINITY]], array![[f64::NEG_INFINITY, f64::NEG_INFINITY]]] {
            let out = step.apply(row);
            // The imputer adds indicators, and one of the products is the constant 1, so these are finite.
            let finite = out.iter().filter(|x| x.is_finite()).count();
            let allowed = match step.name() {
                "SimpleImputer" | "PolynomialFeatures" => 1,
                "ColumnTransformer" => 2,
                _ => 0,
            };
            assert_eq!(finite, allowed, "{}: {out}", step.name());
        }
    }
}

#[test]
fn what_is_usual_lies_around_the_centre_and_is_known_for_each_feature() {
    for step in every_step() {
        let (centre, usual) = (step.centre(), step.usual());
        assert!(centre.as_ref().is_none_or(|centre| centre.len() == step.width()), "{}", step.name());
        for (centre, (low, high)) in centre.into_iter().flatten().zip(usual.into_iter().flatten()) {
            assert!(low <= centre && centre <= high, "{}: {low} {centre} {high}", step.name());
        }
    }
}

#[test]
fn an_imputer_leaves_what_is_usual_to_the_step_behind_it() {
    let imputer = |indicators: &[usize]| {
        let params = SimpleImputerParams {
            missing: MissingMarker::NaN,
            strategy: Replacement::Constant,
            replacements: vec![Some(0.0)],
            indicators: indicators.to_vec(),
        };
        Step::SimpleImputer(SimpleImputer::new(params).unwrap())
    };
    let scaler = Step::StandardScaler(StandardScaler::new(1, Some(vec![5.0]), Some(vec![1.0])).unwrap());
    let steps = [imputer(&[]), scaler.clone()];
    assert_eq!((centre(&steps), usual(&steps)), (Some(vec![5.0]), Some(vec![(3.0, 7.0)])));
    // Behind a step that changes the features, nothing is known of the input features.
    let log = Step::FunctionTransformer(FunctionTransformer::new(1, Function::Log));
    assert_eq!((centre(&[log, scaler.clone()]), usual(&[imputer(&[0]), scaler])), (None, None));
}

proptest! {
    #[test]
    fn a_row_is_taken_by_itself(numbers in prop::collection::vec(number(), 2..20), column_major: bool) {
        let rows = Array2::from_shape_vec((numbers.len() / 2, 2), numbers[..numbers.len() / 2 * 2].to_vec()).unwrap();
        for step in every_step() {
            // How the rows lie in memory must not show either.
            let laid_out = if column_major { rows.t().as_standard_layout().into_owned().reversed_axes() } else { rows.clone() };
            let together = step.apply(laid_out);
            for (index, row) in rows.axis_iter(Axis(0)).enumerate() {
                let alone = step.apply(row.to_owned().insert_axis(Axis(0)));
                prop_assert_eq!(bits(together.row(index)), bits(alone.row(0)), "{}", step.name());
            }
            let behind = step.apply(concatenate![Axis(0), array![[3.0, f64::NAN]], rows]);
            prop_assert_eq!(bits(behind.row(1)), bits(together.row(0)), "{}", step.name());
        }
    }
}
