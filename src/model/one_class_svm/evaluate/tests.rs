//! The sums are those of LIBSVM, whatever the instructions, the neighbouring rows and their number.

use ndarray::{Array2, Axis};
use proptest::prelude::*;
use smartcore::svm::{Kernel as _, Kernels};

use super::super::Params;
use super::*;

fn kernels() -> impl Strategy<Value = Kernel> {
    let gamma = || 0.0..20.0_f64;
    prop_oneof![
        4 => gamma().prop_map(|gamma| Kernel::Rbf { gamma }),
        1 => Just(Kernel::Linear),
        2 => (0..7_u32, 0.0..1.0, -1.0..1.0).prop_map(|(degree, gamma, coef0)| Kernel::Poly { degree, gamma, coef0 }),
        2 => (0.0..0.5, -1.0..1.0).prop_map(|(gamma, coef0)| Kernel::Sigmoid { gamma, coef0 }),
    ]
}

/// A detector, and rows for it: every width that has its own code and some more, every size of a block, and rows far out.
fn case() -> impl Strategy<Value = (Params, Array2<f64>)> {
    (kernels(), 1..11_usize, 1..40_usize, 1..70_usize).prop_flat_map(|(kernel, width, count, rows)| {
        let number = || prop_oneof![40 => -5.0..5.0, 1 => -1e3..1e3, 1 => Just(0.0)];
        let numbers = |length| proptest::collection::vec(number(), length);
        let weights = proptest::collection::vec(0.0..5.0, count);
        let params = (numbers(count * width), weights, number()).prop_map(move |(vectors, coefficients, intercept)| {
            Params { vectors, width, coefficients, intercept, kernel, nu: None, tie: Label::Anomaly }
        });
        let rows = numbers(rows * width)
            .prop_map(move |rows| Array2::from_shape_vec((rows.len() / width, width), rows).unwrap());
        (params, rows)
    })
}

/// LIBSVM's `k_function`.
fn plainly(kernel: Kernel, x: &[f64], v: &[f64]) -> f64 {
    let squares: f64 = x.iter().zip(v).map(|(x, v)| (x - v) * (x - v)).sum();
    let dot: f64 = x.iter().zip(v).map(|(x, v)| x * v).sum();
    match kernel {
        Kernel::Rbf { gamma } => (-gamma * squares).exp(),
        Kernel::Linear => dot,
        Kernel::Poly { degree, gamma, coef0 } => (gamma * dot + coef0).powi(i32::try_from(degree).unwrap()),
        Kernel::Sigmoid { gamma, coef0 } => (gamma * dot + coef0).tanh(),
    }
}

/// The error that rounding may cause, in units in the last place of the sum of the summands' sizes.
const UNITS: f64 = 64.0;

fn size_of_terms(params: &Params, row: &[f64]) -> f64 {
    let terms = params.vectors.chunks_exact(params.width).zip(&params.coefficients).map(|(vector, weight)| {
        let product = || row.iter().zip(vector).map(|(x, v)| (x * v).abs()).sum::<f64>();
        weight.abs()
            * match params.kernel {
                Kernel::Rbf { .. } => 1.0,
                Kernel::Linear => product(),
                Kernel::Poly { degree, gamma, coef0 } => {
                    f64::from(degree.max(1)) * (gamma * product() + coef0.abs()).powf(f64::from(degree))
                }
                Kernel::Sigmoid { gamma, coef0 } => 1.0 + gamma * product() + coef0.abs(),
            }
    });
    terms.sum::<f64>() + params.intercept.abs()
}

proptest! {
    #[test]
    fn decisions_agree_with_the_plain_sum((params, rows) in case()) {
        let svm = OneClassSvm::new(params.clone()).unwrap();
        for instructions in Instructions::all() {
            for (row, decision) in rows.rows().into_iter().zip(svm.decide_with(instructions, rows.view())) {
                let row = row.to_vec();
                let sum: f64 = params
                    .vectors
                    .chunks_exact(params.width)
                    .zip(&params.coefficients)
                    .map(|(vector, weight)| weight * plainly(params.kernel, &row, vector))
                    .sum();
                let expected = sum + params.intercept;
                let allowed = UNITS * f64::EPSILON * size_of_terms(&params, &row);
                prop_assert!((decision - expected).abs() <= allowed, "{instructions:?}: {decision} for {expected}");
            }
        }
    }

    #[test]
    fn decisions_agree_with_an_independent_kernel((params, rows) in case(), gamma in 0.01..20.0) {
        let params = Params { kernel: Kernel::Rbf { gamma }, ..params };
        let kernel = Kernels::rbf().with_gamma(gamma);
        let decisions = OneClassSvm::new(params.clone()).unwrap().decide(rows.view());
        for (row, decision) in rows.rows().into_iter().zip(decisions) {
            let sum: f64 = params
                .vectors
                .chunks_exact(params.width)
                .zip(&params.coefficients)
                .map(|(vector, alpha)| alpha * kernel.apply(&row.to_vec(), &vector.to_vec()).unwrap())
                .sum();
            prop_assert!((decision - (sum + params.intercept)).abs() < 1e-11, "{decision} against {sum}");
        }
    }

    #[test]
    fn a_row_is_decided_as_if_it_were_alone((params, rows) in case()) {
        let svm = OneClassSvm::new(params).unwrap();
        for instructions in Instructions::all() {
            let alone: Vec<_> = rows
                .rows()
                .into_iter()
                .flat_map(|row| svm.decide_with(instructions, row.insert_axis(Axis(0))))
                .collect();
            let together = svm.decide_with(instructions, rows.view());
            prop_assert!(alone.iter().zip(&together).all(|(a, b)| a.to_bits() == b.to_bits()), "{instructions:?}");
        }
    }

    /// This makes a window scored on one machine the same on another.
    #[test]
    fn all_instructions_agree_to_the_last_bit((params, rows) in case()) {
        let svm = OneClassSvm::new(params).unwrap();
        let answers: Vec<Vec<u64>> = Instructions::all()
            .into_iter()
            .map(|instructions| svm.decide_with(instructions, rows.view()).into_iter().map(f64::to_bits).collect())
            .collect();
        prop_assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

fn rbf(gamma: f64, vectors: &[f64], intercept: f64) -> OneClassSvm {
    OneClassSvm::new(Params {
        vectors: vectors.to_vec(),
        width: 1,
        coefficients: vec![1.0; vectors.len()],
        intercept,
        kernel: Kernel::Rbf { gamma },
        nu: None,
        tie: Label::Anomaly,
    })
    .unwrap()
}

/// The bits of all values of one kernel function of x² or x, by every instruction set.
fn values(svm: &OneClassSvm, xs: &[f64]) -> Vec<(Instructions, Vec<f64>)> {
    let rows = Array2::from_shape_vec((xs.len(), 1), xs.to_vec()).unwrap();
    Instructions::all()
        .into_iter()
        .map(|instructions| (instructions, svm.decide_with(instructions, rows.view())))
        .collect()
}

#[test]
fn the_rbf_kernel_is_exact_but_for_the_rounding_of_its_argument() {
    let svm = rbf(1.0, &[0.0], 0.0);
    let xs: Vec<f64> = (0..200_000).map(|step| 26.6 * f64::from(step) / 200_000.0).collect();
    for (instructions, found) in values(&svm, &xs) {
        let mut worst: f64 = 0.0;
        for (x, found) in xs.iter().zip(found) {
            let exact = (-x * x).exp();
            // The rounding of the argument alone makes an error of as many units as the argument is large.
            worst = worst.max((found - exact).abs() / exact / f64::EPSILON / (1.0 + x * x));
        }
        assert!(worst < 2.0, "{instructions:?}: {worst} units");
    }
}

#[test]
fn the_sigmoid_kernel_is_exact_near_zero_and_far_out() {
    let params = Params {
        vectors: vec![1.0],
        width: 1,
        coefficients: vec![1.0],
        intercept: 0.0,
        kernel: Kernel::Sigmoid { gamma: 1.0, coef0: 0.0 },
        nu: None,
        tie: Label::Anomaly,
    };
    let svm = OneClassSvm::new(params).unwrap();
    let small = (0..300).map(|step| 10.0_f64.powi(-step));
    let xs: Vec<f64> =
        (0..100_000).map(|step| f64::from(step) / 4000.0 - 12.5).chain(small).chain([1e5, -1e300]).collect();
    for (instructions, found) in values(&svm, &xs) {
        for (x, found) in xs.iter().zip(found) {
            assert!((found - x.tanh()).abs() <= 1e-13 * x.tanh().abs(), "{instructions:?}: {found} for tanh {x}");
        }
    }
}

#[test]
fn rows_too_far_to_see_come_to_the_intercept() {
    for (gamma, far) in [(1.0, 27.0), (1.0, f64::MAX), (1.0, -1e200), (1e-300, 1e155), (f64::MAX, 1e-3)] {
        for (instructions, found) in values(&rbf(gamma, &[0.0], -0.25), &[far, 0.0]) {
            assert_eq!(found, [-0.25, 0.75], "{instructions:?}, {gamma}, {far}");
        }
    }
    for (instructions, found) in values(&rbf(0.0, &[1.0, 2.0], -0.5), &[0.0, 1e10]) {
        assert_eq!(found, [1.5, 1.5], "{instructions:?}: without gamma everything is alike");
    }
}

#[test]
fn support_vectors_that_are_far_apart_do_not_hide_each_other() {
    for (instructions, found) in values(&rbf(1.0, &[0.0, 1e200, -1e200], -0.5), &[0.0, 1e200, 1e100]) {
        assert_eq!(found, [0.5, 0.5, -0.5], "{instructions:?}");
    }
}

#[test]
fn a_tie_is_an_anomaly_unless_the_library_has_it_otherwise() {
    let labels = |tie| {
        let svm = OneClassSvm::new(Params { tie, ..rbf(1.0, &[0.0], 0.0).params() }).unwrap();
        [-1.0, 0.0, f64::MIN_POSITIVE].map(|decision| svm.label(decision))
    };
    assert_eq!(labels(Label::Anomaly), [Label::Anomaly, Label::Anomaly, Label::Normal]);
    assert_eq!(labels(Label::Normal), [Label::Anomaly, Label::Normal, Label::Normal]);
}

#[test]
fn parameters_come_back_as_they_went_in() {
    let params = Params {
        vectors: vec![1.0, 2.0, 3.0, 6.0],
        width: 2,
        coefficients: vec![0.5, 1.0],
        intercept: -0.25,
        kernel: Kernel::Poly { degree: 3, gamma: 0.5, coef0: 1.0 },
        nu: Some(0.1),
        tie: Label::Anomaly,
    };
    let svm = OneClassSvm::new(params.clone()).unwrap();
    assert_eq!((svm.vectors(), svm.coefficients()), (&params.vectors[..], &params.coefficients[..]));
    assert_eq!((svm.intercept(), svm.kernel(), svm.nu()), (params.intercept, params.kernel, params.nu));
    assert_eq!((svm.width(), svm.support_vectors()), (2, 2));
    assert_eq!((svm.centre(), svm.unit()), (vec![2.0, 4.0], 0.25));
}
