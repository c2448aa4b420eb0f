//! Models whose sums cancel prove themselves, and a wrong one does not.

use std::fs;
use std::path::{Path, PathBuf};

use anomalyd::model::{Limits, Model, Proof};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/proofs")
}

const NAMES: [&str; 10] = [
    "envelope",
    "kmeans",
    "linear",
    "logarithm",
    "neighbours",
    "polynomial",
    "power",
    "products",
    "projection",
    "reconstruction",
];

#[test]
fn a_model_is_proven_by_the_answers_of_the_library_though_its_sums_cancel() {
    for name in NAMES {
        let model = Model::load(&samples().join(format!("{name}.pkl")), &Limits::default());
        let proof = model.map(|model| model.proof()).map_err(|error| error.to_string());
        assert!(matches!(proof, Ok(Proof::Held { rows: 40, .. })), "{name}: {proof:?}");
    }
}

/// The proof of a model whose expected decision values are off by a share of the largest of them.
fn with_answers_off_by(name: &str, share: f64) -> Result<Proof, String> {
    let directory = tempfile::tempdir().unwrap();
    let model = directory.path().join("model_1_1.pkl");
    fs::copy(samples().join(format!("{name}.pkl")), &model).unwrap();
    let answers = fs::read_to_string(samples().join(format!("{name}.expect.csv"))).unwrap();
    let decision = |line: &str| line.split(',').nth(2).unwrap().parse::<f64>().unwrap();
    let largest = answers.lines().skip(1).map(|line| decision(line).abs()).fold(0.0, f64::max);
    let off = |line: &str| {
        let moved = decision(line) + share * largest;
        line.replace(line.split(',').nth(2).unwrap(), &format!("{moved:?}"))
    };
    let lines: Vec<_> =
        answers.lines().enumerate().map(|(at, line)| if at == 7 { off(line) } else { line.to_owned() }).collect();
    fs::write(directory.path().join("model_1_1.expect.csv"), lines.join("\n")).unwrap();
    Model::load(&model, &Limits::default()).map(|model| model.proof()).map_err(|error| error.to_string())
}

#[test]
fn one_answer_that_is_off_by_more_than_rounding_is_caught() {
    for name in NAMES.into_iter().filter(|name| *name != "linear") {
        let error = with_answers_off_by(name, 1e-4).map(|_| ()).unwrap_err();
        assert!(error.contains("expects other answers in 1 of 40 rows, line 8"), "{name}: {error}");
    }
    // All of this one's answers are rounding, but that of another model would not be.
    assert!(with_answers_off_by("linear", 1e3).is_err());
}

#[test]
fn a_model_whose_sums_do_not_cancel_is_held_as_narrowly_as_any() {
    for (name, share) in [("logarithm", 1e-8), ("power", 1e-8), ("projection", 1e-7), ("products", 1e-7)] {
        assert!(with_answers_off_by(name, share).is_err(), "{name}");
    }
}
