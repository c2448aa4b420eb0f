use ndarray::{Array2, ArrayView2, array};
use proptest::prelude::*;

use super::*;
use crate::model::neighbours::Metric;

const WIDTH: usize = 2;

fn of(rows: Vec<f64>, neighbours: usize, metric: Metric) -> Params {
    let count = rows.len() / WIDTH;
    Params {
        rows,
        width: WIDTH,
        levels: 1,
        centres: None,
        neighbours,
        reach: (0..count).map(|row| 0.5 + row as f64 / 10.0).collect(),
        densities: (0..count).map(|row| 1.0 + row as f64).collect(),
        offset: -1.5,
        metric,
        resolution: 0.0,
    }
}

fn metric() -> impl Strategy<Value = Metric> {
    prop_oneof![
        Just(Metric::Euclidean),
        Just(Metric::Manhattan),
        Just(Metric::Chebyshev),
        (1.0..5.0).prop_map(|p| Metric::Minkowski { p })
    ]
}

fn distance(metric: Metric, a: &[f64], b: &[f64]) -> f64 {
    let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    match metric {
        Metric::Euclidean => apart.map(|x| x * x).sum::<f64>().sqrt(),
        Metric::Manhattan => apart.sum(),
        Metric::Chebyshev => apart.fold(0.0, f64::max),
        Metric::Minkowski { p } => apart.map(|x| x.powf(p)).sum::<f64>().powf(1.0 / p),
    }
}

/// The definition, word by word.
fn plain_decision(params: &Params, row: &[f64]) -> f64 {
    let mut nearest: Vec<_> = params
        .rows
        .chunks_exact(WIDTH)
        .enumerate()
        .map(|(index, other)| (distance(params.metric, row, other), index))
        .collect();
    nearest.sort_by(|a, b| a.0.total_cmp(&b.0));
    nearest.truncate(params.neighbours);
    let count = nearest.len() as f64;
    let reached: f64 = nearest.iter().map(|(distance, index)| distance.max(params.reach[*index])).sum();
    let density = 1.0 / (reached / count + 1e-10);
    -nearest.iter().map(|(_, index)| params.densities[*index] / density).sum::<f64>() / count - params.offset
}

proptest! {
    #[test]
    fn the_regions_leave_no_near_row_out(
        rows in proptest::collection::vec(-9.0..9.0, 8..120),
        row in proptest::collection::vec(-12.0..12.0, WIDTH),
        neighbours in 1_usize..5,
        levels in 1_u32..7,
        centres in proptest::option::of(proptest::collection::vec(-9.0..9.0, 63 * WIDTH)),
        metric in metric(),
    ) {
        let rows = rows[..rows.len() / WIDTH * WIDTH].to_vec();
        let levels = levels.min((rows.len() / WIDTH).ilog2() + 1);
        // The centres may be anywhere: the balls are as wide as needed.
        let balls = (1 << levels) - 1;
        let of_centres = |centres: Vec<f64>| Array2::from_shape_vec((balls, WIDTH), centres[..balls * WIDTH].to_vec());
        let centres = centres.map(|centres| of_centres(centres).unwrap());
        let params = Params { levels, centres, ..of(rows, neighbours, metric) };
        let factor = LocalOutlierFactor::new(&params).unwrap();
        let found = factor.decide(ArrayView2::from_shape((1, WIDTH), &row).unwrap())[0];
        let expected = plain_decision(&params, &row);
        prop_assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found} for {expected}");
        prop_assert_eq!(factor.params(), params);
    }
}

#[test]
fn of_rows_as_far_the_first_ones_count() {
    let params = of(vec![1.0, 0.0, -1.0, 0.0, 0.0, 1.0], 1, Metric::Euclidean);
    let factor = LocalOutlierFactor::new(&params).unwrap();
    let found = factor.decide(ArrayView2::from_shape((1, WIDTH), &[0.0, 0.0]).unwrap())[0];
    // The density of the first is 1.
    assert!((found - (-(1.0 + 1e-10) + 1.5)).abs() < 1e-15, "{found}");
}

#[test]
fn a_centre_far_beyond_all_rows_leaves_them_within_reach() {
    let centres = Some(array![[0.0, 0.0], [f64::MAX, f64::MAX], [f64::MIN, f64::MAX]]);
    let rows = vec![1.0, 0.0, -1.0, 0.0, 0.0, 2.0, 0.5, 0.5];
    for metric in [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev, Metric::Minkowski { p: 3.0 }] {
        let params = Params { levels: 2, centres: centres.clone(), ..of(rows.clone(), 2, metric) };
        let factor = LocalOutlierFactor::new(&params).unwrap();
        let found = factor.decide(ArrayView2::from_shape((1, WIDTH), &[0.1, 0.2]).unwrap())[0];
        let expected = plain_decision(&params, &[0.1, 0.2]);
        assert!((found - expected).abs() <= 1e-12, "{found} for {expected}");
    }
}

#[test]
fn a_row_within_the_resolution_of_its_equals_has_the_factor_of_one() {
    let equals = Params {
        reach: vec![0.0; 4],
        densities: vec![1e10; 4],
        ..of([21.1_f32, 3.3_f32].map(f64::from).repeat(4), 3, Metric::Euclidean)
    };
    let decision = |resolution| {
        let factor = LocalOutlierFactor::new(&Params { resolution, ..equals.clone() }).unwrap();
        factor.decide(array![[21.1, 3.3]].view())[0]
    };
    assert_eq!(decision(1e-6), 0.5);
    assert!(decision(0.0) < -1000.0);
}

#[test]
fn parameters_that_do_not_agree_are_refused() {
    let good = || of(vec![1.0, 0.0, -1.0, 0.0, 0.0, 1.0], 2, Metric::Euclidean);
    assert!(LocalOutlierFactor::new(&good()).is_ok());
    for (why, params) in [
        ("no rows", Params { rows: vec![], ..good() }),
        ("no features", Params { width: 0, ..good() }),
        ("half a row", Params { rows: vec![0.0; 5], ..good() }),
        ("a row of NaN", Params { rows: vec![f64::NAN; 6], ..good() }),
        ("no neighbours", Params { neighbours: 0, ..good() }),
        ("more neighbours than rows", Params { neighbours: 4, ..good() }),
        ("too few distances", Params { reach: vec![1.0; 2], ..good() }),
        ("a negative distance", Params { reach: vec![1.0, -1.0, 1.0], ..good() }),
        ("too many densities", Params { densities: vec![1.0; 4], ..good() }),
        ("a density of 0", Params { densities: vec![1.0, 0.0, 1.0], ..good() }),
        ("an offset of NaN", Params { offset: f64::NAN, ..good() }),
        ("a resolution below 0", Params { resolution: -1e-9, ..good() }),
        ("a resolution of NaN", Params { resolution: f64::NAN, ..good() }),
        ("a power of 0", Params { metric: Metric::Minkowski { p: 0.0 }, ..good() }),
        ("a centre too many", Params { centres: Some(array![[0.0, 0.0], [0.0, 0.0]]), ..good() }),
        ("a centre of too many features", Params { centres: Some(array![[0.0, 0.0, 0.0]]), ..good() }),
        ("a centre of NaN", Params { centres: Some(array![[0.0, f64::NAN]]), ..good() }),
        ("no level of boxes", Params { levels: 0, ..good() }),
        ("more boxes than rows", Params { levels: 3, ..good() }),
        ("far more boxes than rows", Params { levels: u32::MAX, ..good() }),
    ] {
        assert!(LocalOutlierFactor::new(&params).is_err(), "{why}");
    }
}
