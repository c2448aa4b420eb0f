//! Whatever format a model comes in, it gives the library's own answers, and says what it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::answers::Answers;
use anomalyd::model::{Limits, Model};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/formats").join(name)
}

#[test]
fn one_model_gives_the_same_answers_in_every_format_which_it_names() {
    let answers = Answers::read(&sample("answers.csv"));
    for (name, format) in [
        ("plain.pkl", "pickle, protocol 5"),
        ("plain.joblib", "joblib, pickle protocol 4"),
        ("protocol_2.joblib", "joblib, pickle protocol 2"),
        ("zlib.joblib", "joblib, zlib, pickle protocol 4"),
        ("gzip.joblib", "joblib, gzip, pickle protocol 4"),
        ("bz2.joblib", "joblib, bz2, pickle protocol 4"),
        ("lzma.joblib", "joblib, lzma, pickle protocol 4"),
        ("xz.joblib", "joblib, xz, pickle protocol 4"),
        ("lz4.joblib", "joblib, lz4, pickle protocol 4"),
        ("stored.skops", "skops, protocol 2"),
        ("deflated.skops", "skops, protocol 2"),
    ] {
        let model = Model::load(&sample(name), &Limits::default()).unwrap();
        assert_eq!(model.metadata().format.to_string(), format, "{name}");
        assert!(model.metadata().library_version.is_some(), "{name}");
        answers.hold(name, &model, 1e-9, 1e-3);
    }
}

#[test]
fn bytes_behind_the_end_of_a_file_do_not_matter() {
    for name in ["plain.pkl", "plain.joblib", "zlib.joblib", "gzip.joblib", "bz2.joblib", "xz.joblib", "lz4.joblib"] {
        let bytes = [fs::read(sample(name)).unwrap(), b"\nwhatever stands behind".to_vec()].concat();
        assert!(Model::read(&bytes, &Limits::default()).is_ok(), "{name}");
    }
}

#[test]
fn an_unknown_format_is_an_error_that_says_what_is_accepted() {
    let error = Model::read(b"svm\0", &Limits::default()).unwrap_err().to_string();
    assert!(error.starts_with("is of no known format (its first bytes are 73 76 6d 00); expected"), "{error}");
    for accepted in ["pickle", "joblib", "skops"] {
        assert!(error.contains(accepted), "{error}");
    }
}

#[test]
fn every_model_file_of_the_reference_agrees_in_every_format() {
    let Some(root) = crate::reference::reference() else { return };
    let mut agreed = BTreeMap::<&str, usize>::new();
    for entry in fs::read_dir(root.join("formats")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".csv") {
            continue;
        }
        let endings = [".z.joblib", ".joblib", ".skops", ".pkl", ".onnx"];
        let ending = endings.into_iter().find(|ending| name.ends_with(ending)).unwrap();
        let model = Model::load(&path, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let answers = Answers::read(&path.with_file_name(name.replace(ending, ".csv")));
        let largest = answers.decisions.iter().fold(0.0_f64, |largest, decision| largest.max(decision.abs()));
        // The answers are those of the model in 64-bit floats, which an ONNX file does not keep.
        let (share, least) = if ending == ".onnx" { (1e-4, 1e-3 * largest) } else { (1e-9, 1e-3 * largest.min(1.0)) };
        answers.hold(&name, &model, share, least);
        let in_float64 = model.metadata().notes.iter().any(|note| note.contains("float64"));
        assert!(in_float64 || ending != ".onnx", "{name} does not say how it is evaluated");
        *agreed.entry(ending).or_default() += 1;
    }
    assert_eq!(agreed.len(), 5, "a format is missing: {agreed:?}");
}
