use ndarray::{Array2, ArrayView2, Axis};
use proptest::prelude::*;

use super::*;
use crate::verdict::Label;

fn leaf(samples: u32) -> Node {
    Node::Leaf { samples }
}

fn split(feature: u32, threshold: f32, left: u32, right: u32) -> Node {
    Node::Split { feature, threshold, left, right, nan_left: false }
}

fn forest(trees: Vec<Vec<Node>>) -> Params {
    Params {
        width: 2,
        trees,
        max_samples: 8,
        offset: -0.5,
        boundary: ForestBoundary::Below(0.0),
        path_length: PathLength::Current,
        missing: MissingNumbers::Refused,
    }
}

/// A tree of some shape over two features. `choices` says for each node in turn whether it is split, and how.
fn grown(choices: &[(bool, u32, f32, u32)]) -> Vec<Node> {
    let mut nodes = vec![leaf(1)];
    for (next, (is_split, feature, threshold, samples)) in choices.iter().enumerate() {
        let Some(node) = nodes.get_mut(next) else { break };
        if *is_split {
            let left = u32::try_from(nodes.len()).unwrap();
            nodes[next] = split(*feature, *threshold, left, left + 1);
            nodes.extend([leaf(1), leaf(2)]);
        } else {
            *node = leaf(*samples);
        }
    }
    nodes
}

/// What scikit-learn computes, step by step.
fn plain_decision(params: &Params, row: &[f64]) -> f64 {
    let sum: f64 = params.trees.iter().map(|nodes| plain_path(params, nodes, row)).sum();
    -2.0_f64.powf(-sum / (params.trees.len() as f64 * params.path_length.of(params.max_samples))) - params.offset
}

fn plain_path(params: &Params, nodes: &[Node], row: &[f64]) -> f64 {
    let (mut place, mut depth) = (0, 0.0);
    loop {
        match nodes[place as usize] {
            Node::Leaf { samples } => return depth + params.path_length.of(samples),
            Node::Split { feature, threshold, left, right, nan_left } => {
                #[expect(clippy::cast_possible_truncation, reason = "as scikit-learn does")]
                let x = row[feature as usize] as f32;
                let goes_left = if x.is_nan() { nan_left } else { x <= threshold };
                place = if goes_left { left } else { right };
                depth += 1.0;
            }
        }
    }
}

fn case() -> impl Strategy<Value = (Params, Vec<f64>)> {
    let node = (proptest::bool::weighted(0.7), 0_u32..2, -3.0_f32..3.0, 1_u32..40);
    let tree = proptest::collection::vec(node, 0..40).prop_map(|choices| grown(&choices));
    (proptest::collection::vec(tree, 1..6).prop_map(forest), proptest::collection::vec(-4.0..4.0, 0..80)).prop_map(
        |(params, mut rows)| {
            rows.truncate(rows.len() / 2 * 2);
            (params, rows)
        },
    )
}

/// The same trees, with sides for rows that lack numbers, and such rows.
fn lacking_case() -> impl Strategy<Value = (Params, Vec<f64>)> {
    (case(), proptest::collection::vec(any::<bool>(), 64), proptest::collection::vec(0_u8..4, 80)).prop_map(
        |((mut params, mut rows), sides, gaps)| {
            params.missing = MissingNumbers::Answered;
            let mut sides = sides.iter().cycle();
            for node in params.trees.iter_mut().flatten() {
                if let Node::Split { nan_left, .. } = node {
                    *nan_left = *sides.next().unwrap();
                }
            }
            rows.iter_mut().zip(gaps).filter(|(_, gap)| *gap == 0).for_each(|(x, _)| *x = f64::NAN);
            (params, rows)
        },
    )
}

proptest! {
    #[test]
    fn a_row_that_lacks_numbers_goes_where_each_split_says((params, rows) in lacking_case()) {
        let forest = IsolationForest::new(&params).unwrap();
        prop_assert_eq!(&IsolationForest::new(&forest.params()).unwrap(), &forest);
        let decisions = forest.decide(view(&rows));
        for (row, decision) in rows.chunks_exact(2).zip(decisions) {
            let expected = plain_decision(&params, row);
            prop_assert!((decision - expected).abs() < 1e-14, "{decision} for {expected}");
            let own: f64 = params.trees.iter().map(|nodes| plain_path(&params, nodes, row)).sum();
            let all: f64 = params.trees.iter().map(|nodes| {
                let (rows, sum) = expected_path(&params, nodes, 0, 0.0);
                sum / rows
            }).sum();
            let credit: f64 = forest.path_credit(row).iter().sum::<f64>() * params.trees.len() as f64;
            prop_assert!((credit - (all - own)).abs() < 1e-9, "{credit} for {all} - {own}");
        }
    }

    #[test]
    fn every_row_ends_where_a_plain_walk_ends((params, rows) in case()) {
        let decisions = IsolationForest::new(&params).unwrap().decide(view(&rows));
        prop_assert_eq!(decisions.len(), rows.len() / 2);
        for (row, decision) in rows.chunks_exact(2).zip(decisions) {
            let expected = plain_decision(&params, row);
            prop_assert!((decision - expected).abs() < 1e-14, "{decision} for {expected}");
        }
    }

    #[test]
    fn a_row_is_decided_as_if_it_were_alone((params, rows) in case()) {
        let forest = IsolationForest::new(&params).unwrap();
        let rows = view(&rows);
        let alone: Vec<_> = rows.rows().into_iter().flat_map(|row| forest.decide(row.insert_axis(Axis(0)))).collect();
        prop_assert!(alone.iter().zip(&forest.decide(rows)).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn the_parameters_given_back_make_the_same_forest((params, _) in case()) {
        let forest = IsolationForest::new(&params).unwrap();
        prop_assert_eq!(IsolationForest::new(&forest.params()).unwrap(), forest);
    }

    #[test]
    fn the_credits_add_up_to_what_the_paths_are_shorter((params, rows) in case()) {
        let forest = IsolationForest::new(&params).unwrap();
        let trees = params.trees.len() as f64;
        // The path length of the average training row.
        let expected: f64 = params.trees.iter().map(|nodes| {
            let (rows, sum) = expected_path(&params, nodes, 0, 0.0);
            sum / rows / trees
        }).sum();
        for row in rows.chunks_exact(2) {
            let own: f64 = params.trees.iter().map(|nodes| plain_path(&params, nodes, row) / trees).sum();
            let credit: f64 = forest.path_credit(row).iter().sum();
            prop_assert!((credit - (expected - own)).abs() < 1e-9, "{credit} for {expected} - {own}");
        }
    }

    #[test]
    fn a_threshold_rounded_down_tells_single_precision_apart_as_before(bits: u64, near: u32, steps in -3_i32..4) {
        let threshold = f64::from_bits(bits);
        prop_assume!(threshold.is_finite());
        #[expect(clippy::cast_possible_truncation, reason = "a number near the threshold")]
        let mut close = threshold as f32;
        for _ in 0..steps.abs() {
            close = if steps > 0 { close.next_up() } else { close.next_down() };
        }
        for x in [close, f32::from_bits(near), f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0] {
            prop_assert_eq!(f64::from(x) <= threshold, x <= round_down(threshold), "{} at {}", x, threshold);
        }
    }

    #[test]
    fn a_threshold_between_singles_is_told_apart_alike(single: f32, share in 0.0..1.0) {
        prop_assume!(single.is_finite() && single.next_up().is_finite());
        let (low, high) = (f64::from(single), f64::from(single.next_up()));
        let threshold = low + share * (high - low);
        for x in [single.next_down(), single, single.next_up()] {
            prop_assert_eq!(f64::from(x) <= threshold, x <= round_down(threshold), "{} at {}", x, threshold);
        }
    }
}

/// How many training rows come through a node, and the sum of their path lengths.
fn expected_path(params: &Params, nodes: &[Node], place: u32, depth: f64) -> (f64, f64) {
    match nodes[place as usize] {
        Node::Leaf { samples } => {
            let rows = f64::from(samples);
            (rows, rows * (depth + params.path_length.of(samples)))
        }
        Node::Split { left, right, .. } => {
            let (a, b) =
                (expected_path(params, nodes, left, depth + 1.0), expected_path(params, nodes, right, depth + 1.0));
            (a.0 + b.0, a.1 + b.1)
        }
    }
}

fn view(rows: &[f64]) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((rows.len() / 2, 2), rows).unwrap()
}

#[test]
fn the_feature_that_set_a_row_apart_gets_the_credit() {
    let trees = vec![vec![split(1, 0.0, 1, 2), leaf(1), split(0, 0.0, 3, 4), leaf(20), leaf(20)]];
    let credit = IsolationForest::new(&forest(trees)).unwrap().path_credit(&[5.0, -1.0]);
    assert!(credit[1] > 1.0 && credit[0].abs() < 1e-12, "{credit:?}");
}

#[test]
fn a_row_that_single_precision_cannot_hold_is_beyond_every_threshold() {
    let trees = vec![vec![split(0, f32::MAX, 1, 2), leaf(8), leaf(1)]];
    let forest = IsolationForest::new(&forest(trees)).unwrap();
    let decisions = forest.decide(view(&[1e300, 0.0, 1e30, 0.0]));
    assert!(decisions[0] < decisions[1], "{decisions:?}");
}

#[test]
fn a_forest_of_single_rows_says_the_same_of_every_row() {
    let params = Params { max_samples: 1, ..forest(vec![vec![leaf(1)]]) };
    assert_eq!(IsolationForest::new(&params).unwrap().decide(Array2::zeros((3, 2)).view()), [0.0; 3]);
}

#[test]
fn no_rows_have_no_answers() {
    assert!(
        IsolationForest::new(&forest(vec![vec![leaf(1)]])).unwrap().decide(Array2::zeros((0, 2)).view()).is_empty()
    );
}

#[test]
fn ties_are_decided_as_in_the_version_that_trained_it() {
    let label = |boundary, decision| {
        let params = Params { boundary, ..forest(vec![vec![leaf(1)]]) };
        IsolationForest::new(&params).unwrap().label(decision)
    };
    assert_eq!(label(ForestBoundary::Below(0.0), 0.0), Label::Normal);
    assert_eq!(label(ForestBoundary::Below(0.0), -f64::MIN_POSITIVE), Label::Anomaly);
    assert_eq!(label(ForestBoundary::AtOrBelow(0.1), 0.1), Label::Anomaly);
    assert_eq!(label(ForestBoundary::AtOrBelow(0.1), 0.2), Label::Normal);
}

#[test]
fn what_is_not_a_tree_is_refused() {
    for (why, tree) in [
        ("no nodes", vec![]),
        ("a node that leads to itself", vec![split(0, 0.0, 0, 1), leaf(1)]),
        ("a circle", vec![split(0, 0.0, 1, 2), split(0, 0.0, 0, 2), leaf(1)]),
        ("two nodes that lead to one", vec![split(0, 0.0, 1, 1), leaf(1)]),
        ("two paths to a leaf, and none to another", vec![split(0, 0.0, 1, 1), leaf(1), leaf(1)]),
        ("a circle beside a leaf", vec![split(0, 0.0, 1, 2), leaf(1), split(0, 0.0, 2, 1)]),
        ("a child that is not there", vec![split(0, 0.0, 1, 3), leaf(1), leaf(1)]),
        ("a child far away", vec![split(0, 0.0, 1, u32::MAX), leaf(1), leaf(1)]),
        ("nodes without a path", vec![leaf(1), leaf(1)]),
        ("a feature that is not there", vec![split(2, 0.0, 1, 2), leaf(1), leaf(1)]),
        ("a threshold of NaN", vec![split(0, f32::NAN, 1, 2), leaf(1), leaf(1)]),
        ("a leaf without rows", vec![split(0, 0.0, 1, 2), leaf(1), leaf(0)]),
    ] {
        assert!(IsolationForest::new(&forest(vec![vec![leaf(1)], tree])).is_err(), "{why}");
    }
}

#[test]
fn what_is_not_a_forest_is_refused() {
    let good = || forest(vec![vec![leaf(1)]]);
    for (why, params) in [
        ("no trees", forest(vec![])),
        ("no features", Params { width: 0, ..good() }),
        ("no rows", Params { max_samples: 0, ..good() }),
        ("an offset of NaN", Params { offset: f64::NAN, ..good() }),
        ("an infinite threshold", Params { boundary: ForestBoundary::Below(f64::INFINITY), ..good() }),
        ("more features than fit", Params { width: 1 << 40, ..good() }),
        ("too many nodes", forest(vec![vec![leaf(1)]; MAX_NODES + 1])),
    ] {
        assert!(IsolationForest::new(&params).is_err(), "{why}");
    }
    assert!(IsolationForest::new(&good()).is_ok());
}
