//! Prediction files: CSV in the form of the batch job that they replace, `TS,Device,Tag,Val,Prediction`.
//!
//! The names of device and sensor come from outside, and people open such files in spreadsheets, which calculate a cell
//! that begins like a formula. So such a name gets an apostrophe before it; see `cell`.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use sha2::{Digest, Sha256};

use crate::interval::{Interval, Window};
use crate::sensor::SensorName;
use crate::time::{Span, Timestamp};
use crate::verdict::{Label, Scored};

/// Whether a prediction file says how far from the border each row lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decisions {
    /// Only the predictions.
    Omit,
    /// A last column, `Decision`, with the decision value.
    Include,
}

/// Writes one prediction file.
pub struct PredictionWriter<W: Write> {
    csv: csv::Writer<W>,
    sensor: SensorName,
    decisions: Decisions,
}

impl<W: Write> PredictionWriter<W> {
    /// Begins a file with its header.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(file: W, sensor: SensorName, decisions: Decisions) -> io::Result<Self> {
        let mut csv = csv::WriterBuilder::new().flexible(true).from_writer(file);
        let header = ["TS", "Device", "Tag", "Val", "Prediction", "Decision"];
        let columns = if decisions == Decisions::Include { 6 } else { 5 };
        csv.write_record(&header[..columns])?;
        Ok(Self { csv, sensor, decisions })
    }

    /// Writes the rows of a scored window. A prediction is 1 for an anomaly and 0 otherwise. `intervals` are those of
    /// the sensor itself. A row that was made of other sensors alone has no such interval, and its value is left empty. So is
    /// a decision value that is not there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, window: Window, interval: Span, intervals: &[Interval], scored: &Scored) -> io::Result<()> {
        let means: HashMap<Timestamp, f64> = intervals.iter().map(|interval| (interval.start, interval.mean)).collect();
        for (place, label, decision) in scored.rows.iter() {
            let start = window.start() + interval.times(i64::from(place));
            let prediction = if label == Label::Anomaly { "1" } else { "0" };
            let mut record = vec![
                format_time(start),
                cell(self.sensor.device()).into_owned(),
                cell(self.sensor.sensor()).into_owned(),
                means.get(&start).map_or_else(String::new, |mean| format!("{mean:?}")),
                prediction.to_owned(),
            ];
            if self.decisions == Decisions::Include {
                record.push(decision.map_or_else(String::new, |decision| format!("{decision:?}")));
            }
            self.csv.write_record(&record)?;
        }
        Ok(())
    }

    /// Ends the file, and returns it.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub fn finish(self) -> io::Result<W> {
        self.csv.into_inner().map_err(|error| io::Error::other(error.to_string()))
    }
}

/// A name as a cell. When it begins, behind any apostrophes, with a character that begins a formula, it gets one more
/// apostrophe before it. A reader gets the name back by removing one apostrophe from each cell that has such a
/// character behind its apostrophes.
fn cell(name: &str) -> Cow<'_, str> {
    let begins_formula = |c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    if name.trim_start_matches('\'').starts_with(begins_formula) {
        Cow::Owned(format!("'{name}"))
    } else {
        Cow::Borrowed(name)
    }
}

/// Writes an interval's time like the batch job: UTC, with milliseconds, or nanoseconds when they are needed.
fn format_time(time: Timestamp) -> String {
    let pattern = if time.nanos() % 1_000_000 == 0 { "%Y-%m-%d %H:%M:%S%.3f" } else { "%Y-%m-%d %H:%M:%S%.9f" };
    time.format(pattern)
}

/// The name of a prediction file: `preds_{device}_{sensor}_{yymmddHHMMSS}.csv`; the time is the end of the scored
/// window. Characters with a meaning in file systems are replaced by `%` and their number.
pub fn file_name(sensor: &SensorName, end: Timestamp) -> String {
    revision_name(sensor, end, 0)
}

/// As [`file_name`]. Later revisions of a run have `.r` and their number behind the time, so that they overwrite no file.
fn revision_name(sensor: &SensorName, end: Timestamp, revision: u32) -> String {
    let mut name = format!("{}_{}", escape(sensor.device()), escape(sensor.sensor()));
    if name.len() > MAX_NAME_BYTES {
        // Not of `device/sensor`, which several pairs of names may make.
        let hash = Sha256::digest(format!("{}\0{}", sensor.device(), sensor.sensor()));
        let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        name = name
            .chars()
            .scan(0, |bytes, c| {
                (*bytes < MAX_NAME_BYTES - 20).then(|| {
                    *bytes += c.len_utf8();
                    c
                })
            })
            .chain(['~'])
            .collect::<String>()
            + &hash;
    }
    let revision = if revision == 0 { String::new() } else { format!(".r{revision}") };
    format!("preds_{name}_{}{revision}.csv", end.format("%y%m%d%H%M%S"))
}

/// Gives each sensor a file name of its own, because the names of two sensors may give the same file name (`a_b/c` and
/// `a/b_c`).
#[derive(Debug, Default)]
pub struct FileNames {
    revision: u32,
    taken: HashSet<String>,
}

impl FileNames {
    /// Names for the files of a run of this revision.
    pub fn of_revision(revision: u32) -> Self {
        Self { revision, taken: HashSet::new() }
    }

    /// The name of a sensor's file, with a number when another sensor has that name.
    pub fn give(&mut self, sensor: &SensorName, end: Timestamp) -> String {
        let name = revision_name(sensor, end, self.revision);
        let stem = name.strip_suffix(".csv").unwrap_or(&name);
        let numbered = |number: u32| if number == 1 { name.clone() } else { format!("{stem}-{number}.csv") };
        let free = (1..).map(numbered).find(|name| !self.taken.contains(name)).unwrap_or_default();
        self.taken.insert(free.clone());
        free
    }
}

/// The longest name that file systems take, less what is around the names. Longer names are cut, and told apart by a
/// hash.
const MAX_NAME_BYTES: usize = 220;

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | ' ') {
            escaped.push(character);
        } else {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                escaped.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::Cut;
    use crate::verdict::{ModelHash, Row, ScoredRows};

    fn window() -> Window {
        let cut = Cut::new(Span::from_secs(5), Span::from_secs(3600)).unwrap();
        cut.window_of(Timestamp::parse("2018-08-28 23:00:05").unwrap())
    }

    #[test]
    fn a_file_has_a_row_an_interval_in_the_form_of_the_batch_job() {
        let sensor = SensorName::new("1", "4").unwrap();
        let mut writer = PredictionWriter::new(Vec::new(), sensor, Decisions::Include).unwrap();
        let start = window().start() + Span::from_secs(5);
        let interval = Interval::aggregate(start, [14.0].into_iter()).unwrap();
        let rows = vec![Row { interval: 1, label: Label::Anomaly, decision: -2.5e-10 }];
        let scored = Scored {
            model: ModelHash([0; 32]),
            proven: false,
            unit: None,
            boundary: None,
            rows: rows.into(),
            explanation: None,
        };
        writer.write(window(), Span::from_secs(5), &[interval], &scored).unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert_eq!(text, "TS,Device,Tag,Val,Prediction,Decision\n2018-08-28 23:00:05.000,1,4,14.0,1,-2.5e-10\n");
    }

    #[test]
    fn a_row_that_was_made_of_other_sensors_has_no_value() {
        let mut writer =
            PredictionWriter::new(Vec::new(), SensorName::new("1", "4").unwrap(), Decisions::Omit).unwrap();
        let rows = vec![Row { interval: 1, label: Label::Normal, decision: 1.0 }];
        let scored = Scored {
            model: ModelHash([0; 32]),
            proven: false,
            unit: None,
            boundary: None,
            rows: rows.into(),
            explanation: None,
        };
        writer.write(window(), Span::from_secs(5), &[], &scored).unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert_eq!(text, "TS,Device,Tag,Val,Prediction\n2018-08-28 23:00:05.000,1,4,,0\n");
    }

    #[test]
    fn a_decision_value_that_is_not_kept_is_left_empty_and_predictions_are_whole() {
        let mut writer =
            PredictionWriter::new(Vec::new(), SensorName::new("1", "4").unwrap(), Decisions::Include).unwrap();
        let row = |interval, decision| Row { interval, label: Label::anomaly_below_zero(decision), decision };
        let rows = ScoredRows::All(vec![row(1, -0.5), row(2, 0.25), row(3, -1.5)]);
        let rows = ScoredRows::Worst(rows.worst_only(1));
        let scored =
            Scored { model: ModelHash([0; 32]), proven: false, unit: None, boundary: None, rows, explanation: None };
        writer.write(window(), Span::from_secs(5), &[], &scored).unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        let rows: Vec<_> = text.lines().skip(1).map(|line| line.rsplit(',').take(2).collect::<Vec<_>>()).collect();
        assert_eq!(rows, [["", "1"], ["", "0"], ["-1.5", "1"]]);
    }

    #[test]
    fn a_name_that_begins_like_a_formula_is_no_formula_in_a_spreadsheet_and_can_be_told_from_its_cell() {
        for (name, expected) in [
            ("press", "press"),
            ("=1-2", "'=1-2"),
            ("-5V", "'-5V"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("'=1", "''=1"),
            ("'tis", "'tis"),
            ("＝1", "'＝1"),
        ] {
            assert_eq!(cell(name), expected);
        }
        let names = SensorName::new("=HYPERLINK(\"x\")", "-5V").unwrap();
        let mut writer = PredictionWriter::new(Vec::new(), names, Decisions::Omit).unwrap();
        let rows = vec![Row { interval: 1, label: Label::Normal, decision: 1.0 }];
        let scored = Scored {
            model: ModelHash([0; 32]),
            proven: false,
            unit: None,
            boundary: None,
            rows: rows.into(),
            explanation: None,
        };
        writer.write(window(), Span::from_secs(5), &[], &scored).unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert!(text.ends_with(",\"'=HYPERLINK(\"\"x\"\")\",'-5V,,0\n"), "{text}");
    }

    #[test]
    fn a_name_that_is_taken_gets_its_number_at_the_end_and_nowhere_else() {
        let mut names = FileNames::default();
        let mut give = |device, sensor| names.give(&SensorName::new(device, sensor).unwrap(), window().end());
        assert_eq!(give("a_b", "c.csv"), "preds_a_b_c.csv_180829000000.csv");
        assert_eq!(give("a", "b_c.csv"), "preds_a_b_c.csv_180829000000-2.csv");
    }

    #[test]
    fn a_file_name_stays_in_its_directory() {
        let end = window().end();
        let name = |device, sensor| file_name(&SensorName::new(device, sensor).unwrap(), end);
        assert_eq!(name("1", "4"), "preds_1_4_180829000000.csv");
        let sensor = SensorName::new("1", "4").unwrap();
        assert_eq!(revision_name(&sensor, end, 2), "preds_1_4_180829000000.r2.csv");
        let long = |count| file_name(&SensorName::new(&"é".repeat(64), &"/".repeat(count)).unwrap(), end);
        assert!(long(128).len() <= 255 && long(128) != long(127), "{}", long(128));
        assert_eq!(name("../line", "a/b\\c"), "preds_..%2Fline_a%2Fb%5Cc_180829000000.csv");
    }
}
