//! Reads the daemon's prediction files, so that the demo sees what the daemon's users see.

use std::path::{Path, PathBuf};

use super::findings::{Judgement, Minute};
use crate::printable::shown;
use crate::sensor::SensorName;
use crate::sink::prediction::file_name;
use crate::time::Timestamp;

/// A prediction file that is missing or malformed.
#[derive(Debug, thiserror::Error)]
#[error("the prediction file {} cannot be read: {problem}", shown(path))]
pub struct PredictionError {
    path: PathBuf,
    problem: String,
}

/// Reads the minutes of a sensor's window that ends at `end`, from the daemon's folder of predictions.
///
/// # Errors
/// When there is no such file, or a row of it is not a prediction for this sensor.
pub fn read(directory: &Path, sensor: &SensorName, end: Timestamp) -> Result<Vec<Minute>, PredictionError> {
    let path = directory.join(end.format("%Y-%m-%d")).join(file_name(sensor, end));
    let failed = |problem: String| PredictionError { path: path.clone(), problem };
    let mut csv = csv::Reader::from_path(&path).map_err(|error| failed(error.to_string()))?;
    let rows = csv.records().map(|row| {
        let row = row.map_err(|error| failed(error.to_string()))?;
        minute(sensor, &row).ok_or_else(|| failed(format!("no prediction in {:?}", row.as_slice())))
    });
    rows.collect()
}

/// Reads `TS,Device,Tag,Val,Prediction,…`.
fn minute(sensor: &SensorName, row: &csv::StringRecord) -> Option<Minute> {
    if (row.get(1)?, row.get(2)?) != (sensor.device(), sensor.sensor()) {
        return None;
    }
    let judgement = match row.get(4)? {
        "0" => Judgement::Normal,
        "1" => Judgement::Flagged,
        _ => return None,
    };
    Some(Minute { start: Timestamp::parse(row.get(0)?)?, judgement })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::simulation::START;
    use crate::time::Span;

    fn read_text(text: &str) -> Result<Vec<Minute>, PredictionError> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("2026-03-02")).unwrap();
        let file = directory.path().join("2026-03-02/preds_press-1_flow_260302070000.csv");
        std::fs::write(file, format!("TS,Device,Tag,Val,Prediction,Decision\n{text}")).unwrap();
        read(directory.path(), &SensorName::new("press-1", "flow").unwrap(), START + Span::from_secs(3600))
    }

    #[test]
    fn each_row_is_a_minute_with_its_judgement() {
        let minutes = read_text(
            "2026-03-02 06:00:00.000,press-1,flow,24.1,0,0.5\n2026-03-02 06:01:00.000,press-1,flow,99.0,1,-0.5\n",
        );
        let expected = [(0, Judgement::Normal), (60, Judgement::Flagged)];
        let expected = expected.map(|(secs, judgement)| Minute { start: START + Span::from_secs(secs), judgement });
        assert_eq!(minutes.unwrap(), expected);
    }

    #[test]
    fn a_row_of_another_sensor_or_without_a_prediction_is_an_error_that_names_the_file() {
        for row in
            ["2026-03-02 06:00:00.000,press-1,current,24.1,0,0.5", "2026-03-02 06:00:00.000,press-1,flow,24.1,?,0.5"]
        {
            let error = read_text(row).unwrap_err().to_string();
            assert!(error.contains("preds_press-1_flow_260302070000.csv"), "{error}");
        }
    }
}
