//! Networks that give one number, or several outputs: which of them counts, and from where on it is an anomaly.

use std::fs;
use std::path::Path;

use crate::onnx_file::{node, number, part, tensor, text, value};
use anomalyd::model::formats::own;
use anomalyd::model::{Anomalous, Contamination, Detector, Limits, Model, Output};
use anomalyd::verdict::Label;
use ndarray::Array2;

/// A file of these nodes over rows of two features, with outputs of these widths and settings in its metadata.
fn file(nodes: &[Vec<u8>], outputs: &[(&str, u64)], settings: &[(&str, &str)]) -> Vec<u8> {
    let nodes: Vec<u8> = nodes.iter().flat_map(|node| part(1, node)).collect();
    let weights = [part(5, &tensor("w", &[2, 1], &[1.0, -1.0])), part(5, &tensor("u", &[2, 2], &[1.0, 0.5, 0.0, 1.0]))];
    let outputs: Vec<u8> = outputs.iter().flat_map(|(name, width)| part(12, &value(name, &[1, *width]))).collect();
    let graph = [nodes, weights.concat(), part(11, &value("x", &[1, 2])), outputs].concat();
    let settings: Vec<u8> =
        settings.iter().flat_map(|(key, value)| part(14, &[text(1, key), text(2, value)].concat())).collect();
    [number(1, 8), text(2, "test"), part(7, &graph), part(8, &number(2, 15)), settings].concat()
}

/// The sum of the features, the second with a minus sign, and what is made of it.
fn score(operators: &[&str], settings: &[(&str, &str)]) -> Vec<u8> {
    let mut nodes = vec![node("MatMul", &["x", "w"], "v0")];
    for (place, operator) in operators.iter().enumerate() {
        let (before, behind) = (format!("v{place}"), format!("v{}", place + 1));
        let twice = matches!(*operator, "Mul");
        let inputs = if twice { vec![before.as_str(); 2] } else { vec![before.as_str()] };
        nodes.push(node(operator, &inputs, &behind));
    }
    let last = format!("v{}", operators.len());
    file(&nodes, &[(&last, 1)], settings)
}

fn read(bytes: &[u8]) -> Result<Model, String> {
    Model::read(bytes, &Limits::default()).map_err(|error| error.to_string())
}

fn decisions(model: &Model, rows: &[[f64; 2]]) -> Vec<f64> {
    let rows = Array2::from_shape_fn((rows.len(), 2), |(row, feature)| rows[row][feature]);
    model.evaluate(rows.view()).unwrap().iter().map(|row| row.decision).collect()
}

#[test]
fn a_score_on_one_side_of_0_is_refused_unless_its_boundary_is_declared() {
    for (operators, range) in [
        (&["Sigmoid"][..], "from 0 to 1: never below 0"),
        (&["Mul"], "0 or more: never below 0"),
        (&["Relu"], "0 or more"),
        (&["Abs"], "0 or more"),
        (&["Exp"], "0 or more"),
        (&["Abs", "Sqrt"], "0 or more"),
        (&["Abs", "Neg"], "0 or less: never above 0"),
        (&["Sigmoid", "Log"], "0 or less"),
        (&["Sigmoid", "Exp"], "from 1 to 2.718281828459045"),
        (&["Softplus"], "0 or more"),
    ] {
        let error = read(&score(operators, &[])).unwrap_err();
        assert!(error.contains(range), "{operators:?}: {error}");
        for word in ["one number, v", "anomalyd.offset", "anomalyd.anomalous", "--anomalous high"] {
            assert!(error.contains(word), "{error}");
        }
        // One of the two says too little.
        assert!(read(&score(operators, &[("anomalyd.offset", "0.5")])).is_err());
        assert!(read(&score(operators, &[("anomalyd.anomalous", "high")])).is_err());
    }
    for operators in [&[][..], &["Tanh"], &["Elu"], &["Sigmoid", "Neg", "Exp", "Log", "Tanh", "Sin"]] {
        assert!(read(&score(operators, &[])).is_ok(), "{operators:?}");
    }
}

#[test]
fn a_declared_boundary_decides_by_its_side() {
    let rows = [[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]];
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let high = read(&score(&["Sigmoid"], &[("anomalyd.offset", "0.8"), ("anomalyd.anomalous", "high")])).unwrap();
    let low = read(&score(&["Sigmoid"], &[("anomalyd.offset", "0.8"), ("anomalyd.anomalous", "low")])).unwrap();
    for ((high, low), x) in decisions(&high, &rows).iter().zip(decisions(&low, &rows)).zip([0.0, 2.0, -3.0]) {
        assert!((high - (0.8 - sigmoid(x))).abs() < 1e-15 && (low - (sigmoid(x) - 0.8)).abs() < 1e-15);
    }
    let Detector::Network(network) = high.detector() else { unreachable!("a network") };
    assert_eq!((network.output(), network.boundary()), (Output::Score(Anomalous::High), 0.8));
    assert!((high.detector().unit() - 0.8).abs() < 1e-15);
    let row = Array2::from_shape_vec((1, 2), vec![2.0, 0.0]).unwrap();
    assert_eq!(high.evaluate(row.view()).unwrap()[0].label, Label::Anomaly);
}

#[test]
fn a_boundary_that_no_row_can_cross_is_warned_of() {
    for (offset, anomalous, warned) in [
        ("1.5", "high", Some("no row can be an anomaly")),
        ("1", "high", Some("no row can be an anomaly")),
        ("0", "high", Some("every row is an anomaly")),
        ("-1", "low", Some("no row can be an anomaly")),
        ("1.5", "low", Some("every row is an anomaly")),
        ("0.5", "high", None),
        ("0.5", "low", None),
    ] {
        let settings = [("anomalyd.offset", offset), ("anomalyd.anomalous", anomalous)];
        let warnings = read(&score(&["Sigmoid"], &settings)).unwrap().warnings();
        let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings.len(), usize::from(warned.is_some()), "{offset} {anomalous}: {warnings:?}");
        assert!(warned.is_none_or(|warned| warnings[0].contains(warned)), "{warnings:?}");
    }
}

#[test]
fn a_setting_that_is_none_is_refused() {
    for (settings, reason) in [
        ([("anomalyd.offset", "0.5"), ("anomalyd.anomalous", "up")], "anomalyd.anomalous in the file's metadata is up"),
        (
            [("anomalyd.offset", "half"), ("anomalyd.anomalous", "high")],
            "anomalyd.offset in the file's metadata is half",
        ),
    ] {
        let error = read(&score(&["Sigmoid"], &settings)).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    let autoencoder = [node("MatMul", &["x", "u"], "back")];
    let settings = [("anomalyd.offset", "-0.5"), ("anomalyd.anomalous", "high")];
    let error = read(&file(&autoencoder, &[("back", 2)], &settings)).unwrap_err();
    assert!(error.contains("leave anomalyd.anomalous away"), "{error}");
}

#[test]
fn a_boundary_is_set_and_calibrated_beside_the_file() {
    let limits = Limits::default();
    let bytes = score(&["Sigmoid"], &[]);
    assert!(Model::read_uncalibrated(&bytes, &limits).is_err(), "nothing says which side is anomalous");
    let open = Model::read_scores(&bytes, Anomalous::High, &limits).unwrap();
    let rows = [[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]];
    let set = open.with_offset(0.8).unwrap();
    let declared = read(&score(&["Sigmoid"], &[("anomalyd.offset", "0.8"), ("anomalyd.anomalous", "high")])).unwrap();
    assert_eq!(decisions(&set, &rows), decisions(&declared, &rows));
    assert!(open.with_offset(f64::NAN).is_err());
    // numpy.quantile of minus the sigmoid of 0 to 99 hundredths.
    let many = Array2::from_shape_fn((100, 2), |(row, feature)| if feature == 0 { row as f64 / 100.0 } else { 0.0 });
    let calibrated = open.calibrated(many.view(), Contamination::parse("0.1").unwrap()).unwrap();
    let found = calibrated.evaluate(many.view()).unwrap().iter().filter(|row| row.label == Label::Anomaly).count();
    assert_eq!(found, 10);
    let svm = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/onnx_svm_pca_2d.onnx");
    let error = Model::read_scores(&fs::read(svm).unwrap(), Anomalous::High, &limits).unwrap_err().to_string();
    assert!(error.contains("leave --anomalous away"), "{error}");
}

#[test]
fn our_own_format_keeps_the_boundary_and_its_side() {
    let settings = [("anomalyd.offset", "0.8"), ("anomalyd.anomalous", "high")];
    let model = read(&score(&["Sigmoid"], &settings)).unwrap();
    let again = read(&own::write(&model).unwrap()).unwrap();
    let rows = [[0.0, 0.0], [2.0, 0.0]];
    assert_eq!(decisions(&again, &rows), decisions(&model, &rows));
    let Detector::Network(network) = again.detector() else { unreachable!("a network") };
    assert_eq!((network.output(), network.boundary()), (Output::Score(Anomalous::High), 0.8));
}

/// The row again, its middle, and a number.
fn outputs() -> [Vec<u8>; 2] {
    [node("MatMul", &["x", "u"], "back"), node("MatMul", &["back", "w"], "middle")]
}

#[test]
fn of_several_outputs_the_one_that_can_only_be_meant_counts() {
    let offset = [("anomalyd.offset", "-0.5")];
    let wide = [outputs().to_vec(), vec![[node("Concat", &["x", "x"], "wide"), part(5, &axis())].concat()]].concat();
    let model = read(&file(&wide, &[("wide", 4), ("back", 2)], &offset)).unwrap();
    assert!(model.metadata().notes.iter().any(|note| note == "of its 2 outputs, back counts"));
    let error = read(&file(&outputs(), &[("middle", 1), ("back", 2)], &offset)).unwrap_err();
    assert!(error.starts_with("the outputs middle, back could each be the one that counts"), "{error}");
    let named = [("anomalyd.offset", "-0.5"), ("anomalyd.output", "back")];
    let model = read(&file(&outputs(), &[("middle", 1), ("back", 2)], &named)).unwrap();
    assert!(matches!(model.detector(), Detector::Network(network) if network.output() == Output::Reconstruction));
    let error = read(&file(&outputs(), &[("middle", 1)], &[("anomalyd.output", "gone")])).unwrap_err();
    assert!(error.contains("anomalyd.output in the file's metadata is gone, and the outputs"), "{error}");
    let renamed = [node("MatMul", &["x", "u"], "reconstruction"), node("MatMul", &["x", "w"], "latent")];
    let model = read(&file(&renamed, &[("latent", 1), ("reconstruction", 2)], &offset)).unwrap();
    assert!(model.metadata().notes.iter().any(|note| note.contains("reconstruction counts")));
}

fn axis() -> Vec<u8> {
    [text(1, "axis"), number(3, 1)].concat()
}
