//! What people hand over that is no model is told for what it is, with what to do.

use std::fs;
use std::path::Path;
use std::process::Command;

use anomalyd::model::{Limits, Model};

use crate::archive::{Method, archive};

fn sample(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/foreign").join(name)).unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    Model::read(bytes, &Limits::default()).unwrap_err().to_string()
}

/// Holds that each file is refused with all of these words.
fn hold(files: &[(&str, Vec<u8>, &[&str])]) {
    for (name, bytes, words) in files {
        let said = refusal(bytes);
        for word in *words {
            assert!(said.contains(word), "{name}: {word:?} is not in {said:?}");
        }
        assert!(!said.chars().any(char::is_control), "{name}: {said:?}");
    }
}

fn zip(names: &[&str]) -> Vec<u8> {
    archive(names.iter().map(|name| (name.as_bytes(), &b"\x80\x04]."[..], Method::Stored)))
}

fn tar(name: &str) -> Vec<u8> {
    let mut tar = vec![0; 1024];
    tar[..name.len()].copy_from_slice(name.as_bytes());
    tar[257..262].copy_from_slice(b"ustar");
    tar
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, content).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn files_of_other_kinds_are_told_by_their_content() {
    let text = |text: &str| text.as_bytes().to_vec();
    hold(&[
        ("empty", vec![], &["is empty", "copy it again"]),
        ("blank", text("\n \n"), &["is empty"]),
        ("utf-16", b"\xff\xfes\0v\0m\0_\0".to_vec(), &["text in UTF-16", "save it as text in UTF-8"]),
        (
            "lfs",
            text("version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 1\n"),
            &["Git LFS", "git lfs pull"],
        ),
        ("html", text("\n\n<!DOCTYPE html>\n<html lang=\"en\"></html>\n"), &["HTML page", "Download raw file"]),
        ("h5", b"\x89HDF\r\n\x1a\n\0\0".to_vec(), &["Keras", "tf2onnx.convert --keras"]),
        ("keras", zip(&["metadata.json", "config.json", "model.weights.h5"]), &["Keras", "format=\"onnx\""]),
        ("tflite", b"\x1c\0\0\0TFL3\0\0\0\0".to_vec(), &["TensorFlow Lite", "tf2onnx.convert --tflite"]),
        ("pt", zip(&["net/data.pkl", "net/version"]), &["torch.save", "torch.onnx.export"]),
        (
            "old pt",
            b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.".to_vec(),
            &["torch.save"],
        ),
        ("npy", b"\x93NUMPY\x01\0v\0{'descr': '<f8'}".to_vec(), &["(.npy)", "joblib.dump"]),
        ("npz", zip(&["mean.npy", "scale.npy"]), &["(.npz)", "joblib.dump"]),
        ("zip", zip(&["readme.md", "model.pkl"]), &["a zip archive", "model.pkl is in it", "take the model out"]),
        ("tar", tar("model.pkl"), &["a tar archive", "model.pkl is in it"]),
        ("tar.gz", gzip(&tar("a\x1b[2J.pkl")), &["gzip", "a tar archive", "a·[2J.pkl is in it"]),
        ("onnx.gz", gzip(b"\x08\x08\x12\x07skl2onnx"), &["gzip", "(ONNX)", "uncompress it"]),
        ("rds", gzip(b"X\n\0\0\0\x03\0\x04\x03\x01"), &["objects of R"]),
        ("csv.gz", gzip(b"ts,value\n1,2\n"), &["a table of rows (CSV)"]),
        ("mat", text("MATLAB 5.0 MAT-file, Platform: GLNXA64"), &["MATLAB"]),
        ("pmml", text("<?xml version=\"1.0\"?>\n<PMML version=\"4.4\"></PMML>"), &["PMML", "joblib.dump"]),
        ("xgb", text("{\"learner\":{\"attributes\":{}},\"version\":[2,0,3]}"), &["XGBoost", "no outlier detector"]),
        ("ubj", b"{L\0\0\0\0\0\0\0\x07learner{L".to_vec(), &["XGBoost"]),
        ("lgb", text("tree\nversion=v4\nnum_class=1\n"), &["LightGBM"]),
        ("cbm", b"CBM1\x10\0\0\0".to_vec(), &["CatBoost"]),
        ("csv", text("ts,value\n1,2\n"), &["a table of rows (CSV)", "anomalyd model fit"]),
        ("json", text("{\"a\": 1}"), &["is JSON"]),
        ("yaml", text("flavors:\n  sklearn:\n    code: null\n"), &["is YAML"]),
        ("ipynb", text("{\"cells\": [], \"nbformat\": 4}"), &["notebook", "joblib.dump"]),
        ("text", text("see the other folder\n"), &["is text", "joblib.dump"]),
        ("parquet", b"PAR1\x15\x04\x15".to_vec(), &["Parquet"]),
        ("zst", b"\x28\xb5\x2f\xfd\x04\0".to_vec(), &["zstd", "take the model out"]),
        ("unknown", b"\x01\x02\x03".to_vec(), &["no known format", "01 02 03", "skops"]),
        ("truncated", b"\x80\x04\x95\x10\x00".to_vec(), &["ends in the middle", "copy it again"]),
    ]);
}

#[test]
fn pickles_of_other_things_say_what_they_hold() {
    let file = |name: &'static str| (name, sample(name));
    for ((name, bytes), words) in [
        (file("lof_not_novelty.joblib"), &["novelty = False", "LocalOutlierFactor(novelty=True).fit(X)"][..]),
        (file("logistic_regression.joblib"), &["LogisticRegression of sklearn.linear_model", "a classifier"]),
        (file("random_forest.joblib"), &["RandomForestClassifier of", "a classifier", "such as IsolationForest"]),
        (file("ridge.joblib"), &["Ridge of sklearn.linear_model", "a regressor"]),
        (file("svr.joblib"), &["SVR of sklearn.svm", "a regressor"]),
        (file("own_class.joblib"), &["__main__.Detector is not allowed", "joblib.dump(detector.model, "]),
        (file("own_function.joblib"), &["__main__.clean is not allowed", "log1p, log, sqrt or abs"]),
        (file("array.joblib"), &["the file holds an array"]),
        (file("frame.joblib"), &["a DataFrame of pandas"]),
        (file("protocol_0.pkl"), &["protocol 0 or 1", "protocol=4"]),
        (file("protocol_1.pkl"), &["protocol 0 or 1", "protocol=4"]),
    ] {
        hold(&[(name, bytes, words)]);
    }
}

#[test]
fn a_pickle_that_was_compressed_by_gzip_alone_is_read() {
    let plain = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/p4_number_2d.pkl");
    let model = Model::read(&gzip(&fs::read(plain).unwrap()), &Limits::default()).unwrap();
    assert_eq!(model.metadata().format.to_string(), "joblib, gzip, pickle protocol 4");
}

#[test]
fn the_limits_named_in_an_error_are_raised_where_it_appeared() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_anomalyd")).args(arguments).output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code().unwrap(), out, err)
    };
    let [file, data] = ["p4_number_2d.pkl", "p4_number_2d.csv"].map(|name| samples.join(name));
    let [file, data] = [file.to_str().unwrap(), data.to_str().unwrap()];
    let out = folder.path().join("out.safetensors");
    let out = out.to_str().unwrap();
    for command in [
        &["model", "inspect", file][..],
        &["model", "check", file, "--data", data],
        &["model", "convert", file, out, "--force"],
        &["model", "fit", "robust", "--data", data, "--features", "x0,x1", "--out", out, "--force"],
    ] {
        for (option, low, key) in [("--max-file", "1KiB", "max_file"), ("--max-elements", "1", "max_elements")] {
            let (code, _, err) = run(&[command, &[option, low]].concat());
            // What `fit` writes is small.
            if (command[1], option) == ("fit", "--max-file") {
                continue;
            }
            assert_eq!(code, 2, "{command:?} {option}: {err}");
            assert!(err.contains(&format!("models.{key}")) && err.contains(option), "{err}");
        }
        let (code, _, err) = run(&[command, &["--max-file", "8MiB", "--max-elements", "100_000"]].concat());
        assert_eq!(code, 0, "{command:?}: {err}");
    }
    let (code, _, err) = run(&["model", "inspect", file, "--max-file", "8MB"]);
    assert!(code == 2 && err.contains("write it as 64MiB"), "{err}");
    let (code, _, err) = run(&["model", "inspect", file, "--max-depth", "1001"]);
    assert!(code == 2 && err.contains("from 1 to 1000"), "{err}");

    let models = folder.path().join("models");
    fs::create_dir(&models).unwrap();
    fs::copy(file, models.join("model_1_1.pkl")).unwrap();
    let history = folder.path().join("history.csv");
    fs::write(&history, "TS,Device,Tag,Value\n2018-08-28T23:00:00Z,1,1,2.5\n").unwrap();
    let [models, history, scored] =
        [models, history, folder.path().join("scored")].map(|path| path.to_str().unwrap().to_owned());
    let score = ["score", "--models", &models, "--data", &history, "--out", &scored];
    let (_, out, _) = run(&[&score[..], &["--max-file", "1KiB"]].concat());
    assert!(out.contains("models.max_file") && out.contains("--max-file"), "{out}");
    assert!(!run(&score).1.contains("max_file"));
}
