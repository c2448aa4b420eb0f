//! ONNX files give the answers of what they were made from, and a damaged or hostile one is refused with its reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::answers::Answers;
use crate::onnx_file::{file, model, node, number, part, tensor, text, value};
use anomalyd::model::formats::onnx::{OnnxError, read_network};
use anomalyd::model::{Anomalous, Detector, Exceeded, Format, Limits, Model, ModelError, Output, Step};
use ndarray::Array2;
use proptest::prelude::*;

/// Far above what any refusal takes, far below what a bomb would.
const SOON: Duration = Duration::from_secs(5);

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)
}

/// The files of a folder that end in `.onnx`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|ending| ending == "onnx")).collect();
    paths.sort();
    paths
}

#[test]
fn every_sample_gives_its_answers() {
    let samples = files(&sample(""));
    let samples: Vec<_> = samples.iter().filter(|path| !path.ends_with("onnx_torch_no_offset.onnx")).collect();
    assert_eq!(samples.len(), 17, "samples are missing");
    for path in samples {
        let model = Model::load(path, &Limits::default()).unwrap();
        Answers::read(&path.with_extension("csv")).hold(&path.display().to_string(), &model, 1e-4, 1.0);
    }
}

#[test]
fn a_converted_model_says_what_it_is() {
    let model = Model::load(&sample("onnx_svm_columns_4d.onnx"), &Limits::default()).unwrap();
    let metadata = model.metadata();
    assert_eq!(metadata.format, Format::Onnx { opset: 15 });
    assert_eq!(metadata.format.to_string(), "ONNX, opset 15");
    assert_eq!((&*metadata.library, metadata.library_version.is_some()), ("skl2onnx", true));
    assert_eq!(model.preprocessing().iter().map(Step::name).collect::<Vec<_>>(), ["ColumnTransformer"]);
    assert_eq!((model.detector().name(), model.width()), ("OneClassSVM", 4));
}

#[test]
fn what_was_left_missing_is_imputed_as_the_graph_says() {
    let model = Model::load(&sample("onnx_svm_columns_4d.onnx"), &Limits::default()).unwrap();
    let row = Array2::from_shape_vec((1, 4), vec![f64::NAN, 40.0, 60.0, 80.0]).unwrap();
    assert!(model.evaluate(row.view()).is_ok());
}

#[test]
fn an_autoencoder_decides_by_its_error_and_the_offset_in_its_metadata() {
    let model = Model::load(&sample("onnx_torch_4d.onnx"), &Limits::default()).unwrap();
    let Detector::Network(network) = model.detector() else { unreachable!("a network") };
    assert_eq!((network.output(), network.boundary(), network.width()), (Output::Reconstruction, -1.2, 4));
    assert!((model.detector().unit() - 1.2).abs() < 1e-12);
    assert!(model.metadata().notes.iter().any(|note| note.contains("evaluated in float64")));
    assert_eq!(network.file(), fs::read(sample("onnx_torch_4d.onnx")).unwrap());
}

#[test]
fn a_network_that_is_no_chain_of_layers_is_evaluated_in_float64_too() {
    let model = Model::load(&sample("onnx_residual_3d.onnx"), &Limits::default()).unwrap();
    let Detector::Network(network) = model.detector() else { unreachable!("a network") };
    assert_eq!(network.output(), Output::Reconstruction);
    assert!(!model.detector().parameters().iter().any(|(name, _)| *name == "layers"));
    assert!(model.metadata().notes.iter().any(|note| note.contains("evaluated in float64")));
}

#[test]
fn scalers_and_normalization_become_part_of_the_layers() {
    let model = Model::load(&sample("onnx_scaled_score_3d.onnx"), &Limits::default()).unwrap();
    let Detector::Network(network) = model.detector() else { unreachable!("a network") };
    assert_eq!(network.output(), Output::Score(Anomalous::Low));
    assert!(model.detector().parameters().contains(&("layers", "3-9-5-1".to_owned())));
}

#[test]
fn an_autoencoder_without_an_offset_is_refused_with_how_to_add_it() {
    let error = Model::load(&sample("onnx_torch_no_offset.onnx"), &Limits::default()).unwrap_err().to_string();
    for expected in ["gives back its 4 features", "anomalyd.offset", "set_model_props", "model convert"] {
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_autoencoder_without_an_offset_is_read_with_one() {
    let bytes = fs::read(sample("onnx_torch_no_offset.onnx")).unwrap();
    assert!(
        read_network(&bytes, (-0.5, Anomalous::Low), &Limits::default()).is_ok_and(|network| network.boundary() < 0.0)
    );
    for offset in [0.5, f64::NAN, f64::NEG_INFINITY] {
        let error = read_network(&bytes, (offset, Anomalous::Low), &Limits::default()).unwrap_err().to_string();
        assert!(error.starts_with("offset of Network is"), "{error}");
    }
}

#[test]
fn a_row_gets_the_same_value_whatever_its_neighbours_are() {
    for path in files(&sample("")).iter().filter(|path| !path.ends_with("onnx_torch_no_offset.onnx")) {
        let model = Model::load(path, &Limits::default()).unwrap();
        let rows = Answers::read(&path.with_extension("csv")).rows;
        let together = model.evaluate(rows.view()).unwrap();
        for (row, together) in rows.outer_iter().zip(together) {
            let alone = model.evaluate(row.insert_axis(ndarray::Axis(0))).unwrap()[0];
            assert_eq!(alone.decision.to_bits(), together.decision.to_bits(), "{}", path.display());
        }
    }
}

fn read(bytes: &[u8]) -> Result<Model, ModelError> {
    let start = Instant::now();
    let result = Model::read(bytes, &Limits::default());
    assert!(start.elapsed() < SOON, "took {:?}", start.elapsed());
    result
}

fn refusal(bytes: &[u8]) -> OnnxError {
    match read(bytes) {
        Err(ModelError::Onnx(error)) => error,
        other => unreachable!("expected a refused ONNX file, got {other:?}"),
    }
}

#[test]
fn a_network_of_one_output_is_its_decision_value() {
    let layer = node("MatMul", &["x", "w"], "y");
    let model = read(&model(&[layer], &[tensor("w", &[2, 1], &[1.0, -1.0])], &["y"])).unwrap();
    let rows = Array2::from_shape_vec((2, 2), vec![3.0, 1.0, 1.0, 3.0]).unwrap();
    let decisions: Vec<_> = model.evaluate(rows.view()).unwrap().iter().map(|row| row.decision).collect();
    assert_eq!(decisions, [2.0, -2.0]);
}

#[test]
fn an_operator_that_is_not_understood_is_named_with_its_node() {
    let error = refusal(&model(&[node("Loop", &["x"], "y")], &[], &["y"])).to_string();
    assert!(error.starts_with("node y, operator Loop of ai.onnx: supported are networks of dense layers"), "{error}");
}

#[test]
fn a_graph_that_does_not_hang_together_is_refused() {
    let weights = || tensor("w", &[2, 1], &[1.0, -1.0]);
    let circle = [node("Add", &["b", "x"], "a"), node("Relu", &["a"], "b")];
    for (bytes, reason) in [
        (model(&circle, &[], &["b"]), "value b is taken by a node, and nothing before it makes it"),
        (model(&[node("Relu", &["gone"], "y")], &[], &["y"]), "value gone is taken by a node"),
        (model(&[node("Relu", &["x"], "x")], &[], &["x"]), "value x is made twice"),
        (model(&[], &[weights(), weights()], &["w"]), "value w is made twice"),
        (model(&[], &[], &["y"]), "value y is an output of the graph"),
        (model(&[node("Relu", &["x"], "y")], &[], &["y", "y"]), "the outputs y, y could each be the one that counts"),
        (file(&part(12, &value("y", &[1, 1]))), "takes no input"),
        (file(&part(11, &value("x", &[1, 2, 3]))), "of another shape than [batch, features]"),
        (file(&part(11, &value("x", &[1, 0]))), "of another shape than [batch, features]"),
        (file(&part(11, &value("x", &[1, u64::MAX]))), "a dimension is below 0"),
    ] {
        let error = refusal(&bytes).to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn shapes_that_lie_are_refused() {
    let layer = || node("MatMul", &["x", "w"], "y");
    let huge = 1 << 40;
    for (tensor, reason) in [
        (tensor("w", &[2, 1], &[1.0]), "make 2 numbers, and 1 are there"),
        (tensor("w", &[huge, huge], &[]), "elements in an array"),
        (tensor("w", &[huge, 0], &[]), "more than"),
        (tensor("w", &[u64::MAX, 1], &[]), "a dimension is -1"),
        (tensor("w", &[3, 1], &[1.0; 3]), "its weights are 3 by 1, and its rows have 2 numbers"),
        (tensor("w", &[2, 3], &[1.0; 6]), "gives 3 numbers for a row of 2"),
        (tensor("w", &[2, 1, 1], &[1.0; 2]), "not one constant matrix"),
    ] {
        let error = refusal(&model(&[layer()], &[tensor], &["y"])).to_string();
        assert!(error.contains(reason) || reason == "more than", "{error}");
    }
}

#[test]
fn rows_that_grow_without_bound_are_refused() {
    let axis = [text(1, "axis"), number(3, 1)].concat();
    let names: Vec<String> = std::iter::once("x".to_owned()).chain((0..60).map(|level| format!("v{level}"))).collect();
    let doubled = names.windows(2).map(|pair| {
        let concat = node("Concat", &[&pair[0], &pair[0]], &pair[1]);
        [concat, part(5, &axis)].concat()
    });
    assert!(matches!(refusal(&model(&doubled.collect::<Vec<_>>(), &[], &["v59"])), OnnxError::Limit(_)));
}

#[test]
fn no_path_in_a_file_is_opened() {
    let apart = [tensor("w", &[2, 1], &[]), part(13, &[text(1, "location"), text(2, "/etc/passwd")].concat())];
    for tensor in [apart.concat(), [tensor("w", &[2, 1], &[1.0; 2]), number(14, 1)].concat()] {
        let error = refusal(&model(&[node("MatMul", &["x", "w"], "y")], &[tensor], &["y"])).to_string();
        assert!(error.contains("numbers in another file"), "{error}");
    }
}

#[test]
fn graphs_within_graphs_are_counted() {
    let mut graph = Vec::new();
    for _ in 0..100 {
        graph = part(1, &part(5, &[text(1, "body"), part(6, &graph)].concat()));
    }
    assert!(matches!(refusal(&file(&graph)), OnnxError::Limit(Exceeded { setting: "max_depth", .. })));
}

#[test]
fn a_part_that_is_there_twice_is_refused() {
    let file = model(&[node("Relu", &["x"], "y")], &[], &["y"]);
    let error = refusal(&[file.clone(), part(7, &[])].concat()).to_string();
    assert!(error.contains("there twice"), "{error}");
}

#[test]
fn a_file_of_nothing_but_parts_is_refused() {
    let graph = part(1, &[]).repeat(1_000_000);
    assert!(matches!(refusal(&file(&graph)), OnnxError::Limit(_)));
}

/// A graph of classical operators: a one-class SVM of two features behind these nodes, which make `rows` of `x`.
fn machine(width: u64, nodes: &[Vec<u8>], tensors: &[Vec<u8>]) -> Vec<u8> {
    let svm = [node("SVMRegressor", &["rows"], "y"), text(7, "ai.onnx.ml")].concat();
    let nodes: Vec<u8> = nodes.iter().chain([&svm]).flat_map(|node| part(1, node)).collect();
    let tensors: Vec<u8> = tensors.iter().flat_map(|tensor| part(5, tensor)).collect();
    file(&[nodes, tensors, part(11, &value("x", &[1, width])), part(12, &value("y", &[1, 1]))].concat())
}

fn limit(bytes: &[u8]) -> &'static str {
    match refusal(bytes) {
        OnnxError::Limit(exceeded) => exceeded.setting,
        other => unreachable!("expected a limit, got {other}"),
    }
}

#[test]
fn rows_of_more_features_than_a_model_may_take_are_refused_before_one_is_made() {
    let subtract = node("Sub", &["x", "c"], "rows");
    let error = refusal(&machine(1 << 62, &[subtract], &[tensor("c", &[1], &[2.5])])).to_string();
    assert_eq!(error, "width of the graph's input is 4611686018427387904 features, expected at most 65536");
}

#[test]
fn one_number_for_many_features_is_counted_as_often_as_it_is_held() {
    let names: Vec<String> = std::iter::once("x".to_owned()).chain((0..1_000).map(|step| format!("v{step}"))).collect();
    let mut nodes: Vec<_> = names.windows(2).map(|pair| node("Sub", &[&pair[0], "c"], &pair[1])).collect();
    nodes.push(node("Identity", &["v999"], "rows"));
    assert_eq!(limit(&machine(60_000, &nodes, &[tensor("c", &[1], &[2.5])])), "max_memory");
}

#[test]
fn rows_that_stand_beside_themselves_a_thousand_times_are_refused_by_their_memory() {
    assert_eq!(limit(&machine(60_000, &[node("Concat", &["x"; 1_000], "rows")], &[])), "max_memory");
}

#[test]
fn a_way_that_many_values_share_is_counted_for_each() {
    let names: Vec<String> = std::iter::once("x".to_owned()).chain((0..60_000).map(|step| step.to_string())).collect();
    let last = names.last().unwrap();
    let mut copies: Vec<_> = names.windows(2).map(|pair| node("Identity", &[&pair[0]], &pair[1])).collect();
    copies.push(node("Concat", &vec![last.as_str(); 100_000], "rows"));
    assert_eq!(limit(&machine(2, &copies, &[])), "max_instructions");
    let wide = node("Sub", &["x"; 200_000], "w");
    assert_eq!(limit(&machine(2, &[wide, node("Concat", &["w"; 100_000], "rows")], &[])), "max_instructions");
}

#[test]
fn an_attribute_is_gone_through_once_whoever_asks_for_it() {
    let to = [text(1, "to"), number(3, 1), number(20, 2).repeat(500_000)].concat();
    let cast = [node("Cast", &["x"], "w"), part(5, &to)].concat();
    refusal(&machine(2, &[cast, node("Concat", &["w"; 100_000], "rows")], &[]));
    let many = [node("Cast", &["x"], "rows"), part(5, &text(1, "a")).repeat(65)].concat();
    let error = refusal(&machine(2, &[many], &[])).to_string();
    assert!(error.contains("more attributes than any operator"), "{error}");
}

#[test]
fn a_tensor_of_a_hundred_dimensions_is_refused() {
    let error = refusal(&machine(2, &[node("Sub", &["x", "c"], "rows")], &[tensor("c", &[1; 100], &[1.0])]));
    assert!(error.to_string().contains("it has 100 dimensions"), "{error}");
}

#[test]
fn weights_that_a_thousand_nodes_change_are_changed_once() {
    let names: Vec<String> = (0..900).map(|step| format!("v{step}")).collect();
    let mut nodes = vec![node("MatMul", &["x", "w"], "v0")];
    nodes.extend(names.windows(2).map(|pair| node("Mul", &[&pair[0], "c"], &pair[1])));
    nodes.push(node("MatMul", &["v899", "u"], "y"));
    let nodes: Vec<u8> = nodes.iter().flat_map(|node| part(1, node)).collect();
    let tensors = [("w", [10_000, 50], 0.5), ("u", [50, 1], 0.5), ("c", [1, 1], 1.01)].map(|(name, dims, number)| {
        let count = usize::try_from(dims[0] * dims[1]).unwrap();
        part(5, &tensor(name, &dims, &vec![number; count]))
    });
    let values = [part(11, &value("x", &[1, 10_000])), part(12, &value("y", &[1, 1]))].concat();
    let model = read(&file(&[nodes, tensors.concat(), values].concat())).unwrap();
    assert!(model.detector().parameters().contains(&("layers", "10000-50-1".to_owned())));
}

/// The samples, as they are.
static SAMPLES: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| files(&sample("")).iter().map(|path| fs::read(path).unwrap()).collect());

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_a_model_or_an_error(
        which in 0_usize..16,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = SAMPLES[which].clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len()));
        }
        if let Ok(model) = read(&bytes) {
            let rows = Array2::from_elem((2, model.width()), 0.5);
            let _ = model.evaluate(rows.view());
        }
    }
}
