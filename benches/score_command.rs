//! `anomalyd score` over the reference's data, beside the reference's way in the same run: one Python process a sensor
//! that reads the data, unpickles its model, predicts and writes a file. Wall time and peak memory. Run with
//! `ANOMALYD_REFERENCE=... cargo bench -- score_command`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Size;
use crate::support::process::Process;
use crate::support::python;

pub(crate) fn run(size: Size) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = std::env::var_os("ANOMALYD_REFERENCE").map_or(root.join("../shared/reference"), PathBuf::from);
    let data = reference.join("sensor_data.csv");
    if !data.exists() {
        return println!("skipped: no {}; set ANOMALYD_REFERENCE to the reference's folder", data.display());
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let [models, ours, theirs] = ["models", "ours", "theirs"].map(|name| folder.path().join(name));
    for directory in [&models, &ours, &theirs] {
        fs::create_dir(directory).expect("a folder");
    }
    let script = root.join("benches/predict.py");
    let trained = python::interpreter(size).and_then(|python| {
        python::run(Command::new(&python).arg(&script).arg("train").arg(&data).arg(&models))?;
        Ok(python)
    });
    let python = match trained {
        Ok(python) => python,
        Err(reason) => return println!("skipped: there is no scikit-learn to compare with: {reason}"),
    };
    let mut names: Vec<String> = fs::read_dir(&models)
        .expect("models")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    names.truncate(size.of(names.len(), 1));

    let rounds = size.of(5, 1);
    let ours_took = Cost::median(rounds, || {
        Cost::of(
            Command::new(env!("CARGO_BIN_EXE_anomalyd"))
                .args(["score", "--interval", "5s", "--models"])
                .arg(&models)
                .arg("--data")
                .arg(&data)
                .arg("--out")
                .arg(&ours),
        )
    });
    // So many processes that one round of them is a median already.
    let theirs_took = Cost::median(1, || {
        let costs = names.iter().map(|name| {
            let (device, tag) = name["model_".len()..].split_once('_').expect("a device and a tag");
            Cost::of(
                Command::new(&python)
                    .arg(&script)
                    .arg("score")
                    .arg(&data)
                    .arg(models.join(name))
                    .args([device, tag])
                    .arg(&theirs),
            )
        });
        costs.fold(Cost::default(), |sum, cost| Cost { took: sum.took + cost.took, peak: sum.peak.max(cost.peak) })
    });
    println!("{} sensors; one round of Python, the median of {rounds} of ours", names.len());
    println!("{:<36} {:>10} {:>16} {:>10}", "", "seconds", "seconds/sensor", "peak MB");
    theirs_took.print("one Python process a sensor", names.len());
    ours_took.print("anomalyd score", names.len());
    println!(
        "{:.0} x faster, {:.0} x less memory",
        theirs_took.took.as_secs_f64() / ours_took.took.as_secs_f64(),
        theirs_took.peak as f64 / ours_took.peak as f64
    );
}

/// What a process took.
#[derive(Clone, Copy, Default)]
struct Cost {
    took: Duration,
    /// Its most resident memory, as last seen a moment before it ended.
    peak: u64,
}

impl Cost {
    fn of(command: &mut Command) -> Self {
        let began = Instant::now();
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a process");
        let mut peak = 0;
        loop {
            peak = Process(process.id()).peak_resident().unwrap_or(0).max(peak);
            if let Some(status) = process.try_wait().expect("our own process") {
                assert!(status.success(), "{status}");
                return Self { took: began.elapsed(), peak };
            }
            sleep(Duration::from_micros(500));
        }
    }

    fn median(count: usize, mut round: impl FnMut() -> Self) -> Self {
        let mut rounds: Vec<Self> = (0..count).map(|_| round()).collect();
        rounds.sort_by_key(|round| round.took);
        rounds[count / 2]
    }

    fn print(self, name: &str, sensors: usize) {
        let seconds = self.took.as_secs_f64();
        println!("{name:<36} {seconds:>10.3} {:>16.4} {:>10.1}", seconds / sensors as f64, self.peak as f64 / 1e6);
    }
}
