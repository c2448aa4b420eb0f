//! Each operator of networks, in each version from 7 to 20, gives what onnx's reference evaluator or onnxruntime gives.

use std::fs;
use std::io::Read;
use std::path::Path;

use anomalyd::model::{Detector, Limits, Model};
use flate2::read::GzDecoder;
use ndarray::{Array2, ArrayView2, Axis};
use proptest::prelude::*;
use safetensors::SafeTensors;
use std::sync::LazyLock;

/// What `make_onnx_operators.py` wrote.
static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/onnx_operators.safetensors.gz");
    let mut bytes = Vec::new();
    GzDecoder::new(&*fs::read(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
});

/// One operator in one version.
struct Case {
    name: String,
    file: Vec<u8>,
    scores: Vec<f64>,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let file = SafeTensors::deserialize(&FILE).unwrap();
    let names = file.names().into_iter().filter_map(|name| name.strip_suffix(".onnx"));
    let mut cases: Vec<_> = names
        .map(|name| Case {
            name: name.to_owned(),
            file: file.tensor(&format!("{name}.onnx")).unwrap().data().to_vec(),
            scores: floats(&file, &format!("{name}.scores")),
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
});

fn floats(file: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let tensor = file.tensor(name).unwrap();
    tensor.data().as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
}

fn decisions(model: &Model, rows: &ArrayView2<'_, f64>) -> Vec<f64> {
    model.evaluate(rows.view()).unwrap().iter().map(|row| row.decision).collect()
}

#[test]
fn every_operator_gives_its_answers_in_every_version() {
    let rows = floats(&SafeTensors::deserialize(&FILE).unwrap(), "rows");
    let rows = Array2::from_shape_vec((5, 6), rows).unwrap();
    assert!(CASES.len() > 1_900, "cases are missing");
    let mut wrong = Vec::new();
    for Case { name, file, scores } in CASES.iter() {
        // onnxruntime computes in float32.
        let tolerance = if name.ends_with('~') { 2e-6 } else { 1e-12 };
        match Model::read(file, &Limits::default()) {
            Ok(model) => {
                let found = decisions(&model, &rows.view());
                let apart = found.iter().zip(scores).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f64::max);
                let Detector::Network(network) = model.detector() else { unreachable!("a network") };
                let range = network.range();
                if let Some(beyond) =
                    found.iter().find(|score| **score < range.low - 1e-9 || **score > range.high + 1e-9)
                {
                    wrong.push(format!("{name}: {beyond} is not {range}"));
                }
                if apart > tolerance {
                    wrong.push(format!("{name}: {found:?}, expected {scores:?}, apart {apart:e}"));
                }
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_row_gets_the_same_value_whatever_its_neighbours_are(
        which in any::<prop::sample::Index>(),
        numbers in proptest::collection::vec(-1e3..1e3, 6 * 70),
        rows in 2_usize..=70,
    ) {
        let model = Model::read(&which.get(&CASES).file, &Limits::default()).unwrap();
        let rows = Array2::from_shape_vec((rows, 6), numbers[..rows * 6].to_vec()).unwrap();
        let Detector::Network(network) = model.detector() else { unreachable!("a network") };
        if let Ok(together) = model.evaluate(rows.view()) {
            for (row, together) in rows.axis_chunks_iter(Axis(0), 1).zip(together) {
                prop_assert_eq!(decisions(&model, &row)[0].to_bits(), together.decision.to_bits());
                let (decision, range) = (together.decision, network.range());
                let near = 1e-9 * decision.abs().max(1.0);
                prop_assert!(range.low - near <= decision && decision <= range.high + near, "{} is not {}", decision, range);
            }
        }
    }
}
