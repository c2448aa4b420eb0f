//! What stands in names, headers, cells and paths reaches no terminal as it is: the bytes that the real binary writes.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anomalyd::printable::steers;

/// An escape of each kind: C0, C1, a mark of direction, one that takes no room, and one that begins a line.
const HOSTILE: &str = "\x1b[2J\r\u{9b}31m\u{202e}\u{200b}";

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)
}

/// Runs the binary, and holds that nothing that it writes steers a terminal. Its standard output, then its standard
/// error.
fn run<A: AsRef<OsStr>>(arguments: &[A]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_anomalyd")).args(arguments).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    for text in [&out, &err] {
        assert!(!text.contains(|c| steers(c) && !matches!(c, '\n' | '\t')), "{text:?}");
        // A line feed in a name would make a line that is not ours.
        assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
    }
    (out, err)
}

#[test]
fn names_and_answers_of_a_model_are_shown_without_what_steers() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let model = sample("p4_number_2d.pkl").to_str().unwrap().to_owned();
    let data = fs::read_to_string(sample("p4_number_2d.csv")).unwrap();
    let names = [format!("a{HOSTILE}"), "b\nforged".to_owned()];
    let rows = data.replacen("x0,x1", &format!("\"{}\",\"{}\"", names[0], names[1]), 1);
    let (rows_file, odd) = (at(&format!("rows{HOSTILE}\nforged.csv")), at("odd.csv"));
    fs::write(&rows_file, &rows).unwrap();
    fs::write(&odd, format!("x0,x1\n1,\"2{HOSTILE}\nforged\"\n")).unwrap();

    // A name of its own for each column, kept by our own format.
    let named = at(&format!("named{HOSTILE}\nforged.safetensors"));
    let (out, err) = run(&["model", "convert", &model, &named, "--features", &names.join(",")]);
    assert!(out.contains("wrote") && err.is_empty(), "{out}{err}");
    let (out, _) = run(&["model", "inspect", &named]);
    assert!(out.contains("features   2: a·[2J··31m··, b·forged\n"), "{out}");
    let (out, _) = run(&["model", "inspect", &named, "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["file"], *named, "JSON gives a path back as it is");

    let (out, err) = run(&["model", "check", &model, "--data", &rows_file]);
    assert!(out.is_empty() && err.contains("its header names a·[2J··31m··, b·forged, "), "{err}");
    let features = names.join(",");
    let wrong = ["--features", &features, "--labels", "decision"];
    let check = ["model", "check", &model, "--data", &rows_file];
    let (out, _) = run(&[&check[..], &wrong].concat());
    assert!(out.contains("a·[2J··31m·· = ") && out.contains("b·forged = "), "{out}");
    run(&[&check[..], &wrong, &["--output", "json"]].concat());
    let (_, err) = run(&["model", "check", &model, "--data", &odd]);
    assert!(err.contains("is not a number"), "{err}");
    let fitted = at("fitted.safetensors");
    let (out, err) = run(&["model", "fit", "robust", "--data", &rows_file, "--out", &fitted, "--features", &features]);
    assert!(out.contains("wrote"), "{out}{err}");
    run(&["model", "inspect", &fitted]);
    run(&["model", "fit", "robust", "--data", &odd, "--out", &fitted, "--force"]);

    // A path, when there is nothing of that name, and when it is no model.
    let (_, err) = run(&["model", "inspect", &at(&format!("none{HOSTILE}\nforged"))]);
    assert!(err.contains("none·[2J"), "{err}");
    let (_, err) = run(&["model", "inspect", &rows_file]);
    assert!(err.contains("no known format"), "{err}");
    // What a shell makes of `*` can be taken for an option.
    let (_, err) = run(&["model", "inspect", &format!("--max-file={HOSTILE}")]);
    assert!(err.contains("write it as 64MiB"), "{err}");
}

#[test]
fn a_folder_of_models_and_a_history_are_told_of_without_what_steers() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    fs::create_dir(&models).unwrap();
    let model = fs::read(sample("p4_bare_1d.pkl")).unwrap();
    // Marks of direction may stand in a sensor's name; control characters may not, and the file is passed over.
    fs::write(models.join("model_d\u{202e}_s.pkl"), &model).unwrap();
    fs::write(models.join("model_e\u{202e}_s.pkl"), "no model").unwrap();
    fs::write(models.join(format!("model_f_{HOSTILE}\nforged.pkl")), &model).unwrap();
    let proof = format!("\"x0{HOSTILE}\",decision\n1,2\n");
    fs::write(models.join("model_g\u{202e}_s.pkl"), &model).unwrap();
    fs::write(models.join("model_g\u{202e}_s.expect.csv"), proof).unwrap();

    let shipped = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml")).unwrap();
    let mut settings: toml::Table = shipped.parse().unwrap();
    settings["models"]["directory"] = models.to_str().unwrap().into();
    let config = folder.path().join("config.toml");
    fs::write(&config, settings.to_string()).unwrap();
    let (out, _) = run(&[OsStr::new("check"), OsStr::new("--config"), config.as_os_str()]);
    assert!(out.contains("model_f_·[2J") && out.contains("is passed over"), "{out}");
    assert!(out.contains("model_e·_s.pkl: is text"), "{out}");
    assert!(out.contains("model_g·_s.expect.csv has no column"), "{out}");
    let mistaken = folder.path().join("mistaken.toml");
    fs::write(
        &mistaken,
        "[models]\nname = \"a\u{202e}\u{200b}\"\n\"odd\\u001b\u{202e}\" = 1\nmax_file = \"\\u001b[2J\"\n",
    )
    .unwrap();
    let (out, _) = run(&[OsStr::new("check"), OsStr::new("--config"), mistaken.as_os_str()]);
    assert!(out.contains("mistakes"), "{out}");

    let history = folder.path().join(format!("history{HOSTILE}\nforged.csv"));
    let row = |device: &str, value: &str| format!("2018-08-28T23:00:00Z,\"{device}\",s,\"{value}\"\n");
    let rows = [
        row("d\u{202e}", "2.5"),
        row("without\u{200b}", "2.5"),
        row("d", &format!("2{HOSTILE}\nforged")),
        row(&format!("d{HOSTILE}\nforged"), "1"),
    ];
    fs::write(&history, format!("TS,Device,Tag,Value\n{}", rows.concat())).unwrap();
    let (models, history) = (models.to_str().unwrap(), history.to_str().unwrap());
    let out_folder = folder.path().join(format!("scored{HOSTILE}"));
    let score = ["score", "--models", models, "--out", out_folder.to_str().unwrap(), "--data", history];
    let (out, err) = run(&score);
    assert!(out.contains("no model: without·/s") && out.contains("model_e·_s.pkl"), "{out}{err}");
    let odd = folder.path().join("odd.csv");
    fs::write(&odd, format!("TS,\"Dev{HOSTILE}\nforged\"\n")).unwrap();
    let score = ["score", "--models", models, "--out", out_folder.to_str().unwrap(), "--data", odd.to_str().unwrap()];
    let (_, err) = run(&score);
    assert!(err.contains("does not say whose") && err.contains("[2J"), "{err}");
    let (_, err) = run(&[&score[..], &["--columns", "value=none"]].concat());
    assert!(err.contains("its header names TS, Dev·[2J"), "{err}");
}
