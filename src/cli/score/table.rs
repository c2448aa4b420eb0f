//! The table of `score`: a line a sensor, the worst first, 80 columns wide.

use std::fmt;

use crate::interval::Window;
use crate::model::Drift;
use crate::sensor::SensorName;
use crate::time::{Span, Timestamp};
use crate::verdict::{Scored, significant};

/// The results of a sensor's windows.
#[derive(Clone, Debug, Default)]
pub(super) struct SensorScore {
    pub(super) rows: usize,
    pub(super) anomalies: usize,
    worst: Option<Worst>,
    /// How many windows were unlike the training data, and how the first of them was.
    drift: Option<(u64, Drift)>,
}

/// The row with the lowest decision value.
#[derive(Clone, Copy, Debug)]
struct Worst {
    decision: f64,
    /// The worst decision in units of the model's natural size; below 0 is anomalous.
    distance: f64,
    at: Timestamp,
}

impl SensorScore {
    /// How many rows a sensor must have to be suspicious because its model calls all of them anomalies.
    const MIN_SUSPICIOUS: usize = 10;

    /// Takes in one more window.
    pub(super) fn observe(&mut self, window: Window, interval: Span, scored: &Scored, drift: Option<Drift>) {
        self.rows += scored.rows.len();
        self.anomalies += scored.anomalies();
        if let Some(row) = scored.worst()
            && self.worst.is_none_or(|worst| row.decision < worst.decision)
        {
            let distance = scored.unit.map_or(row.decision, |unit| row.decision / unit);
            let at = window.start() + interval.times(i64::from(row.interval));
            self.worst = Some(Worst { decision: row.decision, distance, at });
        }
        if let Some(drift) = drift {
            self.drift.get_or_insert((0, drift)).0 += 1;
        }
    }

    /// Whether its model calls every row an anomaly.
    pub(super) fn is_suspicious(&self) -> bool {
        self.anomalies == self.rows && self.rows >= Self::MIN_SUSPICIOUS
    }

    /// How many windows were unlike the training data, and how the first of them was.
    pub(super) fn drift(&self) -> Option<&(u64, Drift)> {
        self.drift.as_ref()
    }

    /// The number by which sensors are ordered: the lowest is the worst.
    pub(super) fn distance(&self) -> f64 {
        self.worst.map_or(f64::INFINITY, |worst| worst.distance)
    }
}

/// The first of the ordered sensors, and the count of the rest.
pub(super) struct Table<'a> {
    pub(super) sensors: &'a [(SensorName, SensorScore)],
    /// The most lines.
    pub(super) max: usize,
}

/// How wide a line may be.
const WIDTH: usize = 80;
/// The width of all columns but the name and the time, with the blanks between them.
const NUMBERS_WIDTH: usize = " 1234567 anomalies -0.000123  drift suspect".len() + " ".len();

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.sensors[..self.max.min(self.sensors.len())];
        if !shown.is_empty() {
            let times = shown.iter().filter_map(|(_, score)| score.worst).map(|worst| worst.at);
            let pattern = if times.clone().all(|time| time.nanos() % 60_000_000_000 == 0) {
                "%Y-%m-%d %H:%M"
            } else {
                "%Y-%m-%d %H:%M:%S"
            };
            let at = Timestamp::default().format(pattern).len();
            let most = WIDTH - NUMBERS_WIDTH - at;
            let names: Vec<String> = shown.iter().map(|(name, _)| shortened(&name.to_string(), most)).collect();
            let name = names.iter().map(|name| name.chars().count()).max().unwrap_or_default().max("sensor".len());
            let line = |f: &mut fmt::Formatter<'_>, cells: [&str; 7]| {
                let [sensor, rows, anomalies, worst, time, drift, suspect] = cells;
                let line =
                    format!("{sensor:name$} {rows:>7} {anomalies:>9} {worst:>9} {time:at$}  {drift:>5} {suspect}");
                writeln!(f, "{}", line.trim_end())
            };
            line(f, ["sensor", "rows", "anomalies", "worst", "at (UTC)", "drift", "suspect"])?;
            for (name, (_, score)) in names.iter().zip(shown) {
                let worst = score.worst.map(|worst| (significant(worst.decision), worst.at.format(pattern)));
                let (decision, time) = worst.unwrap_or_default();
                let drift = score.drift.as_ref().map_or_else(String::new, |(windows, _)| windows.to_string());
                let [rows, anomalies] = [score.rows, score.anomalies].map(|count| count.to_string());
                let suspect = if score.is_suspicious() { "yes" } else { "" };
                line(f, [name, &rows, &anomalies, &decision, &time, &drift, suspect])?;
            }
        }
        let rest = &self.sensors[shown.len()..];
        if !rest.is_empty() && !shown.is_empty() {
            let anomalous = rest.iter().filter(|(_, score)| score.anomalies > 0).count();
            writeln!(f, "and {} more sensors, {anomalous} of them with anomalies (--table)", rest.len())?;
        }
        Ok(())
    }
}

/// A long name without its middle, because names mostly differ at their ends.
fn shortened(name: &str, most: usize) -> String {
    let length = name.chars().count();
    if length <= most {
        return name.to_owned();
    }
    let head = most.saturating_sub(1) / 2;
    let tail = most.saturating_sub(1) - head;
    let [head, tail] = [name.chars().take(head).collect::<String>(), name.chars().skip(length - tail).collect()];
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::Cut;
    use crate::model::Moved;
    use crate::verdict::{Label, ModelHash, Row};

    fn score(decisions: &[f64], unit: f64, interval: Span) -> SensorScore {
        let cut = Cut::new(interval, Span::from_secs(3600)).unwrap();
        let window = cut.window_of(Timestamp::parse("2026-11-01 13:00").unwrap());
        let row = |(interval, decision): (u16, &f64)| Row {
            interval,
            label: Label::anomaly_below_zero(*decision),
            decision: *decision,
        };
        let rows = (0..).zip(decisions).map(row).collect();
        let scored = Scored {
            model: ModelHash([0; 32]),
            proven: false,
            unit: Some(unit),
            boundary: None,
            rows,
            explanation: None,
        };
        let drift = (decisions.len() > 10).then(|| Drift::Feature {
            feature: "mean".to_owned(),
            of: Moved::Mean,
            found: 4.0,
            usual: (1.0, 2.0),
        });
        let mut score = SensorScore::default();
        score.observe(window, interval, &scored, drift);
        score
    }

    fn table(mut sensors: Vec<(&str, SensorScore)>, max: usize) -> String {
        sensors.sort_by(|(_, a), (_, b)| a.distance().total_cmp(&b.distance()));
        let named = |(name, score): (&str, SensorScore)| (SensorName::new("press-1", name).unwrap(), score);
        let sensors: Vec<_> = sensors.into_iter().map(named).collect();
        Table { sensors: &sensors, max }.to_string()
    }

    #[test]
    fn a_line_a_sensor_says_how_bad_it_was_and_when_the_worst_first() {
        let minute = Span::from_secs(60);
        let sensors = vec![
            ("flow", score(&[1.0, 0.5], 1.0, minute)),
            ("vibration", score(&[0.5, -0.25, -0.125], 0.1, minute)),
            ("current", score(&[-0.5; 12], 1.0, minute)),
        ];
        let expected = "\
sensor               rows anomalies     worst at (UTC)          drift suspect
press-1/vibration       3         2     -0.25 2026-11-01 13:01
press-1/current        12        12      -0.5 2026-11-01 13:00      1 yes
press-1/flow            2         0       0.5 2026-11-01 13:01
";
        assert_eq!(table(sensors, 20), expected);
    }

    #[test]
    fn the_table_is_bounded_and_80_columns_wide_whatever_the_names() {
        let long = "the-sensor-of-the-second-bearing-on-the-left/temperature";
        let sensors = vec![
            (long, score(&[-0.000_123_456; 11], 1.0, Span::from_secs(5))),
            ("a", score(&[-0.000_1; 3], 1.0, Span::from_secs(5))),
            ("b", score(&[0.5], 1.0, Span::from_secs(5))),
            ("c", score(&[0.75], 1.0, Span::from_secs(5))),
        ];
        let table = table(sensors, 1);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{table}");
        assert!(lines[1].starts_with("press-") && lines[1].contains("…") && lines[1].contains("rature "), "{table}");
        assert_eq!(lines[2], "and 3 more sensors, 1 of them with anomalies (--table)");
    }
}
