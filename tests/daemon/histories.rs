//! One history in many shapes, written by pandas, gives the same predictions by the same words in every command.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};

const COLUMNS: &str = "mean,std,temperature.mean,temperature.mean diff 2,current.mean lag 1";

/// What says how the German spreadsheet is to be read.
const GERMAN: [&str; 10] = [
    "--columns",
    "time=Zeit",
    "--device",
    "press",
    "--sensors",
    "vibration,current,temperature=Temperatur [°C]",
    "--time-format",
    "%d.%m.%Y %H:%M:%S",
    "--zone",
    "Europe/Berlin",
];

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)
}

/// A folder with the model of the samples, for `press/vibration`.
fn models() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("models")).unwrap();
    let name = "model_press_vibration.pkl";
    fs::copy(sample("joined").join(name), folder.path().join("models").join(name)).unwrap();
    folder
}

/// Runs `score`, and gives its predictions and what it says.
fn score(folder: &Path, data: &str, arguments: &[&str], stdin: Stdio) -> (String, String) {
    let out = folder.join("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
    command.args(["score", "--features", COLUMNS, "--decisions", "--data", data, "--models"]);
    command.arg(folder.join("models")).arg("--out").arg(&out).args(arguments);
    let Output { status, stdout, stderr } = command.stdin(stdin).output().unwrap();
    let said = String::from_utf8(stdout).unwrap();
    assert!(status.success(), "{said}{}", String::from_utf8_lossy(&stderr));
    let mut files = fs::read_dir(&out).unwrap();
    let predictions = fs::read_to_string(files.next().unwrap().unwrap().path()).unwrap();
    assert!(files.next().is_none());
    fs::remove_dir_all(out).unwrap();
    (predictions, said)
}

#[test]
fn every_shape_of_a_history_gives_the_same_predictions() {
    let folder = models();
    let score =
        |file: &str, arguments: &[&str]| score(folder.path(), sample(file).to_str().unwrap(), arguments, Stdio::null());
    let (plain, said) = score("joined/history.csv", &[]);
    assert!(plain.lines().count() > 100 && !said.contains("taken for"), "{said}");

    let (german, said) = score("histories/german.csv.gz", &GERMAN);
    assert_eq!(german, plain);
    for part in ["3 of them, ';' between fields; left out: status; ',' as decimal mark", "missing: cells", " 0 refused"]
    {
        assert!(said.contains(part), "{part:?} in\n{said}");
    }
    let (unicode, _) = score("histories/unicode.txt", &[]);
    assert_eq!(unicode, plain);
    let (apart, said) = score("histories/apart.csv.gz", &["--device", "press"]);
    assert_eq!(apart, plain);
    assert!(said.contains("a reading a row, '|' between fields; 1 lines before the header left out"), "{said}");
}

#[test]
fn standard_input_is_a_history_too() {
    let folder = models();
    let stdin = || Stdio::from(File::open(sample("histories/unicode.txt")).unwrap());
    let until = ["--until", "2018-08-28T23:00:00Z"];
    let (piped, said) = score(folder.path(), "-", &until, stdin());
    assert!(said.contains("passed over, which are outside --from and --until"), "{said}");
    let (plain, _) = score(folder.path(), sample("joined/history.csv").to_str().unwrap(), &until, Stdio::null());
    assert_eq!(piped, plain);
    // The former name of the option, and a time of the zone.
    let former = ["--to", "2018-08-29 01:00", "--zone", "Europe/Berlin"];
    let (piped, _) = score(folder.path(), "-", &former, stdin());
    assert_eq!(piped, plain);
}

#[test]
fn a_replay_takes_the_same_words() {
    let folder = models();
    let (plain, _) = score(folder.path(), sample("joined/history.csv").to_str().unwrap(), &[], Stdio::null());
    let columns: Vec<_> = COLUMNS.split(',').map(|column| format!("{column:?}")).collect();
    let features = format!("[{{ sensors = \"press/*\", columns = [{}], missing = \"skip\" }}]", columns.join(", "));
    let site = Site::new(
        &Settings::shipped()
            .with("clock", "\"event\"")
            .with("schedule.event_idle", "\"2s\"")
            .with("publish.files.decisions", "true")
            .with("features", &features)
            .with_text("models.directory", folder.path().join("models")),
    );
    let mut daemon = site.start();
    let to = format!("mqtt://127.0.0.1:{}", site.port());
    let file = sample("histories/german.csv.gz");
    let mut arguments = vec!["replay", file.to_str().unwrap(), "--to", &to, "--speed", "max"];
    arguments.extend(GERMAN);
    let output = anomalyd(&arguments);
    assert!(output.status.success(), "{output:?}");
    daemon.wait_until_published("files", "2018-08-28T23:00:00Z");
    daemon.stop();
    let rows: Vec<_> = site.predictions().into_values().collect();
    let rows: Vec<_> = rows.iter().flat_map(|file| file.lines().skip(1)).collect();
    assert_eq!(rows, plain.lines().skip(1).collect::<Vec<_>>());
}

#[test]
fn a_mistake_in_any_file_shows_before_the_first_is_read() {
    let folder = models();
    let [models, out] = ["models", "out"].map(|name| folder.path().join(name).display().to_string());
    let good = sample("joined/history.csv").display().to_string();
    let bad = sample("histories/german.csv.gz").display().to_string();
    let output = anomalyd(&["score", "--models", &models, "--out", &out, "--data", &good, &bad]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("german.csv.gz has no column of the time"), "{said}");
    assert!(said.contains("Zeit, current, Temperatur [°C], vibration, status"), "{said}");
    assert_eq!(fs::read_dir(&out).map_or(0, Iterator::count), 0);
}
