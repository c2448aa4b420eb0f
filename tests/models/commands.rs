//! `anomalyd model`: the real binary, its words and its exit codes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)
}

/// Runs `anomalyd model`; gives the exit code, and what was written to standard output and standard error.
fn model(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_anomalyd")).arg("model").args(arguments).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code().unwrap(), out, err)
}

fn json(arguments: &[&str]) -> (i32, Value) {
    let (code, out, err) = model(&[arguments, &["--output", "json"]].concat());
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}")))
}

/// A folder with a sample and its answers, the answers changed, beside each other as the daemon would find them.
fn site(name: &str, change: impl Fn(&str) -> String) -> (TempDir, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let [file, data] = ["model_1_1.pkl", "answers.csv"].map(|name| directory.path().join(name));
    fs::copy(sample(&format!("{name}.pkl")), &file).unwrap();
    fs::write(&data, change(&fs::read_to_string(sample(&format!("{name}.csv"))).unwrap())).unwrap();
    let [file, data] = [file, data].map(|path| path.to_str().unwrap().to_owned());
    (directory, file, data)
}

const COLUMNS: [&str; 6] = ["--decisions", "decision", "--labels", "label", "--normal", "1"];

fn check(file: &str, data: &str, more: &[&str]) -> (i32, String, String) {
    model(&[&["check", file, "--data", data], more].concat())
}

#[test]
fn answers_that_agree_are_said_to_agree() {
    let (_directory, file, data) = site("p3_auto_3d", str::to_owned);
    let (code, out, err) = check(&file, &data, &[&COLUMNS[..], &["--tolerance", "1e-9"]].concat());
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("agreement   all decisions and labels agree, within 1e-9"), "{out}");
    let (_, out) = json(&[&["check", &file, "--data", &data], &COLUMNS[..]].concat());
    assert_eq!((&out["agrees"], &out["rows"], &out["worst"]), (&true.into(), &24.into(), &Value::Null));
    assert!(out["largest_difference"].as_f64().unwrap() < 1e-12);
}

#[test]
fn an_answer_that_disagrees_is_shown_with_its_row() {
    let (_directory, file, data) = site("p4_number_2d", |text| {
        // Two of them; the second is further off.
        text.replacen("0.05020848509758524", "0.05020858509758524", 1).replacen("0.056830295821108656", "0.06", 1)
    });
    let (code, out, _) = check(&file, &data, &COLUMNS);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("agreement   2 of 24 rows do not agree in decisions and labels, within 1e-9"), "{out}");
    for said in [
        "worst row   2, on line 3",
        "  input     x0 = 23.035641343977836, x1 = 10.278402002727976",
        "  expected  decision 0.06, normal",
        "  found     decision 0.0568302958211",
        "  apart by  3.170e-3, where ",
    ] {
        assert!(out.contains(said), "{said:?} is not in\n{out}");
    }
    let (code, out) = json(&[&["check", &file, "--data", &data], &COLUMNS[..]].concat());
    assert_eq!((code, &out["agrees"], &out["disagreeing"]), (1, &false.into(), &2.into()));
    assert_eq!((&out["worst"]["line"], &out["worst"]["expected"]["decision"]), (&3.into(), &0.06.into()));
    assert_eq!(out["worst"]["input"]["x1"], 10.278402002727976);
    let (code, ..) = check(&file, &data, &[&COLUMNS[..], &["--tolerance", "0.1"]].concat());
    assert_eq!(code, 0);
}

#[test]
fn labels_alone_are_compared_in_the_words_of_the_file() {
    let words = |text: &str| text.replace(",-1,", ",bad,").replace(",1,", ",good,");
    let (_directory, file, data) = site("p4_number_2d", words);
    let good = ["--labels", "label", "--normal", "good"];
    assert_eq!(check(&file, &data, &good).0, 0);
    let (code, out, _) = check(&file, &data, &["--labels", "label", "--normal", "bad"]);
    assert!(code == 1 && out.contains("24 of 24 rows do not agree in labels"), "{out}");
}

#[test]
fn rows_without_answers_are_only_scored() {
    let (_directory, file, data) = site("p4_number_2d", str::to_owned);
    let (code, out, _) = check(&file, &data, &[]);
    assert!(code == 0 && out.contains("agreement   not looked at: name columns with"), "{out}");
    assert_eq!(json(&["check", &file, "--data", &data]).1["agrees"], Value::Null);
}

#[test]
fn features_may_have_other_names() {
    let (_directory, file, data) = site("p4_number_2d", |text| text.replacen("x0,x1", "flow,temp", 1));
    let (code, _, err) = check(&file, &data, &COLUMNS);
    assert!(code == 2 && err.contains("answers.csv has no column \"x0\"; its header names flow, temp, label"), "{err}");
    assert_eq!(check(&file, &data, &[&COLUMNS[..], &["--features", "flow,temp"]].concat()).0, 0);
    assert_eq!(check(&file, &data, &[&COLUMNS[..], &["--features", "temp,flow"]].concat()).0, 1);
}

#[test]
fn what_cannot_be_compared_has_an_exit_code_of_its_own() {
    let (directory, file, data) = site("p4_number_2d", str::to_owned);
    let cannot = |file: &str, data: &str, more: &[&str], reason: &str| {
        let (code, out, err) = check(file, data, more);
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.starts_with("anomalyd: ") && err.contains(reason), "{reason:?} is not in {err}");
    };
    let wide = sample("p3_auto_3d.csv").to_str().unwrap().to_owned();
    cannot(&file, &wide, &COLUMNS, "p3_auto_3d.csv gives rows of 3 features (x0, x1, x2), and the model takes 2");
    cannot(&file, &data, &["--features", "x0"], "gives rows of 1 features (x0), and the model takes 2");
    cannot(&file, &data, &["--decisions", "score"], "has no column \"score\"");
    cannot("missing.pkl", &data, &COLUMNS, "missing.pkl: cannot be read");
    cannot(&file, "missing.csv", &COLUMNS, "missing.csv cannot be read");
    cannot(&data, &data, &COLUMNS, "answers.csv: is a table of rows (CSV)");
    let words = directory.path().join("words.csv");
    fs::write(&words, "x0,x1\n1,2\n1,two\n").unwrap();
    cannot(&file, words.to_str().unwrap(), &[], "words.csv line 3, column \"x1\": \"two\" is not a number");
    assert_eq!(check(&file, &data, &["--tolerance", "-1"]).0, 2);
}

#[test]
fn answers_that_were_written_prove_the_model() {
    let (directory, file, data) = site("p4_number_2d", str::to_owned);
    let expected = directory.path().join("model_1_1.expect.csv");
    let write = ["--write", expected.to_str().unwrap()];
    let (code, out, err) = check(&file, &data, &write);
    assert!(code == 0 && out.contains("review it"), "{out}{err}");
    let written = fs::read_to_string(&expected).unwrap();
    assert!(
        written.starts_with("x0,x1,decision,label\n18.023493557067148,22.639148850157294,0.0502084850975"),
        "{written}"
    );
    assert_eq!(written.lines().count(), 25);

    let (code, out) = json(&["inspect", &file]);
    assert_eq!((code, &out["proof"]["held"], &out["proof"]["rows"]), (0, &true.into(), &24.into()));

    let (code, _, err) = check(&file, &data, &write);
    assert!(code == 2 && err.contains("is there already; add --force to replace it"), "{err}");
    assert_eq!(check(&file, &data, &[&write[..], &["--force"]].concat()).0, 0);
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn answers_that_were_written_are_as_readable_as_any_new_file() {
    let (directory, file, data) = site("p4_number_2d", str::to_owned);
    let expected = directory.path().join("model_1_1.expect.csv");
    let status = Command::new("sh")
        .args(["-c", r#"umask 027 && exec "$0" "$@""#, env!("CARGO_BIN_EXE_anomalyd"), "model", "check", &file])
        .args(["--data", &data, "--write"])
        .arg(&expected)
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(fs::metadata(&expected).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn the_keys_of_all_objects_for_scripts_are_documented() {
    fn keys(value: &Value, found: &mut Vec<String>) {
        for (key, value) in value.as_object().into_iter().flatten() {
            found.push(key.clone());
            // Their keys are names of the model's own.
            if key != "parameters" && key != "input" {
                keys(value, found);
            }
        }
        value.as_array().into_iter().flatten().for_each(|value| keys(value, found));
    }
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/models.md")).unwrap();
    let (directory, file, data) = site("p3_auto_3d", |text| text.replacen(",1,", ",-1,", 1));
    let check = json(&[&["check", &file, "--data", &data], &COLUMNS[..]].concat()).1;
    assert!(check["worst"].is_object());
    let proof = |data: &str| {
        fs::copy(data, directory.path().join("model_1_1.expect.csv")).unwrap();
        json(&["inspect", &file]).1
    };
    let (fails, holds) = (proof(&data), proof(sample("p3_auto_3d.csv").to_str().unwrap()));
    assert_eq!((&fails["proof"]["held"], &holds["proof"]["held"]), (&false.into(), &true.into()));
    for object in [check, fails, holds] {
        let mut found = Vec::new();
        keys(&object, &mut found);
        assert!(found.len() > 10);
        for key in found {
            assert!(docs.contains(&format!("`{key}`")), "{key} is not in docs/models.md");
        }
    }
}

#[test]
fn inspect_says_what_a_model_is() {
    let file = sample("p3_auto_3d.pkl");
    let (code, out, _) = model(&["inspect", file.to_str().unwrap()]);
    assert_eq!(code, 0);
    for said in [
        "format     pickle, protocol 3\n",
        "trained on 60 rows\n",
        "features   3, without names\n",
        "steps      StandardScaler 3 → 3\n",
        "detector   OneClassSVM 3 → decision\n",
        "proof      none: ",
    ] {
        assert!(out.contains(said), "{said:?} is not in\n{out}");
    }
    assert!(!out.contains("warning"), "{out}");
    let (_, out) = json(&["inspect", file.to_str().unwrap()]);
    assert_eq!((&out["features"], &out["training_rows"], &out["proof"]), (&3.into(), &60.into(), &Value::Null));
    assert_eq!(out["steps"][0], serde_json::json!({ "name": "StandardScaler", "takes": 3, "gives": 3 }));
    assert_eq!(out["detector"]["parameters"]["nu"], "0.2");
    assert_eq!(out["hash"].as_str().unwrap().len(), 64);
    assert_eq!(out["warnings"], serde_json::json!([]));
}

#[test]
fn inspect_warns_and_names_the_columns() {
    let (code, out, _) = model(&["inspect", sample("p4_one_vector_1d.pkl").to_str().unwrap()]);
    assert!(code == 0 && out.contains("warning    nu is 0.001 over 60 training rows"), "{out}");
    let (_, out, _) = model(&["inspect", sample("named_columns.pkl").to_str().unwrap()]);
    assert!(out.contains("features   2"), "{out}");
}

#[test]
fn a_model_that_fails_its_proof_is_not_put_to_work() {
    let (directory, file, data) = site("p4_bare_1d", |text| text.replacen(",1,", ",-1,", 1));
    fs::rename(&data, directory.path().join("model_1_1.expect.csv")).unwrap();
    let reason = "model_1_1.expect.csv expects other answers in 1 of 24 rows, line 2: expected 0.0005329850008830572, \
                  anomaly, found 0.00053298500088";
    let (code, out, _) = model(&["inspect", &file]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("proof      fails: ") && out.contains(reason), "{out}");
    let config = directory.path().join("config.toml");
    let shipped = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml")).unwrap();
    let mut settings: toml::Table = shipped.parse().unwrap();
    settings["models"]["directory"] = directory.path().to_str().unwrap().into();
    fs::write(&config, settings.to_string()).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_anomalyd")).args(["check", "--config"]).arg(&config).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && said.contains(reason), "{said}");
    assert!(said.contains("0 proven"), "{said}");
}

#[test]
fn a_file_that_is_no_model_cannot_be_inspected() {
    let (code, out, err) = model(&["inspect", sample("p3_auto_3d.csv").to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("p3_auto_3d.csv: is a table of rows (CSV)"), "{err}");
}
