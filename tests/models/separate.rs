//! A scaler in a file of its own, or beside the model in one file: raw rows get the answers of both.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::answers::check;
use anomalyd::model::{Catalog, Limits, Listing, Model, NameTemplate, NameTemplates, Proof, Warning};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/separate").join(name)
}

fn behind(before: &[&str], model: &str) -> Result<Model, String> {
    let before: Vec<_> = before.iter().map(|name| sample(name)).collect();
    Model::load_behind(&before, &sample(model), &Limits::default()).map_err(|error| error.to_string())
}

/// A folder with samples under other names.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, from) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(sample(from), path).unwrap();
    }
    folder
}

fn catalog(folder: &TempDir, template: &str) -> Catalog {
    let names: NameTemplates = NameTemplate::parse(template).unwrap().into();
    Catalog::read(folder.path(), &names, &Limits::default()).unwrap()
}

/// The only entry's model, or why there is none.
fn only(folder: &TempDir, template: &str) -> Result<Model, String> {
    let mut catalog = catalog(folder, template);
    assert_eq!((catalog.entries.len(), catalog.ignored.len()), (1, 0), "{:?}", catalog.ignored);
    catalog.entries.remove(0).model.map_err(|error| error.to_string())
}

fn anomalyd(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_anomalyd")).args(arguments).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code().unwrap(), out, err)
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn raw_rows_get_the_answers_of_scaler_and_detector_together() {
    for name in ["svm", "forest", "factor", "envelope"] {
        let model = behind(&["scaler.pkl"], &format!("{name}.pkl")).unwrap();
        check(&model, &sample(&format!("{name}.csv")));
        assert_eq!(model.warnings(), [], "{name}");
    }
    check(&behind(&["scaler.pkl", "projection.pkl"], "narrow.pkl").unwrap(), &sample("projected.csv"));
}

#[test]
fn a_scaler_beside_a_model_stands_before_it_however_both_are_named() {
    for (template, model, scaler) in [
        ("model_{device}_{sensor}", "model_press_temp.pkl", "scaler_press_temp.joblib"),
        ("{device}/{sensor}", "press/temp.pkl", "press/scaler_temp.pkl"),
        ("{device}-{sensor}.pkl", "press-temp.pkl", "scaler_press-temp.pkl"),
        ("{device}/{sensor}/model", "press/temp/model.pkl", "press/temp/scaler.pkl"),
    ] {
        let folder = folder(&[(model, "svm.pkl"), (scaler, "scaler.pkl")]);
        check(&only(&folder, template).unwrap(), &sample("svm.csv"));
    }
}

#[test]
fn scalers_may_be_named_by_a_template_of_their_own_and_lie_deeper() {
    let parse = |template| NameTemplate::parse(template).unwrap();
    let names = NameTemplates::new(parse("{device}_{sensor}"), parse("prep/{sensor}/of_{device}")).unwrap();
    let folder = folder(&[("press_temp.pkl", "svm.pkl"), ("prep/temp/of_press.pkl", "scaler.pkl")]);
    let catalog = Catalog::read(folder.path(), &names, &Limits::default()).unwrap();
    assert_eq!((catalog.entries.len(), catalog.ignored.len()), (1, 0));
    check(catalog.entries[0].model.as_ref().unwrap(), &sample("svm.csv"));
    assert!(NameTemplates::new(parse("{device}_{sensor}"), parse("{device}_{sensor}")).is_err());
}

#[test]
fn a_pair_has_one_hash_of_both_files() {
    let digest = |name| format!("{:x}\n", Sha256::digest(fs::read(sample(name)).unwrap()));
    let expected = format!("{:x}", Sha256::digest(digest("scaler.pkl") + &digest("svm.pkl")));
    assert_eq!(behind(&["scaler.pkl"], "svm.pkl").unwrap().hash().to_string(), expected);
    let alone = behind(&[], "svm.pkl").unwrap().hash().to_string();
    assert_eq!(alone, digest("svm.pkl").trim());
}

#[test]
fn a_pair_is_proven_by_raw_rows() {
    let files = [("model_1_1.pkl", "svm.pkl"), ("scaler_1_1.pkl", "scaler.pkl"), ("model_1_1.expect.csv", "svm.csv")];
    let folder = folder(&files);
    let proof = only(&folder, "model_{device}_{sensor}").unwrap().proof();
    assert!(matches!(proof, Proof::Held { rows: 40, anomalies: 1..40 }), "{proof:?}");
    fs::remove_file(folder.path().join("scaler_1_1.pkl")).unwrap();
    let refused = only(&folder, "model_{device}_{sensor}").unwrap_err();
    assert!(refused.contains("does a scaler belong before this one"), "{refused}");
}

#[test]
fn a_scaler_that_cannot_be_used_keeps_its_model_from_work() {
    let refused = |scaler: &[u8]| {
        let folder = folder(&[("model_1_1.pkl", "svm.pkl")]);
        fs::write(folder.path().join("scaler_1_1.pkl"), scaler).unwrap();
        only(&folder, "model_{device}_{sensor}").unwrap_err()
    };
    let read = |name: &str| fs::read(sample(name)).unwrap();
    for (scaler, why) in [
        (b"\x80\x04broken".to_vec(), "scaler_1_1.pkl: "),
        (b"<html>".to_vec(), "is no scaler: what stands before a model is a fitted transformer"),
        (read("svm.pkl"), "the file holds OneClassSVM, a detector, where a scaler or another transformer is expected"),
        (read("bundles/good/dictionary.joblib"), "a detector, where a scaler"),
        (read("bundles/refused/nothing.joblib"), "a dictionary without an estimator"),
        (read("bundles/refused/encoder.joblib"), "LabelEncoder"),
        (read("scaler_3d.pkl"), "takes rows of 2 features, and "),
    ] {
        let refused = refused(&scaler);
        assert!(
            refused.contains(why) && refused.contains("model_1_1.pkl: ") && refused.contains("scaler_1_1"),
            "{refused}"
        );
    }
}

#[test]
fn columns_of_both_must_agree() {
    let columns = |model: Model| model.metadata().columns.clone();
    let named = Some(vec!["mean".to_owned(), "std".to_owned()]);
    assert_eq!(columns(behind(&["scaler_named.pkl"], "svm_named.pkl").unwrap()), named);
    assert_eq!(columns(behind(&["scaler_named.pkl"], "svm.pkl").unwrap()), named);
    assert_eq!(columns(behind(&["scaler.pkl"], "svm_named.pkl").unwrap()), named);
    let refused = behind(&["scaler_named.pkl"], "svm_other_columns.pkl").unwrap_err();
    assert!(refused.contains("was fitted to the columns mean, max, and "), "{refused}");
    assert!(refused.contains("scaler_named.pkl before it to mean, std"), "{refused}");
}

#[test]
fn a_model_with_a_scaler_of_its_own_gets_no_second_one() {
    let refused = behind(&["scaler.pkl"], "bundles/good/dictionary.joblib").unwrap_err();
    assert!(refused.contains("begins with a StandardScaler of its own"), "{refused}");
}

#[test]
fn two_scalers_for_one_model_are_an_error_that_names_both() {
    let files = [("model_1_1", "svm.pkl"), ("scaler_1_1.pkl", "scaler.pkl"), ("scaler_1_1.joblib", "scaler.pkl")];
    let folder = folder(&files);
    let refused = only(&folder, "model_{device}_{sensor}").unwrap_err();
    assert!(refused.contains("scaler_1_1.joblib and ") && refused.contains("scaler_1_1.pkl both name"), "{refused}");
    let (code, _, error) = anomalyd(&["model", "inspect", &path(&folder, "model_1_1")]);
    assert!(code == 2 && error.contains("name the right one with --before"), "{error}");
}

#[test]
fn a_scaler_is_no_model_and_alone_it_is_reported_as_what_it_is() {
    let folder = folder(&[("model_1_1.pkl", "svm.pkl"), ("scaler_1_2.pkl", "scaler.pkl")]);
    let listing = Listing::read(folder.path(), &NameTemplates::default(), 10).unwrap();
    assert_eq!(listing.files.len(), 1);
    let [ignored] = &listing.ignored[..] else { panic!("{:?}", listing.ignored) };
    let expected =
        "it is named as the scaler before the model of 1/2 (models.scaler), and there is no model of that sensor";
    assert!(ignored.reason.to_string().starts_with(expected), "{}", ignored.reason);
}

#[test]
fn one_file_may_hold_a_detector_and_its_scaler_in_many_forms() {
    let mut checked = 0;
    for entry in fs::read_dir(sample("bundles/good")).unwrap() {
        let model = Model::load(&entry.unwrap().path(), &Limits::default()).unwrap();
        check(&model, &sample("svm.csv"));
        checked += 1;
    }
    assert_eq!(checked, 8, "samples are missing");
    check(&behind(&[], "bundles/projected.joblib").unwrap(), &sample("projected.csv"));
    for name in ["dictionary", "other_keys", "pipeline"] {
        let model = behind(&[], &format!("bundles/good/{name}.joblib")).unwrap();
        assert_eq!(model.metadata().columns.as_deref().unwrap(), ["mean", "std"], "{name}");
    }
}

#[test]
fn a_file_that_leaves_a_doubt_is_refused_with_what_it_holds() {
    for (name, words) in [
        (
            "two_detectors",
            "OneClassSVM under 'model'; IsolationForest under 'forest'; StandardScaler under 'scaler': it is not known which detector is meant",
        ),
        ("no_order", "a dictionary does not say which of them comes first"),
        ("scaled_twice", "StandardScaler is also a step of the pipeline"),
        ("two_scalers", "rows would be scaled twice"),
        ("by_hand", "OneClassSVM under 'model', and an array under 'mean'"),
        (
            "hand_scaler",
            "a dictionary under 'scaler': what changes rows before the detector must be a fitted transformer",
        ),
        ("nested", "StandardScaler deeper under 'press-1'"),
        ("encoder", "LabelEncoder"),
        (
            "other_columns",
            "the columns are named std, mean beside the estimators, and StandardScaler was fitted to mean, std",
        ),
        ("few_columns", "the columns are named mean beside the estimators, and StandardScaler was fitted to 2 columns"),
        ("scalers", "StandardScaler under 'scale'; MinMaxScaler under 'range' and no detector"),
        ("nothing", "the file holds a dictionary without an estimator"),
    ] {
        match behind(&[], &format!("bundles/refused/{name}.joblib")) {
            Err(refused) => assert!(refused.contains(words), "{name}: {refused}"),
            Ok(_) => panic!("{name} is accepted"),
        }
    }
}

#[test]
fn a_threshold_beside_the_detector_is_not_passed_over_in_silence() {
    let model = behind(&[], "bundles/good/threshold.joblib").unwrap();
    assert_eq!(model.warnings(), [Warning::Threshold { threshold: -0.25 }]);
}

#[test]
fn a_scaler_taken_for_a_model_says_what_it_is_and_what_to_do() {
    let (code, _, error) = anomalyd(&["model", "inspect", sample("scaler.pkl").to_str().unwrap()]);
    assert_eq!(code, 2);
    for words in [
        "the file holds StandardScaler and no detector",
        "beside the model's file",
        "convert --before SCALER MODEL OUT",
    ] {
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn convert_makes_one_file_of_a_scaler_and_a_model() {
    let folder = folder(&[]);
    let [scaler, svm] = ["scaler.pkl", "svm.pkl"].map(|name| sample(name).to_str().unwrap().to_owned());
    let out = path(&folder, "one");
    let (code, _, error) = anomalyd(&["model", "convert", "--before", &scaler, &svm, &out]);
    assert_eq!(code, 0, "{error}");
    check(&Model::load(Path::new(&out), &Limits::default()).unwrap(), &sample("svm.csv"));

    let [projection, narrow] = ["projection.pkl", "narrow.pkl"].map(|name| sample(name).to_str().unwrap().to_owned());
    let out = path(&folder, "two");
    let arguments = ["model", "convert", "--before", &scaler, "--before", &projection, &narrow, &out];
    assert_eq!(anomalyd(&arguments).0, 0);
    check(&Model::load(Path::new(&out), &Limits::default()).unwrap(), &sample("projected.csv"));

    let centres = sample("centres.pkl").to_str().unwrap().to_owned();
    let out = path(&folder, "three");
    let arguments = ["model", "convert", "--offset=-1.5", "--before", &scaler, &centres, &out];
    assert_eq!(anomalyd(&arguments).0, 0);
    assert_eq!(Model::load(Path::new(&out), &Limits::default()).unwrap().preprocessing().len(), 1);
}

#[test]
fn the_commands_take_the_scaler_beside_a_model_as_the_daemon_does() {
    let folder = folder(&[("model_1_1.pkl", "svm.pkl"), ("scaler_1_1.joblib", "scaler.pkl"), ("rows.csv", "svm.csv")]);
    let (model, rows) = (path(&folder, "model_1_1.pkl"), path(&folder, "rows.csv"));
    let (code, text, _) = anomalyd(&["model", "inspect", &model]);
    assert!(code == 0 && text.contains("before it  ") && text.contains("scaler_1_1.joblib"), "{text}");
    assert!(text.contains("StandardScaler 2 → 2") && !text.contains("warning"), "{text}");
    let (code, text, _) =
        anomalyd(&["model", "check", &model, "--data", &rows, "--decisions", "decision", "--labels", "label"]);
    assert!(code == 0 && text.contains("all decisions and labels agree"), "{text}");
    let out = path(&folder, "converted");
    assert_eq!(anomalyd(&["model", "convert", &model, &out]).0, 0);
    check(&Model::load(Path::new(&out), &Limits::default()).unwrap(), &sample("svm.csv"));
}

#[test]
fn a_detector_that_was_trained_on_scaled_rows_says_that_its_scaler_is_missing() {
    for (name, traces) in
        [("svm", "support vectors"), ("forest", "thresholds"), ("factor", "training rows"), ("centres", "centres")]
    {
        let warnings = behind(&[], &format!("{name}.pkl")).unwrap().warnings();
        let [Warning::Standardised(words)] = &warnings[..] else { panic!("{name}: {warnings:?}") };
        assert!(words.contains(traces) && words.contains("convert --before"), "{words}");
    }
    assert!(matches!(&behind(&[], "envelope.pkl").unwrap().warnings()[..], [Warning::Standardised(_)]));
}

#[test]
fn rows_that_are_not_scaled_are_told_with_figures() {
    let [rows, svm] = ["svm.csv", "svm.pkl"].map(|name| sample(name).to_str().unwrap().to_owned());
    let (_, text, _) = anomalyd(&["model", "check", &svm, "--data", &rows]);
    let words = "x0 has a mean of 78 and spreads by 15 here, while the model's 22 support vectors lie around 0";
    assert!(text.contains(words) && text.contains("most likely it was trained on scaled rows"), "{text}");
    let (_, text, _) =
        anomalyd(&["model", "check", &svm, "--data", &rows, "--before", sample("scaler.pkl").to_str().unwrap()]);
    assert!(!text.contains("scaled rows"), "{text}");
}

#[test]
fn score_tells_of_a_missing_scaler_and_of_one_without_a_model() {
    let history: String = (0..60)
        .map(|minute| format!("2026-03-02T06:{minute:02}:00Z,pump,flow,{}\n", 40.0 + 3.0 * f64::from(minute).sin()))
        .collect();
    let folder = folder(&[("models/model_pump_flow.pkl", "flow_svm.pkl")]);
    fs::write(folder.path().join("history.csv"), format!("TS,Device,Tag,Value\n{history}")).unwrap();
    let [models, data, out] = ["models", "history.csv", "out"].map(|name| path(&folder, name));
    let score = || anomalyd(&["score", "--models", &models, "--data", &data, "--out", &out]).1;
    let report = score();
    assert!(report.contains("unscaled    pump/flow, in 1 windows: mean has a mean of 40"), "{report}");
    for name in ["models/scaler_pump_flow.pkl", "models/scaler_pump_current.pkl"] {
        fs::copy(sample("flow_scaler.pkl"), folder.path().join(name)).unwrap();
    }
    let report = score();
    assert!(!report.contains("unscaled") && report.contains("the scaler before the model of pump/current"), "{report}");
}

#[test]
fn rows_that_lie_around_zero_are_not_taken_for_raw_ones() {
    let model = behind(&[], "raw_around_zero.pkl").unwrap();
    let rows = |of: fn(f64) -> f64| ndarray::Array2::from_shape_fn((60, 1), |(row, _)| of(row as f64));
    let name = |_| "mean".to_owned();
    assert_eq!(model.unscaled(rows(|row| (0.7 * row).sin()).view(), name), None);
    assert_eq!(model.unscaled(rows(|row| 3.0 + 0.3 * (0.7 * row).sin()).view(), name), None, "an anomaly");
    assert_eq!(model.unscaled(rows(|_| 0.0).view(), name), None, "a machine at rest");
    assert!(model.unscaled(rows(|row| 70.0 + row).view(), name).is_some());
    assert!(model.unscaled(rows(|row| 0.02 + 0.004 * (0.7 * row).sin()).view(), name).is_some());
}
